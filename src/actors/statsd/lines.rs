//! What is pushed of a node: names, their order, counters as differences.

use std::collections::HashMap;

use crate::{
    actors::{
        process::Memory,
        snapshot::{ChannelSnapshot, NodeSnapshot, TopicSnapshot},
    },
    broker::{LatencySamples, Moment},
    config::NsqdOptions,
    protocol::{
        ChannelName, TopicName,
        statsd::{Datagrams, Prefix, percentile_names},
    },
};

/// How lines are made.
#[derive(Debug)]
pub struct Format {
    prefix: Prefix,
    datagram_bytes_max: usize,
    /// By the end of their name.
    percentiles: Vec<(String, f64)>,
    with_memory: bool,
    without_ephemeral: bool,
}

impl Format {
    /// As the options say.
    pub fn new(options: &NsqdOptions) -> Self {
        let percentiles = options.e2e_processing_latency_percentiles.as_slice();
        let names = percentile_names(percentiles).into_iter();
        Self {
            prefix: Prefix::new(
                &options.statsd_prefix,
                &options.broadcast_address,
                options.broadcast_http_port,
            ),
            datagram_bytes_max: options.statsd_udp_packet_size,
            percentiles: names.zip(percentiles.iter().copied()).collect(),
            with_memory: options.statsd_mem_stats,
            without_ephemeral: options.statsd_exclude_ephemeral,
        }
    }
}

/// Counts at one time. Counts of what was made anew since then say nothing about each other.
#[derive(Debug, Clone, Copy)]
struct Counts<const N: usize> {
    since: Moment,
    counts: [u64; N],
}

impl<const N: usize> Counts<N> {
    /// What was counted after `earlier`.
    fn after(&self, earlier: Option<&Self>) -> [u64; N] {
        let earlier = earlier.filter(|earlier| earlier.since == self.since);
        std::array::from_fn(|index| {
            self.counts[index].saturating_sub(earlier.map_or(0, |earlier| earlier.counts[index]))
        })
    }
}

/// What has been pushed so far.
#[derive(Debug, Default)]
pub struct Pushed {
    topics: HashMap<TopicName, Counts<2>>,
    channels: HashMap<(TopicName, ChannelName), Counts<3>>,
}

impl Pushed {
    /// The datagrams that tell of `node`, and from now on what they tell.
    pub fn push(&mut self, node: &NodeSnapshot, memory: Memory, format: &Format) -> Vec<Vec<u8>> {
        let (mut push, mut all_answered) = (Push::new(self, format), node.silent_topics == 0);
        for topic in &node.topics {
            all_answered &= topic.silent_channels == 0;
            push.topic(topic);
        }
        if format.with_memory {
            push.memory(memory);
        }
        let Push { lines, told, .. } = push;
        if all_answered {
            *self = told; // what is gone is forgotten
        } else {
            self.topics.extend(told.topics);
            self.channels.extend(told.channels);
        }
        lines.finish()
    }
}

/// One push while its lines are written.
struct Push<'a> {
    before: &'a Pushed,
    told: Pushed,
    format: &'a Format,
    lines: Datagrams,
}

impl<'a> Push<'a> {
    fn new(before: &'a Pushed, format: &'a Format) -> Self {
        let lines = Datagrams::new(format.prefix.clone(), format.datagram_bytes_max);
        Self { before, told: Pushed::default(), format, lines }
    }

    fn topic(&mut self, topic: &TopicSnapshot) {
        if self.format.without_ephemeral && topic.topic_name.is_ephemeral() {
            return;
        }
        let name = &topic.topic_name;
        let counts =
            Counts { since: topic.since, counts: [topic.message_count, topic.message_bytes] };
        let [messages, bytes] = counts.after(self.before.topics.get(name));
        self.told.topics.insert(name.clone(), counts);
        self.lines.counter(format_args!("topic.{name}.message_count"), messages);
        self.lines.counter(format_args!("topic.{name}.message_bytes"), bytes);
        self.lines.gauge(format_args!("topic.{name}.depth"), topic.depth);
        self.lines.gauge(format_args!("topic.{name}.backend_depth"), topic.backend_depth);
        self.latencies(&format!("topic.{name}"), topic.latency.as_ref());
        for channel in &topic.channels {
            self.channel(name, channel);
        }
    }

