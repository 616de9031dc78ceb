//! Bytes for the socket.

use std::{
    io,
    pin::Pin,
    task::{self, Poll},
};

use crate::broker::Moment;
use crate::stream::Duplex;

/// Bytes of deliveries that are reported to the channel together once they have left.
const REPORT_BYTES: usize = 64 * 1024;

/// Memory for a short answer is kept by a connection that has nothing to say.
const KEPT_BYTES: usize = 64;

/// Frames that have not left yet. Everything of a turn leaves in one write.
#[derive(Debug, Default)]
pub struct Output {
    buffer: Vec<u8>,
    written: usize,
    /// Something has been written and not flushed.
    is_unflushed: bool,
    /// Bytes of message frames in the buffer, or written and not reported yet.
    delivered: usize,
    /// Since when the peer takes nothing.
    stuck_since: Option<Moment>,
}

impl Output {
    /// Room for frames at the end.
    pub fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.buffer
    }

    /// Adds message frames.
    pub fn deliver(&mut self, frames: Vec<u8>) {
        self.delivered += frames.len();
        if self.buffer.is_empty() {
            self.buffer = frames;
        } else {
            self.buffer.extend_from_slice(&frames);
        }
    }

    /// Bytes that have not left.
    pub fn len(&self) -> usize {
        self.buffer.len() - self.written
    }

    /// Everything has left.
    pub fn has_left(&self) -> bool {
        self.buffer.is_empty() && !self.is_unflushed
    }

    /// Since when the peer takes nothing.
    pub fn stuck_since(&self) -> Option<Moment> {
        self.stuck_since
    }

    /// Writes and flushes until everything has left or the socket is full; `now` is read only in that
    /// case.
    pub fn poll_write(
        &mut self,
        stream: &mut dyn Duplex,
        cx: &mut task::Context<'_>,
        now: impl FnOnce() -> Moment,
    ) -> Poll<io::Result<()>> {
        let before = self.written;
        while self.written < self.buffer.len() {
            match Pin::new(&mut *stream).poll_write(cx, &self.buffer[self.written..]) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(count)) => {
                    self.written += count;
                    self.is_unflushed = true;
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return self.stuck(self.written > before, now),
            }
        }
        let is_progress = self.written > before;
        if self.buffer.capacity() > KEPT_BYTES {
            self.buffer = Vec::new();
        }
        self.buffer.clear();
        self.written = 0;
        if self.is_unflushed {
            match Pin::new(stream).poll_flush(cx)? {
                Poll::Ready(()) => self.is_unflushed = false,
                Poll::Pending => return self.stuck(is_progress, now),
            }
        }
        self.stuck_since = None;
        Poll::Ready(Ok(()))
    }

    fn stuck(&mut self, is_progress: bool, now: impl FnOnce() -> Moment) -> Poll<io::Result<()>> {
        if is_progress || self.stuck_since.is_none() {
            self.stuck_since = Some(now());
        }
        Poll::Pending
    }

    /// Bytes of deliveries that have left since the last call; `enough`: only if it is worth a
    /// message of its own.
    pub fn take_sent(&mut self, enough: bool) -> usize {
        let sent = self.delivered.saturating_sub(self.len());
        if enough && sent < REPORT_BYTES {
            return 0;
        }
        self.delivered -= sent;
        sent
    }
}
