//! A whole topic on the disk, of which one file is missing, cut, damaged or half written.

use std::{collections::BTreeSet, fs, path::Path};

use tempfile::TempDir;

use crate::{
    config::Durability,
    protocol::names::ChannelName,
    storage::{
        cursor::{Cursor, CursorError},
        damage::DamageKind,
        disk::RealDisk,
        metadata::TopicMetadata,
        position::LogPosition,
        segment::SEGMENT_HEADER_BYTES,
        stored_topic::StoredTopic,
        test_log::{TestLog, options, read_all},
    },
};

const MESSAGES: std::ops::Range<u64> = 1..10;
const RECORD_BYTES: u64 = 128;
const SEGMENT_BYTES: u64 = SEGMENT_HEADER_BYTES + 3 * RECORD_BYTES;
const SEGMENTS: [&str; 3] =
    ["00000000000000000001.log", "00000000000000000004.log", "00000000000000000007.log"];
const CURSORS: [&str; 2] = ["a", "b"];

/// Nine messages in three segments, two channels, a topic that is paused.
fn topic() -> TempDir {
    let mut log = TestLog::new(SEGMENT_BYTES);
    for number in MESSAGES {
        log.append(&[&number.to_string().repeat(60)]);
    }
    let dir = log.dir;
    for (name, floor) in CURSORS.into_iter().zip([1, 3]) {
        cursor(floor).save(&RealDisk, dir.path(), &channel(name), true).unwrap();
    }
    metadata().save(&RealDisk, dir.path(), true).unwrap();
    dir
}

fn channel(name: &str) -> ChannelName {
    ChannelName::parse(name).unwrap()
}

fn cursor(floor: u64) -> Cursor {
    let finished = vec![floor + 1..floor + 2, floor + 3..floor + 4];
    let floor_position = LogPosition(0);
    Cursor { floor, floor_position, finished, pending: Vec::new(), paused: false }
}

fn metadata() -> TopicMetadata {
    TopicMetadata::new(true, Some(8), Some(Durability::Process))
}

/// What a topic turns out to hold.
#[derive(Debug)]
struct Found {
    stored: StoredTopic,
    lost: BTreeSet<u64>,
    /// Lost messages, by the report of the opening and of reading everything.
    reported: BTreeSet<u64>,
    cursors: Vec<Result<Option<Cursor>, CursorError>>,
}

#[track_caller]
fn open(dir: &Path) -> Found {
    let stored = StoredTopic::open(dir, options(SEGMENT_BYTES, &Default::default())).unwrap();
    let (batches, read) = read_all(&stored.log.reader(), 10_000);
    let there: BTreeSet<u64> = batches.iter().map(|batch| batch.first_seq()).collect();
    let damage = stored.recovery.damaged.iter().chain(&read);
    let damage = damage.filter(|damage| damage.kind == DamageKind::Records);
    let reported = damage.flat_map(|damage| damage.seqs().into_iter().flatten()).collect();
    let lost = MESSAGES.filter(|seq| !there.contains(seq)).collect();
    let cursors = CURSORS.map(|name| Cursor::load(&RealDisk, dir, &channel(name)));
    Found { stored, lost, reported, cursors: cursors.into() }
}

/// Everything of the topic is as it was, but for the log.
#[track_caller]
fn assert_state_is_whole(found: &Found) {
    let cursors: Vec<_> = found.cursors.iter().map(|cursor| cursor.as_ref().unwrap()).collect();
    assert_eq!(cursors, [&Some(cursor(1)), &Some(cursor(3))]);
    assert_eq!(found.stored.metadata, metadata());
    assert!(found.stored.metadata_damage.is_none());
}

#[track_caller]
fn assert_log_is_whole(found: &Found) {
    assert!(found.lost.is_empty() && found.reported.is_empty(), "{found:?}");
    assert_eq!((found.stored.recovery.torn_bytes, found.stored.recovery.next_seq), (0, 10));
}

/// The messages of a file's part from `at` on.
fn messages_from(segment: usize, at: u64) -> BTreeSet<u64> {
    let first = 3 * segment as u64 + 1;
    let whole = at.saturating_sub(SEGMENT_HEADER_BYTES) / RECORD_BYTES;
    (first + whole..first + 3).collect()
}

#[test]
fn a_missing_segment_costs_its_messages_and_nothing_else() {
    for (index, name) in SEGMENTS.into_iter().enumerate() {
        let dir = topic();
        fs::remove_file(dir.path().join(name)).unwrap();
        let found = open(dir.path());
        assert_eq!(found.lost, messages_from(index, 0), "{name}");
        // The oldest may have been removed because it was finished, the newest never been there.
        let reported = if index == 1 { found.lost.clone() } else { BTreeSet::new() };
        assert_eq!(found.reported, reported, "{name}");
        assert!(
            found.stored.recovery.next_seq >= 8,
            "numbers that were handed out do not come back"
        );
        assert_state_is_whole(&found);
    }
}

