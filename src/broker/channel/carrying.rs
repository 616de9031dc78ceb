//! Unfinished messages that are appended to the log again, so that what lies before them can go.
//!
//! The copy has a number of its own, and its record an audience: this channel. From the moment at
//! which it is stored the message has that number, here and in the cursor file, and the old one is
//! finished. A record with an audience is never taken from the log by itself: whether it counts is
//! for the cursor to say.

use std::{collections::BTreeMap, ops::Range};

use super::{ChannelRules, Known, Pending};
use crate::broker::Moment;

/// A message that stands in the log a second time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Carried<B> {
    /// Its number until now.
    pub old: u64,
    /// Where it stands now, and its deliveries if it is known of by its old record only.
    pub new: Pending<B>,
    /// When it may go out, if it is known of by its old record only.
    pub due: Option<Moment>,
}

impl<B: Clone> ChannelRules<B> {
    /// How many messages are not finished in each part of the log; the parts begin at `borders`, and
    /// the last one ends with what has been released.
    pub fn unfinished_counts(&self, borders: &[u64]) -> Vec<u64> {
        let ends = borders.iter().skip(1).copied().chain([u64::MAX]);
        let parts = borders.iter().zip(ends).map(|(&start, end)| start..end.min(self.end));
        parts.map(|part| self.finished.unfinished_count(part)).collect()
    }

    /// Of each part of the log, unfinished messages of which `size` knows the bytes, and those bytes
    /// together. Of very many messages only about `most` are asked for, whichever they are.
    pub fn measured(
        &self,
        borders: &[u64],
        most: usize,
        size: impl Fn(&B) -> Option<u64>,
    ) -> Vec<(u64, u64)> {
        let mut parts = vec![(0, 0); borders.len()];
        let known = self.in_flight.len() + self.again.len() + self.fetching.len();
        let step = (known + self.deferred.len()).div_ceil(most.max(1)).max(1);
        for known in self.known().step_by(step) {
            let part = borders.partition_point(|&border| border <= known.seq);
            if let (Some(part), Some(bytes)) = (part.checked_sub(1), size(known.body)) {
                parts[part].0 += 1;
                parts[part].1 += bytes;
            }
        }
        parts
    }

    /// The oldest unfinished messages below `below`, at most `count_max`, ascending.
    pub fn unfinished_below(&self, below: u64, count_max: usize) -> Vec<u64> {
        self.finished.unfinished(below.min(self.end)).flatten().take(count_max).collect()
    }

    /// True if nobody needs the message any more.
    pub fn is_finished(&self, seq: u64) -> bool {
        self.finished.contains(seq)
    }

    /// What is known of these messages, which are in ascending order; nothing of those that have
    /// never been taken from the log.
    pub fn known_of(&self, seqs: &[u64]) -> BTreeMap<u64, Known<'_, B>> {
        let (Some(&first), Some(&last)) = (seqs.first(), seqs.last()) else {
            return BTreeMap::new();
        };
        // Most of what is known is younger, and there may be a million of it.
        let near = self.known().filter(|known| (first..=last).contains(&known.seq));
        let wanted = near.filter(|known| seqs.binary_search(&known.seq).is_ok());
        wanted.map(|known| (known.seq, known)).collect()
    }

    /// Takes note that the log has records for this channel alone in `range`. While messages are being
    /// carried forward they may be those: then they are neither delivered nor finished before
    /// [`ChannelRules::carried`] or [`ChannelRules::carrying_ended`] says what they are.
    pub fn expect_carried(&mut self, range: Range<u64>) {
        let unknown: Vec<u64> = range.filter(|&seq| !self.is_known(seq)).collect();
        for seq in unknown {
            self.ahead.insert(seq);
            self.expected.insert(seq);
        }
    }

    /// Passes over what this channel does not know of in `range`: those records are not for it.
    pub fn pass_over(&mut self, range: Range<u64>) {
        let range = range.start.max(self.next)..range.end.max(self.next);
        if !range.is_empty() {
            self.finish_gap(range.clone());
            self.ahead.insert_range(range);
            self.changed = true;
        }
    }

    /// These messages, in ascending order, have been stored again: their old records are finished,
    /// and what becomes of them becomes of the new ones. What was finished meanwhile stays so.
    pub fn carried(&mut self, carried: &[Carried<B>]) {
        let placed = self.renumber(carried);
        for (carried, placed) in carried.iter().zip(placed) {
            let Carried { old, new, due } = carried;
            self.expected.remove_range(new.seq..new.seq + 1);
            self.mark_known(new.seq);
            if self.finished.contains(*old) {
                self.finished.finish(new.seq);
                continue;
            }
            match due {
                _ if placed => {}
                Some(due) => self.deferred.add(*due, new.clone()),
                None => self.again.push_back(new.clone()),
            }
            self.mark_known(*old);
            self.finished.finish(*old);
            self.carried.insert(new.seq);
        }
        self.changed = true;
    }

    /// An unfinished message is not in the log any more. A consumer that holds it may still finish it.
    pub fn lose_unfinished(&mut self, seq: u64) {
        if self.finished.contains(seq) {
            return;
        }
        self.again.retain(|pending| pending.seq != seq);
        self.fetching.remove(&seq);
        self.deferred.retain(|deferred| deferred != seq);
        self.mark_known(seq);
        self.finished.finish(seq);
        self.counters.lost_count += 1;
        self.changed = true;
    }

    /// What was expected and has not come is not in the log, or of no use.
    pub fn carrying_ended(&mut self) {
        for range in std::mem::take(&mut self.expected).iter() {
            self.finished.finish_range(range);
            self.changed = true;
        }
    }

    /// Gives the known ones of these messages their new numbers, and says which they are.
    fn renumber(&mut self, carried: &[Carried<B>]) -> Vec<bool> {
        let mut placed = vec![false; carried.len()];
        let (Some(first), Some(last)) = (carried.first(), carried.last()) else { return placed };
        let olds = first.old..=last.old;
        let mut place = |seq: u64| {
            if !olds.contains(&seq) {
                return None;
            }
            let index = carried.binary_search_by_key(&seq, |carried| carried.old).ok()?;
            placed[index] = true;
            Some(&carried[index].new)
        };
        for flight in self.in_flight.values_mut() {
            if let Some(new) = place(flight.seq) {
                (flight.seq, flight.body) = (new.seq, new.body.clone());
            }
        }
        for pending in &mut self.again {
            if let Some(new) = place(pending.seq) {
                (pending.seq, pending.body) = (new.seq, new.body.clone());
            }
        }
        let fetching = std::mem::take(&mut self.fetching).into_values();
        self.fetching =
            fetching.map(|pending| renumbered(pending, &mut place)).map(by_seq).collect();
        self.deferred.renumber(&olds, |seq| place(seq).map(|new| (new.seq, new.body.clone())));
        placed
    }
}

fn renumbered<'a, B: Clone + 'a>(
    pending: Pending<B>,
    place: impl FnOnce(u64) -> Option<&'a Pending<B>>,
) -> Pending<B> {
    match place(pending.seq) {
        Some(new) => Pending { seq: new.seq, body: new.body.clone(), ..pending },
        None => pending,
    }
}

fn by_seq<B>(pending: Pending<B>) -> (u64, Pending<B>) {
    (pending.seq, pending)
}
