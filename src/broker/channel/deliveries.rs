//! Messages on their way to consumers: whose turn it is, where the next one comes from.

use std::ops::Range;

use super::{ChannelRules, Delivery, Flight, Pending, Source};
use crate::{
    broker::{Locality, Moment, SubscriberKey},
    protocol::MessageId,
};

impl<B: Clone> ChannelRules<B> {
    /// The consumer that gets the next message, if there is one with credit.
    pub fn whose_turn(&mut self) -> Option<SubscriberKey> {
        if self.paused { None } else { self.subscribers.whose_turn() }
    }

    /// A consumer was handed a message, and its turn may end.
    pub fn pass(&mut self) {
        self.subscribers.pass(self.end - self.next);
    }

    /// Where the next delivery comes from. `fresh_at_hand`: the message [`ChannelRules::next_fresh`]
    /// is in memory.
    pub fn source(&self, fresh_at_hand: bool) -> Option<Source> {
        match (self.again.is_empty(), fresh_at_hand) {
            (true, true) => Some(Source::Fresh),
            (false, false) => Some(Source::Again),
            (false, true) if self.again_is_next => Some(Source::Again),
            (false, true) => Some(Source::Fresh),
            (true, false) => None,
        }
    }

    /// The next message to take from the log, if one has been released.
    pub fn next_fresh(&mut self) -> Option<u64> {
        if let Some(known) = self.ahead.first().filter(|known| known.start <= self.next) {
            // What is known beyond the end stays ahead: it has not been released.
            self.next = known.end.clamp(self.next, self.end);
            self.ahead.remove_below(self.next);
        }
        (self.next < self.end).then_some(self.next)
    }

    /// Hands the message at [`ChannelRules::next_fresh`] to a consumer, as a frame of `bytes`.
    /// `attempts`: deliveries before it came into this log.
    pub fn deliver_fresh(
        &mut self,
        key: SubscriberKey,
        id: MessageId,
        attempts: u16,
        body: B,
        bytes: usize,
        now: Moment,
    ) -> Delivery {
        let pending = Pending { seq: self.next, attempts, body };
        self.next += 1;
        self.again_is_next = true;
        self.deliver(key, id, pending, bytes, now)
    }

    /// Passes over the message at [`ChannelRules::next_fresh`]: it is not in the consumer's sample.
    pub fn skip_fresh(&mut self) {
        self.finished.finish(self.next);
        self.next += 1;
        self.again_is_next = true;
        self.changed = true;
    }

    /// Finishes a message that was popped from those to be delivered again: it was deferred, and is
    /// not in the sample of the consumer that would have been the first to have it.
    pub fn skip_again(&mut self, pending: &Pending<B>) {
        self.finished.finish(pending.seq);
        self.again_is_next = false;
        self.changed = true;
    }

    /// The next message to be delivered again.
    pub fn pop_again(&mut self) -> Option<Pending<B>> {
        self.again.pop_front()
    }

    /// Puts a message aside while its body is read.
    pub fn fetch(&mut self, pending: Pending<B>) {
        self.fetching.insert(pending.seq, pending);
    }

    /// The oldest message whose body must be read.
    pub fn next_to_fetch(&self) -> Option<&Pending<B>> {
        self.fetching.first_key_value().map(|(_, pending)| pending)
    }

    /// The messages of a range whose bodies must be read.
    pub fn fetching_within(&self, range: Range<u64>) -> Vec<u64> {
        self.fetching.range(range).map(|(&seq, _)| seq).collect()
    }

    /// A body was read; its message is next among those to be delivered again.
    pub fn fetched(&mut self, seq: u64, body: B) {
        if let Some(pending) = self.fetching.remove(&seq) {
            self.again.push_front(Pending { body, ..pending });
        }
    }

    /// A body cannot be read again: its message is lost.
    pub fn unfetchable(&mut self, seq: u64) {
        if self.fetching.remove(&seq).is_some() {
            self.counters.lost_count += 1;
            self.finished.finish(seq);
            self.changed = true;
        }
    }

    /// Bodies that were being read will not come; they are asked for again.
    pub fn fetch_failed(&mut self) {
        let fetching = std::mem::take(&mut self.fetching);
        self.again.extend(fetching.into_values());
    }

    /// Hands a message that was popped from those to be delivered again to a consumer.
    pub fn deliver_again(
        &mut self,
        key: SubscriberKey,
        id: MessageId,
        pending: Pending<B>,
        bytes: usize,
        now: Moment,
    ) -> Delivery {
        self.again_is_next = false;
        self.deliver(key, id, pending, bytes, now)
    }

    fn deliver(
        &mut self,
        key: SubscriberKey,
        id: MessageId,
        pending: Pending<B>,
        bytes: usize,
        now: Moment,
    ) -> Delivery {
        let delivery = Delivery { seq: pending.seq, attempts: pending.attempts.wrapping_add(1) };
        self.counters.delivered_count += 1;
        let pending = Pending { attempts: delivery.attempts, ..pending };
        match self.put_in_flight(key, id, pending, now, bytes) {
            Locality::Zone => self.counters.zone_local_count += 1,
            Locality::Region => self.counters.region_local_count += 1,
            Locality::Global => {}
        }
        delivery
    }

    /// Returns how near the consumer is.
    pub(super) fn put_in_flight(
        &mut self,
        key: SubscriberKey,
        id: MessageId,
        held: Pending<B>,
        now: Moment,
        bytes: usize,
    ) -> Locality {
        let terms = self.subscribers.handed(key, bytes);
        let (timeout, locality) =
            terms.map(|terms| (terms.msg_timeout, terms.proximity.locality)).unwrap_or_default();
        let seq = held.seq;
        let flight = Flight {
            seq,
            attempts: held.attempts,
            holder: Some(key),
            delivered: now,
            deadline: now + timeout,
            body: held.body,
        };
        self.changed = true;
        if let Some(twin) = self.in_flight.add(id, flight, timeout) {
            self.release_holder(twin.holder);
            if twin.seq != seq {
                // Not at once: two messages of one id would push each other out for ever.
                self.deferred.add(twin.deadline, twin.into());
            }
        }
        locality
    }
}
