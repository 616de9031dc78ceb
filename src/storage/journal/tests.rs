//! The bytes of the journal, and what a start makes of them.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    Coverage, DIR, Entry, EntryKind, JournalError, JournalFiles, Replayed, Round,
    entry::{
        FILE_HEADER_BYTES, FileHeader, check_file_header, file_header, read_entry, versioned_header,
    },
    file_name, parse_file_name,
};
use crate::{
    protocol::names::TopicName,
    storage::{
        batch::Batch,
        data_dir::{DataDir, DataDirError},
        disk::{Disk, RealDisk},
        failing_disk::{FailingDisk, Faults},
        log::{Log, LogOptions},
        lossy_disk::{LossyDisk, Survival},
        position::LogPosition,
        read_only_disk::ReadOnlyDisk,
        test_log::{batch, read_all},
    },
};

fn name(topic: &str) -> TopicName {
    TopicName::parse(topic).unwrap()
}

fn records(topic: &str, batches: &[Arc<Batch>]) -> Entry {
    Entry { topic: name(topic), kind: EntryKind::Records(batches.to_vec()) }
}

fn ended(topic: &str) -> Entry {
    Entry { topic: name(topic), kind: EntryKind::Ended }
}

/// A data path in which topics and the journal are written as a node writes them.
struct TestPath {
    dir: tempfile::TempDir,
}

/// The log of a topic, open.
struct Topic {
    log: Log,
    written: Vec<Arc<Batch>>,
}

impl TestPath {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    fn open(&self) -> DataDir {
        DataDir::open(self.path(), Arc::new(RealDisk)).unwrap()
    }

    fn topic(&self, topic: &str) -> Topic {
        let dir = self.open().create_topic(&name(topic)).unwrap();
        let (mut log, _) = Log::open(&dir, LogOptions::default()).unwrap();
        log.sync().unwrap();
        Topic { log, written: Vec::new() }
    }

    /// What is read of it.
    fn found(&self, topic: &str) -> Vec<Arc<Batch>> {
        let dir = self.open().topic_dir(&name(topic));
        let (log, recovery) = Log::open(&dir, LogOptions::default()).unwrap();
        assert_eq!(recovery.damaged, []);
        let (batches, damaged) = read_all(&log.reader(), 200);
        assert_eq!(damaged, []);
        batches
    }

    fn segment(&self, topic: &str) -> PathBuf {
        self.path().join("topics").join(topic).join("00000000000000000001.log")
    }

    /// Writes one round into file 1 of a new journal, and gives its path.
    fn journal(&self, rounds: &[&[Entry]]) -> PathBuf {
        let mut files = JournalFiles::new(self.path(), Arc::new(RealDisk));
        let round = Round { done: Vec::new(), number: 1 };
        rounds.iter().for_each(|entries| files.carry_out(&round, entries).unwrap());
        self.path().join(DIR).join(file_name(1))
    }

    fn replay(&self) -> Replayed {
        let replayed = self.open().replayed().clone();
        assert_eq!(std::fs::read_dir(self.path().join(DIR)).unwrap().count(), 0);
        replayed
    }
}

impl Topic {
    /// One record per body, not synced.
    fn append(&mut self, bodies: &[&str]) -> Vec<Arc<Batch>> {
        let (mut position, mut seq) = self.log.reader().end();
        let mut batches = Vec::new();
        for body in bodies {
            let sealed = Arc::new(batch(seq, position, &[body.as_bytes().to_vec()]));
            (position, seq) = (sealed.end_position(), sealed.end_seq());
            batches.push(sealed);
        }
        self.log.append(&batches).unwrap();
        self.log.retain(&batches);
        self.written.extend(batches.iter().cloned());
        batches
    }
}

