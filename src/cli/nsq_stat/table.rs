//! The lines that `nsq_stat` prints.

use std::{collections::BTreeMap, fmt, time::Duration};

use crate::cluster::answers::ChannelStats;

/// What a channel has come to on one node, in numbers that can be added and subtracted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ChannelCounts {
    depth: i64,
    backend_depth: i64,
    in_flight_count: i64,
    deferred_count: i64,
    message_count: i64,
    requeue_count: i64,
    timeout_count: i64,
    client_count: i64,
    paused: bool,
}

impl From<&ChannelStats> for ChannelCounts {
    fn from(channel: &ChannelStats) -> Self {
        let signed = |count| i64::try_from(count).unwrap_or(i64::MAX);
        Self {
            depth: channel.depth,
            backend_depth: channel.backend_depth,
            in_flight_count: channel.in_flight_count,
            deferred_count: channel.deferred_count,
            message_count: signed(channel.message_count),
            requeue_count: signed(channel.requeue_count),
            timeout_count: signed(channel.timeout_count),
            client_count: channel.client_count,
            paused: channel.paused,
        }
    }
}

/// What nodes say of the channel, by their addresses.
pub type ByNode = BTreeMap<String, ChannelCounts>;

/// How wide a line may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Width {
    /// Upstream's columns, 92 characters.
    Full,
    /// At most 80 characters, with numbers cut to thousands, millions and so on.
    Narrow,
}

/// One line: how the channel is doing, over all nodes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Row {
    /// Messages that came, per second.
    ingress: i64,
    /// Messages that were done with, per second.
    egress: i64,
    sum: ChannelCounts,
}

impl Row {
    /// What has become of the channel since an earlier look, `passed` ago. Nodes that are new, or have not answered then, do
    /// not count for the rates; one that was started again counts from 0.
    pub fn new(before: &ByNode, now: &ByNode, passed: Duration) -> Self {
        let mut row = Self::default();
        let (mut came, mut done) = (0, 0);
        for (node, counts) in now {
            row.sum = sum(row.sum, *counts);
            if let Some(before) = before.get(node) {
                let is_new = counts.message_count < before.message_count;
                let before = if is_new { ChannelCounts::default() } else { *before };
                let more = counts.message_count.saturating_sub(before.message_count);
                let grown = counts.depth.saturating_sub(before.depth);
                came = more.saturating_add(came);
                done = more.saturating_sub(grown).max(0).saturating_add(done);
            }
        }
        row.ingress = per_second(came, passed);
        row.egress = per_second(done, passed);
        row
    }

    /// The line; a channel that is paused anywhere is said to be so where there is room for it.
    pub fn line(&self, width: Width) -> String {
        let ChannelCounts { depth, backend_depth: disk, .. } = self.sum;
        let memory = depth.saturating_sub(disk);
        let (inflight, deferred) = (self.sum.in_flight_count, self.sum.deferred_count);
        let (requeued, timed_out) = (self.sum.requeue_count, self.sum.timeout_count);
        let (messages, clients) = (self.sum.message_count, self.sum.client_count);
        let Self { ingress, egress, .. } = *self;
        match width {
            Width::Full => format!(
                "{ingress:7} {egress:7} | {depth:7} {memory:7} {disk:7} {inflight:5} {deferred:5} | \
                 {requeued:7} {timed_out:7} {messages:12} {clients:7}"
            ),
            Width::Narrow => {
                let paused = if self.sum.paused { " paused" } else { "" };
                let rates = [ingress, egress].map(Short);
                let depths = [depth, memory, disk, inflight, deferred].map(Short);
                let rest = [requeued, timed_out, messages, clients].map(Short);
                format!("{} |{} |{}{paused}", Cells(&rates), Cells(&depths), Cells(&rest))
            }
        }
    }
}

/// What stands above the lines.
pub fn head(width: Width) -> &'static str {
    match width {
        Width::Full => {
            "------rate------+----------------depth----------------+--------------metadata---------------\n\
             ingress  egress |   total     mem    disk inflt   def |     req     t-o         msgs clients"
        }
        Width::Narrow => concat!(
            "-----rate----+-------------depth-------------+--------metadata--------\n",
            "    in   out | total   mem  disk inflt   def |   req   t-o  msgs  clnt"
        ),
    }
}

fn per_second(count: i64, passed: Duration) -> i64 {
    if passed.is_zero() {
        return 0;
    }
    // Far below the numbers that a float cannot tell apart, and cut off like upstream's.
    (count as f64 / passed.as_secs_f64()) as i64
}

