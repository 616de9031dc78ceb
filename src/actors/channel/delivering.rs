//! Messages from the log to consumers with credit.

use std::sync::Arc;

use actix::{Addr, Handler};

use super::{Body, Channel, Deliver, body::offsets, window::Seek};
use crate::{
    actors::{
        client_connection::{ClientConnection, ClientInfo},
        clock,
        topic::Released,
    },
    broker::{
        ClientId, Moment, SubscriberKey, Terms,
        channel::{Pending, Source},
        holdings::Holding,
    },
    protocol::frame,
    storage::Batch,
};

/// Messages handed out in one turn at most; then other actors of the thread come first.
const TURN_MESSAGES_MAX: usize = 4096;
/// Memory that a channel's window may take beyond its first batch.
pub(super) const WINDOW_BYTES_MAX: usize = 1024 * 1024;

/// A consumer's connection and the frames that wait for the end of the turn.
pub(super) struct Outbox {
    pub(super) client: ClientId,
    pub(super) connection: Addr<ClientConnection>,
    pub(super) info: Arc<ClientInfo>,
    pub(super) terms: Terms,
    frames: Vec<u8>,
    holdings: Vec<Holding>,
    /// Bytes of the last delivery: the next one is likely as large.
    frames_expected: usize,
}

impl Outbox {
    pub(super) fn new(consumer: super::Consumer) -> Self {
        Self {
            client: consumer.client,
            connection: consumer.connection,
            info: consumer.info,
            terms: consumer.terms,
            frames: Vec::new(),
            holdings: Vec::new(),
            frames_expected: 0,
        }
    }

    fn put(&mut self, batch: &Batch, body: &[u8], holding: Holding) {
        if self.frames.is_empty() {
            self.frames.reserve(self.frames_expected);
        }
        let timestamp = batch.timestamp_ns();
        frame::put_message(&mut self.frames, timestamp, holding.attempts, holding.id, body);
        self.holdings.push(holding);
    }

    fn hand_out(&mut self) {
        if self.frames.is_empty() {
            return;
        }
        let count = self.holdings.len();
        self.frames_expected = self.frames.len();
        let frames = std::mem::take(&mut self.frames);
        let holdings = std::mem::replace(&mut self.holdings, Vec::with_capacity(count));
        self.connection.do_send(Deliver { frames, holdings });
    }
}

impl Channel {
    /// Hands messages to consumers while there are both; true when the turn was too short for all.
    pub(super) fn deliver(&mut self, now: Moment) -> bool {
        if !self.resuming.is_empty() {
            return false;
        }
        for _ in 0..TURN_MESSAGES_MAX {
            let Some(key) = self.rules.whose_turn() else { return false };
            let at_hand = self.fresh_at_hand();
            match self.rules.source(at_hand) {
                Some(Source::Fresh) => self.deliver_fresh(key, now),
                Some(Source::Again) => self.deliver_again(key, now),
                None => return false,
            }
            self.rules.pass();
        }
        true
    }

    /// Puts the window at the next fresh message, if that is in memory. Deferred ones are put aside.
    fn fresh_at_hand(&mut self) -> bool {
        while let Some(seq) = self.rules.next_fresh() {
            match self.window.seek(seq) {
                Seek::Beyond => return false,
                Seek::Gap(first_seq) => self.lose(seq, first_seq),
                Seek::Here if self.pass_over_here() => {}
                Seek::Here if !self.defer_here(seq) => return true,
                Seek::Here => {}
            }
        }
        false
    }

    /// The log skips from `seq` to `first_seq`: nothing in between can be delivered.
    pub(super) fn lose(&mut self, seq: u64, first_seq: u64) {
        if !self.keeps_bodies {
            let (topic, channel, end) = (&self.topic, &self.name, first_seq - 1);
            log::error!(
                "topic={topic} channel={channel} messages {seq} to {end} are not in the log"
            );
        }
        self.rules.lose(first_seq);
    }

    /// Puts the message at the window's place aside if it is not due yet.
    fn defer_here(&mut self, seq: u64) -> bool {
        let Some((batch, offset)) = self.window.here() else { return false };
        if batch.due_ns() == 0 || batch.due_ns() <= clock::wall_ns() {
            return false;
        }
        let due = clock::moment_of(batch.due_ns());
        let body = body(self.keeps_bodies, batch, offset);
        self.rules.defer(seq, due, body);
        true
    }

