//! What messages and the rules need of the connection they came on.

use std::{
    mem,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
    },
    task::Context,
    time::Duration,
};

use futures_util::task::AtomicWaker;
use tokio::{sync::mpsc, time::Instant};

use super::{Event, backoff::Outcome, rdy::LineId};
use crate::protocol::outgoing::put_ready;

/// Commands that wait beyond this are not joined by a TOUCH, of which there could be any number.
const OUTBOX_BYTES_MAX: usize = 1 << 20;

/// How far the end of a connection has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// It goes on.
    No,
    /// No more messages are wanted; those in flight are answered.
    Gracefully,
    /// At once.
    Now,
}

struct Outbox {
    commands: Vec<u8>,
    is_open: bool,
    ending: Ending,
    answered: Answered,
}

/// How messages were answered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Answered {
    pub(super) finished: u64,
    pub(super) requeued: u64,
}

/// The side of a connection that is not its task's own.
pub(super) struct Line {
    pub(super) id: LineId,
    pub(super) address: String,
    /// How long nsqd gives for the answer to a message.
    pub(super) message_timeout: Duration,
    outbox: Mutex<Outbox>,
    is_gone: AtomicBool,
    is_subscribed: AtomicBool,
    /// Of the connection's task.
    waker: AtomicWaker,
    events: mpsc::UnboundedSender<Event>,
    /// As was last sent.
    rdy: AtomicU32,
    rdy_highest: AtomicU32,
    received: AtomicU64,
    /// Milliseconds from `made_at` until the last message.
    heard_ms: AtomicU64,
    made_at: Instant,
}

impl Line {
    pub(super) fn new(
        id: LineId,
        address: String,
        message_timeout: Duration,
        events: mpsc::UnboundedSender<Event>,
    ) -> Self {
        let outbox = Outbox {
            commands: Vec::new(),
            is_open: true,
            ending: Ending::No,
            answered: Answered::default(),
        };
        Self {
            id,
            address,
            message_timeout,
            outbox: Mutex::new(outbox),
            is_gone: AtomicBool::new(false),
            is_subscribed: AtomicBool::new(false),
            waker: AtomicWaker::new(),
            events,
            rdy: AtomicU32::new(0),
            rdy_highest: AtomicU32::new(0),
            received: AtomicU64::new(0),
            heard_ms: AtomicU64::new(0),
            made_at: Instant::now(),
        }
    }

    /// Sends the answer to a message and, if `tells`, how it went to the rules. False if the connection is gone, and the
    /// answer with it.
    pub(super) fn answer(
        &self,
        outcome: Outcome,
        tells: bool,
        put: impl FnOnce(&mut Vec<u8>),
    ) -> bool {
        let mut outbox = self.outbox();
        match outcome {
            Outcome::Success => outbox.answered.finished += 1,
            Outcome::Failure | Outcome::Neutral => outbox.answered.requeued += 1,
        }
        let is_sent = self.put(outbox, put);
        if is_sent && tells {
            let _ = self.events.send(Event::Outcome(outcome)); // the consumer may have ended
        }
        is_sent
    }

    /// Asks for more time for a message. False if that is impossible now.
    pub(super) fn touch(&self, put: impl FnOnce(&mut Vec<u8>)) -> bool {
        let outbox = self.outbox();
        outbox.commands.len() < OUTBOX_BYTES_MAX && self.put(outbox, put)
    }

    /// Sends a new RDY.
    pub(super) fn set_rdy(&self, count: u32) {
        self.rdy.store(count, Ordering::Relaxed);
        self.rdy_highest.fetch_max(count, Ordering::Relaxed);
        self.put(self.outbox(), |out| put_ready(out, count));
    }

    fn put(&self, mut outbox: MutexGuard<'_, Outbox>, put: impl FnOnce(&mut Vec<u8>)) -> bool {
        if !outbox.is_open {
            return false;
        }
        let was_empty = outbox.commands.is_empty();
        put(&mut outbox.commands);
        drop(outbox);
        if was_empty {
            self.waker.wake();
        }
        true
    }

    /// Tells the connection to end.
    pub(super) fn end(&self, ending: Ending) {
        self.outbox().ending = ending;
        self.waker.wake();
    }

    /// For the connection's task: wakes it for what comes from now on.
    pub(super) fn register(&self, cx: &Context<'_>) {
        self.waker.register(cx.waker());
    }

    /// For the connection's task.
    pub(super) fn ending(&self) -> Ending {
        self.outbox().ending
    }

    /// For the connection's task: takes the commands into `out`, which is empty.
    pub(super) fn take_commands(&self, out: &mut Vec<u8>) {
        let mut outbox = self.outbox();
        if !outbox.commands.is_empty() {
            mem::swap(&mut outbox.commands, out);
        }
    }

    /// For the connection's task: every message is answered, and no answer is still to be taken.
    pub(super) fn is_done(&self) -> bool {
        let outbox = self.outbox();
        let answered = outbox.answered.finished + outbox.answered.requeued;
        outbox.commands.is_empty() && answered >= self.received.load(Ordering::Relaxed)
    }

    /// For the connection's task: messages have come. False if there are more than were ever asked for.
    pub(super) fn received(&self, count: u64) -> bool {
        let received = self.received.fetch_add(count, Ordering::Relaxed) + count;
        let heard = u64::try_from(self.made_at.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.heard_ms.store(heard, Ordering::Relaxed);
        let in_flight = received - self.answered_count();
        // Redeliveries of what has timed out may come on top of what RDY allows.
        in_flight <= 4 * u64::from(self.rdy_highest.load(Ordering::Relaxed)) + 1024
    }

    /// For the connection's task: nsqd has accepted the SUB.
    pub(super) fn subscribed(&self) {
        self.is_subscribed.store(true, Ordering::Relaxed);
    }

    /// For how long it has stood, if nsqd has accepted the SUB.
    pub(super) fn stood(&self) -> Option<Duration> {
        self.is_subscribed.load(Ordering::Relaxed).then(|| self.made_at.elapsed())
    }

    /// The connection is gone: nsqd delivers its messages again, and answers to them are not sent.
    pub(super) fn is_gone(&self) -> bool {
        self.is_gone.load(Ordering::Relaxed)
    }

    /// For the connection's task, at its end.
    pub(super) fn close(&self) {
        self.is_gone.store(true, Ordering::Relaxed);
        let mut outbox = self.outbox();
        outbox.is_open = false;
        outbox.commands = Vec::new();
    }

    /// Messages without an answer.
    pub(super) fn in_flight(&self) -> u64 {
        self.received.load(Ordering::Relaxed).saturating_sub(self.answered_count())
    }

    /// So many messages wait for an answer that hardly any more will come before one is given.
    pub(super) fn is_starved(&self) -> bool {
        let in_flight = self.in_flight();
        let outbox = self.outbox();
        let goes_on = outbox.is_open && outbox.ending == Ending::No;
        drop(outbox);
        let enough = u64::from(self.rdy.load(Ordering::Relaxed)) * 85 / 100;
        goes_on && in_flight > 0 && in_flight >= enough
    }

    pub(super) fn received_count(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    pub(super) fn answered(&self) -> Answered {
        self.outbox().answered
    }

    pub(super) fn heard_at(&self) -> Instant {
        let heard = self.heard_ms.load(Ordering::Relaxed);
        self.made_at + std::time::Duration::from_millis(heard)
    }

    fn answered_count(&self) -> u64 {
        let answered = self.outbox().answered;
        answered.finished + answered.requeued
    }

    fn outbox(&self) -> MutexGuard<'_, Outbox> {
        self.outbox.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
