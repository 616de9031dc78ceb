//! A long log costs no more to open, and to begin to read, than a short one.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{
    protocol::names::ChannelName,
    storage::{
        counting_disk::CountingDisk,
        cursor::Cursor,
        inspection::Inspection,
        log::{Log, LogOptions, UNSYNCED_SEGMENTS_MAX},
        log_reader::LogReader,
        position::LogPosition,
        segment::SEGMENT_HEADER_BYTES,
        stored_topic::StoredTopic,
        test_log::batch,
    },
};

const SEGMENTS: usize = 40;
const SEGMENT_BYTES: u64 = 64 << 10;
/// One record, of a hundred messages.
const RECORD_BYTES: u64 = 64 + 100 * 24;
/// What is read to look at one batch.
const LOOK_BYTES: u64 = 4 << 10;

/// A topic of forty segments.
struct Backlog {
    dir: tempfile::TempDir,
    disk: CountingDisk,
    /// First sequence number and position of each batch.
    batches: Vec<(u64, LogPosition)>,
}

impl Backlog {
    fn new() -> Self {
        let (dir, disk) = (tempfile::tempdir().unwrap(), CountingDisk::default());
        let (mut log, _) = Log::open(dir.path(), options(&disk)).unwrap();
        let (bodies, mut batches) = (vec![vec![b'x'; 20]; 100], Vec::new());
        while log.segment_count() < SEGMENTS {
            let (position, seq) = log.reader().end();
            batches.push((seq, position));
            log.append(&[Arc::new(batch(seq, position, &bodies))]).unwrap();
        }
        log.sync().unwrap();
        drop(log);
        disk.forget();
        Self { dir, disk, batches }
    }

    fn save(&self, channel: &str, cursor: &Cursor) {
        let channel = ChannelName::parse(channel).unwrap();
        cursor.save(&self.disk, self.dir.path(), &channel, false).unwrap();
    }

    fn open(&self) -> StoredTopic {
        StoredTopic::open(self.dir.path(), options(&self.disk)).unwrap()
    }

    fn reader(&self) -> LogReader {
        let reader = self.open().log.reader();
        self.disk.take_read();
        reader
    }
}

fn options(disk: &CountingDisk) -> LogOptions {
    LogOptions {
        segment_bytes_max: SEGMENT_BYTES,
        disk: Arc::new(disk.clone()),
        ..LogOptions::default()
    }
}

#[test]
fn a_start_reads_the_headers_of_sealed_segments_and_the_last_one_in_full() {
    let backlog = Backlog::new();
    let floor = backlog.batches[300].0 + 7;
    backlog.save("stalled", &Cursor { floor, ..Cursor::default() });
    let stored = backlog.open();
    assert_eq!(stored.recovery.next_seq, backlog.batches.len() as u64 * 100 + 1, "exact");
    assert_eq!((stored.recovery.torn_bytes, stored.recovery.damaged.len()), (0, 0));
    let read = backlog.disk.take_read();
    let mut segments = read.iter().filter(|(path, _)| path.extension().unwrap() == "log");
    let (last, last_read) = segments.next_back().unwrap();
    assert!(*last_read <= last.metadata().unwrap().len() + SEGMENT_HEADER_BYTES);
    let sealed: Vec<_> = segments.map(|(_, bytes)| *bytes).collect();
    assert_eq!(sealed, vec![SEGMENT_HEADER_BYTES; SEGMENTS - 1]);
}

#[test]
fn a_known_place_is_read_from_without_a_walk_to_it() {
    let backlog = Backlog::new();
    let reader = backlog.reader();
    let (first_seq, position) = backlog.batches[320];
    let wanted = 4 * RECORD_BYTES;
    for seq in [first_seq, first_seq + 99] {
        let chunk = reader.read_from(seq, Some(position), wanted as usize).unwrap();
        assert_eq!((chunk.batches[0].first_seq(), chunk.batches.len()), (first_seq, 4));
        assert_eq!(backlog.disk.take_read_of_all(), wanted);
    }
    // From a few batches before it, the rest of the way is walked, and no more.
    let near = backlog.batches[310].1;
    let chunk = reader.read_from(first_seq, Some(near), wanted as usize).unwrap();
    assert_eq!(chunk.batches[0].first_seq(), first_seq);
    let way = position.bytes_since(near);
    assert!(backlog.disk.take_read_of_all() <= 2 * wanted + LOOK_BYTES + SEGMENT_BYTES);
    assert!(way < SEGMENT_BYTES);
}

