//! One connection of a consumer.

use std::{
    future::poll_fn,
    sync::Arc,
    task::{Context, Poll},
};

use super::{
    line::{Ending, Line},
    message::{Delivery, Terms},
    queue::Queue,
};
use crate::{
    client::{
        error::Lost,
        subject::Subject,
        wire::{HEARTBEAT, Incoming, Wire},
    },
    protocol::{
        ChannelName, TopicName, excerpt,
        outgoing::{put_close, put_nop, put_subscribe},
    },
};

/// Serves a connection from SUB to its end.
pub(super) struct Connection {
    wire: Wire,
    line: Arc<Line>,
    queue: Arc<Queue>,
    terms: Arc<Terms>,
    subject: Subject,
    /// Messages of one turn.
    batch: Vec<Delivery>,
    has_said_close: bool,
    may_close: bool,
}

impl Connection {
    pub(super) fn new(wire: Wire, line: Arc<Line>, queue: Arc<Queue>, terms: Arc<Terms>) -> Self {
        let subject = terms.subject.at(&line.address);
        let batch = Vec::new();
        Self { wire, line, queue, terms, subject, batch, has_said_close: false, may_close: false }
    }

    /// Puts SUB in front of everything else.
    pub(super) fn subscribe(&mut self, topic: &TopicName, channel: &ChannelName) {
        put_subscribe(self.wire.output(), topic, channel);
    }

    /// Until it is lost, or has ended as it was told to.
    pub(super) async fn serve(mut self) -> Option<Lost> {
        let lost = poll_fn(|cx| match self.poll_turn(cx) {
            Ok(true) => Poll::Ready(None),
            Ok(false) => Poll::Pending,
            Err(lost) => Poll::Ready(Some(lost)),
        })
        .await;
        self.line.close();
        self.wire.shut_down();
        lost
    }

    /// True when it has ended as it was told to.
    fn poll_turn(&mut self, cx: &mut Context<'_>) -> Result<bool, Lost> {
        self.line.register(cx);
        loop {
            let has_sent = self.poll_send(cx)?;
            match self.line.ending() {
                Ending::Now => return Ok(true),
                Ending::Gracefully if self.is_done() => return Ok(true),
                Ending::Gracefully | Ending::No => {}
            }
            if !self.poll_frames(cx)? && !has_sent {
                return Ok(false);
            }
        }
    }

    /// nsqd sends nothing more, everything in flight is answered, and the answers have left.
    fn is_done(&self) -> bool {
        self.may_close && self.wire.has_left() && self.line.is_done()
    }

    /// Sends what there is to send, once everything before it has left. True if all of it has left.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Result<bool, Lost> {
        if self.wire.poll_write(cx)?.is_pending() {
            return Ok(false);
        }
        self.line.take_commands(self.wire.output());
        if self.line.ending() == Ending::Gracefully && !self.has_said_close {
            self.has_said_close = true;
            put_close(self.wire.output());
        }
        let has_more = self.wire.unwritten() > 0;
        let has_left = self.wire.poll_write(cx)?.is_ready();
        Ok(has_more && has_left)
    }

    /// True if something was read.
    fn poll_frames(&mut self, cx: &mut Context<'_>) -> Result<bool, Lost> {
        if self.wire.poll_read(cx)?.is_pending() {
            return Ok(false);
        }
        let heard = self.hear_frames();
        self.hand_on()?;
        heard.map(|()| true)
    }

    fn hear_frames(&mut self) -> Result<(), Lost> {
        while let Some(frame) = self.wire.next_frame()? {
            match frame {
                Incoming::Message(message) => {
                    self.batch.push(Delivery::new(message, &self.line, &self.terms));
                }
                Incoming::Response(data) => self.hear_response(&data)?,
                // After a fatal one nsqd closes the connection itself.
                Incoming::Error(text) => {
                    let text = excerpt(&text).escape_ascii();
                    log::error!("{} protocol error - {text}", self.subject);
                }
            }
        }
        Ok(())
    }

    fn hear_response(&mut self, data: &[u8]) -> Result<(), Lost> {
        match data {
            HEARTBEAT => put_nop(self.wire.output()),
            b"CLOSE_WAIT" => self.may_close = true,
            b"OK" => self.line.subscribed(),
            other => {
                let text = format!("unexpected response {}", excerpt(other).escape_ascii());
                return Err(Lost::Protocol(text));
            }
        }
        Ok(())
    }

    /// Gives the messages of this turn to those who handle them.
    fn hand_on(&mut self) -> Result<(), Lost> {
        if self.batch.is_empty() {
            return Ok(());
        }
        let is_asked_for = self.line.received(self.batch.len() as u64);
        self.queue.push(&mut self.batch);
        if is_asked_for {
            Ok(())
        } else {
            Err(Lost::Protocol("more messages than RDY allows".to_owned()))
        }
    }
}
