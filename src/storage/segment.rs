//! A segment: one file of a log, with a header of its own and then records.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use crate::{
    protocol::message_id::MessageId,
    storage::{
        disk::{Disk, DiskFile, read_full_at},
        position::LogPosition,
        record::be_u64,
        replace::replace_file,
    },
};

/// Size of the header in front of a segment's records.
pub const SEGMENT_HEADER_BYTES: u64 = 40;

const HEADER_LEN: usize = SEGMENT_HEADER_BYTES as usize;
const MAGIC: [u8; 4] = *b"NSQS";
const VERSION: u32 = 1;
const SUFFIX: &str = ".log";
const NAME_DIGITS: usize = 20;

/// What a segment says of itself before its first record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SegmentHeader {
    /// No record in it begins below this sequence number. Also the name of the file.
    pub first_seq: u64,
    /// Position of its first record.
    pub base: LogPosition,
    /// The last message id given out before it; 0 for none.
    pub last_id: MessageId,
}

impl SegmentHeader {
    /// The bytes on disk.
    pub fn encode(&self) -> [u8; HEADER_LEN] {
        let mut bytes = [0; HEADER_LEN];
        bytes[..4].copy_from_slice(&MAGIC);
        bytes[4..8].copy_from_slice(&VERSION.to_be_bytes());
        bytes[16..24].copy_from_slice(&self.first_seq.to_be_bytes());
        bytes[24..32].copy_from_slice(&self.base.0.to_be_bytes());
        bytes[32..40].copy_from_slice(&self.last_id.0.to_be_bytes());
        let crc = checksum(&bytes);
        bytes[8..12].copy_from_slice(&crc.to_be_bytes());
        bytes
    }

    /// Reads the bytes on disk; `None` unless every one of them is right.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let header = Self {
            first_seq: be_u64(bytes.get(..HEADER_LEN)?, 16),
            base: LogPosition(be_u64(bytes, 24)),
            last_id: MessageId(be_u64(bytes, 32)),
        };
        (header.encode() == bytes[..HEADER_LEN]).then_some(header)
    }
}

fn checksum(header: &[u8; HEADER_LEN]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&header[..8]), &header[12..])
}

/// One file of a log. Shared by the log and its readers.
#[derive(Debug)]
pub struct Segment {
    path: PathBuf,
    first_seq: u64,
    base: LogPosition,
    /// Length of the file; set by the log, header included.
    len: AtomicU64,
    /// Opened by whoever reads first, closed when a reader has come to its end.
    handle: Mutex<Option<Arc<dyn DiskFile>>>,
}

impl Segment {
    /// Writes a new file with nothing but the header. It appears under its name only when whole.
    pub(super) fn create(dir: &Path, disk: &dyn Disk, header: SegmentHeader) -> io::Result<Self> {
        let segment =
            Self::known(dir.join(file_name(header.first_seq)), header.first_seq, header.base);
        replace_file(disk, &segment.path, &header.encode(), false)?;
        Ok(segment)
    }

    /// A file that is there already.
    pub(super) fn known(path: PathBuf, first_seq: u64, base: LogPosition) -> Self {
        let len = AtomicU64::new(SEGMENT_HEADER_BYTES);
        Self { path, first_seq, base, len, handle: Mutex::new(None) }
    }

    /// No record in it begins below this sequence number.
    pub fn first_seq(&self) -> u64 {
        self.first_seq
    }

    /// Position of its first record.
    pub fn base(&self) -> LogPosition {
        self.base
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Length of the file, header included.
    pub fn len(&self) -> u64 {
        self.len.load(Ordering::Relaxed)
    }

    /// True without a record.
    pub fn is_empty(&self) -> bool {
        self.len() <= SEGMENT_HEADER_BYTES
    }

    pub(super) fn set_len(&self, len: u64) {
        self.len.store(len, Ordering::Relaxed);
    }

    /// Where in the file a position is.
    pub(super) fn offset_of(&self, position: LogPosition) -> u64 {
        SEGMENT_HEADER_BYTES.saturating_add(position.bytes_since(self.base))
    }

    /// The open file.
    pub(super) fn file(&self, disk: &dyn Disk) -> io::Result<Arc<dyn DiskFile>> {
        let mut handle = self.handle.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = &*handle {
            return Ok(Arc::clone(file));
        }
        let file = disk.open(&self.path)?;
        *handle = Some(Arc::clone(&file));
        Ok(file)
    }

    /// Gives the descriptor back; the next reader opens the file again.
    pub(super) fn close(&self) {
        *self.handle.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// The header of the file, `None` if it is damaged.
pub(super) fn read_header(file: &dyn DiskFile) -> io::Result<Option<SegmentHeader>> {
    let mut bytes = [0; HEADER_LEN];
    let read = read_full_at(file, &mut bytes, 0)?;
    Ok(SegmentHeader::decode(&bytes[..read]))
}

/// The file name of the segment that begins with `first_seq`.
pub(super) fn file_name(first_seq: u64) -> String {
    format!("{first_seq:0NAME_DIGITS$}{SUFFIX}")
}

/// The sequence number in a segment's file name; `None` for any other file.
pub(super) fn parse_file_name(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(SUFFIX)?;
    let first_seq = digits.parse().ok()?;
    (file_name(first_seq) == name).then_some(first_seq)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flipped_bit_and_every_cut_of_a_header_is_noticed() {
        let header = SegmentHeader { first_seq: 5, base: LogPosition(77), last_id: MessageId(9) };
        let bytes = header.encode();
        assert_eq!(SegmentHeader::decode(&bytes), Some(header));
        for bit in 0..8 * bytes.len() {
            let mut flipped = bytes;
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(SegmentHeader::decode(&flipped), None, "bit {bit}");
        }
        for length in 0..bytes.len() {
            assert_eq!(SegmentHeader::decode(&bytes[..length]), None);
        }
    }

    #[test]
    fn only_our_file_names_are_read() {
        assert_eq!(parse_file_name(&file_name(u64::MAX)), Some(u64::MAX));
        for name in ["1.log", "+0000000000000000001.log", "00000000000000000001.log.bak", "x.log"] {
            assert_eq!(parse_file_name(name), None, "{name}");
        }
    }
}
