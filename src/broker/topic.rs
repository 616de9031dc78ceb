//! The rules of a topic: numbers, ids, and what its channels may see.

use super::{IdGenerator, id_generator::IDS_PER_BLOCK};
use crate::protocol::MessageId;

/// A topic's counters and its border between what it holds and what it has handed to its channels.
#[derive(Debug)]
pub struct TopicRules {
    ids: IdGenerator,
    /// Sequence number of the next message to be stamped.
    next_seq: u64,
    /// Everything below is in the log.
    committed: u64,
    /// Everything below has been handed to the channels.
    released: u64,
    paused: bool,
    has_channels: bool,
    /// Channels that must see the first message are not all there yet.
    awaits_channels: bool,
}

/// Most messages that share one stamp.
pub const MESSAGES_PER_STAMP: u32 = IDS_PER_BLOCK;

impl TopicRules {
    /// A topic whose log goes on at `next_seq`. `held_from` is what [`TopicRules::held_from`] said
    /// before a restart.
    pub fn new(ids: IdGenerator, next_seq: u64, held_from: Option<u64>, paused: bool) -> Self {
        let released = held_from.unwrap_or(next_seq).min(next_seq);
        Self {
            ids,
            next_seq,
            committed: next_seq,
            released,
            paused,
            has_channels: false,
            awaits_channels: false,
        }
    }

    /// Numbers and ids for `count` messages (at most [`MESSAGES_PER_STAMP`]).
    pub fn stamp(&mut self, count: u32, now_ns: i64) -> (u64, MessageId) {
        (self.number(count), self.ids.take(count, now_ns))
    }

    /// Numbers for `count` messages that have their ids.
    pub fn number(&mut self, count: u32) -> u64 {
        let first_seq = self.next_seq;
        self.next_seq += u64::from(count);
        first_seq
    }

    /// The log holds everything below `end`; true when there is more for the channels.
    pub fn committed(&mut self, end: u64) -> bool {
        self.committed = self.committed.max(end);
        self.release()
    }

    /// The log refused everything from `first_seq` on: the numbers are used again.
    pub fn refused(&mut self, first_seq: u64) {
        self.next_seq = first_seq.max(self.committed);
    }

    /// Pauses or goes on; true when there is more for the channels.
    pub fn set_paused(&mut self, paused: bool) -> bool {
        self.paused = paused;
        self.release()
    }

    /// Says whether there is a channel to hand messages to; true when there is more for it.
    pub fn set_has_channels(&mut self, has_channels: bool) -> bool {
        self.has_channels = has_channels;
        self.release()
    }

    /// Says whether channels are still to come that must see what the topic holds; true when there is more
    /// for those that are there.
    pub fn set_awaits_channels(&mut self, awaits: bool) -> bool {
        self.awaits_channels = awaits;
        self.release()
    }

    /// Drops what the topic itself holds; returns the range that its channels must pass over.
    pub fn empty(&mut self) -> std::ops::Range<u64> {
        let dropped = self.released..self.committed;
        self.released = self.committed;
        dropped
    }

    /// Sequence number of the next message.
    pub fn next_seq(&self) -> u64 {
        self.next_seq
    }

    /// Channels may take everything below.
    pub fn released(&self) -> u64 {
        self.released
    }

    /// Everything below is in the log.
    pub fn committed_end(&self) -> u64 {
        self.committed
    }

    /// Publishes are accepted, but nothing is handed on.
    pub fn is_paused(&self) -> bool {
        self.paused
    }

    /// Channels are still to come.
    pub fn awaits_channels(&self) -> bool {
        self.awaits_channels
    }

    /// How many more messages a topic may stamp that can hold `held_max`: any number while it hands
    /// them on.
    pub fn room(&self, held_max: u64) -> u64 {
        if self.is_open() {
            u64::MAX
        } else {
            held_max.saturating_sub(self.next_seq - self.released)
        }
    }

    /// Messages that wait in the topic itself.
    pub fn depth(&self) -> u64 {
        self.committed - self.released
    }

    /// What must survive a restart: the border, while it is not simply the end of the log.
    pub fn held_from(&self) -> Option<u64> {
        (!self.is_open()).then_some(self.released)
    }

    /// Messages are handed on as they come.
    fn is_open(&self) -> bool {
        !self.paused && self.has_channels && !self.awaits_channels
    }