#[test]
fn these_are_the_bytes() {
    let path = TestPath::new();
    let record = Arc::new(batch(1, LogPosition::START, &[b"one".to_vec()]));
    let file = path.journal(&[&[records("ab", &[Arc::clone(&record)])], &[ended("c")]]);
    let bytes = std::fs::read(file).unwrap();
    let len = record.encoded_len();
    assert_eq!(bytes.len(), 24 + 42 + len + 41);
    assert_eq!(bytes[..8], *b"NSQJ\0\0\0\x01");
    assert_eq!(bytes[12..24], *b"\0\0\0\0\0\0\0\0\0\0\0\x01");
    let entry = &bytes[24..66 + len];
    assert_eq!(entry[..4], *b"NSQE");
    assert_eq!(entry[4..8], u32::try_from(2 + len).unwrap().to_be_bytes());
    assert_eq!(entry[12..16], *b"\0\x01\0\x02", "records, length of the name");
    let place = [1, 24, 24].map(u64::to_be_bytes).concat();
    assert_eq!(entry[16..40], place, "file, offset, offset of the round");
    assert_eq!(entry[40..42], *b"ab");
    assert_eq!(entry[42..], *record.encoded());
    let crc = crc32c::crc32c(&[&entry[..8], &entry[12..]].concat());
    assert_eq!(entry[8..12], crc.to_be_bytes());
    let second = &bytes[66 + len..];
    assert_eq!(second[12..16], *b"\0\x02\0\x01", "end of a topic");
    let at = (66 + len) as u64;
    assert_eq!(second[16..40], [1, at, at].map(u64::to_be_bytes).concat());
    assert_eq!(second[40..], *b"c");
}

#[test]
fn every_flipped_bit_and_every_cut_of_an_entry_is_noticed() {
    let path = TestPath::new();
    let record = Arc::new(batch(1, LogPosition::START, &[b"one".to_vec()]));
    let bytes = std::fs::read(path.journal(&[&[records("ab", &[record])]])).unwrap();
    let found = read_entry(&bytes, 1, FILE_HEADER_BYTES).unwrap();
    assert_eq!((found.topic, found.end), (name("ab"), bytes.len()));
    assert!(read_entry(&bytes, 2, FILE_HEADER_BYTES).is_none(), "of another file");
    for bit in 8 * FILE_HEADER_BYTES..8 * bytes.len() {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(read_entry(&flipped, 1, FILE_HEADER_BYTES).is_none(), "bit {bit}");
    }
    for length in 0..bytes.len() {
        assert!(read_entry(&bytes[..length], 1, FILE_HEADER_BYTES).is_none(), "{length} bytes");
    }
}

#[test]
fn headers_of_files_are_checked_and_later_versions_told_apart() {
    let header = file_header(7);
    assert_eq!(check_file_header(&header, 7), FileHeader::Known);
    assert_eq!(check_file_header(&header, 8), FileHeader::Damaged);
    assert_eq!(check_file_header(&versioned_header(7, 2), 7), FileHeader::Unknown(2));
    for bit in 0..8 * header.len() {
        let mut flipped = header;
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(check_file_header(&flipped, 7), FileHeader::Damaged, "bit {bit}");
    }
    assert_eq!(parse_file_name(&file_name(7)), Some(7));
    for name in ["7.journal", "00000000000000000007.log", "x.journal"] {
        assert_eq!(parse_file_name(name), None, "{name}");
    }
}

#[test]
fn what_a_log_has_lost_is_put_back_wherever_it_was_cut() {
    let path = TestPath::new();
    let mut topic = path.topic("t");
    topic.append(&["durable"]);
    let journalled = topic.append(&["two", "three", "four"]);
    let segment = path.segment("t");
    let whole = std::fs::read(&segment).unwrap();
    let durable = whole.len() - journalled.iter().map(|batch| batch.encoded_len()).sum::<usize>();
    for len in durable..=whole.len() {
        for left in [whole[..len].to_vec(), [&whole[..len], &[0; 500]].concat()] {
            std::fs::write(&segment, left).unwrap();
            path.journal(&[&[records("t", &journalled[..1])], &[records("t", &journalled[1..])]]);
            let replayed = path.replay();
            assert_eq!((replayed.records, replayed.damage), (3, vec![]), "{len}");
            assert_eq!(path.found("t"), topic.written, "{len}");
        }
    }
}

#[test]
fn a_log_that_has_everything_and_more_stays_as_it_is() {
    let path = TestPath::new();
    let mut topic = path.topic("t");
    topic.append(&["durable"]);
    let journalled = topic.append(&["two"]);
    topic.append(&["three"]);
    path.journal(&[&[records("t", &journalled)]]);
    let before = std::fs::read(path.segment("t")).unwrap();
    let replayed = path.replay();
    assert_eq!((replayed.files, replayed.records, replayed.restored), (1, 1, 0));
    assert_eq!(std::fs::read(path.segment("t")).unwrap(), before);
    let (_, recovery) =
        Log::open(&path.open().topic_dir(&name("t")), LogOptions::default()).unwrap();
    assert_eq!(recovery.next_seq, 4);
}

