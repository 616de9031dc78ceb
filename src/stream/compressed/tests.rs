use std::collections::VecDeque;

use super::*;
use crate::protocol::upgrade::{DeflateDecoder, DeflateEncoder, SnappyDecoder, SnappyEncoder};

type Snappy = Compressed<Scripted, SnappyEncoder, SnappyDecoder>;
type Deflate = Compressed<Scripted, DeflateEncoder, DeflateDecoder>;

/// A stream that gives what it is told to, one piece a read, and takes so much and no more.
#[derive(Debug, Default)]
struct Scripted {
    to_read: VecDeque<Vec<u8>>,
    reads: usize,
    room: usize,
    writes: Vec<Vec<u8>>,
    flushes: usize,
}

impl AsyncRead for Scripted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut task::Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.reads += 1;
        let Some(piece) = self.to_read.pop_front() else { return Poll::Pending };
        buf.put_slice(&piece);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Scripted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut task::Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let count = buf.len().min(self.room);
        if count == 0 {
            return Poll::Pending;
        }
        self.room -= count;
        self.writes.push(buf[..count].to_vec());
        Poll::Ready(Ok(count))
    }

    fn poll_flush(mut self: Pin<&mut Self>, _: &mut task::Context<'_>) -> Poll<io::Result<()>> {
        self.flushes += 1;
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut task::Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

fn snappy(below: Scripted) -> Snappy {
    Compressed::new(below, SnappyEncoder::default(), SnappyDecoder::default())
}

fn deflate(below: Scripted) -> Deflate {
    Compressed::new(below, DeflateEncoder::new(6), DeflateDecoder::default())
}

fn with_room(room: usize) -> Scripted {
    Scripted { room, ..Scripted::default() }
}

fn to_read(pieces: &[&[u8]]) -> Scripted {
    let to_read = pieces.iter().map(|piece| piece.to_vec()).collect();
    Scripted { to_read, ..Scripted::default() }
}

fn cx() -> task::Context<'static> {
    task::Context::from_waker(task::Waker::noop())
}

/// One read with room for `room` bytes.
fn read(stream: &mut (impl AsyncRead + Unpin), room: usize) -> Poll<io::Result<Vec<u8>>> {
    let mut bytes = vec![0; room];
    let mut buf = ReadBuf::new(&mut bytes);
    ready!(Pin::new(stream).poll_read(&mut cx(), &mut buf))?;
    Poll::Ready(Ok(buf.filled().to_vec()))
}

fn encoded(encoder: &mut impl Encode, plain: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    encoder.encode(plain, &mut out);
    encoder.flush(&mut out);
    out
}

/// Bytes that no codec makes smaller.
fn noise(count: usize) -> Vec<u8> {
    let mut state = 1u64;
    let next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 56) as u8
    };
    std::iter::repeat_with(next).take(count).collect()
}

#[test]
fn what_a_turn_writes_leaves_in_one_write_at_its_flush() {
    let mut stream = deflate(with_room(usize::MAX));
    for frame in [&b"one"[..], b"two", b"three"] {
        let taken = Pin::new(&mut stream).poll_write(&mut cx(), frame);
        assert_eq!(taken.map(Result::unwrap), Poll::Ready(frame.len()));
    }
    assert!(stream.below.writes.is_empty());
    assert!(Pin::new(&mut stream).poll_flush(&mut cx()).is_ready());
    assert!(Pin::new(&mut stream).poll_flush(&mut cx()).is_ready());
    assert_eq!((stream.below.writes.len(), stream.below.flushes), (1, 2));
    let mut peer = deflate(to_read(&[&stream.below.writes[0]]));
    assert_eq!(read(&mut peer, 100).map(Result::unwrap), Poll::Ready(b"onetwothree".to_vec()));
}

