//! Walking over the records of one segment, past whatever is damaged.

use std::{io, sync::Arc};

use bytes::Bytes;

use crate::storage::{
    damage::{Damage, DamageKind},
    disk::{DiskFile, read_full_at},
    position::LogPosition,
    record::{BATCH_BYTES_CEILING, RECORD_HEADER_BYTES, RECORD_MAGIC, RecordError, RecordHeader},
    segment::{SEGMENT_HEADER_BYTES, Segment},
};

/// The part of a segment to walk over.
#[derive(Debug)]
pub(super) struct Extent {
    pub segment: Arc<Segment>,
    /// The first record, inside the segment.
    pub from: LogPosition,
    /// The end of the last record; bytes beyond do not exist for the walk.
    pub limit: LogPosition,
    /// No record reaches beyond this sequence number, where that is known.
    pub seq_limit: Option<u64>,
}

/// A step of the walk.
#[derive(Debug)]
pub(super) enum Scanned {
    /// A record with every byte checked; its bytes are there until the next step.
    Record(RecordHeader),
    /// Bytes that had to be skipped, up to the next record or the limit.
    Damage(Damage),
}

/// Walks over the records of an extent.
#[derive(Debug)]
pub(super) struct SegmentScan {
    extent: Extent,
    position: LogPosition,
    /// The next record begins here or later, where the one before is known.
    seq_next: Option<u64>,
    window: Window,
}

impl SegmentScan {
    /// Reads `window_bytes` at a time, more for a larger record. `None` for a file that is gone:
    /// all of the extent is then damage.
    pub fn new(
        file: Option<Arc<dyn DiskFile>>,
        extent: Extent,
        window_bytes: usize,
    ) -> io::Result<Self> {
        let at_start = extent.from == extent.segment.base();
        let window = Window::new(file, extent.segment.offset_of(extent.limit), window_bytes)?;
        Ok(Self {
            position: extent.from,
            seq_next: at_start.then_some(extent.segment.first_seq()),
            extent,
            window,
        })
    }

    /// The next record or damage; `None` at the limit.
    pub fn step(&mut self) -> io::Result<Option<Scanned>> {
        if self.position >= self.extent.limit {
            return Ok(None);
        }
        match self.verify_at(self.position)? {
            Ok(header) => {
                self.position = header.end_position();
                self.seq_next = Some(header.end_seq());
                Ok(Some(Scanned::Record(header)))
            }
            Err(_) => self.skip_damage().map(Some),
        }
    }

    /// Checks the record at a position, all of it.
    pub fn verify_at(&mut self, at: LogPosition) -> io::Result<Result<RecordHeader, RecordError>> {
        let offset = self.extent.segment.offset_of(at);
        let header = match verify_in(&mut self.window, offset, Some(at))? {
            Ok(header) => header,
            Err(error) => return Ok(Err(error)),
        };
        let seq_min = self.seq_next.unwrap_or(self.extent.segment.first_seq());
        let seq_max = self.extent.seq_limit.unwrap_or(u64::MAX);
        let plausible = header.first_seq >= seq_min && header.end_seq() <= seq_max;
        Ok(if plausible { Ok(header) } else { Err(RecordError::Misplaced(header.position)) })
    }

    /// The bytes of the record that the last step found, which share memory with their neighbours.
    pub fn record(&self, header: &RecordHeader) -> Bytes {
        let bytes = self.window.buffered(self.extent.segment.offset_of(header.position));
        self.window.bytes.slice_ref(&bytes[..header.record_len()])
    }

    /// How long the next record is, if all of it has been read already. 0 for what is damage at
    /// first sight: better reported by a walk that has seen the record before.
    pub fn buffered_len(&self) -> Option<usize> {
        let bytes = self.window.buffered(self.extent.segment.offset_of(self.position));
        match RecordHeader::parse(bytes, BATCH_BYTES_CEILING) {
            Err(RecordError::Truncated) => None,
            Ok(header) if header.position == self.position && self.is_within_limit(&header) => {
                (header.record_len() <= bytes.len()).then_some(header.record_len())
            }
            _ => Some(0),
        }
    }

    fn is_within_limit(&self, header: &RecordHeader) -> bool {
        header.end_position() <= self.extent.limit
    }

    /// True when the limit has been reached.
    pub fn is_at_limit(&self) -> bool {
        self.position >= self.extent.limit
    }

    fn skip_damage(&mut self) -> io::Result<Scanned> {
        let (start, first_seq) = (self.position, self.seq_next);
        let (end, end_seq) = match self.next_valid_after(start)? {
            Some(header) => (header.position, Some(header.first_seq)),
            None => (self.extent.limit, self.extent.seq_limit),
        };
        (self.position, self.seq_next) = (end, end_seq);
        Ok(Scanned::Damage(Damage {
            kind: DamageKind::Records,
            segment: self.extent.segment.first_seq(),
            positions: start..end,
            first_seq,
            end_seq,
        }))
    }