#[test]
fn a_record_that_rots_in_the_middle_is_put_back_and_what_follows_stays() {
    let path = TestPath::new();
    let mut topic = path.topic("t");
    let journalled = topic.append(&["one", "two"]);
    topic.append(&["three", "four"]);
    let mut bytes = std::fs::read(path.segment("t")).unwrap();
    let middle = 40 + journalled[0].encoded_len() + 70;
    bytes[middle] ^= 1;
    std::fs::write(path.segment("t"), bytes).unwrap();
    path.journal(&[&[records("t", &journalled)]]);
    assert_eq!(path.replay().restored, 1);
    assert_eq!(path.found("t"), topic.written);
}

#[test]
fn a_journal_creates_no_topic_and_brings_back_nothing_of_a_deleted_one() {
    let path = TestPath::new();
    let mut old = path.topic("t");
    let journalled = old.append(&["old one", "old two"]);
    path.open().remove_topic(&name("t")).unwrap();
    path.journal(&[&[records("t", &journalled)]]);
    let replayed = path.replay();
    assert_eq!((replayed.files, replayed.records), (1, 0));
    assert_eq!(path.open().topics().unwrap(), []);
    let mut new = path.topic("t");
    let of_new = new.append(&["new"]);
    path.journal(&[
        &[records("t", &journalled)],
        &[ended("t"), ended("u")],
        &[records("t", &of_new)],
    ]);
    assert_eq!(path.replay().restored, 0);
    assert_eq!(path.found("t"), new.written);
}

#[test]
fn records_that_were_trimmed_are_passed_over() {
    let path = TestPath::new();
    let dir = path.open().create_topic(&name("t")).unwrap();
    let options = LogOptions { segment_bytes_max: 100, ..LogOptions::default() };
    let (log, _) = Log::open(&dir, options).unwrap();
    let mut topic = Topic { log, written: Vec::new() };
    let first = topic.append(&["one"]);
    topic.append(&["two"]);
    topic.log.sync().unwrap();
    topic.log.trim(2).unwrap();
    path.journal(&[&[records("t", &first)]]);
    let replayed = path.replay();
    assert_eq!((replayed.records, replayed.restored, replayed.damage), (1, 0, vec![]));
    assert_eq!(path.found("t"), topic.written[1..]);
}

/// A topic could be created meanwhile that what stands in it is not for.
#[test]
fn what_a_start_that_was_killed_has_removed_is_gone_for_good_after_the_next() {
    for step in 1.. {
        let path = TestPath::new();
        let disk = LossyDisk::new(path.path());
        let start = || DataDir::open(path.path(), Arc::new(disk.clone())).map(drop);
        let mut files = JournalFiles::new(path.path(), Arc::new(disk.clone()));
        files.carry_out(&Round { done: Vec::new(), number: 1 }, &[ended("t")]).unwrap();
        disk.stop_at(disk.steps() + step);
        let was_killed = start().is_err();
        disk.come_back();
        start().unwrap();
        disk.lose_power(Survival::Nothing);
        assert_eq!(disk.list(&path.path().join(DIR)).unwrap(), [""; 0], "step {step}");
        if !was_killed {
            return assert!(step > 5, "a start takes more steps than {step}");
        }
    }
}

#[test]
fn a_torn_end_is_passed_over_and_damage_before_it_is_said() {
    let path = TestPath::new();
    let mut topic = path.topic("t");
    topic.append(&["durable"]);
    let journalled = topic.append(&["two", "three", "four"]);
    let whole = std::fs::read(path.segment("t")).unwrap();
    let rounds: Vec<_> = journalled.chunks(1).map(|batches| [records("t", batches)]).collect();
    let rounds: Vec<&[Entry]> = rounds.iter().map(|round| &round[..]).collect();
    let bytes = std::fs::read(path.journal(&rounds)).unwrap();
    let second = FILE_HEADER_BYTES + records("t", &journalled[..1]).encoded_len();
    let third = second + records("t", &journalled[1..2]).encoded_len();
    for (rotten, restored, damages) in [(third + 50, 2, 0), (second + 50, 1, 2), (4, 3, 1)] {
        std::fs::write(path.segment("t"), &whole[..40 + topic.written[0].encoded_len()]).unwrap();
        let mut bytes = bytes.clone();
        bytes[rotten] ^= 1;
        std::fs::write(path.path().join(DIR).join(file_name(1)), bytes).unwrap();
        let replayed = path.replay();
        assert_eq!((replayed.restored, replayed.damage.len()), (restored, damages), "{replayed:?}");
    }
    std::fs::write(path.path().join(DIR).join(file_name(1)), [7; 3000]).unwrap();
    let replayed = path.replay();
    assert_eq!((replayed.files, replayed.records, replayed.damage.len()), (1, 0, 1));
    std::fs::write(path.path().join(DIR).join(file_name(1)), [0; 10]).unwrap();
    assert_eq!(path.replay(), Replayed { files: 1, ..Replayed::default() });
}

