use super::*;

mod properties;

/// What Go's `snappy.Writer` and Python's `zlib` make of these two writes.
const OK: &[u8] = b"\0\0\0\x06\0\0\0\0OK";
const SNAPPY_OF_GO: &str = "ff060000734e61507059010e000026982bcf00000006000000004f4b\
    0020000081f358f390030c6e737120fe0400fe0400fe0400fe0400fe0400fe04002e0400";
const DEFLATE_OF_GO: &str = "6260606063606060f0f706000000ffffca2b2e5418c5830703000000ffff";
const DEFLATE_OF_PYTHON: &str = "626060606300027f6f00000000ffffca2b2e5418c583270c00000000ffff";
const FINISHED_DEFLATE_OF_GO: &str = "ca2b2e5418c5830703020000ffff";

fn text() -> Vec<u8> {
    b"nsq ".repeat(100)
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits = |at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    (0..hex.len()).step_by(2).map(digits).collect()
}

/// One write and its flush after the other.
fn encode<B: AsRef<[u8]>>(encoder: &mut impl Encode, writes: &[B]) -> Vec<u8> {
    let mut out = Vec::new();
    for write in writes {
        encoder.encode(write.as_ref(), &mut out);
        encoder.flush(&mut out);
    }
    out
}

/// Everything in `input`, which comes in pieces of `piece` bytes, with room for `room` at a time.
fn decode_in(
    decoder: &mut impl Decode,
    input: &[u8],
    piece: usize,
    room: usize,
) -> Result<Vec<u8>, CorruptStream> {
    let (mut plain, mut output, mut pending) = (Vec::new(), vec![0; room], Vec::new());
    for piece in input.chunks(piece) {
        pending.extend_from_slice(piece);
        loop {
            let step = decoder.decode(&pending, &mut output)?;
            assert!(step.produced <= room && step.consumed <= pending.len());
            pending.drain(..step.consumed);
            plain.extend_from_slice(&output[..step.produced]);
            if step.produced == 0 {
                break;
            }
        }
    }
    Ok(plain)
}

fn decode(decoder: &mut impl Decode, input: &[u8]) -> Result<Vec<u8>, CorruptStream> {
    decode_in(decoder, input, usize::MAX, 100_000)
}

#[track_caller]
fn fails(input: &[u8], expected: &str) {
    let error = decode(&mut SnappyDecoder::default(), input).unwrap_err();
    assert_eq!(error.to_string(), expected);
}

fn after_identifier(chunk: &[u8]) -> Vec<u8> {
    [b"\xff\x06\0\0sNaPpY", chunk].concat()
}

#[test]
fn snappy_streams_are_those_of_go() {
    let stream = encode(&mut SnappyEncoder::default(), &[OK, &text()]);
    assert_eq!(stream, bytes(SNAPPY_OF_GO));
    let plain = decode(&mut SnappyDecoder::default(), &stream).unwrap();
    assert_eq!(plain, [OK, &text()].concat());
}

#[test]
fn deflate_streams_of_go_and_python_are_read() {
    for stream in [DEFLATE_OF_GO, DEFLATE_OF_PYTHON] {
        let plain = decode(&mut DeflateDecoder::default(), &bytes(stream)).unwrap();
        assert_eq!(plain, [OK, &text()].concat());
    }
}

#[test]
fn each_flush_of_deflate_ends_with_a_marker_at_every_level() {
    for level in 1..=9 {
        let mut encoder = DeflateEncoder::new(level);
        let first = encode(&mut encoder, &[OK]);
        let second = encode(&mut encoder, &[&text()]);
        for part in [&first, &second] {
            assert!(part.ends_with(b"\0\0\xff\xff"), "level {level}: {part:02x?}");
        }
        assert!(second.len() < text().len() / 8, "level {level}");
        let stream = [first, second].concat();
        let plain = decode(&mut DeflateDecoder::default(), &stream).unwrap();
        assert_eq!(plain, [OK, &text()].concat(), "level {level}");
    }
}

#[test]
fn nothing_new_is_nothing_to_flush() {
    let mut encoder = DeflateEncoder::new(6);
    let mut out = Vec::new();
    encoder.flush(&mut out);
    assert!(out.is_empty());
    encode(&mut encoder, &[OK]);
    encoder.flush(&mut out);
    assert!(out.is_empty());
}

#[test]
fn snappy_leaves_alone_what_compression_does_not_shrink_by_an_eighth() {
    let mut state = 1u32;
    let mut noise = [0; 1000];
    for byte in &mut noise {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        *byte = (state >> 24) as u8;
    }
    let stream = encode(&mut SnappyEncoder::default(), &[&noise]);
    assert_eq!(stream[10..14], [1, 0xec, 3, 0]); // uncompressed, 1004 bytes
    assert_eq!(stream[18..], noise);
}

