//! The task that has a producer's connection.

use std::{
    future::{Future, poll_fn},
    mem,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use tokio::time::{Instant, Sleep, sleep_until};

use super::{Queue, Shared, error::PublishError, queue::Waiting};
use crate::{
    client::{
        delay::{GrowingDelay, after},
        dial::{self, Connected},
        error::{ConnectError, Lost, ServerError},
        wire::{HEARTBEAT, Incoming, Wire},
    },
    protocol::{excerpt, outgoing::put_nop},
};

pub(super) struct Task {
    shared: Arc<Shared>,
    delay: GrowingDelay,
    /// Until when answers are waited for, once the producer is stopping.
    stop_at: Option<Instant>,
}

impl Drop for Task {
    /// Also when the runtime ends.
    fn drop(&mut self) {
        let error = match self.stop_at {
            Some(_) => PublishError::Stopped,
            None => PublishError::Lost(Lost::ClosedHere),
        };
        self.shared.task_ended(&error);
    }
}

impl Task {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        let delay = GrowingDelay::up_to(shared.limits.reconnect_delay_max);
        Self { shared, delay, stop_at: None }
    }

    pub(super) async fn run(mut self) {
        while self.wait_for_work().await {
            log::info!("{} connecting to nsqd", self.shared.subject);
            match self.connect().await {
                Ok(connected) => {
                    self.delay.reset();
                    self.serve(connected.wire).await;
                }
                Err(error) => {
                    log::warn!("{} error connecting to nsqd - {error}", self.shared.subject);
                    self.fail(error).await;
                }
            }
        }
        log::info!("{} stopped", self.shared.subject);
    }

    /// Connects, for as long as a stop allows it.
    async fn connect(&mut self) -> Result<Connected, ConnectError> {
        let shared = Arc::clone(&self.shared);
        let mut connected = pin!(dial::connect(&shared.address, &shared.settings));
        let mut timer = pin!(sleep_until(Instant::now()));
        poll_fn(|cx| {
            shared.register(cx);
            if let Some(stop_at) = self.stop_time() {
                timer.as_mut().reset(stop_at);
                if timer.as_mut().poll(cx).is_ready() {
                    return Poll::Ready(Err(Lost::ClosedHere.into()));
                }
            }
            connected.as_mut().poll(cx)
        })
        .await
    }

    /// Tells those who wait why there is no connection: at once if there will be none, else when their patience ends.
    async fn fail(&mut self, error: ConnectError) {
        let may_pass = error.may_pass();
        let error = PublishError::NotConnected(error);
        if !may_pass {
            self.shared.fail_older_than(Instant::now(), &error);
        }
        self.pause(&error).await;
    }

    /// True when there is something to send, false when there never will be.
    async fn wait_for_work(&mut self) -> bool {
        poll_fn(|cx| {
            self.shared.register(cx);
            if self.shared.oldest().is_some() {
                return Poll::Ready(true);
            }
            if self.stop_time().is_some() { Poll::Ready(false) } else { Poll::Pending }
        })
        .await
    }

    /// Until when there is time for answers, if the producer is stopping.
    fn stop_time(&mut self) -> Option<Instant> {
        if self.stop_at.is_none() && self.shared.is_stopping() {
            self.stop_at = Some(after(Instant::now(), self.shared.limits.stop_timeout));
        }
        self.stop_at
    }

    /// Waits before the next attempt. Those that lose their patience meanwhile are told why there is no connection.
    async fn pause(&mut self, error: &PublishError) {
        self.shared.fail_connects(error);
        let resume = Instant::now() + self.delay.next();
        let patience = self.shared.limits.connect_patience;
        let mut timer = pin!(sleep_until(resume));
        poll_fn(|cx| {
            self.shared.register(cx);
            let now = Instant::now();
            let stop_at = self.stop_time();
            if stop_at.is_some_and(|stop_at| stop_at <= now) {
                self.shared.fail_older_than(now, error);
                return Poll::Ready(());
            }
            if let Some(moment) = now.checked_sub(patience) {
                self.shared.fail_older_than(moment, error);
            }
            let is_idle = self.shared.oldest().is_none();
            if now >= resume || is_idle && stop_at.is_some() {
                return Poll::Ready(());
            }
            let lost_at = self.shared.oldest().map(|since| after(since, patience));
            let due = [lost_at, stop_at].into_iter().flatten().fold(resume, Instant::min);
            timer.as_mut().reset(due);
            timer.as_mut().poll(cx)
        })
        .await;
    }

    /// Sends and answers until the connection is gone or is not needed any more.
    async fn serve(&mut self, wire: Wire) {
        let shared = Arc::clone(&self.shared);
        let mut serving = Serving::new(wire, &shared);
        let lost = poll_fn(|cx| {
            let stop_at = self.stop_time();
            serving.poll(stop_at, cx)
        })
        .await;
        serving.end(lost);
    }
}

/// A connection that stands.
struct Serving<'a> {
    shared: &'a Shared,
    wire: Wire,
    /// Commands without an answer; those at its end may not have left the wire's buffer.
    sent: Queue,
    /// What was enqueued, while it is handed on; empty otherwise.
    taken: Queue,
    owes_nop: bool,
    timer: Pin<Box<Sleep>>,
}

impl<'a> Serving<'a> {
    fn new(wire: Wire, shared: &'a Shared) -> Self {
        let timer = Box::pin(sleep_until(after(Instant::now(), shared.limits.answer_timeout)));
        let (sent, taken) = (Queue::default(), Queue::default());
        Self { shared, wire, sent, taken, owes_nop: false, timer }
    }