    fn release(&mut self) -> bool {
        if !self.is_open() || self.released == self.committed {
            return false;
        }
        self.released = self.committed;
        true
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn topic() -> TopicRules {
        TopicRules::new(IdGenerator::new(1, None), 1, None, false)
    }

    #[test]
    fn messages_wait_in_the_topic_for_the_first_channel() {
        let mut topic = topic();
        topic.stamp(3, 0);
        assert!(!topic.committed(4));
        assert_eq!((topic.depth(), topic.held_from()), (3, Some(1)));
        assert!(topic.set_has_channels(true));
        assert_eq!((topic.depth(), topic.released(), topic.held_from()), (0, 4, None));
    }

    #[test]
    fn a_paused_topic_keeps_what_comes_after_the_pause() {
        let mut topic = topic();
        topic.set_has_channels(true);
        topic.stamp(2, 0);
        assert!(topic.committed(3));
        topic.set_paused(true);
        topic.stamp(5, 0);
        assert!(!topic.committed(8));
        assert_eq!((topic.depth(), topic.released(), topic.held_from()), (5, 3, Some(3)));
        assert!(topic.set_paused(false));
        assert_eq!((topic.depth(), topic.released()), (0, 8));
    }

    #[test]
    fn messages_wait_until_all_channels_are_there_that_must_see_them() {
        let mut topic = topic();
        assert!(!topic.set_awaits_channels(true));
        topic.set_has_channels(true);
        topic.stamp(3, 0);
        assert!(!topic.committed(4));
        assert_eq!((topic.depth(), topic.held_from(), topic.released()), (3, Some(1), 1));
        assert!(topic.set_awaits_channels(false));
        assert_eq!((topic.depth(), topic.held_from(), topic.released()), (0, None, 4));
    }

    #[test]
    fn emptying_a_paused_topic_passes_over_what_it_held() {
        let mut topic = topic();
        topic.set_has_channels(true);
        topic.set_paused(true);
        topic.stamp(5, 0);
        topic.committed(6);
        assert_eq!(topic.empty(), 1..6);
        assert_eq!((topic.depth(), topic.held_from()), (0, Some(6)));
    }

    #[test]
    fn there_is_room_for_what_cannot_be_handed_on() {
        let mut topic = topic();
        topic.stamp(2, 0);
        assert_eq!((topic.room(5), topic.room(2), topic.room(1)), (3, 0, 0));
        topic.set_has_channels(true);
        assert_eq!(topic.room(0), u64::MAX);
        topic.committed(3);
        topic.set_paused(true);
        assert_eq!((topic.room(5), topic.room(0)), (5, 0));
    }

    #[test]
    fn refused_numbers_are_given_out_again() {
        let mut topic = topic();
        topic.stamp(2, 0);
        topic.committed(3);
        let (first, first_id) = topic.stamp(4, 0);
        topic.refused(first);
        let (again, again_id) = topic.stamp(1, 0);
        assert_eq!(again, first);
        assert!(again_id > first_id);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn every_message_is_released_once_or_dropped(
            steps in prop::collection::vec((0..8u8, 0..5u32), 0..60)
        ) {
            Run::default().through(&steps);
        }
    }

    /// Neither paused, nor without channels, nor waiting for some.
    const OPEN: [bool; 3] = [true; 3];

    /// A topic with its log; a message is held by the topic, or has left it for good.
    struct Run {
        topic: TopicRules,
        log_end: u64,
        held: Vec<u64>,
        is_open: [bool; 3],
        last_id: MessageId,
    }

    impl Default for Run {
        fn default() -> Self {
            let (log_end, held) = (1, Vec::new());
            Self {
                topic: topic(),
                log_end,
                held,
                is_open: [true, false, true],
                last_id: MessageId(0),
            }
        }
    }

    impl Run {
        fn through(mut self, steps: &[(u8, u32)]) {
            for &(kind, count) in steps {
                let released = self.topic.released();
                self.step(kind, count);
                assert!(self.topic.released() >= released, "released goes back");
                if self.is_open == OPEN {
                    self.held.clear();
                }
                self.check();
            }
        }

        fn step(&mut self, kind: u8, count: u32) {
            match kind {
                0 | 1 => self.publish(count, u32::from(kind)),
                2 => {
                    let dropped: Vec<u64> = self.topic.empty().collect();
                    assert_eq!(dropped, std::mem::take(&mut self.held), "what is dropped");
                }
                3 => self.restart(),
                4 => self.open(0, count > 1),
                5 => self.open(1, count > 1),
                _ => self.open(2, count > 1),
            }
        }

        /// Two batches, of which the log takes the first and perhaps refuses the second.
        fn publish(&mut self, count: u32, refused: u32) {
            let first_seq = self.stamp(count);
            assert_eq!(first_seq, self.log_end, "numbers follow each other");
            let end = first_seq + u64::from(count);
            assert_eq!(self.stamp(refused), end);
            self.topic.refused(end);
            let released = self.topic.committed(end);
            assert_eq!(released, self.is_open == OPEN && count > 0);
            self.held.extend(self.log_end..end);
            self.log_end = end;
        }

        fn stamp(&mut self, count: u32) -> u64 {
            let (first_seq, id) = self.topic.stamp(count, 0);
            if count > 0 {
                assert!(id > self.last_id, "ids rise");
                self.last_id = MessageId(id.0 + u64::from(count) - 1);
            }
            first_seq
        }

        fn open(&mut self, gate: usize, is_open: bool) {
            let released = match gate {
                0 => self.topic.set_paused(!is_open),
                1 => self.topic.set_has_channels(is_open),
                _ => self.topic.set_awaits_channels(!is_open),
            };
            self.is_open[gate] = is_open;
            assert_eq!(released, self.is_open == OPEN && !self.held.is_empty());
        }

        /// What survives: the log, the border, whether it is paused, has channels, waits for some.
        fn restart(&mut self) {
            let ids = IdGenerator::new(1, Some(self.last_id));
            let held_from = self.topic.held_from();
            self.topic = TopicRules::new(ids, self.log_end, held_from, !self.is_open[0]);
            self.topic.set_awaits_channels(!self.is_open[2]);
            assert!(!self.topic.set_has_channels(self.is_open[1]), "nothing new after a restart");
        }

        fn check(&self) {
            let held: Vec<u64> = (self.topic.released()..self.topic.committed_end()).collect();
            assert_eq!(held, self.held, "what waits in the topic");
            assert_eq!(self.topic.depth(), self.held.len() as u64);
            assert_eq!(
                (self.topic.next_seq(), self.topic.committed_end()),
                (self.log_end, self.log_end)
            );
            assert_eq!(self.topic.is_paused(), !self.is_open[0]);
            let is_held = self.topic.held_from().is_some();
            assert_eq!(is_held, self.is_open != OPEN, "the border is saved while it matters");
        }
    }

    #[test]
    fn a_restart_goes_on_at_the_border() {
        let topic = TopicRules::new(IdGenerator::new(1, None), 9, Some(4), true);
        assert_eq!((topic.released(), topic.depth()), (4, 5));
    }
}