    fn next_valid_after(&mut self, damaged: LogPosition) -> io::Result<Option<RecordHeader>> {
        if let Some(header) = self.declared_successor(damaged)? {
            return Ok(Some(header));
        }
        let mut at = self.extent.segment.offset_of(damaged) + 1;
        while let Some(offset) = self.window.find_magic(at)? {
            let candidate = self.extent.segment.base() + (offset - SEGMENT_HEADER_BYTES);
            if let Ok(header) = self.verify_at(candidate)? {
                return Ok(Some(header));
            }
            at = offset + 1;
        }
        Ok(None)
    }

    /// The record after a damaged one whose own header still tells length and count. Looking there
    /// first passes over the damaged payload, in which a publisher may have put what looks like a
    /// record.
    fn declared_successor(&mut self, damaged: LogPosition) -> io::Result<Option<RecordHeader>> {
        let bytes =
            self.window.load(self.extent.segment.offset_of(damaged), RECORD_HEADER_BYTES)?;
        let Ok(declared) = RecordHeader::parse(bytes, BATCH_BYTES_CEILING) else {
            return Ok(None);
        };
        if declared.position != damaged || declared.end_position() >= self.extent.limit {
            return Ok(None);
        }
        let successor = self.verify_at(declared.end_position())?.ok();
        Ok(successor.filter(|header| header.first_seq == declared.end_seq()))
    }
}

/// Finds out where the records of a file stand that has lost its header: each record says so
/// itself.
pub(super) fn base_from_records(
    file: Arc<dyn DiskFile>,
    window_bytes: usize,
) -> io::Result<Option<LogPosition>> {
    let mut window = Window::new(Some(file), u64::MAX, window_bytes)?;
    let mut at = SEGMENT_HEADER_BYTES;
    while let Some(offset) = window.find_magic(at)? {
        if let Ok(header) = verify_in(&mut window, offset, None)? {
            let base = header.position.0.checked_sub(offset - SEGMENT_HEADER_BYTES);
            return Ok(base.map(LogPosition));
        }
        at = offset + 1;
    }
    Ok(None)
}

/// Checks the record at a file offset. It must say that it belongs to `expected`, if given.
fn verify_in(
    window: &mut Window,
    offset: u64,
    expected: Option<LogPosition>,
) -> io::Result<Result<RecordHeader, RecordError>> {
    let header =
        match RecordHeader::parse(window.load(offset, RECORD_HEADER_BYTES)?, BATCH_BYTES_CEILING) {
            Ok(header) => header,
            Err(error) => return Ok(Err(error)),
        };
    let position = expected.unwrap_or(header.position);
    if header.position != position {
        return Ok(Err(RecordError::Misplaced(header.position)));
    }
    let bytes = window.load(offset, header.record_len())?;
    Ok(RecordHeader::verify(bytes, position, BATCH_BYTES_CEILING))
}

/// A piece of a file in memory.
#[derive(Debug)]
pub(super) struct Window {
    file: Option<Arc<dyn DiskFile>>,
    /// Never reads beyond, so that no length on disk makes it allocate more than the file holds.
    limit: u64,
    capacity: usize,
    start: u64,
    bytes: Bytes,
}

impl Window {
    /// Reads `capacity` bytes at a time, and none at or beyond `limit`. Without a file it is empty.
    pub fn new(file: Option<Arc<dyn DiskFile>>, limit: u64, capacity: usize) -> io::Result<Self> {
        let size = file.as_ref().map_or(Ok(0), |file| file.size())?;
        Ok(Self { file, limit: limit.min(size), capacity, start: 0, bytes: Bytes::new() })
    }

    /// What is in memory from `offset` on.
    fn buffered(&self, offset: u64) -> &[u8] {
        let skip = offset.checked_sub(self.start).and_then(|skip| usize::try_from(skip).ok());
        skip.and_then(|skip| self.bytes.get(skip..)).unwrap_or_default()
    }

    /// At least `len` bytes from `offset` on, fewer only where the file or the limit ends.
    pub fn load(&mut self, offset: u64, len: usize) -> io::Result<&[u8]> {
        if self.buffered(offset).len() < len {
            self.refill(offset, len)?;
        }
        Ok(self.buffered(offset))
    }

    fn refill(&mut self, offset: u64, len: usize) -> io::Result<()> {
        let Some(file) = &self.file else { return Ok(()) };
        let left = usize::try_from(self.limit.saturating_sub(offset)).unwrap_or(usize::MAX);
        let mut bytes = vec![0; len.max(self.capacity).min(left)];
        (self.start, self.bytes) = (offset, Bytes::new());
        let read = read_full_at(&**file, &mut bytes, offset)?;
        bytes.truncate(read);
        self.bytes = bytes.into();
        Ok(())
    }

    /// The first place at or after `offset` where a record may begin.
    fn find_magic(&mut self, mut offset: u64) -> io::Result<Option<u64>> {
        loop {
            let bytes = self.load(offset, RECORD_MAGIC.len())?;
            if bytes.len() < RECORD_MAGIC.len() {
                return Ok(None);
            }
            let found = bytes.windows(RECORD_MAGIC.len()).position(|bytes| bytes == RECORD_MAGIC);
            if let Some(index) = found {
                return Ok(Some(offset + index as u64));
            }
            offset += (bytes.len() - RECORD_MAGIC.len() + 1) as u64;
        }
    }
}