#[test]
fn a_later_version_is_refused_and_stays() {
    let path = TestPath::new();
    path.journal(&[&[ended("t")]]);
    let file = path.path().join(DIR).join(file_name(1));
    std::fs::write(&file, versioned_header(1, 2)).unwrap();
    let refused = DataDir::open(path.path(), Arc::new(RealDisk)).unwrap_err();
    let expected = JournalError::UnknownVersion { path: file.clone(), version: 2 };
    assert!(
        matches!(&refused, DataDirError::Journal(error) if error.to_string() == expected.to_string())
    );
    assert!(file.exists());
}

#[test]
fn who_only_looks_changes_nothing() {
    let path = TestPath::new();
    let mut topic = path.topic("t");
    topic.append(&["durable"]);
    let journalled = topic.append(&["two"]);
    let file = path.journal(&[&[records("t", &journalled)]]);
    let segment = path.segment("t");
    let durable = 40 + topic.written[0].encoded_len();
    let cut = std::fs::read(&segment).unwrap()[..durable].to_vec();
    std::fs::write(&segment, &cut).unwrap();
    let data = DataDir::open(path.path(), Arc::new(ReadOnlyDisk)).unwrap();
    let Replayed { records, restored, .. } = *data.replayed();
    assert_eq!((records, restored), (1, 1), "to be put back");
    assert!(file.exists() && std::fs::read(&segment).unwrap() == cut);
}

#[test]
fn a_replay_that_fails_refuses_the_start_and_can_be_repeated() {
    let path = TestPath::new();
    let mut topic = path.topic("t");
    topic.append(&["durable"]);
    let journalled = topic.append(&["two"]);
    path.journal(&[&[records("t", &journalled)]]);
    let durable = 40 + topic.written[0].encoded_len();
    let cut = std::fs::read(path.segment("t")).unwrap()[..durable].to_vec();
    std::fs::write(path.segment("t"), cut).unwrap();
    let disk = FailingDisk::default();
    for faults in [
        Faults { space: Some(10), ..Faults::default() },
        Faults { remove: true, ..Faults::default() },
    ] {
        disk.set(faults);
        let refused = DataDir::open(path.path(), Arc::new(disk.clone()));
        assert!(matches!(refused, Err(DataDirError::Journal(JournalError::Io { .. }))));
    }
    assert_eq!(path.replay().files, 1);
    assert_eq!(path.found("t"), topic.written);
}

fn round_of(coverage: &mut Coverage, entries: &[Entry]) -> Round {
    let round = coverage.begin_round(entries);
    coverage.end_round(&round, entries);
    round
}

#[test]
fn a_file_goes_when_every_log_in_it_is_durable_by_itself() {
    let one = [Arc::new(batch(1, LogPosition::START, &[vec![0; 100]]))];
    let end = one[0].end_position();
    let mut coverage = Coverage::new(300);
    let both = [records("a", &one), records("b", &one)];
    assert_eq!(round_of(&mut coverage, &both), Round { done: vec![], number: 1 });
    assert_eq!(coverage.wanted(false).count(), 0, "it is still written to");
    assert_eq!(round_of(&mut coverage, &both[..1]).number, 2, "the first one is full");
    assert_eq!(coverage.wanted(false).count(), 2);
    coverage.synced(&name("a"), end);
    coverage.synced(&name("b"), LogPosition(end.0 - 1));
    assert_eq!(coverage.wanted(false).collect::<Vec<_>>(), [&name("b")]);
    assert!(coverage.has_room_for(10) && !coverage.has_room_for(300), "no third file");
    assert_eq!(round_of(&mut coverage, &both).number, 2);
    assert_eq!(round_of(&mut coverage, &both).number, 2, "though it is full by now");
    coverage.synced(&name("b"), end);
    assert_eq!(round_of(&mut coverage, &both[..1]), Round { done: vec![1], number: 3 });
    assert!(coverage.last_round().done.is_empty());
    coverage.synced(&name("a"), end);
    coverage.forget(&name("b"));
    assert_eq!(coverage.last_round().done, [2, 3]);
}

