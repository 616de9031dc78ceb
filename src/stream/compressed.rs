//! A compressed stream over another stream.

use std::{
    cell::RefCell,
    io,
    pin::Pin,
    task::{self, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::Duplex;
use crate::protocol::upgrade::{CorruptStream, Decode, Encode, Step};

/// One read of the stream below takes so much at most.
const READ_BYTES: usize = 64 * 1024;
/// Reads that may bring nothing in a row before others have their turn.
const READS_WITHOUT_OUTPUT: usize = 4;
/// Nothing more is encoded while so many encoded bytes wait.
const UNSENT_BYTES_MAX: usize = 64 * 1024;
/// So much is encoded at once at most.
const BLOCK_BYTES_MAX: usize = 64 * 1024;

thread_local! {
    /// As for plain connections: only what is not decoded moves into memory of its own.
    static SCRATCH: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Decodes what is read from the stream below it, encodes what is written to it. What is written
/// leaves with a flush, or when enough has gathered.
///
/// What the peer has sent is decoded only into the room that a reader offers; meanwhile the stream
/// below is not read.
#[derive(Debug)]
pub struct Compressed<S, E, D> {
    below: S,
    encoder: E,
    decoder: D,
    /// Bytes that were read and not decoded, from `decoded` on.
    carried: Vec<u8>,
    decoded: usize,
    /// Bytes that were encoded and not written, from `written` on.
    encoded: Vec<u8>,
    written: usize,
}

impl<S: Duplex, E: Encode, D: Decode> Compressed<S, E, D> {
    /// Begins a compressed stream in both directions.
    pub fn new(below: S, encoder: E, decoder: D) -> Self {
        Self::behind(Vec::new(), below, encoder, decoder)
    }

    /// The same where `read`, the first bytes to decode, was already read from the stream below.
    pub fn behind(read: Vec<u8>, below: S, encoder: E, decoder: D) -> Self {
        Self { below, encoder, decoder, carried: read, decoded: 0, encoded: Vec::new(), written: 0 }
    }

    /// Decodes from what is carried; the number of bytes that it has come to.
    fn decode_carried(&mut self, buf: &mut ReadBuf<'_>) -> io::Result<usize> {
        let step = decode(&mut self.decoder, &self.carried[self.decoded..], buf)?;
        self.decoded += step.consumed;
        if self.decoded == self.carried.len() {
            (self.carried, self.decoded) = (Vec::new(), 0);
        }
        Ok(step.produced)
    }

    /// Reads once and decodes; the number of bytes read and of those that they have come to.
    fn poll_read_below(
        &mut self,
        cx: &mut task::Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<(usize, usize)>> {
        let mut scratch = SCRATCH.take();
        scratch.resize(READ_BYTES, 0);
        let mut read = ReadBuf::new(&mut scratch);
        let polled = Pin::new(&mut self.below).poll_read(cx, &mut read);
        let read = read.filled().len();
        let produced = self.decode_read(&scratch[..read], buf);
        SCRATCH.replace(scratch);
        ready!(polled)?;
        Poll::Ready(produced.map(|produced| (read, produced)))
    }

    fn decode_read(&mut self, read: &[u8], buf: &mut ReadBuf<'_>) -> io::Result<usize> {
        if self.carried.is_empty() {
            let step = decode(&mut self.decoder, read, buf)?;
            self.carried.extend_from_slice(&read[step.consumed..]);
            return Ok(step.produced);
        }
        self.carried.drain(..self.decoded);
        self.decoded = 0;
        self.carried.extend_from_slice(read);
        self.decode_carried(buf)
    }

    /// Writes what is encoded until it is gone or the stream below takes nothing.
    fn poll_send(&mut self, cx: &mut task::Context<'_>) -> Poll<io::Result<()>> {
        while self.written < self.encoded.len() {
            let rest = &self.encoded[self.written..];
            match ready!(Pin::new(&mut self.below).poll_write(cx, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                count => self.written += count,
            }
        }
        (self.encoded, self.written) = (Vec::new(), 0);
        Poll::Ready(Ok(()))
    }

    fn unsent(&self) -> usize {
        self.encoded.len() - self.written
    }
}

fn decode(
    decoder: &mut impl Decode,
    input: &[u8],
    buf: &mut ReadBuf<'_>,
) -> Result<Step, io::Error> {
    let corrupt = |error: CorruptStream| io::Error::new(io::ErrorKind::InvalidData, error);
    let step = decoder.decode(input, buf.initialize_unfilled()).map_err(corrupt)?;
    buf.advance(step.produced);
    Ok(step)
}

impl<S: Duplex, E: Encode + Unpin, D: Decode + Unpin> AsyncRead for Compressed<S, E, D> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut task::Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.decode_carried(buf)? > 0 {
            return Poll::Ready(Ok(()));
        }
        for _ in 0..READS_WITHOUT_OUTPUT {
            if self.decoder.is_at_end() {
                return Poll::Ready(Ok(()));
            }
            let (read, produced) = ready!(self.poll_read_below(cx, buf))?;
            if read == 0 || produced > 0 {
                return Poll::Ready(Ok(()));
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl<S: Duplex, E: Encode + Unpin, D: Decode + Unpin> AsyncWrite for Compressed<S, E, D> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut task::Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.unsent() >= UNSENT_BYTES_MAX {
            let sent = self.poll_send(cx)?;
            if sent.is_pending() && self.unsent() >= UNSENT_BYTES_MAX {
                return Poll::Pending;
            }
        }
        let this = &mut *self;
        this.encoded.drain(..this.written);
        this.written = 0;
        let block = &buf[..buf.len().min(BLOCK_BYTES_MAX)];
        this.encoder.encode(block, &mut this.encoded);
        Poll::Ready(Ok(block.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        this.encoder.flush(&mut this.encoded);
        ready!(this.poll_send(cx))?;
        Pin::new(&mut this.below).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.as_mut().poll_flush(cx))?;
        Pin::new(&mut self.below).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests;
