//! Snappy's framing format: <https://github.com/google/snappy/blob/main/framing_format.txt>.
//!
//! A stream is a row of chunks, each with a type, a length and, where it holds data, a checksum.

use std::{cell::RefCell, mem};

use super::{CorruptStream, Decode, Encode, Step};

/// The first chunk of a stream.
const IDENTIFIER: &[u8] = b"\xff\x06\x00\x00sNaPpY";
const COMPRESSED: u8 = 0x00;
const UNCOMPRESSED: u8 = 0x01;
/// Types between these must not be skipped, and mean nothing yet.
const UNSKIPPABLE_FIRST: u8 = 0x02;
const UNSKIPPABLE_LAST: u8 = 0x7f;
const STREAM_IDENTIFIER: u8 = 0xff;
/// Bytes of a chunk's type and length.
const HEADER_BYTES: usize = 4;
const CHECKSUM_BYTES: usize = 4;
/// Plain bytes in a chunk.
const BLOCK_BYTES_MAX: usize = 65_536;
/// What a block of that size can come to when it is compressed.
const COMPRESSED_BYTES_MAX: usize = 76_490;

thread_local! {
    /// The tables of the encoder. No block refers to another one, so that all streams of a thread
    /// share them and an idle connection has none.
    static TABLES: RefCell<snap::raw::Encoder> = RefCell::new(snap::raw::Encoder::new());
}

/// Writes whole chunks: there is never anything to flush.
#[derive(Debug, Default)]
pub struct SnappyEncoder {
    is_identified: bool,
}

impl Encode for SnappyEncoder {
    fn encode(&mut self, input: &[u8], out: &mut Vec<u8>) {
        if !mem::replace(&mut self.is_identified, true) {
            out.extend_from_slice(IDENTIFIER);
        }
        for block in input.chunks(BLOCK_BYTES_MAX) {
            TABLES.with_borrow_mut(|tables| put_chunk(tables, block, out));
        }
    }

    fn flush(&mut self, _: &mut Vec<u8>) {}
}

/// Appends a block as one chunk, compressed if that saves at least an eighth.
fn put_chunk(tables: &mut snap::raw::Encoder, block: &[u8], out: &mut Vec<u8>) {
    let header_at = out.len();
    let data_at = header_at + HEADER_BYTES + CHECKSUM_BYTES;
    out.resize(data_at + snap::raw::max_compress_len(block.len()), 0);
    let compressed_bytes = tables
        .compress(block, &mut out[data_at..])
        .expect("there is room for the most that the block can come to");
    let kind = if compressed_bytes < block.len() - block.len() / 8 {
        out.truncate(data_at + compressed_bytes);
        COMPRESSED
    } else {
        out.truncate(data_at);
        out.extend_from_slice(block);
        UNCOMPRESSED
    };
    let length = out.len() - header_at - HEADER_BYTES;
    let [low, middle, high, _] = u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes();
    out[header_at..][..HEADER_BYTES].copy_from_slice(&[kind, low, middle, high]);
    let checksum_at = header_at + HEADER_BYTES;
    out[checksum_at..data_at].copy_from_slice(&checksum(block).to_le_bytes());
}

/// CRC-32C, masked as the format wants it.
fn checksum(block: &[u8]) -> u32 {
    crc32c::crc32c(block).rotate_right(15).wrapping_add(0xa282_ead8)
}

/// Reads chunks. Memory is needed only for a block that does not fit its caller's buffer.
#[derive(Debug, Default)]
pub struct SnappyDecoder {
    is_identified: bool,
    /// Bytes that are left of a chunk without meaning.
    skipping: usize,
    /// A block that did not fit, and how much of it has been given.
    block: Vec<u8>,
    given: usize,
}

/// What stands at the front of the input.
enum Chunk<'a> {
    /// Not enough to say anything.
    Partial,
    /// The identifier, which may come again.
    Identifier,
    /// A chunk without meaning, of which this many bytes follow.
    Skippable(usize),
    /// Data: type, checksum and content.
    Data(u8, u32, &'a [u8]),
}

