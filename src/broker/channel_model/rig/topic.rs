//! What the topic does to the channel.

use std::time::Duration;

use super::{Rig, body};
use crate::broker::{
    channel::{Carried, Pending},
    channel_model::model::State,
};

impl Rig {
    pub(super) fn publish(&mut self, count: u64, deferred: u8, delay: u64) {
        for place in 0..count {
            let seq = self.model.published + place;
            if deferred >> place & 1 == 1 {
                self.model.delays.insert(seq, self.now + Duration::from_nanos(delay));
            }
            self.model.states.entry(seq).or_insert(State::Fresh);
        }
        self.model.published += count;
        self.release(count);
    }

    pub(super) fn release(&mut self, count_new: u64) {
        let end = self.model.published;
        for (&seq, &due) in self.model.delays.range(self.model.end.min(end)..end) {
            self.rules.defer(seq, due, body(seq));
        }
        self.rules.released(end, count_new);
        self.model.release(count_new, self.setup.depth_max);
    }

    pub(super) fn discard(&mut self, start: u64, length: u64) {
        let start = (self.model.published + 3).saturating_sub(start).max(1);
        let range = start..(start + length).min(self.model.published + 3).max(start);
        self.rules.discard(range.clone());
        self.model.discard(range);
    }

    /// The copies get the next numbers, keep their ids, and are released with what comes next.
    pub(super) fn carry(&mut self, count: usize, released_first: bool) {
        let has_future = self.model.states.range(self.model.published..).next().is_some();
        if self.setup.depth_max.is_some() || has_future {
            return; // such a channel keeps no log; nothing is known of numbers to come
        }
        let olds = self.rules.unfinished_below(u64::MAX, count);
        assert!(self.model.unfinished().starts_with(&olds), "unfinished");
        let counts = self.rules.unfinished_counts(&[0, 5]);
        assert_eq!(counts.iter().sum::<u64>(), self.model.unfinished().len() as u64);
        let copies = self.model.published..self.model.published + olds.len() as u64;
        let carried: Vec<_> =
            copies.clone().zip(&olds).map(|(new, old)| self.carried(*old, new)).collect();
        if released_first {
            self.rules.expect_carried(copies.clone());
            self.rules.released(self.model.end.max(copies.end), 0);
        }
        self.rules.carried(&carried);
        self.rules.expect_carried(copies.clone());
        copies.clone().zip(&olds).for_each(|(new, old)| self.model.carry(*old, new));
        self.model.published = copies.end;
        self.release(0);
        self.model.end = self.model.end.max(self.rules.end());
        self.rules.carrying_ended();
    }

    pub(super) fn carried(&mut self, old: u64, new: u64) -> Carried<u64> {
        let first = self.first_numbers.get(&old).copied().unwrap_or(old);
        self.first_numbers.insert(new, first);
        let attempts = self.model.states[&old].attempts();
        Carried { old, new: Pending { seq: new, attempts, body: body(new) }, due: None }
    }

    pub(super) fn lose(&mut self, count: u64) {
        let next = self.model.fresh().next();
        if let Some(next) = next {
            self.rules.lose(next + count);
            self.model.lose(next + count);
        }
    }
}
