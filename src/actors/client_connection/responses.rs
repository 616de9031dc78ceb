//! Answers in the order of their commands.

use std::{
    collections::VecDeque,
    future::Future,
    pin::Pin,
    task::{self, Poll},
};

use tokio::sync::oneshot;

use super::consuming::put_refused;
use crate::{
    actors::{
        channel::Refused,
        topic::{Lost, PublishError, Stored},
    },
    protocol::{ProtocolError, PublishFailure, Verb, frame},
};

/// Memory for so many answers is kept by a connection that waits for none.
const KEPT_MAX: usize = 4;

/// An answer that is known or awaited.
#[derive(Debug)]
enum Response {
    /// Frames.
    Frames(Vec<u8>),
    /// `OK` for each of some publishes, once their topic has stored them.
    Publish { stored: Stored, verb: Verb, count: u32, bytes: usize },
    /// Errors for those of some FINs, REQs and TOUCHs that their channel refuses.
    Refused(oneshot::Receiver<Refused>),
    /// Nothing, once the channel has sent what it refuses of earlier answers.
    Unheard(oneshot::Receiver<Refused>),
    /// `CLOSE_WAIT`, once the channel hands out nothing more.
    Closed(oneshot::Receiver<()>),
    /// The last answer: an error, then the end.
    Fatal(ProtocolError),
}

/// The answers that have not been given yet.
#[derive(Debug, Default)]
pub struct Responses {
    queue: VecDeque<Response>,
    /// Bytes of publishes that wait for their topics.
    unstored_bytes: usize,
}

impl Responses {
    /// Nothing is left to answer.
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Bytes of publishes that wait for their topics.
    pub fn unstored_bytes(&self) -> usize {
        self.unstored_bytes
    }

    /// Answers when everything before has been answered.
    pub fn put(&mut self, frames: Vec<u8>) {
        self.queue.push_back(Response::Frames(frames));
    }

    /// Answers before whatever a later FIN, REQ or TOUCH, or the end of the connection, is answered
    /// with.
    pub fn put_early(&mut self, frames: Vec<u8>) {
        let is_later = |it: &Response| matches!(it, Response::Refused(_) | Response::Fatal(_));
        let at = self.queue.iter().position(is_later).unwrap_or(self.queue.len());
        self.queue.insert(at, Response::Frames(frames));
    }

    /// Ends the connection with an error when everything before has been answered.
    pub fn put_fatal(&mut self, error: ProtocolError) {
        self.queue.push_back(Response::Fatal(error));
    }

    /// Answers `count` publishes of `bytes` when their topic has stored them.
    pub fn put_publish(&mut self, stored: Stored, verb: Verb, count: u32, bytes: usize) {
        self.unstored_bytes += bytes;
        self.queue.push_back(Response::Publish { stored, verb, count, bytes });
    }

    /// Answers with what a channel refuses, when it has said so.
    pub fn put_refused(&mut self, refused: oneshot::Receiver<Refused>) {
        self.queue.push_back(Response::Refused(refused));
    }

    /// Waits until a channel has heard everything. What it refuses of that comes as a message and is
    /// to be [put early](Self::put_early).
    pub fn put_unheard(&mut self, heard: oneshot::Receiver<Refused>) {
        self.queue.push_back(Response::Unheard(heard));
    }

    /// Answers CLS when the channel has said that nothing more comes.
    pub fn put_closed(&mut self, closed: oneshot::Receiver<()>) {
        self.queue.push_back(Response::Closed(closed));
    }

    /// Moves answers to `out` as far as they are known. True after the last answer of all.
    pub fn poll(&mut self, out: &mut Vec<u8>, cx: &mut task::Context<'_>) -> bool {
        while let Some(response) = self.queue.front_mut() {
            match response {
                Response::Frames(frames) => out.extend_from_slice(frames),
                Response::Fatal(error) => {
                    frame::put_error(out, error);
                    self.queue.clear();
                    return true;
                }
                Response::Refused(refused) => {
                    let Poll::Ready(refused) = Pin::new(refused).poll(cx) else { return false };
                    // A channel that has crashed says nothing: what it was told is lost with it.
                    put_refused(out, &refused.unwrap_or_default());
                }
                Response::Unheard(heard) => {
                    let Poll::Ready(_) = Pin::new(heard).poll(cx) else { return false };
                    // What it refuses is in the mailbox, which is emptied before the next turn.
                    *response = Response::Frames(Vec::new());
                    cx.waker().wake_by_ref();
                    return false;
                }
                Response::Closed(closed) => {
                    let Poll::Ready(_) = Pin::new(closed).poll(cx) else { return false };
                    out.extend_from_slice(&frame::CLOSE_WAIT_FRAME);
                }
                Response::Publish { stored, verb, count, bytes } => {
                    let Poll::Ready(result) = Pin::new(stored).poll(cx) else { return false };
                    self.unstored_bytes -= *bytes;
                    match publish_result(result, *verb) {
                        Ok(()) => (0..*count).for_each(|_| out.extend_from_slice(&frame::OK_FRAME)),
                        Err(error) => {
                            *response = Response::Fatal(error);
                            continue;
                        }
                    }
                }
            }
            self.queue.pop_front();
        }
        if self.queue.capacity() > KEPT_MAX {
            self.queue = VecDeque::new();
        }
        false
    }
}

fn publish_result(
    result: Result<Result<(), PublishError>, Lost>,
    verb: Verb,
) -> Result<(), ProtocolError> {
    let failure = match result {
        Ok(Ok(())) => return Ok(()),
        Ok(Err(PublishError::Store(reason))) => PublishFailure::Storage(reason),
        Ok(Err(PublishError::Exiting)) | Err(Lost) => PublishFailure::Exiting,
    };
    Err(ProtocolError::publish_failed(verb, failure))
}
