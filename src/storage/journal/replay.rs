//! The start after a crash: what stands in the journal is put into the logs that have lost it.
//!
//! A log is covered by the journal only where it stands in a segment that is durable but for its newest records. So all there is
//! to do is to compare records with what stands at their place in that segment, and to write those that are not there.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt, io,
    io::IoSlice,
    ops::Range,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    DIR, JournalError,
    entry::{
        ENTRY_MAGIC, FILE_HEADER_BYTES, FileHeader, FoundEntry, check_file_header, read_entry,
    },
    file_name, parse_file_name,
};
use crate::{
    protocol::names::TopicName,
    storage::{
        data_dir::DataDir,
        disk::{Disk, DiskFile, read_full_at, write_all_at},
        position::LogPosition,
        record::{BATCH_BYTES_CEILING, RecordHeader},
        segment::{self, SEGMENT_HEADER_BYTES},
    },
};

/// Never written so long: what stands behind is no entry.
const FILE_BYTES_MAX: u64 = 256 << 20;

/// Where the newest segment of a log ends.
const LAST: LogPosition = LogPosition(u64::MAX);

/// What a start has found in the journal.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Replayed {
    /// Files that there were.
    pub files: usize,
    /// Records in them that belong to topics that are there.
    pub records: u64,
    /// Those of them that their logs did not have.
    pub restored: u64,
    /// Topics that these belong to.
    pub topics: BTreeSet<TopicName>,
    /// What could not be used, in words.
    pub damage: Vec<String>,
}

/// Puts the records of the journal where they belong, syncs that, and removes the journal. A crash at any point does no harm, as the
/// next start does the same again. On a disk that is read only it tells what would be done.
pub(in crate::storage) fn replay(
    data_dir: &DataDir,
    disk: &dyn Disk,
) -> Result<Replayed, JournalError> {
    let dir = data_dir.path().join(DIR);
    let Some(numbers) = list_files(&dir, disk)? else { return Ok(Replayed::default()) };
    if !disk.is_read_only() {
        // An earlier start may have ended before what it has removed was gone for good.
        disk.sync_dir(&dir).map_err(|source| JournalError::io("sync", &dir, source))?;
    }
    let mut replay = Replay { data_dir, disk, found: Replayed::default(), ended: BTreeMap::new() };
    replay.found.files = numbers.len();
    for &number in &numbers {
        let file = JournalFile::read(&dir, number, disk)?;
        replay.note(&file);
    }
    for &number in &numbers {
        replay.apply(&JournalFile::read(&dir, number, disk)?)?;
    }
    if !disk.is_read_only() {
        numbers.iter().try_for_each(|&number| remove(&dir, number, disk))?;
    }
    Ok(replay.found)
}

/// `None` if there has never been a journal.
fn list_files(dir: &Path, disk: &dyn Disk) -> Result<Option<Vec<u64>>, JournalError> {
    let names = match disk.list(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        names => names.map_err(|source| JournalError::io("list", dir, source))?,
    };
    let mut numbers: Vec<_> =
        names.iter().filter_map(|name| parse_file_name(name.to_str()?)).collect();
    numbers.sort_unstable();
    Ok(Some(numbers))
}

/// For good, one after the other, the oldest first: what is said of deleted topics outlives what they have left.
fn remove(dir: &Path, number: u64, disk: &dyn Disk) -> Result<(), JournalError> {
    let path = dir.join(file_name(number));
    disk.remove(&path).map_err(|source| JournalError::io("remove", &path, source))?;
    disk.sync_dir(dir).map_err(|source| JournalError::io("sync", dir, source))
}

/// A file in memory.
struct JournalFile {
    number: u64,
    bytes: Vec<u8>,
    entries: Vec<FoundEntry>,
    damaged: Vec<String>,
}