    /// Ready with `None` when there is nothing more to do.
    fn poll(&mut self, stop_at: Option<Instant>, cx: &mut Context<'_>) -> Poll<Option<Lost>> {
        match self.poll_turn(stop_at, cx) {
            Ok(is_done) if is_done => Poll::Ready(None),
            Ok(_) => Poll::Pending,
            Err(lost) => Poll::Ready(Some(lost)),
        }
    }

    /// True when there is nothing more to do.
    fn poll_turn(&mut self, stop_at: Option<Instant>, cx: &mut Context<'_>) -> Result<bool, Lost> {
        self.shared.register(cx);
        loop {
            let could_write = self.poll_send(cx)?;
            let has_read = self.poll_answers(cx)?;
            if !could_write && !has_read {
                break;
            }
        }
        if stop_at.is_some() && self.sent.waiting.is_empty() && self.shared.oldest().is_none() {
            return Ok(true);
        }
        self.check_time(stop_at, cx)?;
        Ok(false)
    }

    /// Takes what was enqueued once everything before it has left. True if it may take more.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Result<bool, Lost> {
        if self.wire.poll_write(cx)?.is_pending() {
            return Ok(false);
        }
        // In front of the commands: what has not left at the end of the buffer is then commands alone.
        if mem::take(&mut self.owes_nop) {
            put_nop(self.wire.output());
        }
        let taken = &mut self.taken;
        self.shared.take(taken);
        if taken.waiting.is_empty() && self.wire.unwritten() == 0 {
            return Ok(false);
        }
        if self.wire.unwritten() == 0 {
            mem::swap(self.wire.output(), &mut taken.commands);
        } else {
            self.wire.output().append(&mut taken.commands);
        }
        let (now, mut connects) = (Instant::now(), Vec::new());
        for mut waiting in taken.waiting.drain(..) {
            waiting.since = now;
            match waiting.bytes {
                0 => connects.push(waiting),
                _ => self.sent.waiting.push_back(waiting),
            }
        }
        taken.shrink();
        // A connection is all that they have waited for.
        self.shared.answer(connects, || Ok(()));
        Ok(self.wire.poll_write(cx)?.is_ready())
    }

    /// True if something was read.
    fn poll_answers(&mut self, cx: &mut Context<'_>) -> Result<bool, Lost> {
        if self.wire.poll_read(cx)?.is_pending() {
            return Ok(false);
        }
        let mut confirmed = 0;
        while let Some(frame) = self.wire.next_frame()? {
            match frame {
                Incoming::Response(data) if &data[..] == b"OK" => confirmed += 1,
                Incoming::Response(data) if &data[..] == HEARTBEAT => self.owes_nop = true,
                other => {
                    self.confirm(confirmed)?;
                    confirmed = 0;
                    self.hear(other)?;
                }
            }
        }
        self.confirm(confirmed)?;
        Ok(true)
    }

    fn confirm(&mut self, count: usize) -> Result<(), Lost> {
        if count > self.sent.waiting.len() {
            return Err(Lost::Protocol("answer to nothing".to_owned()));
        }
        self.shared.answer(self.sent.waiting.drain(..count), || Ok(()));
        Ok(())
    }

    fn hear(&mut self, frame: Incoming) -> Result<(), Lost> {
        match frame {
            Incoming::Error(text) => {
                let error = ServerError::new(&text);
                log::error!("{} protocol error - {error}", self.shared.subject);
                let refused: Option<Waiting> = self.sent.waiting.pop_front();
                self.shared.answer(refused, || Err(PublishError::Refused(error.clone())));
                Ok(())
            }
            Incoming::Response(data) => {
                let text = excerpt(&data).escape_ascii();
                Err(Lost::Protocol(format!("unexpected response {text}")))
            }
            Incoming::Message(_) => Err(Lost::Protocol("message without SUB".to_owned())),
        }
    }

    /// Gives up when the oldest command has waited too long.
    fn check_time(&mut self, stop_at: Option<Instant>, cx: &mut Context<'_>) -> Result<(), Lost> {
        let limit: Duration = self.shared.limits.answer_timeout;
        let Some(oldest) = self.sent.waiting.front() else { return Ok(()) };
        let too_late = after(oldest.since, limit);
        let due = stop_at.map_or(too_late, |stop_at| stop_at.min(too_late));
        if self.timer.deadline() > due {
            self.timer.as_mut().reset(due);
        }
        while self.timer.as_mut().poll(cx).is_ready() {
            if Instant::now() >= due {
                return Err(Lost::NoAnswer(oldest.since.elapsed()));
            }
            self.timer.as_mut().reset(due);
        }
        Ok(())
    }

    /// What nsqd cannot have read waits for the next connection; what it may have read is lost.
    fn end(mut self, lost: Option<Lost>) {
        self.wire.shut_down();
        let Some(lost) = lost else { return };
        log::error!("{} IO error - {lost}", self.shared.subject);
        if self.shared.limits.keeps_order {
            self.shared.lose_all(self.sent, &lost);
            return;
        }
        let unwritten = self.wire.unwritten_bytes();
        self.sent.commands = unwritten;
        let length = self.sent.commands.len();
        self.shared.put_back(self.sent.split_unsent(length));
        self.shared.answer(self.sent.waiting, || Err(PublishError::Lost(lost.clone())));
    }
}