    fn deliver_fresh(&mut self, key: SubscriberKey, now: Moment) {
        let Some(outbox) = self.outboxes.get_mut(key.0 as usize).and_then(Option::as_mut) else {
            return;
        };
        let Some(seq) = self.rules.next_fresh() else { return };
        let Some((batch, offset)) = self.window.here() else { return };
        let (message, next_offset) = batch.body_at(offset);
        let attempts = batch.attempts();
        if outbox.terms.sample_has(attempts, || self.sampler.draw()) {
            let id = batch.id(seq);
            let body = body(self.keeps_bodies, batch, offset);
            let bytes = frame::message_frame_bytes(message.len());
            let delivery = self.rules.deliver_fresh(key, id, attempts, body, bytes, now);
            outbox.put(batch, message, Holding { id, seq, attempts: delivery.attempts });
        } else {
            self.rules.skip_fresh();
        }
        self.window.advance(next_offset);
    }

    fn deliver_again(&mut self, key: SubscriberKey, now: Moment) {
        let Some(pending) = self.rules.pop_again() else { return };
        let Some((batch, offset)) = pending.body.in_memory() else {
            return self.rules.fetch(pending);
        };
        let Some(outbox) = self.outboxes.get_mut(key.0 as usize).and_then(Option::as_mut) else {
            return;
        };
        if !outbox.terms.sample_has(pending.attempts, || self.sampler.draw()) {
            return self.rules.skip_again(&pending);
        }
        let (seq, id) = (pending.seq, batch.id(pending.seq));
        let message = batch.body_at(offset).0;
        let bytes = frame::message_frame_bytes(message.len());
        // What was kept for this delivery only need not be kept while it is in flight.
        let body = body(self.keeps_bodies, &batch, offset);
        let pending = Pending { body, ..pending };
        let delivery = self.rules.deliver_again(key, id, pending, bytes, now);
        outbox.put(&batch, message, Holding { id, seq, attempts: delivery.attempts });
    }

    /// Sends every consumer what the turn had for it.
    pub(super) fn hand_out(&mut self) {
        for outbox in self.outboxes.iter_mut().flatten() {
            outbox.hand_out();
        }
    }

    /// Takes new messages into the window as long as the channel keeps up.
    fn take(&mut self, batches: &[Arc<Batch>], end_before: u64) {
        if self.keeps_bodies {
            return batches.iter().for_each(|batch| self.keep(batch));
        }
        for batch in batches.iter().filter(|batch| batch.end_seq() > end_before) {
            let follows = self.window.end_seq().or_else(|| self.rules.next_fresh());
            let wanted = !self.rules.subscribers().is_empty()
                && self.window.bytes() + batch.encoded_len() <= WINDOW_BYTES_MAX;
            if follows == Some(batch.first_seq()) && wanted {
                self.window.push(Arc::clone(batch));
            }
        }
    }

    /// Puts a batch of deferred messages aside at once: its time runs, whatever waits before it.
    fn defer_batch(&mut self, batch: &Arc<Batch>) {
        if batch.due_ns() > clock::wall_ns() && !batch.has_audience() {
            let due = clock::moment_of(batch.due_ns());
            for (seq, offset) in offsets(batch) {
                let body = body(self.keeps_bodies, batch, offset);
                self.rules.defer(seq, due, body);
            }
        }
    }
}

impl Handler<Released> for Channel {
    type Result = ();

    fn handle(&mut self, released: Released, _: &mut Self::Context) {
        let before = self.rules.end();
        self.hear_of_carried(released.carried.as_deref().unwrap_or_default());
        let count = if self.created { self.rules.new_below(released.end) } else { 0 };
        self.created = true; // from here on, every message is new
        released.batches.iter().for_each(|batch| self.defer_batch(batch));
        self.rules.released(released.end, count);
        self.take(&released.batches, before);
        if self.keeps_bodies {
            self.rules.mark_changed(); // what it has in memory it needs no more from the log
        }
    }
}

/// How a message remembers its body.
fn body(keeps_bodies: bool, batch: &Arc<Batch>, offset: u32) -> Body {
    if keeps_bodies { Body::kept(batch, offset) } else { Body::logged(batch, offset) }
}
