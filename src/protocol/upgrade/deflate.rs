//! Raw DEFLATE (RFC 1951) with a sync marker behind every flush and no end.

use std::fmt;

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

use super::{CorruptStream, Decode, Encode, Step};

/// The least by which the output grows. The marker of a flush needs six bytes of it.
const GROWTH_BYTES: usize = 1024;

/// Compresses with a window of 32 KiB. Its memory, about 300 KB, is there from the first byte on.
pub struct DeflateEncoder {
    level: Compression,
    state: Option<Compress>,
    /// Something has been encoded since the last flush.
    is_dirty: bool,
}

impl DeflateEncoder {
    /// An encoder of `level`, 1 for the fastest to 9 for the smallest; others count as the nearest.
    pub fn new(level: i32) -> Self {
        let level = Compression::new(level.clamp(1, 9).unsigned_abs());
        Self { level, state: None, is_dirty: false }
    }
}

impl Encode for DeflateEncoder {
    fn encode(&mut self, mut input: &[u8], out: &mut Vec<u8>) {
        let state = self.state.get_or_insert_with(|| Compress::new(self.level, false));
        while !input.is_empty() {
            self.is_dirty = true;
            let taken = compress(state, input, out, FlushCompress::None);
            input = &input[taken..];
        }
    }

    fn flush(&mut self, out: &mut Vec<u8>) {
        let Some(state) = self.state.as_mut().filter(|_| self.is_dirty) else { return };
        self.is_dirty = false;
        loop {
            compress(state, &[], out, FlushCompress::Sync);
            if out.len() < out.capacity() {
                return; // it had more room than it needed, so that nothing is left
            }
        }
    }
}

/// Compresses into what room there is, and makes some; the number of bytes taken.
fn compress(state: &mut Compress, input: &[u8], out: &mut Vec<u8>, flush: FlushCompress) -> usize {
    out.reserve(GROWTH_BYTES.max(input.len() / 4));
    let before = state.total_in();
    state.compress_vec(input, out, flush).expect("a stream that is never finished takes any input");
    usize::try_from(state.total_in() - before).unwrap_or(input.len())
}

impl fmt::Debug for DeflateEncoder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = self.level.level();
        formatter.debug_struct("DeflateEncoder").field("level", &level).finish_non_exhaustive()
    }
}

/// Decompresses. Its memory, about 50 KB, is there from the first byte on.
#[derive(Default)]
pub struct DeflateDecoder {
    state: Option<Decompress>,
    is_at_end: bool,
}

impl Decode for DeflateDecoder {
    fn decode(&mut self, input: &[u8], output: &mut [u8]) -> Result<Step, CorruptStream> {
        if self.is_at_end || self.state.is_none() && input.is_empty() {
            return Ok(Step { consumed: input.len(), produced: 0 });
        }
        let state = self.state.get_or_insert_with(|| Decompress::new(false));
        let (in_before, out_before) = (state.total_in(), state.total_out());
        let status = state.decompress(input, output, FlushDecompress::None)?;
        self.is_at_end = status == Status::StreamEnd;
        let since = |now: u64, before: u64| usize::try_from(now - before).unwrap_or(usize::MAX);
        Ok(Step {
            consumed: since(state.total_in(), in_before),
            produced: since(state.total_out(), out_before),
        })
    }

    fn is_at_end(&self) -> bool {
        self.is_at_end
    }
}

impl fmt::Debug for DeflateDecoder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_at_end = self.is_at_end;
        let mut decoder = formatter.debug_struct("DeflateDecoder");
        decoder.field("is_at_end", &is_at_end).finish_non_exhaustive()
    }
}