fn sum(one: ChannelCounts, other: ChannelCounts) -> ChannelCounts {
    ChannelCounts {
        depth: one.depth.saturating_add(other.depth),
        backend_depth: one.backend_depth.saturating_add(other.backend_depth),
        in_flight_count: one.in_flight_count.saturating_add(other.in_flight_count),
        deferred_count: one.deferred_count.saturating_add(other.deferred_count),
        message_count: one.message_count.saturating_add(other.message_count),
        requeue_count: one.requeue_count.saturating_add(other.requeue_count),
        timeout_count: one.timeout_count.saturating_add(other.timeout_count),
        client_count: one.client_count.saturating_add(other.client_count),
        paused: one.paused || other.paused,
    }
}

struct Cells<'a>(&'a [Short]);

impl fmt::Display for Cells<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|cell| write!(formatter, " {:>5}", cell.to_string()))
    }
}

/// A number in at most five characters.
#[derive(Debug, Clone, Copy)]
struct Short(i64);

impl fmt::Display for Short {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(number) = *self;
        if (-9_999..=99_999).contains(&number) {
            return write!(formatter, "{number}");
        }
        let mut scaled = number as f64;
        for unit in ["k", "M", "G", "T", "P", "E"] {
            scaled /= 1000.0;
            if scaled.abs() < 99.5 {
                return write!(formatter, "{scaled:.1}{unit}");
            }
            if scaled.abs() < 999.5 {
                return write!(formatter, "{scaled:.0}{unit}");
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(message_count: i64, depth: i64) -> ChannelCounts {
        ChannelCounts { message_count, depth, ..ChannelCounts::default() }
    }

    fn by_node(nodes: &[(&str, ChannelCounts)]) -> ByNode {
        nodes.iter().map(|(node, counts)| ((*node).to_owned(), *counts)).collect()
    }

    #[track_caller]
    fn rates(before: &[(&str, ChannelCounts)], now: &[(&str, ChannelCounts)]) -> (i64, i64) {
        let row = Row::new(&by_node(before), &by_node(now), Duration::from_secs(2));
        (row.ingress, row.egress)
    }

    #[test]
    fn lines_are_upstreams_to_the_character() {
        let node = ChannelCounts {
            depth: 1250,
            backend_depth: 1150,
            message_count: 1250,
            client_count: 1,
            ..ChannelCounts::default()
        };
        let now = by_node(&[("a", node)]);
        let row = Row::new(&now, &now, Duration::from_secs(2));
        let expected = "      0       0 |    1250     100    1150     0     0 |       0       0         1250       1";
        assert_eq!(row.line(Width::Full), expected);
        assert!(head(Width::Full).lines().all(|line| line.len() == expected.len()));
    }

    #[test]
    fn narrow_lines_fit_into_80_columns() {
        let large = i64::MAX / 4;
        let node = ChannelCounts {
            depth: large,
            backend_depth: -large,
            in_flight_count: large,
            deferred_count: large,
            message_count: large,
            requeue_count: large,
            timeout_count: large,
            client_count: large,
            paused: true,
        };
        let row = Row::new(
            &by_node(&[("a", counts(0, 0))]),
            &by_node(&[("a", node)]),
            Duration::from_secs(1),
        );
        let line = row.line(Width::Narrow);
        assert!(line.len() <= 80, "{} {line}", line.len());
        for line in head(Width::Narrow).lines() {
            assert_eq!(line.len() + " paused".len(), row.line(Width::Narrow).len(), "{line}");
        }
    }

    #[test]
    fn numbers_are_short() {
        for (number, text) in [
            (0, "0"),
            (99_999, "99999"),
            (100_000, "100k"),
            (999_499, "999k"),
            (999_500, "1.0M"),
            (1_250_000, "1.2M"),
            (99_400_000, "99.4M"),
            (-1_250_000, "-1.2M"),
        ] {
            assert_eq!(Short(number).to_string(), text);
        }
    }

    #[test]
    fn rates_are_those_of_nodes_that_are_known_from_before() {
        assert_eq!(rates(&[("a", counts(10, 4))], &[("a", counts(30, 14))]), (10, 5));
        assert_eq!(
            rates(&[("a", counts(10, 0))], &[("a", counts(10, 0)), ("b", counts(1000, 0))]),
            (0, 0)
        );
        assert_eq!(
            rates(&[("a", counts(10, 0)), ("b", counts(1000, 0))], &[("a", counts(20, 0))]),
            (5, 5)
        );
    }

    #[test]
    fn rates_of_a_node_that_was_started_again_are_not_negative() {
        assert_eq!(rates(&[("a", counts(1000, 500))], &[("a", counts(20, 10))]), (10, 5));
        assert_eq!(rates(&[("a", counts(10, 0))], &[("a", counts(10, 8))]), (0, 0));
    }
}
