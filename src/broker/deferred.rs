//! Messages that wait for their due time.

use std::{cmp::Ordering, collections::BinaryHeap, ops::RangeInclusive};

use super::{
    Moment,
    channel::{Known, Pending},
};

/// Deferred messages by due time; equal times come out in the order of the log. There may be
/// millions: each costs its entry in one array, 48 bytes for a message in the log.
#[derive(Debug)]
pub struct Deferred<B> {
    heap: BinaryHeap<Entry<B>>,
}

/// The fields of [`Pending`] side by side, which is smaller.
#[derive(Debug)]
struct Entry<B> {
    due: Moment,
    seq: u64,
    attempts: u16,
    body: B,
}

impl<B> Entry<B> {
    fn pending(self) -> Pending<B> {
        Pending { seq: self.seq, attempts: self.attempts, body: self.body }
    }
}

impl<B> PartialEq for Entry<B> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl<B> Eq for Entry<B> {}

impl<B> PartialOrd for Entry<B> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<B> Ord for Entry<B> {
    /// The earliest is the greatest: a heap gives that first.
    fn cmp(&self, other: &Self) -> Ordering {
        (other.due, other.seq).cmp(&(self.due, self.seq))
    }
}

impl<B> Default for Deferred<B> {
    fn default() -> Self {
        Self { heap: BinaryHeap::new() }
    }
}

impl<B> Deferred<B> {
    /// How many wait.
    pub fn len(&self) -> usize {
        self.heap.len()
    }

    /// True when none waits.
    pub fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }

    /// Keeps `pending`, which is not here yet, until `due`.
    pub fn add(&mut self, due: Moment, pending: Pending<B>) {
        let Pending { seq, attempts, body } = pending;
        self.heap.push(Entry { due, seq, attempts, body });
    }

    /// The earliest due time.
    pub fn next(&self) -> Option<Moment> {
        self.heap.peek().map(|entry| entry.due)
    }

    /// Takes out one message that is due at `now`.
    pub fn pop_due(&mut self, now: Moment) -> Option<Pending<B>> {
        self.heap.peek().filter(|entry| entry.due <= now)?;
        let pending = self.heap.pop().map(Entry::pending);
        if self.heap.is_empty() {
            self.heap = BinaryHeap::new(); // there may have been very many
        }
        pending
    }

    /// Every message, in no order.
    pub fn iter(&self) -> impl Iterator<Item = Known<'_, B>> {
        self.heap.iter().map(|entry| {
            let Entry { due, seq, attempts, body } = entry;
            Known { seq: *seq, attempts: *attempts, due: Some(*due), body }
        })
    }

    /// Keeps only messages for which `keep` holds.
    pub fn retain(&mut self, mut keep: impl FnMut(u64) -> bool) {
        self.heap.retain(|entry| keep(entry.seq));
    }

    /// Gives messages in `range` another number and body where `new` says so.
    pub fn renumber(
        &mut self,
        range: &RangeInclusive<u64>,
        mut new: impl FnMut(u64) -> Option<(u64, B)>,
    ) {
        if !self.heap.iter().any(|entry| range.contains(&entry.seq)) {
            return; // putting the order right again takes long
        }
        let mut entries = std::mem::take(&mut self.heap).into_vec();
        for entry in entries.iter_mut().filter(|entry| range.contains(&entry.seq)) {
            if let Some(new) = new(entry.seq) {
                (entry.seq, entry.body) = new;
            }
        }
        self.heap = entries.into();
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        *self = Self::default();
    }
}
