//! The rules of a channel: a cursor over the topic's log, messages in flight, credit.

mod answers;
mod carrying;
mod deliveries;
mod restoring;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, VecDeque},
    ops::Range,
    time::Duration,
};

pub use carrying::Carried;

use super::{
    AckSet, ClientId, Moment, SeqSet, SubscribeError, SubscriberKey, Terms,
    deferred::Deferred,
    in_flight::{Flight, InFlight},
    subscribers::Subscribers,
};

/// What a channel is configured with.
#[derive(Debug, Clone)]
pub struct Settings {
    /// No touch keeps a message in flight for longer than this after its delivery.
    pub max_msg_timeout: Duration,
    /// Most consumers at a time; 0 for any number.
    pub consumers_max: usize,
    /// Messages of a consumer that goes are delivered again at once, not after their timeout.
    pub requeue_on_disconnect: bool,
    /// Messages beyond this depth are dropped; only for ephemeral channels and topics.
    pub depth_max: Option<u64>,
}

/// A message that waits to be delivered (again). `B` says where its body is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending<B> {
    /// Its place in the topic's sequence.
    pub seq: u64,
    /// Deliveries so far.
    pub attempts: u16,
    /// Where its body is.
    pub body: B,
}

/// What a consumer is handed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delivery {
    /// The message's place in the topic's sequence.
    pub seq: u64,
    /// Deliveries so far, this one included.
    pub attempts: u16,
}

/// Why FIN, REQ or TOUCH is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SettleError {
    /// No such message is in flight on this channel.
    #[error("ID not in flight")]
    NotInFlight,
    /// It is in flight, but with another consumer.
    #[error("client does not own message")]
    NotOwner,
}

/// Where the next message for a consumer comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The log, at [`ChannelRules::next_fresh`].
    Fresh,
    /// The messages to be delivered again.
    Again,
}

/// Counts since the process started; reported, never decided on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Messages received from the topic.
    pub message_count: u64,
    /// REQs.
    pub requeue_count: u64,
    /// Messages taken back because their consumer did not answer in time.
    pub timeout_count: u64,
    /// Messages handed to consumers.
    pub delivered_count: u64,
    /// Those of them that went to consumers in the node's zone.
    pub zone_local_count: u64,
    /// Those of them that went to consumers of other zones in the node's region.
    pub region_local_count: u64,
    /// Messages that an ephemeral channel could not keep.
    pub dropped_count: u64,
    /// Messages that the log could not give back.
    pub lost_count: u64,
}

impl Counters {
    /// Messages handed to consumers that are not near, or of which nobody asks where they are.
    pub fn global_count(&self) -> u64 {
        self.delivered_count.saturating_sub(self.zone_local_count + self.region_local_count)
    }
}

/// What a channel knows of an unfinished message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known<'a, B> {
    /// Its place in the topic's sequence.
    pub seq: u64,
    /// Deliveries so far.
    pub attempts: u16,
    /// When it may go out, if it waits for that.
    pub due: Option<Moment>,
    /// Where its body is.
    pub body: &'a B,
}

/// What a cursor file holds of a channel. `T` is what it holds of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress<T> {
    /// Everything below is finished.
    pub floor: u64,
    /// The message there, unless it is still to be taken from the log.
    pub at_floor: Option<T>,
    /// Finished ranges above the floor.
    pub finished: Vec<Range<u64>>,
    /// Unfinished messages that were delivered before, or stand in records for this channel alone.
    pub pending: Vec<T>,
}

