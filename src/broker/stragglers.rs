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

/// What a channel has not finished of a stretch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Unfinished {
    /// Messages.
    pub count: u64,
    /// Of so many of them the size is known; where there are very many, not all are looked at.
    pub measured: u64,
    /// The bytes of those.
    pub measured_bytes: u64,
}

/// Which part of a log is worth the cost of carrying its unfinished messages forward: all messages
/// below the number returned. `None` while the log is not larger than twice its live data and twice
/// `stretch_bytes_max`, or nothing would be gained.
///
/// `unfinished` says for each channel what it has not finished of each stretch, and `overhead_bytes` what
/// a copy takes beside its message. A message counts as its copy would: as live data once, and as a
/// cost once for every channel that has not finished it. Those of which the size is not known
/// count with the average of those of which it is, or else with that of the stretch.
///
/// So a log comes down to twice what its channels have to finish and one stretch: while it is larger, the
/// front that ends before the last stretch frees more than twice what it costs. Numbers of
/// messages alone would set no bound at all: with a small unfinished message and a large finished
/// one in each stretch, carrying forward seems to gain nothing.
pub fn carry_below(
    log: &[Stretch],
    end_seq: u64,
    unfinished: &[Vec<Unfinished>],
    overhead_bytes: u64,
    stretch_bytes_max: u64,
) -> Option<u64> {
    let average = |index: usize| {
        let end = log.get(index + 1).map_or(end_seq, |next| next.first_seq);
        (log[index].bytes, end.saturating_sub(log[index].first_seq).max(1))
    };
    let copies = |index: usize, part: &Unfinished| {
        let (bytes, messages) = match part.measured {
            0 => average(index),
            measured => (part.measured_bytes, measured),
        };
        let bytes = u128::from(bytes) * u128::from(part.count) / u128::from(messages);
        let bytes = bytes + u128::from(overhead_bytes) * u128::from(part.count);
        u64::try_from(bytes).unwrap_or(u64::MAX)
    };
    let of_channels = |index: usize| {
        unfinished.iter().filter_map(move |parts| Some(copies(index, parts.get(index)?)))
    };
    let live = |index| of_channels(index).max().unwrap_or(0);
    let cost = |index| of_channels(index).fold(0, u64::saturating_add);
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
        let parts = |seqs: &&[u64]| {
            let count = |index| seqs.iter().filter(|&&seq| seq / 10 == index).count() as u64;
            (0..stretches).map(|index| unmeasured(count(index))).collect()
        };
        let unfinished: Vec<_> = unfinished.iter().map(parts).collect();
        carry_below(&log, 10 * stretches, &unfinished, 0, 100)
    }

    fn unmeasured(count: u64) -> Unfinished {
        Unfinished { count, ..Unfinished::default() }
    }

    #[test]
    fn sizes_count_and_not_numbers() {
        // In each stretch a small message that is not finished and a large one that is.
        let log: Vec<_> =
            (0..50).map(|index| Stretch { first_seq: 2 * index, bytes: 100 }).collect();
        let decide =
            |part: Unfinished, overhead| carry_below(&log, 100, &[vec![part; 50]], overhead, 100);
        assert_eq!(decide(unmeasured(1), 0), None, "each may be half of its stretch");
        let small = Unfinished { count: 1, measured: 1, measured_bytes: 5 };
        assert_eq!(decide(small, 0), Some(98));
        assert_eq!(decide(small, 40), Some(98));
        assert_eq!(decide(small, 45), None, "its copy takes half of a stretch");
        let many = Unfinished { count: 1000, measured: 10, measured_bytes: 1 };
        assert_eq!(decide(many, 0), None, "what is not measured is as large as what is");
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
            let parts = |channel: usize| {
                let of = |records: &Vec<Record>| {
                    let sizes: Vec<u64> = records
                        .iter()
                        .filter(|record| record.unfinished.contains(&channel))
                        .map(|record| record.bytes)
                        .collect();
                    let count = sizes.len() as u64;
                    let measured_bytes = sizes.into_iter().sum();
                    Unfinished { count, measured: count, measured_bytes }
                };
                self.stretches.iter().map(of).collect()
            };
            let unfinished: Vec<Vec<Unfinished>> = (0..channels).map(parts).collect();
            carry_below(&log, self.next_seq, &unfinished, 0, self.bytes_max)
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
            small_ones in any::<bool>(),
            bytes_max in 40..400u64,
        ) {
            let mut log = Log { stretches: Vec::new(), bytes_max, next_seq: 1 };
            for (bytes, draw) in messages {
                let unfinished = (0..3).filter(|channel| draw % (rarity + channel) == 0);
                let unfinished: BTreeSet<_> = unfinished.map(usize::from).collect();
                let is_small = small_ones && !unfinished.is_empty();
                log.append(if is_small { 1 } else { bytes }, unfinished);
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
            let allowed = 2 * live + 2 * bytes_max;
            prop_assert!(log.bytes() <= allowed, "{} > {allowed}", log.bytes());
        }
    }
}