#[test]
fn a_deleted_topic_is_named_until_its_end_is_written_or_its_files_are_gone() {
    let one = [Arc::new(batch(1, LogPosition::START, &[vec![0; 100]]))];
    let mut coverage = Coverage::new(100);
    round_of(&mut coverage, &[records("a", &one), records("b", &one)]);
    coverage.forget(&name("a"));
    coverage.forget(&name("b"));
    assert!(
        coverage.names(&name("a")) && coverage.names(&name("b")) && !coverage.names(&name("c"))
    );
    let end = [ended("a")];
    let round = coverage.begin_round(&end);
    assert!(coverage.names(&name("a")), "it is not on the disk yet");
    coverage.end_round(&round, &end);
    assert!(!coverage.names(&name("a")) && coverage.names(&name("b")));
    assert_eq!(round_of(&mut coverage, &[records("a", &one)]).done, [1]);
    assert!(coverage.names(&name("a")) && !coverage.names(&name("b")));
}

#[test]
fn a_log_gives_to_the_journal_what_its_own_syncs_have_left_and_nothing_else() {
    let path = TestPath::new();
    let dir = path.open().create_topic(&name("t")).unwrap();
    let (log, _) = Log::open(&dir, LogOptions::default()).unwrap();
    let mut topic = Topic { log, written: Vec::new() };
    topic.append(&["one"]);
    assert!(topic.log.take_for_journal().is_none(), "nothing is known to be durable");
    topic.log.sync().unwrap();
    assert_eq!(topic.log.take_for_journal(), Some(vec![]));
    let two = topic.append(&["two", "three"]);
    assert_eq!(topic.log.take_for_journal(), Some(two));
    let four = topic.append(&["four"]);
    let syncing = topic.log.begin_sync().unwrap();
    let five = topic.append(&["five"]);
    topic.log.end_sync(syncing, Ok(())).unwrap();
    assert_eq!(topic.log.synced_to(), Some(four[0].end_position()));
    assert_eq!(topic.log.take_for_journal(), Some(five));
    let (position, seq) = topic.log.reader().end();
    topic.log.append(&[Arc::new(batch(seq, position, &[b"not kept".to_vec()]))]).unwrap();
    topic.append(&["six"]);
    assert!(topic.log.take_for_journal().is_none(), "there is a gap");
    topic.log.sync().unwrap();
    topic.append(&[&"x".repeat(300 << 10)]);
    assert!(topic.log.take_for_journal().is_none(), "too large");
    topic.append(&["seven"]);
    assert!(topic.log.take_for_journal().is_none(), "what is before it is not durable");
    topic.log.sync().unwrap();
    let eight = topic.append(&["eight"]);
    assert_eq!(topic.log.take_for_journal(), Some(eight));
    topic.append(&["nine"]);
    topic.log.give_up_journal();
    assert!(topic.log.take_for_journal().is_none());
    topic.log.poison("for a test".into());
    assert!(topic.log.take_for_journal().is_none());
}

#[test]
fn a_log_with_a_new_segment_gives_nothing_until_it_was_synced() {
    let path = TestPath::new();
    let dir = path.open().create_topic(&name("t")).unwrap();
    let options = LogOptions { segment_bytes_max: 1000, ..LogOptions::default() };
    let (mut log, _) = Log::open(&dir, options).unwrap();
    log.sync().unwrap();
    let mut topic = Topic { log, written: Vec::new() };
    topic.append(&["one"]);
    assert!(topic.log.take_for_journal().is_none(), "the first segment is new");
    topic.log.sync().unwrap();
    let body = "x".repeat(600);
    assert!(topic.append(&[&body]).len() == 1 && topic.log.segment_count() == 1);
    assert!(topic.log.take_for_journal().is_some());
    topic.append(&[&body]);
    assert_eq!(topic.log.segment_count(), 2);
    assert!(topic.log.take_for_journal().is_none());
    topic.log.sync().unwrap();
    assert_eq!(topic.log.take_for_journal(), Some(vec![]));
}
