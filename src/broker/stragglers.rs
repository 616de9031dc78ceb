//! Stragglers: unfinished old messages that keep finished ones on the disk, and when they are carried
//! forward.
//!
//! A log can only be shortened from its front. An old message that a channel has not finished keeps
//! everything behind it, until it is appended again at the log's end for that channel alone.

/// A part of a log that is removed as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stretch {
    /// Sequence number of its first message.
    pub first_seq: u64,
    /// Its size on the disk.
    pub bytes: u64,
}

/// Which part of a log is worth the cost of carrying its unfinished messages forward: all messages
/// below the number returned. `None` while the log is not larger than twice its live data and twice
/// `stretch_bytes_max`, or nothing would be gained.
///
/// `unfinished` says for each channel how many messages of each stretch it has not finished. A
/// message counts with the average size of its stretch, as live data once, and as a cost once for
/// every channel that has not finished it.
pub fn carry_below(
    log: &[Stretch],
    end_seq: u64,
    unfinished: &[Vec<u64>],
    stretch_bytes_max: u64,
) -> Option<u64> {
    let share = |index: usize, count: u64| {
        let end = log.get(index + 1).map_or(end_seq, |next| next.first_seq);
        let messages = end.saturating_sub(log[index].first_seq).max(1);
        let bytes = u128::from(log[index].bytes) * u128::from(count) / u128::from(messages);
        u64::try_from(bytes).unwrap_or(u64::MAX)
    };
    let counts = |index: usize| unfinished.iter().filter_map(move |counts| counts.get(index));
    let live = |index| share(index, counts(index).max().copied().unwrap_or(0));
    let cost = |index| share(index, counts(index).sum());
    let bytes: u64 = log.iter().map(|stretch| stretch.bytes).sum();
    let live: u64 = (0..log.len()).map(live).fold(0, u64::saturating_add);
    let allowed = live.saturating_add(stretch_bytes_max).saturating_mul(2);
    if bytes <= allowed { None } else { best_front(log, cost) }
}