impl JournalFile {
    fn read(dir: &Path, number: u64, disk: &dyn Disk) -> Result<Self, JournalError> {
        let path = dir.join(file_name(number));
        let bytes =
            read_bytes(&path, disk).map_err(|source| JournalError::io("read", &path, source))?;
        let mut file = Self { number, bytes, entries: Vec::new(), damaged: Vec::new() };
        match check_file_header(&file.bytes, number) {
            FileHeader::Known => {}
            FileHeader::Unknown(version) => {
                return Err(JournalError::UnknownVersion { path, version });
            }
            FileHeader::Damaged => {
                file.damaged.push(format!("{}: the header is damaged", path.display()));
            }
        }
        file.find_entries(&path);
        Ok(file)
    }

    /// What is missing of the last round was not answered to anybody, so only what stands before is damage.
    fn find_entries(&mut self, path: &Path) {
        let (mut at, mut expected) = (FILE_HEADER_BYTES, FILE_HEADER_BYTES);
        let mut gaps = Vec::new();
        while let Some(entry) = self.next_entry(&mut at) {
            gaps.extend((at > expected).then_some(expected..at));
            (at, expected) = (entry.end, entry.end);
            self.entries.push(entry);
        }
        let last_round = self.entries.last().map_or(0, |last| last.round);
        gaps.retain(|gap| (gap.start as u64) < last_round);
        let damage = |gap: Range<usize>| {
            format!("{}: {} bytes at {} are damaged", path.display(), gap.len(), gap.start)
        };
        self.damaged.extend(gaps.into_iter().map(damage));
        if self.bytes.len() <= FILE_HEADER_BYTES {
            self.damaged.clear(); // nothing was written to it
        }
    }

    /// The first entry at or behind `at`, which is where it stands then.
    fn next_entry(&self, at: &mut usize) -> Option<FoundEntry> {
        loop {
            if let Some(entry) = read_entry(&self.bytes, self.number, *at) {
                return Some(entry);
            }
            let behind = self.bytes.get(*at + 1..)?;
            let magic = behind.windows(ENTRY_MAGIC.len()).position(|bytes| bytes == ENTRY_MAGIC)?;
            *at += 1 + magic;
        }
    }
}

fn read_bytes(path: &Path, disk: &dyn Disk) -> io::Result<Vec<u8>> {
    let file = disk.open(path)?;
    let len = file.size()?.min(FILE_BYTES_MAX);
    let mut bytes = vec![0; usize::try_from(len).map_err(io::Error::other)?];
    let read = read_full_at(&*file, &mut bytes, 0)?;
    bytes.truncate(read);
    Ok(bytes)
}

struct Replay<'a> {
    data_dir: &'a DataDir,
    disk: &'a dyn Disk,
    found: Replayed,
    /// Where topics have ended for the last time: file and place. What stands before is of a deleted topic.
    ended: BTreeMap<TopicName, (u64, usize)>,
}

impl Replay<'_> {
    fn note(&mut self, file: &JournalFile) {
        self.found.damage.extend(file.damaged.iter().cloned());
        for entry in file.entries.iter().filter(|entry| entry.records.is_none()) {
            self.ended.insert(entry.topic.clone(), (file.number, entry.end));
        }
    }

    fn apply(&mut self, file: &JournalFile) -> Result<(), JournalError> {
        let mut by_topic = BTreeMap::<&TopicName, Vec<Range<usize>>>::new();
        for entry in &file.entries {
            let ended = self.ended.get(&entry.topic);
            let is_alive = ended.is_none_or(|ended| *ended < (file.number, entry.end));
            if let Some(records) = entry.records.clone().filter(|_| is_alive) {
                by_topic.entry(&entry.topic).or_default().push(records);
            }
        }
        for (topic, entries) in by_topic {
            let dir = self.data_dir.topic_dir(topic);
            if let Some(mut log) = LogFiles::list(&dir, self.disk)? {
                let entries = entries.into_iter().filter_map(|range| file.bytes.get(range));
                entries.for_each(|records| log.add(records));
                log.restore()?;
                self.take(topic, log);
            }
        }
        Ok(())
    }

    fn take(&mut self, topic: &TopicName, log: LogFiles<'_>) {
        self.found.records += log.records.len() as u64;
        self.found.restored += log.restored;
        if log.restored > 0 {
            self.found.topics.insert(topic.clone());
        }
        let damage = log.damage.into_iter().map(|text| format!("topic={topic} {text}"));
        self.found.damage.extend(damage);
    }
}