impl Decode for SnappyDecoder {
    fn decode(&mut self, input: &[u8], output: &mut [u8]) -> Result<Step, CorruptStream> {
        let mut step = Step { consumed: 0, produced: self.give(output) };
        while self.block.is_empty() && step.produced < output.len() {
            let rest = self.skip(&input[step.consumed..], &mut step);
            let (chunk, length) = self.chunk(rest)?;
            match chunk {
                Chunk::Partial => break,
                Chunk::Identifier => self.is_identified = true,
                Chunk::Skippable(bytes) => self.skipping = bytes,
                Chunk::Data(kind, expected, content) => {
                    let bytes = plain_bytes(kind, content)?;
                    if bytes <= output.len() - step.produced {
                        let room = &mut output[step.produced..][..bytes];
                        unpack(kind, content, expected, room)?;
                        step.produced += bytes;
                    } else if step.produced > 0 {
                        break; // the caller comes again with more room
                    } else {
                        self.block = vec![0; bytes];
                        unpack(kind, content, expected, &mut self.block)?;
                        step.produced = self.give(output);
                    }
                }
            }
            step.consumed += length;
        }
        Ok(step)
    }
}

impl SnappyDecoder {
    /// Gives what it can of the block that did not fit.
    fn give(&mut self, output: &mut [u8]) -> usize {
        let rest = &self.block[self.given..];
        let bytes = rest.len().min(output.len());
        output[..bytes].copy_from_slice(&rest[..bytes]);
        self.given += bytes;
        if self.given == self.block.len() {
            (self.block, self.given) = (Vec::new(), 0);
        }
        bytes
    }

    /// Leaves out what belongs to a chunk without meaning.
    fn skip<'a>(&mut self, input: &'a [u8], step: &mut Step) -> &'a [u8] {
        let bytes = self.skipping.min(input.len());
        self.skipping -= bytes;
        step.consumed += bytes;
        &input[bytes..]
    }

    /// The chunk at the front of `input`, and how many bytes to take for it.
    fn chunk<'a>(&self, input: &'a [u8]) -> Result<(Chunk<'a>, usize), CorruptStream> {
        let Some((&[kind, low, middle, high], rest)) = input.split_first_chunk() else {
            return Ok((Chunk::Partial, 0));
        };
        let length = u32::from_le_bytes([low, middle, high, 0]) as usize;
        if !self.is_identified && kind != STREAM_IDENTIFIER {
            return Err(CorruptStream::NoIdentifier);
        }
        check_length(kind, length)?;
        if !matches!(kind, COMPRESSED | UNCOMPRESSED | STREAM_IDENTIFIER) {
            return Ok((Chunk::Skippable(length), HEADER_BYTES));
        }
        let Some(content) = rest.get(..length) else { return Ok((Chunk::Partial, 0)) };
        let chunk = match content.split_first_chunk() {
            _ if kind == STREAM_IDENTIFIER && content == &IDENTIFIER[HEADER_BYTES..] => {
                Chunk::Identifier
            }
            Some((&checksum, content)) if kind != STREAM_IDENTIFIER => {
                Chunk::Data(kind, u32::from_le_bytes(checksum), content)
            }
            _ => return Err(CorruptStream::NoIdentifier),
        };
        Ok((chunk, HEADER_BYTES + length))
    }
}

/// Refuses a chunk by its header alone.
fn check_length(kind: u8, length: usize) -> Result<(), CorruptStream> {
    let lengths = match kind {
        COMPRESSED => CHECKSUM_BYTES..=CHECKSUM_BYTES + COMPRESSED_BYTES_MAX,
        UNCOMPRESSED => CHECKSUM_BYTES..=CHECKSUM_BYTES + BLOCK_BYTES_MAX,
        STREAM_IDENTIFIER => IDENTIFIER.len() - HEADER_BYTES..=IDENTIFIER.len() - HEADER_BYTES,
        UNSKIPPABLE_FIRST..=UNSKIPPABLE_LAST => return Err(CorruptStream::UnknownChunk(kind)),
        _ => return Ok(()),
    };
    if lengths.contains(&length) { Ok(()) } else { Err(CorruptStream::BadChunkLength(length)) }
}

/// How many bytes the content of a chunk comes to.
fn plain_bytes(kind: u8, content: &[u8]) -> Result<usize, CorruptStream> {
    let bytes = match kind {
        COMPRESSED => snap::raw::decompress_len(content)?,
        _ => content.len(),
    };
    if bytes > BLOCK_BYTES_MAX {
        return Err(CorruptStream::BadChunkLength(bytes));
    }
    Ok(bytes)
}

/// Unpacks the content of a chunk into exactly the room that it needs.
fn unpack(kind: u8, content: &[u8], expected: u32, room: &mut [u8]) -> Result<(), CorruptStream> {
    if kind == COMPRESSED {
        snap::raw::Decoder::new().decompress(content, room)?;
    } else {
        room.copy_from_slice(content);
    }
    if checksum(room) == expected { Ok(()) } else { Err(CorruptStream::WrongChecksum) }
}