/// A channel: everything about its messages but their bytes.
#[derive(Debug)]
pub struct ChannelRules<B> {
    settings: Settings,
    paused: bool,
    /// The next message to take from the log.
    next: u64,
    /// Messages below have been released by the topic.
    end: u64,
    finished: AckSet,
    /// Messages at or above `next` that are accounted for: finished, deferred, in flight, to be
    /// delivered again.
    ahead: SeqSet,
    /// Those of them that stand in records for this channel alone: no restart finds them by itself.
    carried: SeqSet,
    /// Those of them that may be messages which are being carried forward.
    expected: SeqSet,
    again: VecDeque<Pending<B>>,
    /// Messages to be delivered again whose bodies are being read.
    fetching: BTreeMap<u64, Pending<B>>,
    deferred: Deferred<B>,
    in_flight: InFlight<B>,
    subscribers: Subscribers,
    /// Fresh messages and those delivered again alternate, so that neither starves.
    again_is_next: bool,
    changed: bool,
    counters: Counters,
}

impl<B: Clone> ChannelRules<B> {
    /// A channel that has finished what `finished` says and has no consumer.
    pub fn new(settings: Settings, finished: AckSet, paused: bool, counters: Counters) -> Self {
        let mut ahead = SeqSet::default();
        finished.ranges().for_each(|range| ahead.insert_range(range));
        let floor = finished.floor();
        Self {
            settings,
            paused,
            next: floor,
            end: floor,
            finished,
            ahead,
            carried: SeqSet::default(),
            expected: SeqSet::default(),
            again: VecDeque::new(),
            fetching: BTreeMap::new(),
            deferred: Deferred::default(),
            in_flight: InFlight::default(),
            subscribers: Subscribers::default(),
            again_is_next: false,
            changed: false,
            counters,
        }
    }

    // What the topic says.

    /// Takes note that every message below `end` may be delivered; `count_new` of them were published
    /// since the process started. An ephemeral channel drops what exceeds its depth and is more than
    /// its consumers take at once.
    pub fn released(&mut self, end: u64, count_new: u64) {
        if end <= self.end {
            return;
        }
        self.end = end;
        self.counters.message_count += count_new;
        if let Some(max) = self.settings.depth_max
            && self.depth() > max
        {
            let taken = if self.paused { 0 } else { self.subscribers.credit() };
            self.drop_newest(self.depth().saturating_sub(max.saturating_add(taken)));
        }
    }

    /// Of the messages that a release up to `end` brings, those that were not dropped before it.
    pub fn new_below(&self, end: u64) -> u64 {
        let new = self.end..end.max(self.end);
        new.end - new.start - self.ahead.count_within(new)
    }

    /// The first message at or above `seq` that has been released and is still to be taken from the
    /// log.
    pub fn first_wanted_from(&self, seq: u64) -> Option<u64> {
        self.ahead.first_gap(seq.max(self.next)..self.end)
    }

    /// True if a message of a range is still to be taken from the log.
    pub fn wants_any_of(&self, range: Range<u64>) -> bool {
        let range = range.start.max(self.next)..range.end;
        !range.is_empty() && self.ahead.count_within(range.clone()) < range.end - range.start
    }

    /// Drops the newest `surplus` of the messages that wait in the log.
    fn drop_newest(&mut self, mut surplus: u64) {
        while surplus > 0
            && let Some(gap) = self.ahead.last_gap(self.next..self.end)
        {
            let dropped = gap.end.saturating_sub(surplus).max(gap.start)..gap.end;
            surplus -= dropped.end - dropped.start;
            self.counters.dropped_count += dropped.end - dropped.start;
            self.finished.finish_range(dropped.clone());
            self.ahead.insert_range(dropped);
            self.changed = true;
        }
    }

    /// Keeps a published message until its due time. Does nothing for a message that is known.
    pub fn defer(&mut self, seq: u64, due: Moment, body: B) {
        if !self.is_known(seq) {
            self.mark_known(seq);
            self.deferred.add(due, Pending { seq, attempts: 0, body });
        }
    }

    /// Passes over messages that the topic has dropped before it released them. What this channel
    /// knows among them was carried forward for it, and is its own.
    pub fn discard(&mut self, range: Range<u64>) {
        self.pass_over(range);
        self.changed = true;
    }

