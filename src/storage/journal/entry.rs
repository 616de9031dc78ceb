//! What stands in a file of the journal: a header, then entries.

use std::{io::IoSlice, ops::Range, sync::Arc};

use crate::{
    protocol::names::TopicName,
    storage::{
        batch::Batch,
        position::LogPosition,
        record::{be_u16, be_u32, be_u64},
    },
};

/// Size of the header of a file.
pub(super) const FILE_HEADER_BYTES: usize = 24;
/// Size of an entry before the topic's name.
pub(super) const ENTRY_HEADER_BYTES: usize = 40;

const FILE_MAGIC: [u8; 4] = *b"NSQJ";
pub(super) const ENTRY_MAGIC: [u8; 4] = *b"NSQE";
const VERSION: u32 = 1;
const RECORDS: u16 = 1;
const ENDED: u16 = 2;

/// What a header of a file says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum FileHeader {
    /// One that this version reads.
    Known,
    /// One of a later version.
    Unknown(u32),
    /// It is not whole.
    Damaged,
}

/// The header of file `number`.
pub(super) fn file_header(number: u64) -> [u8; FILE_HEADER_BYTES] {
    versioned_header(number, VERSION)
}

pub(super) fn versioned_header(number: u64, version: u32) -> [u8; FILE_HEADER_BYTES] {
    let mut bytes = [0; FILE_HEADER_BYTES];
    bytes[..4].copy_from_slice(&FILE_MAGIC);
    bytes[4..8].copy_from_slice(&version.to_be_bytes());
    bytes[16..24].copy_from_slice(&number.to_be_bytes());
    let crc = crc32c::crc32c_append(crc32c::crc32c(&bytes[..8]), &bytes[12..]);
    bytes[8..12].copy_from_slice(&crc.to_be_bytes());
    bytes
}

pub(super) fn check_file_header(bytes: &[u8], number: u64) -> FileHeader {
    let Some(header) = bytes.get(..FILE_HEADER_BYTES) else { return FileHeader::Damaged };
    let version = be_u32(header, 4);
    match versioned_header(number, version) == header {
        false => FileHeader::Damaged,
        true if version == VERSION => FileHeader::Known,
        true => FileHeader::Unknown(version),
    }
}

/// Where an entry stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    /// Number of the file.
    pub file: u64,
    pub offset: u64,
    /// Offset of the first entry that was written together with it: what stands before that was synced before.
    pub round: u64,
}

/// Something to be kept of a topic.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Whose.
    pub topic: TopicName,
    /// What.
    pub kind: EntryKind,
}

/// What an entry says.
#[derive(Debug, Clone)]
pub enum EntryKind {
    /// Records as they stand in the topic's log, one after the other.
    Records(Vec<Arc<Batch>>),
    /// The topic of that name was deleted: whatever the journal has of it before is not to be used.
    Ended,
}

impl Entry {
    /// Where the log ends with this entry; `None` without records.
    pub fn end(&self) -> Option<LogPosition> {
        self.records().last().map(|last| last.end_position())
    }

    /// Length in the journal.
    pub fn encoded_len(&self) -> usize {
        let records = self.records().iter().map(|batch| batch.encoded_len());
        ENTRY_HEADER_BYTES + self.topic.as_str().len() + records.sum::<usize>()
    }

    fn records(&self) -> &[Arc<Batch>] {
        match &self.kind {
            EntryKind::Records(records) => records,
            EntryKind::Ended => &[],
        }
    }

    /// Header and name, for this place.
    pub(super) fn head(&self, place: Place) -> Vec<u8> {
        let name = self.topic.as_str().as_bytes();
        let kind = if matches!(self.kind, EntryKind::Ended) { ENDED } else { RECORDS };
        let payload_len =
            u32::try_from(self.encoded_len() - ENTRY_HEADER_BYTES).unwrap_or(u32::MAX);
        let name_len = u16::try_from(name.len()).unwrap_or(u16::MAX);
        let mut head = vec![0; ENTRY_HEADER_BYTES];
        head[..4].copy_from_slice(&ENTRY_MAGIC);
        head[4..8].copy_from_slice(&payload_len.to_be_bytes());
        head[12..14].copy_from_slice(&kind.to_be_bytes());
        head[14..16].copy_from_slice(&name_len.to_be_bytes());
        head[16..24].copy_from_slice(&place.file.to_be_bytes());
        head[24..32].copy_from_slice(&place.offset.to_be_bytes());
        head[32..40].copy_from_slice(&place.round.to_be_bytes());
        head.extend_from_slice(name);
        let crc = crc32c::crc32c_append(crc32c::crc32c(&head[..8]), &head[12..]);
        let append = |crc, batch: &Arc<Batch>| crc32c::crc32c_append(crc, batch.encoded());
        let crc = self.records().iter().fold(crc, append);
        head[8..12].copy_from_slice(&crc.to_be_bytes());
        head
    }

    /// All of it, to be written behind `head`.
    pub(super) fn slices<'a>(&'a self, head: &'a [u8]) -> impl Iterator<Item = IoSlice<'a>> {
        let records = self.records().iter().map(|batch| IoSlice::new(batch.encoded()));
        std::iter::once(IoSlice::new(head)).chain(records)
    }
}

/// An entry that was found, with every byte of it checked.
#[derive(Debug)]
pub(super) struct FoundEntry {
    pub topic: TopicName,
    /// Where the records are in the file; `None` for the end of a topic.
    pub records: Option<Range<usize>>,
    pub end: usize,
    /// What stands before was synced before this was written.
    pub round: u64,
}

/// Reads the entry that stands at `at` in `file`, which is number `number`; `None` unless every byte of it
/// is right.
pub(super) fn read_entry(file: &[u8], number: u64, at: usize) -> Option<FoundEntry> {
    let header = file.get(at..)?.get(..ENTRY_HEADER_BYTES)?;
    let place = (be_u64(header, 16), be_u64(header, 24));
    if header[..4] != ENTRY_MAGIC || place != (number, at as u64) {
        return None;
    }
    let end = at.checked_add(ENTRY_HEADER_BYTES)?.checked_add(be_u32(header, 4) as usize)?;
    let entry = file.get(at..end)?;
    let crc = crc32c::crc32c_append(crc32c::crc32c(&entry[..8]), &entry[12..]);
    if crc != be_u32(header, 8) {
        return None;
    }
    let records_at = ENTRY_HEADER_BYTES + usize::from(be_u16(header, 14));
    let name = std::str::from_utf8(entry.get(ENTRY_HEADER_BYTES..records_at)?).ok()?;
    let topic = TopicName::parse(name).ok()?;
    let records = match be_u16(header, 12) {
        RECORDS => Some(at + records_at..end),
        ENDED if at + records_at == end => None,
        _ => return None,
    };
    Some(FoundEntry { topic, records, end, round: be_u64(header, 32) })
}
