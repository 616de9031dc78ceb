//! Messages that wait for their due time.

use std::collections::BTreeMap;

use super::{Moment, channel::Pending};

/// Deferred messages by due time; equal times come out in the order of the log.
#[derive(Debug)]
pub struct Deferred<B> {
    by_due: BTreeMap<(Moment, u64), Pending<B>>,
}

impl<B> Default for Deferred<B> {
    fn default() -> Self {
        Self { by_due: BTreeMap::new() }
    }
}

impl<B> Deferred<B> {
    /// How many wait.
    pub fn len(&self) -> usize {
        self.by_due.len()
    }

    /// True when none waits.
    pub fn is_empty(&self) -> bool {
        self.by_due.is_empty()
    }

    /// Keeps `pending` until `due`.
    pub fn add(&mut self, due: Moment, pending: Pending<B>) {
        self.by_due.insert((due, pending.seq), pending);
    }

    /// The earliest due time.
    pub fn next(&self) -> Option<Moment> {
        self.by_due.first_key_value().map(|(key, _)| key.0)
    }

    /// Takes out one message that is due at `now`.
    pub fn pop_due(&mut self, now: Moment) -> Option<Pending<B>> {
        let entry = self.by_due.first_entry().filter(|entry| entry.key().0 <= now)?;
        Some(entry.remove())
    }

    /// Every message with its due time.
    pub fn iter(&self) -> impl Iterator<Item = (Moment, &Pending<B>)> {
        self.by_due.iter().map(|(key, pending)| (key.0, pending))
    }

    /// Keeps only messages for which `keep` holds.
    pub fn retain(&mut self, mut keep: impl FnMut(u64) -> bool) {
        self.by_due.retain(|key, _| keep(key.1));
    }

    /// Gives messages another number and body where `new` says so.
    pub fn renumber(&mut self, mut new: impl FnMut(u64) -> Option<(u64, B)>) {
        let mut renumbered = Vec::new();
        for (&(due, seq), pending) in &mut self.by_due {
            if let Some(new) = new(seq) {
                (pending.seq, pending.body) = new;
                renumbered.push((due, seq));
            }
        }
        for key in renumbered {
            if let Some(pending) = self.by_due.remove(&key) {
                self.add(key.0, pending);
            }
        }
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.by_due.clear();
    }
}