    fn channel(&mut self, topic: &TopicName, channel: &ChannelSnapshot) {
        let name = &channel.channel_name;
        if self.format.without_ephemeral && name.is_ephemeral() {
            return;
        }
        let counters = &channel.counters;
        let counts = [counters.message_count, counters.requeue_count, counters.timeout_count];
        let counts = Counts { since: channel.since, counts };
        let key = (topic.clone(), name.clone());
        let [messages, requeues, timeouts] = counts.after(self.before.channels.get(&key));
        self.told.channels.insert(key, counts);
        let place = format!("topic.{topic}.channel.{name}");
        let lines = &mut self.lines;
        lines.counter(format_args!("{place}.message_count"), messages);
        lines.gauge(format_args!("{place}.depth"), channel.depth);
        lines.gauge(format_args!("{place}.backend_depth"), channel.backend_depth);
        lines.gauge(format_args!("{place}.in_flight_count"), channel.in_flight_count as u64);
        lines.gauge(format_args!("{place}.deferred_count"), channel.deferred_count as u64);
        lines.counter(format_args!("{place}.requeue_count"), requeues);
        lines.counter(format_args!("{place}.timeout_count"), timeouts);
        lines.gauge(format_args!("{place}.clients"), channel.client_count as u64);
        self.latencies(&place, channel.latency.as_ref());
    }

    fn latencies(&mut self, place: &str, samples: Option<&LatencySamples>) {
        let Some(samples) = samples else { return };
        for (name, quantile) in &self.format.percentiles {
            let name = format_args!("{place}.e2e_processing_latency_{name}");
            self.lines.gauge(name, samples.value_at(*quantile));
        }
    }

    /// The last of the fields is a counter, of collections of garbage, and there are none.
    fn memory(&mut self, memory: Memory) {
        let [gauges @ .., (_, collections)] = memory.fields();
        for (name, value) in gauges {
            self.lines.gauge(format_args!("mem.{name}"), value);
        }
        self.lines.counter("mem.gc_runs", collections);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        broker::{Latencies, channel::Counters},
        config::Percentiles,
    };

    fn topic(name: &str, since: u64, (count, bytes): (u64, u64)) -> TopicSnapshot {
        TopicSnapshot {
            topic_name: TopicName::parse(name).unwrap(),
            channels: Vec::new(),
            silent_channels: 0,
            since: Moment(since),
            depth: 5,
            backend_depth: 4,
            message_count: count,
            message_bytes: bytes,
            paused: false,
            durability: None,
            waiting_count: 0,
            latency: None,
            log_segments: 1,
            log_bytes: 4096,
        }
    }

    fn channel(
        name: &str,
        since: u64,
        (messages, requeues, timeouts): (u64, u64, u64),
    ) -> ChannelSnapshot {
        ChannelSnapshot {
            channel_name: ChannelName::parse(name).unwrap(),
            since: Moment(since),
            depth: 1,
            backend_depth: 2,
            in_flight_count: 3,
            deferred_count: 6,
            counters: Counters {
                message_count: messages,
                requeue_count: requeues,
                timeout_count: timeouts,
                ..Counters::default()
            },
            client_count: 7,
            clients: Vec::new(),
            paused: false,
            latency: None,
        }
    }

    fn node(topics: Vec<TopicSnapshot>) -> NodeSnapshot {
        NodeSnapshot { topics, ..NodeSnapshot::default() }
    }

    fn format(change: impl FnOnce(&mut NsqdOptions)) -> Format {
        let mut options = NsqdOptions {
            statsd_prefix: String::new(),
            statsd_udp_packet_size: 60_000,
            statsd_mem_stats: false,
            ..NsqdOptions::default()
        };
        change(&mut options);
        Format::new(&options)
    }

    fn push(pushed: &mut Pushed, node: &NodeSnapshot, format: &Format) -> Vec<String> {
        let datagrams = pushed.push(node, Memory { resident_bytes: 42 }, format).concat();
        String::from_utf8(datagrams).unwrap().lines().map(str::to_owned).collect()
    }