#[test]
fn a_peer_that_takes_nothing_is_written_no_more_than_a_bound() {
    let mut stream = snappy(with_room(0));
    let noise = noise(BLOCK_BYTES_MAX);
    let mut taken = 0;
    while let Poll::Ready(count) = Pin::new(&mut stream).poll_write(&mut cx(), &noise) {
        taken += count.unwrap();
    }
    assert!(taken <= UNSENT_BYTES_MAX + BLOCK_BYTES_MAX, "{taken}");
    assert!(Pin::new(&mut stream).poll_flush(&mut cx()).is_pending());
    stream.below.room = 40_000; // less than what waits, and yet it goes on
    let count = Pin::new(&mut stream).poll_write(&mut cx(), &noise[..100]);
    assert_eq!(count.map(Result::unwrap), Poll::Ready(100));
    assert_eq!(stream.written, 0);
    stream.below.room = usize::MAX;
    assert!(Pin::new(&mut stream).poll_flush(&mut cx()).is_ready());
    let whole = stream.below.writes.concat();
    assert_eq!(stream.encoded.capacity(), 0);

    let (mut decoder, mut plain) = (SnappyDecoder::default(), vec![0; taken + 1000]);
    let step = decoder.decode(&whole, &mut plain).unwrap();
    assert_eq!((step.consumed, step.produced), (whole.len(), taken + 100));
}

#[test]
fn a_reader_gets_as_much_as_it_has_room_for_and_the_stream_below_waits() {
    let plain = vec![b'x'; 10_000];
    let stream = encoded(&mut SnappyEncoder::default(), &plain);
    let mut snappy = snappy(to_read(&[&stream, &stream]));
    for _ in 0..10 {
        assert_eq!(read(&mut snappy, 1000).map(Result::unwrap), Poll::Ready(vec![b'x'; 1000]));
    }
    assert_eq!(snappy.below.reads, 1);
    assert_eq!(read(&mut snappy, 20_000).map(Result::unwrap), Poll::Ready(plain));
    assert_eq!(snappy.below.reads, 2);
    assert!(read(&mut snappy, 1000).is_pending());
}

#[test]
fn a_bomb_is_decoded_one_read_at_a_time() {
    let bomb = encoded(&mut DeflateEncoder::new(9), &vec![0; 10 << 20]);
    let mut deflate = deflate(to_read(&[&bomb]));
    assert_eq!(read(&mut deflate, 1000).map(Result::unwrap), Poll::Ready(vec![0; 1000]));
    assert!(deflate.carried.len() <= bomb.len());
    let mut left = (10 << 20) - 1000;
    while left > 0 {
        let Poll::Ready(Ok(bytes)) = read(&mut deflate, 256 * 1024) else { panic!("{left} left") };
        left -= bytes.len();
    }
    assert!(read(&mut deflate, 1000).is_pending());
    assert_eq!(deflate.carried.capacity(), 0);
}

#[test]
fn a_stream_of_nothing_does_not_keep_its_thread() {
    let skipped = [b"\xff\x06\0\0sNaPpY", &b"\xfe\0\0\0".repeat(1000)[..]].concat();
    let mut snappy = snappy(to_read(&vec![&*skipped; 100]));
    assert!(read(&mut snappy, 1000).is_pending());
    assert_eq!(snappy.below.reads, READS_WITHOUT_OUTPUT);
}

#[test]
fn chunks_in_any_pieces_are_put_together() {
    let stream = encoded(&mut SnappyEncoder::default(), b"put together");
    let pieces: Vec<_> = stream.chunks(3).collect();
    let mut snappy = snappy(to_read(&pieces));
    let mut polls = 0;
    let plain = loop {
        polls += 1;
        assert!(polls < 20);
        if let Poll::Ready(plain) = read(&mut snappy, 100) {
            break plain.unwrap();
        }
    };
    assert_eq!(plain, b"put together");
    assert_eq!(snappy.carried.capacity(), 0);
}

#[test]
fn corrupt_bytes_are_an_error_and_the_end_of_the_stream_is_none() {
    let Poll::Ready(Err(error)) = read(&mut snappy(to_read(&[b"PUB orders\n"])), 100) else {
        panic!("no error");
    };
    assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    let cut_off = &encoded(&mut SnappyEncoder::default(), b"cut off")[..15];
    let mut snappy = snappy(to_read(&[cut_off, b""]));
    assert_eq!(read(&mut snappy, 100).map(Result::unwrap), Poll::Ready(Vec::new()));
}