#[test]
fn a_segment_that_is_cut_costs_what_was_cut_off_and_says_so() {
    for (index, name) in SEGMENTS.into_iter().enumerate() {
        // Torn tails at every byte have a test of their own.
        for len in (0..SEGMENT_BYTES).step_by(11) {
            let dir = topic();
            let path = dir.path().join(name);
            fs::OpenOptions::new().write(true).open(path).unwrap().set_len(len).unwrap();
            let found = open(dir.path());
            let case = format!("{name} cut to {len} bytes: {found:?}");
            assert_eq!(found.lost, messages_from(index, len), "{case}");
            if index == 2 {
                let torn = match len {
                    ..SEGMENT_HEADER_BYTES => len,
                    _ => (len - SEGMENT_HEADER_BYTES) % RECORD_BYTES,
                };
                assert!(found.reported.is_empty(), "{case}");
                assert_eq!(found.stored.recovery.torn_bytes, torn, "{case}");
            } else {
                assert_eq!(found.reported, found.lost, "{case}");
            }
            assert_state_is_whole(&found);
        }
    }
}

#[test]
fn a_cursor_that_is_missing_cut_or_garbage_is_told_from_a_whole_one() {
    let whole = fs::read(topic().path().join("a.cursor")).unwrap();
    let cuts = (0..whole.len()).map(|len| whole[..len].to_vec());
    let flips = (0..8 * whole.len()).map(|bit| flipped(&whole, bit));
    for bytes in cuts.chain(flips).chain([b"garbage".repeat(100), vec![0; 40]]) {
        let dir = topic();
        fs::write(dir.path().join("a.cursor"), &bytes).unwrap();
        let found = open(dir.path());
        assert!(matches!(found.cursors[0], Err(CursorError::Damaged { .. })), "{bytes:?}");
        assert_eq!(found.cursors[1].as_ref().unwrap(), &Some(cursor(3)));
        assert_eq!(found.stored.channels, CURSORS.map(channel), "the channel is still there");
        assert_log_is_whole(&found);
    }
    let dir = topic();
    fs::remove_file(dir.path().join("a.cursor")).unwrap();
    assert_eq!(open(dir.path()).stored.channels, [channel("b")]);
}

#[test]
fn damaged_metadata_costs_neither_messages_nor_promises() {
    let whole = fs::read(topic().path().join("topic.meta")).unwrap();
    let cuts = (0..whole.len()).map(|len| whole[..len].to_vec());
    let flips = (0..8 * whole.len()).map(|bit| flipped(&whole, bit));
    for bytes in cuts.chain(flips).chain([b"garbage".repeat(100)]) {
        let dir = topic();
        fs::write(dir.path().join("topic.meta"), &bytes).unwrap();
        let found = open(dir.path());
        let StoredTopic { metadata, metadata_damage, .. } = &found.stored;
        let assumed = TopicMetadata::new(false, None, Some(Durability::Power));
        match metadata_damage {
            Some(_) => assert_eq!(*metadata, assumed, "{bytes:?}"),
            // A bit of the checksum's own name: what else is there is as it was written.
            None => assert_eq!(*metadata, self::metadata(), "{bytes:?}"),
        }
        assert_log_is_whole(&found);
    }
    let dir = topic();
    fs::remove_file(dir.path().join("topic.meta")).unwrap();
    let found = open(dir.path());
    assert_eq!(found.stored.metadata, TopicMetadata::default());
    assert_log_is_whole(&found);
}

#[test]
fn half_written_files_are_removed_and_strange_ones_left_alone() {
    let dir = topic();
    let halves =
        [".a.cursor.tmp", ".new.cursor.tmp", ".topic.meta.tmp", ".00000000000000000010.log.tmp"];
    let strange = ["notes.txt", "1.log", "a.cursor.bak", "topic.meta~"];
    for name in halves.iter().chain(&strange) {
        fs::write(dir.path().join(name), "half").unwrap();
    }
    let found = open(dir.path());
    assert_log_is_whole(&found);
    assert_state_is_whole(&found);
    assert_eq!(found.stored.channels, CURSORS.map(channel));
    for (name, stays) in
        halves.map(|name| (name, false)).into_iter().chain(strange.map(|name| (name, true)))
    {
        assert_eq!(dir.path().join(name).exists(), stays, "{name}");
    }
}

fn flipped(bytes: &[u8], bit: usize) -> Vec<u8> {
    let mut flipped = bytes.to_vec();
    flipped[bit / 8] ^= 1 << (bit % 8);
    flipped
}