#[test]
fn snappy_cuts_what_is_longer_than_a_block() {
    let long = vec![b'a'; 65_536 + 1];
    let stream = encode(&mut SnappyEncoder::default(), &[&long]);
    let last = &stream[stream.len() - 9..];
    assert_eq!((&last[..4], last[8]), (&[1, 5, 0, 0][..], b'a'));
    assert_eq!(decode(&mut SnappyDecoder::default(), &stream).unwrap(), long);
}

#[test]
fn snappy_chunks_without_meaning_are_skipped_whole() {
    let mut stream = after_identifier(b"");
    for kind in [0x80, 0xfd, 0xfe] {
        stream.extend_from_slice(&[kind, 3, 0, 0, 1, 2, 3]);
        stream.extend_from_slice(&[kind, 0, 0, 0]);
    }
    stream.extend_from_slice(&bytes(SNAPPY_OF_GO)); // an identifier may come again
    let largest = [b"\xfe\xff\xff\xff".as_slice(), &vec![7; (1 << 24) - 1]].concat();
    stream.extend_from_slice(&largest);
    stream.extend_from_slice(&bytes(SNAPPY_OF_GO));
    let plain = decode_in(&mut SnappyDecoder::default(), &stream, 8192, 100).unwrap();
    assert_eq!(plain, [OK, &text(), OK, &text()].concat());
}

#[test]
fn what_is_no_snappy_is_refused() {
    let no_identifier = "snappy stream without identifier";
    fails(b"PUB orders\n", no_identifier);
    fails(&bytes(SNAPPY_OF_GO)[10..], no_identifier);
    fails(b"\xff\x06\0\0sNaPpy", no_identifier);
    fails(b"\xff\x07\0\0sNaPpYY", "snappy chunk of bad length 7");
    for kind in [0x02, 0x7f] {
        let expected = format!("snappy chunk of unknown type {kind:#04x}");
        fails(&after_identifier(&[kind, 0, 0, 0]), &expected);
    }
}

#[test]
fn snappy_chunks_that_lie_about_their_length_are_refused_before_their_content_comes() {
    for (header, expected) in [
        (b"\x01\x03\0\0", 3),
        (b"\x00\x00\0\0", 0),
        (b"\x01\x05\x00\x01", 65_541),
        (b"\x00\xcf\x2a\x01", 76_495),
    ] {
        let expected = format!("snappy chunk of bad length {expected}");
        fails(&after_identifier(header), &expected);
    }
    // Compressed content that says it comes to 2 GiB.
    let huge = after_identifier(b"\x00\x0a\0\0\0\0\0\0\xff\xff\xff\xff\x07\x00");
    fails(&huge, "snappy chunk of bad length 2147483647");
}

#[test]
fn snappy_chunks_are_checked() {
    let mut wrong = bytes(SNAPPY_OF_GO);
    let last = wrong.len() - 1;
    wrong[20] ^= 1;
    fails(&wrong, "snappy chunk with wrong checksum");
    let mut corrupt = bytes(SNAPPY_OF_GO);
    corrupt[last] = 0xff;
    let error = decode(&mut SnappyDecoder::default(), &corrupt).unwrap_err();
    assert!(matches!(error, CorruptStream::BadChunk(_)), "{error}");
}

#[test]
fn what_is_no_deflate_is_refused() {
    let error = decode(&mut DeflateDecoder::default(), b"\xff\xff\xff\xff").unwrap_err();
    assert!(matches!(error, CorruptStream::BadDeflate(_)), "{error}");
}

#[test]
fn what_follows_the_end_of_a_deflate_stream_is_not_looked_at() {
    let mut decoder = DeflateDecoder::default();
    assert_eq!(decode(&mut decoder, &bytes(FINISHED_DEFLATE_OF_GO)).unwrap(), text());
    assert!(decoder.is_at_end());
    assert_eq!(decode(&mut decoder, b"\xff\xff\xff\xff").unwrap(), b"");
}

#[test]
fn a_bomb_needs_no_more_room_than_its_reader_gives() {
    let zeros = vec![0; 16 << 20];
    let bomb = encode(&mut DeflateEncoder::new(9), &[&zeros]);
    assert!(bomb.len() < zeros.len() / 500);
    let mut decoder = DeflateDecoder::default();
    let mut output = vec![1; 1000];
    let step = decoder.decode(&bomb, &mut output).unwrap();
    assert_eq!(step.produced, 1000);
    assert!(step.consumed < 1000);
    assert_eq!(output, vec![0; 1000]);
}
