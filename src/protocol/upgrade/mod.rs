//! Compressed streams: what goes over a connection's bytes once IDENTIFY has agreed on it.
//!
//! Both directions are streams of their own without an end: every flush brings the peer everything
//! that was encoded before it. Whatever a peer sends, a decoder makes no more of it in one step than
//! its caller has room for.

pub mod deflate;
pub mod snappy;

pub use deflate::{DeflateDecoder, DeflateEncoder};
pub use snappy::{SnappyDecoder, SnappyEncoder};

/// One direction of a compressed stream, from plain bytes.
pub trait Encode {
    /// Appends to `out` what `input` comes to. The peer may not be able to read all of it before the
    /// next [`Encode::flush`].
    fn encode(&mut self, input: &[u8], out: &mut Vec<u8>);

    /// Appends to `out` whatever the peer needs to read everything that has been encoded; nothing if
    /// it has that already.
    fn flush(&mut self, out: &mut Vec<u8>);
}

/// One direction of a compressed stream, to plain bytes.
pub trait Decode {
    /// Decodes from the front of `input` to the front of `output`, which is not empty.
    ///
    /// Where nothing is produced, the rest of `input` is the beginning of something: it must be given
    /// again with more behind it. Where something is produced, there may be more, even without input.
    ///
    /// After an error the stream cannot be read on.
    fn decode(&mut self, input: &[u8], output: &mut [u8]) -> Result<Step, CorruptStream>;

    /// The peer has ended its stream: what follows is not looked at.
    fn is_at_end(&self) -> bool {
        false
    }
}

/// What a step of a decoder has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Step {
    /// Bytes that were taken from the input.
    pub consumed: usize,
    /// Bytes that were put into the output.
    pub produced: usize,
}

/// The peer's bytes are no such stream.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CorruptStream {
    /// The first chunk of a snappy stream must say that it is one.
    #[error("snappy stream without identifier")]
    NoIdentifier,
    /// A snappy chunk of a type that must not be skipped and is not known.
    #[error("snappy chunk of unknown type {0:#04x}")]
    UnknownChunk(u8),
    /// A snappy chunk that holds more than a chunk may, or less than its type needs.
    #[error("snappy chunk of bad length {0}")]
    BadChunkLength(usize),
    /// The content of a snappy chunk.
    #[error("snappy chunk: {0}")]
    BadChunk(#[from] snap::Error),
    /// The checksum of a snappy chunk.
    #[error("snappy chunk with wrong checksum")]
    WrongChecksum,
    /// A stream that is not DEFLATE.
    #[error("deflate: {0}")]
    BadDeflate(#[from] flate2::DecompressError),
}

#[cfg(test)]
mod tests;