    #[test]
    fn lines_stand_in_upstreams_order() {
        let mut latencies = Latencies::new(Duration::from_secs(600));
        latencies.record(3_379_059, Moment(1));
        let mut with_channel = topic("a.b", 1, (3, 6));
        let mut measured = channel("ch", 1, (3, 2, 1));
        measured.latency = Some(latencies.samples(Moment(1)));
        with_channel.set_channels(vec![measured], 0);
        let format = format(|options| {
            options.statsd_mem_stats = true;
            options.e2e_processing_latency_percentiles = Percentiles::new(vec![1.0, 0.5]).unwrap();
        });
        let lines =
            push(&mut Pushed::default(), &node(vec![with_channel, topic("z", 1, (0, 0))]), &format);
        let expected = "\
topic.a.b.message_count:3|c
topic.a.b.message_bytes:6|c
topic.a.b.depth:5|g
topic.a.b.backend_depth:4|g
topic.a.b.e2e_processing_latency_100:3379059|g
topic.a.b.e2e_processing_latency_50:3379059|g
topic.a.b.channel.ch.message_count:3|c
topic.a.b.channel.ch.depth:1|g
topic.a.b.channel.ch.backend_depth:2|g
topic.a.b.channel.ch.in_flight_count:3|g
topic.a.b.channel.ch.deferred_count:6|g
topic.a.b.channel.ch.requeue_count:2|c
topic.a.b.channel.ch.timeout_count:1|c
topic.a.b.channel.ch.clients:7|g
topic.a.b.channel.ch.e2e_processing_latency_100:3379059|g
topic.a.b.channel.ch.e2e_processing_latency_50:3379059|g
topic.z.message_count:0|c
topic.z.message_bytes:0|c
topic.z.depth:5|g
topic.z.backend_depth:4|g
mem.heap_objects:0|g
mem.heap_idle_bytes:0|g
mem.heap_in_use_bytes:42|g
mem.heap_released_bytes:0|g
mem.gc_pause_usec_100:0|g
mem.gc_pause_usec_99:0|g
mem.gc_pause_usec_95:0|g
mem.next_gc_bytes:0|g
mem.gc_runs:0|c";
        assert_eq!(lines, expected.lines().collect::<Vec<_>>());
    }

    /// The counters of a topic `t` and its channel `c` that one push tells.
    fn counters(pushed: &mut Pushed, since: u64, counts: u64) -> Vec<String> {
        let mut topic = topic("t", since, (counts, counts * 10));
        topic.set_channels(vec![channel("c", since, (counts, counts, counts))], 0);
        let lines = push(pushed, &node(vec![topic]), &format(|_| ()));
        let counters = lines.into_iter().filter(|line| line.ends_with("|c"));
        counters.map(|line| line.split([':', '|']).nth(1).unwrap().to_owned()).collect()
    }

    #[test]
    fn counters_tell_what_came_since_the_last_push() {
        let mut pushed = Pushed::default();
        assert_eq!(counters(&mut pushed, 1, 5), ["5", "50", "5", "5", "5"]);
        assert_eq!(counters(&mut pushed, 1, 5), ["0"; 5]);
        assert_eq!(counters(&mut pushed, 1, 7), ["2", "20", "2", "2", "2"]);
    }

    #[test]
    fn what_was_made_anew_counts_from_nothing() {
        for counts in [1, 5, 9] {
            let mut pushed = Pushed::default();
            counters(&mut pushed, 1, 5);
            let [one, ten] = [counts, counts * 10].map(|count| count.to_string());
            assert_eq!(counters(&mut pushed, 2, counts), [&*one, &*ten, &*one, &*one, &*one]);
        }
    }

    #[test]
    fn who_did_not_answer_once_is_not_counted_twice() {
        let mut pushed = Pushed::default();
        counters(&mut pushed, 1, 5);
        let mut silent = node(Vec::new());
        silent.silent_topics = 1;
        assert_eq!(push(&mut pushed, &silent, &format(|_| ())), [""; 0]);
        assert_eq!(counters(&mut pushed, 1, 5), ["0"; 5]);
        let mut without_channel = topic("t", 1, (5, 50));
        without_channel.set_channels(Vec::new(), 1);
        push(&mut pushed, &node(vec![without_channel]), &format(|_| ()));
        assert_eq!(counters(&mut pushed, 1, 5), ["0"; 5]);
        push(&mut pushed, &node(Vec::new()), &format(|_| ()));
        assert!(pushed.topics.is_empty() && pushed.channels.is_empty(), "deleted");
    }

    #[test]
    fn ephemeral_ones_can_be_left_out() {
        let mut durable = topic("durable", 1, (1, 1));
        durable.set_channels(
            vec![channel("c#ephemeral", 1, (1, 1, 1)), channel("d", 1, (1, 1, 1))],
            0,
        );
        let node = node(vec![durable, topic("t#ephemeral", 1, (1, 1))]);
        let all = push(&mut Pushed::default(), &node, &format(|_| ()));
        let durable_only = format(|options| options.statsd_exclude_ephemeral = true);
        let some = push(&mut Pushed::default(), &node, &durable_only);
        assert_eq!(all.iter().filter(|line| line.contains("#ephemeral")).count(), 8 + 4);
        let left = all.into_iter().filter(|line| !line.contains("#ephemeral"));
        assert_eq!(some, left.collect::<Vec<_>>());
    }
}
