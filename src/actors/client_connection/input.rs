//! Bytes from the socket, until they are whole commands.

use std::{
    cell::RefCell,
    io,
    pin::Pin,
    task::{self, Poll, ready},
};

use tokio::io::ReadBuf;

use crate::stream::Duplex;

/// One read of a socket takes so much at most.
const READ_BYTES: usize = 256 * 1024;
/// The least by which an incomplete command's buffer grows.
const GROWTH_BYTES_MIN: usize = 16 * 1024;

thread_local! {
    /// Connections of a thread read one after the other into the same memory; only what is not yet
    /// a whole command moves into memory of its own. So an idle connection has no buffer at all.
    static SCRATCH: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// The part of the stream that has been read and not decoded.
#[derive(Debug, Default)]
pub struct Input {
    carried: Vec<u8>,
    /// The decoder can do nothing before so many bytes are there.
    needed: usize,
}

/// What decoding has done with the bytes it was shown.
#[derive(Debug, Clone, Copy)]
pub struct Used {
    /// Bytes taken from the front.
    pub consumed: usize,
    /// So many bytes are needed, counted from there, before it makes sense to ask again.
    pub needed: usize,
}

impl Input {
    /// Bytes that were read and not decoded.
    pub fn pending(&self) -> &[u8] {
        &self.carried
    }

    /// There may be commands in what has been read already.
    pub fn may_decode(&self) -> bool {
        !self.carried.is_empty() && self.carried.len() >= self.needed
    }

    /// Decodes from what has been read already.
    pub fn decode(&mut self, decode: impl FnOnce(&[u8]) -> Used) {
        let carried = std::mem::take(&mut self.carried);
        let used = decode(&carried);
        self.keep(carried, used);
    }

    /// Reads once and decodes; the number of bytes read, 0 at the end of the stream.
    pub fn poll_read(
        &mut self,
        stream: &mut dyn Duplex,
        cx: &mut task::Context<'_>,
        decode: impl FnOnce(&[u8]) -> Used,
    ) -> Poll<io::Result<usize>> {
        if !self.carried.is_empty() {
            return self.poll_read_more(stream, cx, decode);
        }
        let mut scratch = SCRATCH.take();
        scratch.resize(READ_BYTES, 0);
        let mut buf = ReadBuf::new(&mut scratch);
        let polled = Pin::new(stream).poll_read(cx, &mut buf);
        let filled = buf.filled().len();
        if let Poll::Ready(Ok(())) = polled {
            let used = decode(&scratch[..filled]);
            self.carried.extend_from_slice(&scratch[used.consumed..filled]);
            self.needed = used.needed;
        }
        SCRATCH.replace(scratch);
        polled.map_ok(|()| filled)
    }

    /// Continues a command of which a part is there. Its memory grows with what arrives, not with
    /// what the command's size promises.
    fn poll_read_more(
        &mut self,
        stream: &mut dyn Duplex,
        cx: &mut task::Context<'_>,
        decode: impl FnOnce(&[u8]) -> Used,
    ) -> Poll<io::Result<usize>> {
        let len = self.carried.len();
        let missing = self.needed.saturating_sub(len).max(1);
        let room = missing.min(len.max(GROWTH_BYTES_MIN)).max(GROWTH_BYTES_MIN);
        self.carried.resize(len + room, 0);
        let mut buf = ReadBuf::new(&mut self.carried[len..]);
        let polled = Pin::new(stream).poll_read(cx, &mut buf);
        let read = buf.filled().len();
        self.carried.truncate(len + read);
        ready!(polled)?;
        if self.carried.len() >= self.needed {
            self.decode(decode);
        }
        Poll::Ready(Ok(read))
    }

    fn keep(&mut self, mut carried: Vec<u8>, used: Used) {
        self.needed = used.needed;
        if used.consumed == carried.len() {
            return; // and the memory goes
        }
        if used.consumed > 0 {
            carried.drain(..used.consumed);
        }
        self.carried = carried;
    }
}