/// Of all fronts of the log, the one that frees most beyond twice what carrying costs. The last
/// stretch stays: it is being written.
fn best_front(log: &[Stretch], cost: impl Fn(usize) -> u64) -> Option<u64> {
    let (mut gain, mut best) = (0_i128, None);
    let mut gain_max = 0;
    for (index, pair) in log.windows(2).enumerate() {
        gain += i128::from(pair[0].bytes) - 2 * i128::from(cost(index));
        if gain > gain_max {
            (gain_max, best) = (gain, Some(pair[1].first_seq));
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    /// Stretches of 10 messages of 10 bytes, and unfinished messages of each channel.
    fn decide(stretches: u64, unfinished: &[&[u64]]) -> Option<u64> {
        let log: Vec<_> =
            (0..stretches).map(|index| Stretch { first_seq: 10 * index, bytes: 100 }).collect();
        let count = |seqs: &&[u64]| {
            (0..stretches)
                .map(|index| seqs.iter().filter(|&&seq| seq / 10 == index).count() as u64)
                .collect()
        };
        let counts: Vec<_> = unfinished.iter().map(count).collect();
        carry_below(&log, 10 * stretches, &counts, 100)
    }

    #[test]
    fn one_old_message_does_not_keep_a_long_log() {
        assert_eq!(decide(50, &[&[3], &[]]), Some(490));
        assert_eq!(decide(50, &[&[3], &[495]]), Some(490));
    }

    #[test]
    fn nothing_is_carried_within_twice_the_live_data_and_two_stretches() {
        assert_eq!(decide(2, &[&[3]]), None);
        let backlog: Vec<u64> = (0..500).collect();
        assert_eq!(decide(50, &[&backlog, &[3]]), None);
        let half: Vec<u64> = (0..500).step_by(2).collect();
        assert_eq!(decide(50, &[&half]), None);
    }

    #[test]
    fn a_backlog_behind_a_straggler_stays_where_it_is() {
        let straggler_and_backlog: Vec<u64> = [3].into_iter().chain(400..500).collect();
        assert_eq!(decide(50, &[&straggler_and_backlog]), Some(400));
    }

    #[test]
    fn messages_that_many_channels_have_not_finished_are_not_copied_for_each() {
        let tenth: Vec<u64> = (0..500).step_by(5).collect();
        let channels = [tenth.as_slice(); 9];
        assert_eq!(decide(50, &channels[..1]), Some(490));
        assert_eq!(decide(50, &channels), None);
    }

    /// A log as the broker keeps it: messages of different sizes, and who has not finished which.
    struct Log {
        stretches: Vec<Vec<Record>>,
        bytes_max: u64,
        next_seq: u64,
    }

    struct Record {
        seq: u64,
        bytes: u64,
        unfinished: BTreeSet<usize>,
    }

    impl Log {
        fn append(&mut self, bytes: u64, unfinished: BTreeSet<usize>) {
            let size = |stretch: &Vec<Record>| stretch.iter().map(|record| record.bytes).sum();
            let last: u64 = self.stretches.last().map_or(u64::MAX, size);
            if last.saturating_add(bytes) > self.bytes_max {
                self.stretches.push(Vec::new());
            }
            let record = Record { seq: self.next_seq, bytes, unfinished };
            self.next_seq += 1;
            if let Some(last) = self.stretches.last_mut() {
                last.push(record);
            }
        }

        fn bytes(&self) -> u64 {
            self.stretches.iter().flatten().map(|record| record.bytes).sum()
        }

        /// Counted for every channel.
        fn live(&self) -> u64 {
            let records = self.stretches.iter().flatten();
            records.map(|record| record.bytes * record.unfinished.len() as u64).sum()
        }

        fn decide(&self, channels: usize) -> Option<u64> {
            let stretch = |records: &Vec<Record>| Stretch {
                first_seq: records[0].seq,
                bytes: records.iter().map(|record| record.bytes).sum(),
            };
            let log: Vec<_> = self.stretches.iter().map(stretch).collect();
            let count = |channel: usize| {
                let of = |records: &Vec<Record>| {
                    records.iter().filter(|r| r.unfinished.contains(&channel)).count() as u64
                };
                self.stretches.iter().map(of).collect()
            };
            let counts: Vec<Vec<u64>> = (0..channels).map(count).collect();
            carry_below(&log, self.next_seq, &counts, self.bytes_max)
        }

        fn carry(&mut self, below: u64) {
            let is_below = |records: &mut Vec<Record>| records[0].seq < below;
            let removed: Vec<_> = self.stretches.extract_if(.., is_below).flatten().collect();
            assert!(removed.iter().all(|record| record.seq < below), "whole stretches");
            for record in removed {
                for channel in record.unfinished {
                    self.append(record.bytes, BTreeSet::from([channel]));
                }
            }
        }

        /// What every channel has finished goes from the front.
        fn trim(&mut self) {
            let is_done = |records: &Vec<Record>| records.iter().all(|r| r.unfinished.is_empty());
            while self.stretches.len() > 1 && is_done(&self.stretches[0]) {
                self.stretches.remove(0);
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_log_comes_down_to_twice_its_live_data_and_two_stretches(
            messages in prop::collection::vec((1..40u64, 0..1000u16), 1..400),
            rarity in 1..100u16,
            bytes_max in 40..400u64,
        ) {
            let mut log = Log { stretches: Vec::new(), bytes_max, next_seq: 1 };
            for (bytes, draw) in messages {
                let unfinished = (0..3).filter(|channel| draw % (rarity + channel) == 0);
                log.append(bytes, unfinished.map(usize::from).collect());
            }
            let (live, mut rounds) = (log.live(), 0);
            log.trim();
            while let Some(below) = log.decide(3) {
                log.carry(below);
                log.trim();
                prop_assert_eq!(log.live(), live, "nothing is lost, nothing doubled");
                rounds += 1;
                prop_assert!(rounds < 20, "it comes to an end");
            }
            // The average size of a stretch stands for that of its messages: up to one stretch of
            // them may be taken for larger than they are.
            let allowed = 2 * live + 4 * bytes_max;
            prop_assert!(log.bytes() <= allowed, "{} > {allowed}", log.bytes());
        }
    }
}