#[test]
fn without_a_known_place_no_more_than_one_segment_is_walked_over() {
    let backlog = Backlog::new();
    let reader = backlog.reader();
    let (first_seq, _) = backlog.batches[320];
    let stale = [None, Some(LogPosition::START), Some(LogPosition(3)), Some(backlog.batches[5].1)];
    for hint in stale {
        let chunk = reader.read_from(first_seq, hint, 1).unwrap();
        assert_eq!(chunk.batches[0].first_seq(), first_seq, "{hint:?}");
        let looks = 3 * (LOOK_BYTES + RECORD_BYTES);
        let read = backlog.disk.take_read_of_all();
        assert!(read <= SEGMENT_BYTES + looks + SEGMENT_BYTES, "{hint:?}: {read}");
    }
}

#[test]
fn messages_all_over_the_log_take_a_few_descriptors() {
    let backlog = Backlog::new();
    let reader = backlog.reader();
    for &(seq, position) in backlog.batches.iter().step_by(7) {
        let chunk = reader.read_from(seq, Some(position), 1).unwrap();
        assert_eq!(chunk.batches[0].first_seq(), seq);
    }
    assert!(backlog.disk.open_max() <= 10, "{} files open at once", backlog.disk.open_max());
}

#[test]
fn segments_that_wait_for_a_sync_take_a_bounded_number_of_descriptors() {
    let (dir, disk) = (tempfile::tempdir().unwrap(), CountingDisk::default());
    let one_record = LogOptions { segment_bytes_max: 1, ..options(&disk) };
    let (mut log, _) = Log::open(dir.path(), one_record).unwrap();
    while log.segment_count() < 3 * UNSYNCED_SEGMENTS_MAX {
        log.sync_surplus().unwrap();
        let (position, seq) = log.reader().end();
        log.append(&[Arc::new(batch(seq, position, &[vec![b'x']]))]).unwrap();
    }
    let open_max = disk.open_max();
    assert!(open_max <= UNSYNCED_SEGMENTS_MAX + 2, "{open_max} files open at once");
    log.sync().unwrap();
    assert!(!log.is_dirty() && disk.open() == 1, "only the last one is needed");
}

#[test]
fn what_is_damaged_behind_a_known_place_is_skipped_and_told() {
    let backlog = Backlog::new();
    let (first_seq, position) = backlog.batches[320];
    let (segment, base) = segment_of(&backlog, first_seq);
    let mut bytes = std::fs::read(&segment).unwrap();
    let offset = SEGMENT_HEADER_BYTES + position.bytes_since(base);
    bytes[offset as usize + 70] ^= 1;
    std::fs::write(&segment, bytes).unwrap();
    let reader = backlog.reader();
    for hint in [Some(position), Some(backlog.batches[319].1), None] {
        let chunk = reader.read_from(first_seq + 5, hint, 1).unwrap();
        assert_eq!(chunk.batches[0].first_seq(), first_seq + 100, "{hint:?}");
        let lost: Vec<_> = chunk.damaged.iter().map(|damage| damage.end_seq).collect();
        assert_eq!(lost, [Some(first_seq + 100)], "{hint:?}: told once");
    }
    let inspection = Inspection::read(backlog.dir.path()).unwrap();
    assert_eq!(inspection.damaged.len(), 1, "and found by a look at everything");
    assert_eq!(inspection.messages, 100 * (backlog.batches.len() as u64 - 1));
}

/// The segment that a message is in, and the position of its first record.
fn segment_of(backlog: &Backlog, seq: u64) -> (PathBuf, LogPosition) {
    let names = std::fs::read_dir(backlog.dir.path()).unwrap();
    let first_of = |path: &Path| path.file_stem()?.to_str()?.parse::<u64>().ok();
    let segments = names.map(|entry| entry.unwrap().path());
    let (first, path) = segments
        .filter_map(|path| Some((first_of(&path)?, path)))
        .filter(|(first, _)| *first <= seq)
        .max()
        .unwrap();
    (path, backlog.batches.iter().find(|(seq, _)| *seq == first).unwrap().1)
}