    /// Passes over messages up to `end` that the log can no longer give.
    pub fn lose(&mut self, end: u64) {
        let end = end.min(self.end);
        if end > self.next {
            self.lose_range(self.next..end);
            self.next = end;
            self.ahead.remove_below(end);
        }
    }

    /// Passes over those messages of a range that wait in the log, which can no longer give them.
    pub fn lose_range(&mut self, range: Range<u64>) {
        let range = range.start.max(self.next)..range.end.min(self.end);
        if self.wants_any_of(range.clone()) {
            let known = self.ahead.count_within(range.clone());
            self.counters.lost_count += range.end - range.start - known;
            self.finish_gap(range.clone());
            self.ahead.insert_range(range);
        }
        self.changed = true;
    }

    /// Finishes what is not accounted for in `range`.
    fn finish_gap(&mut self, range: Range<u64>) {
        let mut from = range.start;
        let known: Vec<_> = self.ahead.iter().take_while(|known| known.start < range.end).collect();
        for known in known {
            self.finished.finish_range(from..known.start.max(from));
            from = known.end.max(from);
        }
        self.finished.finish_range(from..range.end.max(from));
    }

    // Consumers.

    /// Adds a consumer, with no credit yet. One that is known keeps its place.
    pub fn subscribe(
        &mut self,
        client: ClientId,
        terms: Terms,
    ) -> Result<SubscriberKey, SubscribeError> {
        if let Some(key) = self.subscribers.key(client) {
            return Ok(key);
        }
        let max = self.settings.consumers_max;
        if max > 0 && self.subscribers.len() >= max {
            return Err(SubscribeError::TooManyConsumers(max));
        }
        Ok(self.subscribers.add(client, terms))
    }

    /// RDY; ignored after CLS.
    pub fn ready(&mut self, key: SubscriberKey, count: u32) {
        self.subscribers.update(key, |subscriber| {
            subscriber.ready = if subscriber.closing { 0 } else { count };
        });
    }

    /// CLS.
    pub fn close(&mut self, key: SubscriberKey) {
        self.subscribers.update(key, |subscriber| {
            subscriber.ready = 0;
            subscriber.closing = true;
        });
    }

    /// Bytes left through a consumer's socket.
    pub fn sent(&mut self, key: SubscriberKey, bytes: usize) {
        self.subscribers.sent(key, bytes);
    }

    /// A consumer has gone; what it held is delivered again, at once or after its timeout.
    pub fn client_closed(&mut self, client: ClientId) -> Option<SubscriberKey> {
        let key = self.subscribers.remove(client)?;
        if self.settings.requeue_on_disconnect {
            let mut flights = self.in_flight.take_of(key);
            flights.sort_unstable_by_key(|(_, flight)| flight.seq);
            self.again.extend(flights.into_iter().map(|(_, flight)| Pending::from(flight)));
        } else {
            self.in_flight.orphan(key);
        }
        Some(key)
    }

    // Operators.

    /// Pauses deliveries, or goes on.
    pub fn set_paused(&mut self, paused: bool) {
        self.paused = paused;
        self.changed = true;
    }

    /// Drops every message: waiting, deferred and in flight.
    pub fn empty(&mut self) {
        self.next = self.end;
        self.ahead.remove_below(self.end);
        self.finished.raise_floor(self.end);
        // Messages that a restart brought back may not be released yet.
        self.ahead.iter().for_each(|known| self.finished.finish_range(known));
        self.again.clear();
        self.fetching.clear();
        self.deferred.clear();
        self.in_flight.clear();
        let keys: Vec<_> = self.subscribers.keys().collect();
        for key in keys {
            self.subscribers.update(key, |subscriber| subscriber.in_flight = 0);
        }
        self.carried = SeqSet::default();
        self.expected = SeqSet::default();
        self.changed = true;
    }

    // Questions.

    /// Messages that wait to be delivered; those in flight and deferred do not count.
    pub fn depth(&self) -> u64 {
        let fresh =
            (self.end - self.next).saturating_sub(self.ahead.count_within(self.next..self.end));
        fresh + (self.again.len() + self.fetching.len()) as u64
    }

