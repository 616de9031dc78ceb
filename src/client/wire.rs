//! A connection's stream with its buffers and deadlines: commands go in as bytes, frames come out.

use std::{
    future::Future,
    pin::{Pin, pin},
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::{Buf, Bytes, BytesMut};
use tokio::{
    io::{AsyncReadExt, AsyncWrite},
    time::{Instant, Sleep, sleep_until},
};

use super::error::Lost;
use crate::{protocol::Frame, stream::Duplex};

/// The largest frame that the protocol can have. Memory grows only with what arrives.
const FRAME_BYTES_MAX: usize = i32::MAX as usize;
/// Room that is made for reads at once.
const READ_BYTES: usize = 64 * 1024;
/// Where less room is left, more is made.
const READ_BYTES_MIN: usize = 16 * 1024;
/// Size, type, timestamp, attempts and id stand before a message's body.
const BODY_AT: usize = 4 + 4 + 8 + 2 + 16;
/// The same before the data of other frames.
const DATA_AT: usize = 4 + 4;
/// More than that is not kept for the next time.
pub(super) const KEPT_OUTPUT_BYTES: usize = 256 * 1024;

/// What nsqd has said.
#[derive(Debug)]
pub(super) enum Incoming {
    Response(Bytes),
    Error(Bytes),
    Message(IncomingMessage),
}

/// A message as it came.
#[derive(Debug)]
pub(super) struct IncomingMessage {
    pub(super) timestamp_ns: i64,
    pub(super) attempts: u16,
    pub(super) id: [u8; 16],
    pub(super) body: Bytes,
}

/// The heartbeat of nsqd, to be answered with NOP.
pub(super) const HEARTBEAT: &[u8] = b"_heartbeat_";

pub(super) struct Wire {
    stream: Box<dyn Duplex>,
    input: BytesMut,
    /// Bytes to write, those before `written` excepted.
    output: Vec<u8>,
    written: usize,
    is_flushed: bool,
    /// None where nothing need come for any length of time.
    read_timeout: Option<Duration>,
    write_timeout: Duration,
    last_read: Instant,
    /// Since when the peer has not taken what there is to write.
    blocked_since: Option<Instant>,
    read_timer: Pin<Box<Sleep>>,
    write_timer: Pin<Box<Sleep>>,
}

impl Wire {
    pub(super) fn new(
        stream: Box<dyn Duplex>,
        read_timeout: Duration,
        write_timeout: Duration,
    ) -> Self {
        let now = Instant::now();
        Self {
            stream,
            input: BytesMut::new(),
            output: Vec::new(),
            written: 0,
            is_flushed: true,
            read_timeout: Some(read_timeout),
            write_timeout,
            last_read: now,
            blocked_since: None,
            read_timer: Box::pin(sleep_until(now + read_timeout)),
            write_timer: Box::pin(sleep_until(now + write_timeout)),
        }
    }

    /// The stream itself, and what was read of it and belongs to the next one. There is none until another is set.
    pub(super) fn take_stream(&mut self) -> (Box<dyn Duplex>, Vec<u8>) {
        let read = std::mem::take(&mut self.input).into();
        (std::mem::replace(&mut self.stream, Box::new(tokio::io::empty())), read)
    }

    pub(super) fn set_stream(&mut self, stream: Box<dyn Duplex>) {
        self.stream = stream;
    }

    /// From now on nothing need come: there are no heartbeats.
    pub(super) fn wait_for_ever(&mut self) {
        self.read_timeout = None;
    }

    /// To be filled with commands; they leave with [`Wire::poll_write`].
    pub(super) fn output(&mut self) -> &mut Vec<u8> {
        self.is_flushed = false;
        &mut self.output
    }

    /// Bytes that have not been handed to the stream.
    pub(super) fn unwritten(&self) -> usize {
        self.output.len() - self.written
    }

    /// Those bytes, of a connection that has ended.
    pub(super) fn unwritten_bytes(&mut self) -> Vec<u8> {
        self.output.split_off(self.written)
    }

    /// True if nothing is left to be written or flushed: an encrypted or compressed stream gathers what it is handed.
    pub(super) fn has_left(&self) -> bool {
        self.is_flushed
    }

    /// The next whole frame of what was read.
    pub(super) fn next_frame(&mut self) -> Result<Option<Incoming>, Lost> {
        let Some((frame, length)) = Frame::parse(&self.input, FRAME_BYTES_MAX)? else {
            return Ok(None);
        };
        Ok(Some(match frame {
            Frame::Message(message) => {
                let (timestamp_ns, attempts, id) =
                    (message.timestamp_ns, message.attempts, message.id);
                let body = self.take(length, BODY_AT);
                Incoming::Message(IncomingMessage { timestamp_ns, attempts, id, body })
            }
            Frame::Response(_) => Incoming::Response(self.take(length, DATA_AT)),
            Frame::Error(_) => Incoming::Error(self.take(length, DATA_AT)),
        }))
    }

    fn take(&mut self, length: usize, from: usize) -> Bytes {
        let mut frame = self.input.split_to(length);
        frame.advance(from);
        frame.freeze()
    }

    /// Reads once. Ready with an error also when the deadline has passed.
    pub(super) fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Lost>> {
        if self.input.capacity() - self.input.len() < READ_BYTES_MIN {
            self.input.reserve(READ_BYTES);
        }
        let read = pin!(self.stream.read_buf(&mut self.input)).poll(cx)?;
        match read {
            Poll::Ready(0) => Poll::Ready(Err(Lost::Closed)),
            Poll::Ready(_) => {
                self.last_read = Instant::now();
                Poll::Ready(Ok(()))
            }
            Poll::Pending => {
                let Some(timeout) = self.read_timeout else { return Poll::Pending };
                let due = self.last_read + timeout;
                ready!(poll_passed(&mut self.read_timer, due, cx));
                Poll::Ready(Err(Lost::ReadTimeout))
            }
        }
    }

    /// Writes and flushes what there is. Ready when all of it has left, and with an error also when the deadline has
    /// passed.
    pub(super) fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Lost>> {
        if self.is_flushed {
            return Poll::Ready(Ok(()));
        }
        match self.poll_send(cx) {
            Poll::Pending => {
                let since = *self.blocked_since.get_or_insert_with(Instant::now);
                ready!(poll_passed(&mut self.write_timer, since + self.write_timeout, cx));
                Poll::Ready(Err(Lost::WriteTimeout))
            }
            ready => ready,
        }
    }

    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Lost>> {
        while self.written < self.output.len() {
            let rest = &self.output[self.written..];
            match ready!(Pin::new(&mut self.stream).poll_write(cx, rest))? {
                0 => return Poll::Ready(Err(Lost::Closed)),
                count => self.written += count,
            }
            self.blocked_since = None;
        }
        self.written = 0;
        if self.output.capacity() > KEPT_OUTPUT_BYTES {
            self.output = Vec::new();
        }
        self.output.clear();
        ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
        self.is_flushed = true;
        self.blocked_since = None;
        Poll::Ready(Ok(()))
    }

    /// Writes everything; for the beginning and the end of a connection.
    pub(super) async fn write(&mut self) -> Result<(), Lost> {
        std::future::poll_fn(|cx| self.poll_write(cx)).await
    }

    /// Waits for a frame; for the beginning of a connection.
    pub(super) async fn read_frame(&mut self) -> Result<Incoming, Lost> {
        loop {
            if let Some(frame) = self.next_frame()? {
                return Ok(frame);
            }
            std::future::poll_fn(|cx| self.poll_read(cx)).await?;
        }
    }

    /// Says goodbye in the stream's own way, as far as it takes that at once.
    pub(super) fn shut_down(&mut self) {
        let mut cx = Context::from_waker(std::task::Waker::noop());
        let _: Poll<_> = Pin::new(&mut self.stream).poll_shutdown(&mut cx);
    }
}

/// Ready when `due` has passed. The timer is moved only when it rings, so that a busy connection does not pay for it.
fn poll_passed(timer: &mut Pin<Box<Sleep>>, due: Instant, cx: &mut Context<'_>) -> Poll<()> {
    if timer.deadline() > due {
        timer.as_mut().reset(due);
    }
    loop {
        ready!(timer.as_mut().poll(cx));
        if due <= Instant::now() {
            return Poll::Ready(());
        }
        timer.as_mut().reset(due);
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use tokio::io::{AsyncRead, AsyncWriteExt, ReadBuf};

    use super::*;

    /// Takes everything and keeps it until it is let.
    struct Gathering {
        is_let: bool,
    }

    impl AsyncRead for Gathering {
        fn poll_read(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            _: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            Poll::Pending
        }
    }

    impl AsyncWrite for Gathering {
        fn poll_write(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            Poll::Ready(Ok(bytes.len()))
        }

        fn poll_flush(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            match std::mem::replace(&mut self.is_let, true) {
                true => Poll::Ready(Ok(())),
                false => Poll::Pending,
            }
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    #[tokio::test]
    async fn what_the_stream_still_gathers_has_not_left() {
        let second = Duration::from_secs(1);
        let mut wire = Wire::new(Box::new(Gathering { is_let: false }), second, second);
        let mut cx = Context::from_waker(std::task::Waker::noop());
        assert!(wire.has_left());
        wire.output().extend_from_slice(b"FIN 0000000000000001\n");
        assert!(wire.poll_write(&mut cx).is_pending());
        assert_eq!((wire.unwritten(), wire.has_left()), (0, false));
        assert!(wire.poll_write(&mut cx).is_ready());
        assert!(wire.has_left());
    }

    #[tokio::test]
    async fn messages_share_a_buffer_and_a_size_that_is_only_said_takes_none() {
        let second = Duration::from_secs(1);
        let (ours, mut nsqds) = tokio::io::duplex(READ_BYTES);
        let mut wire = Wire::new(Box::new(ours), second, second);
        let frame = [&[0, 0, 0, 8, 0, 0, 0, 0][..], b"1234"].concat();
        let mut buffers = Vec::new();
        for _ in 0..100 {
            nsqds.write_all(&frame).await.unwrap();
            let Incoming::Response(data) = wire.read_frame().await.unwrap() else { panic!() };
            buffers.push(data);
        }
        let apart =
            buffers.windows(2).map(|two| two[1].as_ptr() as usize - two[0].as_ptr() as usize);
        assert!(apart.into_iter().all(|bytes| bytes == frame.len()));
        nsqds.write_all(&[0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0]).await.unwrap();
        std::future::poll_fn(|cx| wire.poll_read(cx)).await.unwrap();
        assert!(wire.next_frame().unwrap().is_none());
        assert!(wire.input.capacity() <= READ_BYTES);
    }
}
