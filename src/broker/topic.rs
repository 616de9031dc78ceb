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
}

/// Most messages that share one stamp.
pub const MESSAGES_PER_STAMP: u32 = IDS_PER_BLOCK;

impl TopicRules {
    /// A topic whose log goes on at `next_seq`. `held_from` is what [`TopicRules::held_from`] said
    /// before a restart.
    pub fn new(ids: IdGenerator, next_seq: u64, held_from: Option<u64>, paused: bool) -> Self {
        let released = held_from.unwrap_or(next_seq).min(next_seq);
        Self { ids, next_seq, committed: next_seq, released, paused, has_channels: false }
    }

    /// Numbers and ids for `count` messages (at most [`MESSAGES_PER_STAMP`]).
    pub fn stamp(&mut self, count: u32, now_ns: i64) -> (u64, MessageId) {
        let first_seq = self.next_seq;
        self.next_seq += u64::from(count);
        (first_seq, self.ids.take(count, now_ns))
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

    /// Messages that wait in the topic itself.
    pub fn depth(&self) -> u64 {
        self.committed - self.released
    }

    /// What must survive a restart: the border, while it is not simply the end of the log.
    pub fn held_from(&self) -> Option<u64> {
        (self.paused || !self.has_channels).then_some(self.released)
    }

    fn release(&mut self) -> bool {
        if self.paused || !self.has_channels || self.released == self.committed {
            return false;
        }
        self.released = self.committed;
        true
    }
}

#[cfg(test)]
mod tests {
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

    #[test]
    fn a_restart_goes_on_at_the_border() {
        let topic = TopicRules::new(IdGenerator::new(1, None), 9, Some(4), true);
        assert_eq!((topic.released(), topic.depth()), (4, 5));
    }
}
