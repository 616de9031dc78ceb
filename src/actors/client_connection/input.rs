//! Bytes from the socket, until they are whole commands.

use std::{
    cell::RefCell,
    io,
    pin::Pin,
    task::{self, Poll, ready},
};

use bytes::BufMut;
use tokio::io::ReadBuf;
use tokio_util::io::poll_read_buf;

use crate::stream::Duplex;

/// One read of a socket takes so much at most.
const READ_BYTES: usize = 256 * 1024;
/// The beginning of a command is copied to where the rest is read if it has no more than this. More is left where it is: what comes in
/// small pieces must not be copied over and over.
const COPIED_BYTES_MAX: usize = 16 * 1024;
/// The least by which a large incomplete command's buffer grows.
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
        let carried = self.carried.len();
        if carried > COPIED_BYTES_MAX || self.needed > READ_BYTES {
            return self.poll_read_more(stream, cx, decode);
        }
        let mut scratch = SCRATCH.take();
        scratch.resize(READ_BYTES, 0);
        let mut buf = ReadBuf::new(&mut scratch[carried..]);
        let polled = Pin::new(stream).poll_read(cx, &mut buf);
        let read = buf.filled().len();
        if let Poll::Ready(Ok(())) = polled {
            self.take_in(&mut scratch[..carried + read], decode);
        }
        SCRATCH.replace(scratch);
        polled.map_ok(|()| read)
    }

    /// Takes what was read behind room for what is carried.
    fn take_in(&mut self, bytes: &mut [u8], decode: impl FnOnce(&[u8]) -> Used) {
        let (front, read) = bytes.split_at_mut(self.carried.len());
        if front.len() + read.len() < self.needed {
            return self.carried.extend_from_slice(read);
        }
        front.copy_from_slice(&self.carried);
        let used = decode(bytes);
        self.needed = used.needed;
        match &bytes[used.consumed..] {
            [] => self.carried = Vec::new(),
            rest => {
                self.carried.clear();
                self.carried.extend_from_slice(rest);
            }
        }
    }

    /// Continues a large command of which a part is there. Its memory grows with what arrives, not with
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
        self.carried.reserve(room);
        let mut carried = (&mut self.carried).limit(room);
        let read = ready!(poll_read_buf(Pin::new(stream), cx, &mut carried))?;
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

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;
    use tokio::io::{AsyncRead, join, sink};

    use super::*;

    /// A peer that sends pieces, one for each read that has room for it.
    struct Pieces(VecDeque<Vec<u8>>);

    impl AsyncRead for Pieces {
        fn poll_read(
            mut self: Pin<&mut Self>,
            _: &mut task::Context<'_>,
            buf: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            let Some(mut piece) = self.0.pop_front() else { return Poll::Pending };
            let rest = piece.split_off(piece.len().min(buf.remaining()));
            buf.put_slice(&piece);
            if !rest.is_empty() {
                self.0.push_front(rest);
            }
            Poll::Ready(Ok(()))
        }
    }

    /// A command of so many bytes, behind its length.
    fn command(length: usize) -> Vec<u8> {
        let body = (0..length).map(|index| (index * 7 + length) as u8);
        (length as u32).to_be_bytes().into_iter().chain(body).collect()
    }

    /// Takes up to `count_max` whole commands off the front; their lengths go to `seen`.
    fn take(buf: &[u8], count_max: usize, seen: &mut Vec<usize>) -> Used {
        let mut consumed = 0;
        for _ in 0..count_max {
            let rest = &buf[consumed..];
            let Some(length) = rest.first_chunk().map(|size| u32::from_be_bytes(*size) as usize)
            else {
                return Used { consumed, needed: 4 };
            };
            if rest.len() < 4 + length {
                return Used { consumed, needed: 4 + length };
            }
            assert!(
                rest[..4 + length] == command(length),
                "a command of {length} is not as it was"
            );
            seen.push(length);
            consumed += 4 + length;
        }
        Used { consumed, needed: 0 }
    }

    fn cut(bytes: &[u8], pieces: &[usize]) -> VecDeque<Vec<u8>> {
        let (mut rest, mut cut) = (bytes, VecDeque::new());
        for &piece in pieces.iter().cycle() {
            if rest.is_empty() {
                return cut;
            }
            let (first, after) = rest.split_at(piece.min(rest.len()));
            cut.push_back(first.to_vec());
            rest = after;
        }
        cut
    }

    /// What comes out, and how many reads that took.
    fn read_all(lengths: &[usize], pieces: &[usize], count_max: usize) -> (Vec<usize>, usize) {
        let bytes: Vec<u8> = lengths.iter().flat_map(|&length| command(length)).collect();
        let mut stream = join(Pieces(cut(&bytes, pieces)), sink());
        let mut cx = task::Context::from_waker(task::Waker::noop());
        let (mut input, mut seen, mut reads) = (Input::default(), Vec::new(), 0);
        loop {
            while input.may_decode() && seen.len() < lengths.len() {
                input.decode(|buf| take(buf, count_max, &mut seen));
            }
            match input.poll_read(&mut stream, &mut cx, |buf| take(buf, count_max, &mut seen)) {
                Poll::Ready(read) => assert!(read.unwrap() > 0),
                Poll::Pending => break,
            }
            reads += 1;
            let largest = lengths.iter().max().map_or(0, |length| 4 + length);
            let most = 2 * largest.max(READ_BYTES) + GROWTH_BYTES_MIN;
            assert!(input.carried.capacity() <= most, "{} bytes", input.carried.capacity());
        }
        assert!(input.pending().is_empty());
        assert_eq!(input.carried.capacity(), 0, "nothing is kept for nothing");
        (seen, reads)
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, cases: 64, ..ProptestConfig::default() })]

        #[test]
        fn commands_come_out_as_they_were_however_they_are_cut(
            lengths in prop::collection::vec(
                prop_oneof![0..300usize, 10_000..40_000usize, 200_000..600_000usize], 1..12),
            pieces in prop::collection::vec(
                prop_oneof![1..50usize, 1000..20_000usize, 100_000..400_000usize], 1..6),
            count_max in 1..5usize,
        ) {
            prop_assume!(pieces.iter().sum::<usize>() > 500 * pieces.len());
            let (seen, _) = read_all(&lengths, &pieces, count_max);
            prop_assert_eq!(seen, lengths);
        }
    }

    #[test]
    fn commands_that_do_not_end_where_a_read_does_are_still_read_many_at_a_time() {
        let lengths = [10_000; 200]; // two megabytes
        let (seen, reads) = read_all(&lengths, &[usize::MAX], usize::MAX);
        assert!((seen.len(), reads) == (200, 8), "{} in {reads} reads", seen.len());
    }
}