/// The segments of a topic, and records that belong there.
struct LogFiles<'a> {
    disk: &'a dyn Disk,
    /// By the position of their first record. Those without a header hold nothing that the journal has.
    segments: Vec<(LogPosition, PathBuf)>,
    records: Vec<(RecordHeader, &'a [u8])>,
    restored: u64,
    damage: Vec<String>,
}

impl<'a> LogFiles<'a> {
    /// `None` without the topic.
    fn list(dir: &Path, disk: &'a dyn Disk) -> Result<Option<Self>, JournalError> {
        let names = match disk.list(dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            names => names.map_err(|source| JournalError::io("list", dir, source))?,
        };
        let mut segments = Vec::new();
        for name in names.iter().filter_map(|name| name.to_str()) {
            let Some(first_seq) = segment::parse_file_name(name) else { continue };
            let path = dir.join(name);
            let header = disk.open(&path).and_then(|file| segment::read_header(&*file));
            let header = header.map_err(|source| JournalError::io("read", &path, source))?;
            let header = header.filter(|header| header.first_seq == first_seq);
            segments.extend(header.map(|header| (header.base, path)));
        }
        segments.sort_unstable();
        let (records, damage) = (Vec::new(), Vec::new());
        Ok(Some(Self { disk, segments, records, restored: 0, damage }))
    }

    fn add(&mut self, mut records: &'a [u8]) {
        while !records.is_empty() {
            let verified = RecordHeader::parse(records, BATCH_BYTES_CEILING).and_then(|header| {
                RecordHeader::verify(records, header.position, BATCH_BYTES_CEILING)
            });
            match verified {
                Ok(header) => {
                    let (record, rest) = records.split_at(header.record_len());
                    self.records.push((header, record));
                    records = rest;
                }
                Err(error) => return self.complain(format_args!("{error} in the journal")),
            }
        }
    }

    fn complain(&mut self, text: fmt::Arguments<'_>) {
        self.damage.push(text.to_string());
    }

    /// Everything is where it belongs after that, and durable.
    fn restore(&mut self) -> Result<(), JournalError> {
        for index in 0..self.segments.len() {
            let (base, path) = self.segments[index].clone();
            let limit = self.segments.get(index + 1).map_or(LAST, |next| next.0);
            let is_inside =
                |(header, _): &&(RecordHeader, _)| (base..limit).contains(&header.position);
            let records: Vec<_> = self.records.iter().filter(is_inside).copied().collect();
            if !records.is_empty() {
                self.restore_segment(&path, base..limit, &records)
                    .map_err(|source| JournalError::io("restore", &path, source))?;
            }
        }
        Ok(())
    }

    fn restore_segment(
        &mut self,
        path: &Path,
        positions: Range<LogPosition>,
        records: &[(RecordHeader, &[u8])],
    ) -> io::Result<()> {
        let file: Arc<dyn DiskFile> = self.disk.open(path)?;
        let (mut size, mut buffer) = (file.size()?, Vec::new());
        for (header, record) in records {
            let position = header.position;
            let offset = SEGMENT_HEADER_BYTES + position.bytes_since(positions.start);
            if offset > size || header.end_position() > positions.end {
                // Segments in between were removed, which was not durable for all of them; or else opening the log
                // tells what is missing there.
                if positions.end == LAST {
                    self.complain(format_args!("the record at {position} has no place in the log"));
                }
                continue;
            }
            buffer.resize(record.len(), 0);
            let read = read_full_at(&*file, &mut buffer, offset)?;
            if buffer[..read] != **record {
                self.restored += 1;
                if !self.disk.is_read_only() {
                    write_all_at(&*file, &mut [IoSlice::new(record)], offset)?;
                }
            }
            size = size.max(offset + record.len() as u64);
        }
        file.sync_data()
    }
}