    /// Of [`ChannelRules::depth`], the messages from the log below `seq`.
    pub fn depth_below(&self, seq: u64) -> u64 {
        let end = seq.clamp(self.next, self.end);
        (end - self.next).saturating_sub(self.ahead.count_within(self.next..end))
    }

    /// Messages in flight.
    pub fn in_flight_count(&self) -> usize {
        self.in_flight.len()
    }

    /// Messages that wait for their due time.
    pub fn deferred_count(&self) -> usize {
        self.deferred.len()
    }

    /// The consumers.
    pub fn subscribers(&self) -> &Subscribers {
        &self.subscribers
    }

    /// Deliveries are stopped.
    pub fn is_paused(&self) -> bool {
        self.paused
    }

    /// The counters.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// Everything below is finished.
    pub fn floor(&self) -> u64 {
        self.finished.floor()
    }

    /// Messages below have been released by the topic.
    pub fn end(&self) -> u64 {
        self.end
    }

    /// There is something in memory that a consumer with credit could have at once.
    pub fn has_again(&self) -> bool {
        !self.again.is_empty()
    }

    /// What a cursor file must say, if that has changed since the last time.
    pub fn progress_if_changed<T>(
        &mut self,
        entry: impl Fn(Known<'_, B>) -> T,
    ) -> Option<Progress<T>> {
        self.carried.remove_below(self.finished.floor());
        std::mem::take(&mut self.changed).then(|| self.progress(entry))
    }

    /// Says that the last progress did not reach the disk.
    pub fn mark_changed(&mut self) {
        self.changed = true;
    }

    /// True when the cursor file no longer says what is so.
    pub fn is_changed(&self) -> bool {
        self.changed
    }

    /// What a cursor file must say now. `entry` makes of each pending message what is kept of it; they
    /// come in no order, and there may be millions.
    pub fn progress<T>(&self, entry: impl Fn(Known<'_, B>) -> T) -> Progress<T> {
        let is_needed = |known: &Known<'_, B>| {
            known.attempts > 0 || self.carried.contains(known.seq) // the log says the rest
        };
        let floor = self.floor();
        let (mut count, mut at_floor) = (0, None);
        for known in self.known() {
            count += usize::from(is_needed(&known));
            if known.seq == floor {
                at_floor = Some(entry(known));
            }
        }
        let mut pending = Vec::with_capacity(count);
        pending.extend(self.known().filter(is_needed).map(entry));
        Progress { floor, at_floor, finished: self.finished.ranges().collect(), pending }
    }

    /// The first message that is neither finished nor known, released or not: what is taken from the
    /// log next.
    pub fn first_unknown(&self) -> u64 {
        self.ahead.first_gap(self.next..u64::MAX).unwrap_or(u64::MAX)
    }

    /// Every message that was taken from the log and is not finished, in no order.
    fn known(&self) -> impl Iterator<Item = Known<'_, B>> {
        let in_flight = self.in_flight.iter().map(|(_, flight)| {
            let Flight { seq, attempts, body, .. } = flight;
            Known { seq: *seq, attempts: *attempts, due: None, body }
        });
        let again = self.again.iter().chain(self.fetching.values()).map(|pending| {
            let Pending { seq, attempts, body } = pending;
            Known { seq: *seq, attempts: *attempts, due: None, body }
        });
        in_flight.chain(again).chain(self.deferred.iter())
    }

    /// Accounted for in some way: not to be taken from the log (again).
    fn is_known(&self, seq: u64) -> bool {
        seq < self.next || self.ahead.contains(seq)
    }

    fn mark_known(&mut self, seq: u64) {
        if seq >= self.next {
            self.ahead.insert(seq);
        }
    }
}

impl<B> From<Flight<B>> for Pending<B> {
    fn from(flight: Flight<B>) -> Self {
        Self { seq: flight.seq, attempts: flight.attempts, body: flight.body }
    }
}
