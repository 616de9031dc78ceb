//! Appending, reading, trimming, and disks that fail.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use proptest::prelude::*;

use crate::{
    protocol::message_id::MessageId,
    storage::{
        failing_disk::Faults,
        log::{Log, LogError, LogOptions, UNSYNCED_SEGMENTS_MAX},
        position::LogPosition,
        record::RecordError,
        test_log::{TestLog, batch, options, read_all},
    },
};

#[test]
fn a_fresh_log_begins_at_one() {
    let log = TestLog::new(1000);
    assert_eq!((log.recovery.first_seq, log.recovery.next_seq), (1, 1));
    assert_eq!(log.recovery.next_position, LogPosition::START);
    assert_eq!(log.recovery.last_id, None);
    assert_eq!((log.log.segment_count(), log.log.bytes_on_disk()), (0, 0));
    log.assert_holds(&[]);
    assert_eq!(log.log.reader().find(5, None).unwrap(), LogPosition::START);
}

#[test]
fn segments_are_rolled_within_a_turn_and_between_turns() {
    let mut log = TestLog::new(200);
    log.append(&["one", "two", "three", "four"]);
    log.append(&["five"]);
    assert_eq!(log.log.segment_count(), 3);
    log.append(&[&"x".repeat(1000), "seven"]);
    assert_eq!(log.log.segment_count(), 5);
    let on_disk: u64 = log.segment_files().iter().map(|path| path.metadata().unwrap().len()).sum();
    assert_eq!(log.log.bytes_on_disk(), on_disk);
    log.assert_holds(&log.model);
    log.reopen();
    assert_eq!(log.log.bytes_on_disk(), on_disk);
    assert_eq!((log.recovery.next_seq, log.recovery.last_id), (8, Some(MessageId(1007))));
    log.assert_holds(&log.model);
}

#[test]
fn a_read_takes_about_what_was_asked_for() {
    let mut log = TestLog::new(1 << 20);
    log.append(&["a"; 100]);
    let record = log.model[0].encoded_len();
    let reader = log.log.reader();
    for (bytes_max, count) in [(0, 1), (record, 1), (3 * record, 3), (usize::MAX, 100)] {
        let chunk = reader.read(LogPosition::START, bytes_max).unwrap();
        assert_eq!(chunk.batches.len(), count, "{bytes_max} bytes");
        assert_eq!(chunk.next, chunk.batches[count - 1].end_position());
    }
    let large = "x".repeat(300_000);
    log.append(&[&large]);
    let chunk = reader.read(log.model[100].position(), 10).unwrap();
    assert_eq!(chunk.batches[0].message(101), Some(large.as_bytes()));
}

#[test]
fn positions_without_a_record_are_errors() {
    let mut log = TestLog::new(1000);
    log.append(&["one"]);
    let (reader, end) = (log.log.reader(), log.model[0].end_position());
    assert!(matches!(reader.read(end + 1, 10), Err(LogError::BeyondEnd { .. })));
    assert!(matches!(reader.read_batch(end), Err(LogError::NoRecord { .. })));
    assert!(matches!(reader.read_batch(LogPosition(1)), Err(LogError::Unreadable { .. })));
    assert_eq!(reader.read_batch(LogPosition::START).unwrap(), log.model[0]);
}

#[test]
fn what_could_not_be_read_back_is_refused() {
    let mut log = TestLog::new(1000);
    log.append(&["one"]);
    let end = log.model[0].end_position();
    let body = vec![b"x".to_vec()];
    for (seq, position) in [(2, LogPosition::START), (2, end + 1), (1, end)] {
        let wrong = Arc::new(batch(seq, position, &body));
        assert!(matches!(log.log.append(&[wrong]), Err(LogError::OutOfOrder { .. })));
    }
    for (bodies, reason) in [
        (vec![], RecordError::BadCount),
        (vec![Vec::new(); 4097], RecordError::BadCount),
        (vec![vec![0; 1 << 20]], RecordError::BadLength),
    ] {
        let wrong = Arc::new(batch(2, end, &bodies));
        let error = log.log.append(&[wrong]).unwrap_err();
        assert!(matches!(error, LogError::InvalidBatch(why) if why == reason), "{error}");
    }
    log.try_append(&[vec![Vec::new(); 4096]]).unwrap();
    log.assert_holds(&log.model);
}

#[test]
fn whole_segments_are_trimmed_and_the_last_one_stays() {
    let mut log = TestLog::new(150);
    log.append(&["1", "2", "3", "4"]);
    assert_eq!(log.log.segment_count(), 4);
    let reader = log.log.reader();
    assert_eq!(log.log.trim(1).unwrap(), 0);
    assert_eq!(log.log.trim(3).unwrap(), 2);
    assert_eq!(reader.start(), (log.model[2].position(), 3));
    assert_eq!(reader.read(LogPosition::START, 1).unwrap().batches, [log.model[2].clone()]);
    assert!(matches!(reader.read_batch(LogPosition::START), Err(LogError::NoRecord { .. })));
    assert_eq!(reader.find(1, None).unwrap(), log.model[2].position());
    assert_eq!(log.log.trim(u64::MAX).unwrap(), 1);
    log.assert_holds(&log.model[3..]);
    log.reopen();
    assert_eq!((log.recovery.first_seq, log.recovery.next_seq), (4, 5));
    assert_eq!(log.recovery.first_position, log.model[3].position());
    log.assert_holds(&log.model[3..]);
}

#[test]
fn a_lowered_limit_hides_nothing() {
    let mut log = TestLog::new(1000);
    log.append(&["x", &"y".repeat(5000)]);
    let lowered = LogOptions { batch_bytes_max: 100, ..options(1000, &log.disk) };
    let (lowered, recovery) = Log::open(log.dir.path(), lowered).unwrap();
    assert_eq!((recovery.torn_bytes, recovery.next_seq), (0, 3));
    assert_eq!(read_all(&lowered.reader(), 10).0, log.model);
}

#[test]
fn numbers_that_a_cursor_knows_do_not_come_back() {
    let mut log = TestLog::new(1000);
    log.append(&["1", "2"]);
    log.log.resume_at(10);
    log.log.resume_at(5);
    log.append(&["10"]);
    assert_eq!(log.model[2].first_seq(), 10);
    log.reopen();
    log.assert_holds(&log.model);
    assert_eq!(log.log.reader().find(5, None).unwrap(), log.model[2].position());
}

#[test]
fn a_full_disk_leaves_no_half_turn_wherever_it_strikes() {
    let mut log = TestLog::new(200);
    log.append(&["before"]);
    for space in 0..500 {
        log.disk.set(Faults { space: Some(space), ..Faults::default() });
        let turn = ["a", "b", "c", "d"].map(|body| vec![body.as_bytes().to_vec()]);
        let result = log.try_append(&turn);
        log.disk.set(Faults::default());
        assert_eq!(log.log.poisoned(), None);
        log.assert_holds(&log.model);
        if result.is_ok() {
            assert!(space > 4 * 69);
            break;
        }
        log.append(&["after"]);
        log.assert_holds(&log.model);
        if space % 7 == 0 {
            log.reopen();
            assert_eq!((log.recovery.torn_bytes, log.recovery.damaged.len()), (0, 0));
            log.assert_holds(&log.model);
        }
    }
}

#[test]
fn short_writes_are_continued() {
    let mut log = TestLog::new(300);
    log.disk.set(Faults { write_max: Some(7), ..Faults::default() });
    log.append(&["one", "two", "three", "four", "five"]);
    log.assert_holds(&log.model);
}

#[test]
fn a_failed_roll_is_tried_again() {
    let mut log = TestLog::new(150);
    log.append(&["1"]);
    log.disk.set(Faults { rename: true, ..Faults::default() });
    assert!(matches!(log.try_append(&[vec![b"2".to_vec()]]), Err(LogError::Io { .. })));
    log.disk.set(Faults::default());
    log.append(&["2"]);
    log.reopen();
    log.assert_holds(&log.model);
}

#[test]
fn a_log_that_cannot_take_back_half_a_turn_is_poisoned() {
    let mut log = TestLog::new(10_000);
    log.append(&["1"]);
    log.disk.set(Faults { space: Some(30), set_len: true, ..Faults::default() });
    let turn = [vec![b"lost".to_vec()]];
    assert!(matches!(log.try_append(&turn), Err(LogError::Io { .. })));
    log.disk.set(Faults::default());
    assert!(matches!(log.try_append(&turn), Err(LogError::Poisoned { .. })));
    assert!(matches!(log.log.sync(), Err(LogError::Poisoned { .. })));
    log.assert_holds(&log.model);
    log.reopen();
    assert_eq!(log.recovery.torn_bytes, 30);
    log.append(&["2"]);
    log.assert_holds(&log.model);
}

#[test]
fn a_failed_sync_poisons() {
    let mut log = TestLog::new(150);
    log.append(&["1", "2"]);
    assert!(log.log.is_dirty());
    log.log.sync().unwrap();
    assert!(!log.log.is_dirty());
    log.append(&["3"]);
    log.disk.set(Faults { sync: true, ..Faults::default() });
    assert!(matches!(log.log.sync(), Err(LogError::Io { .. })));
    log.disk.set(Faults::default());
    assert!(matches!(log.log.sync(), Err(LogError::Poisoned { .. })));
    assert!(matches!(log.try_append(&[vec![b"4".to_vec()]]), Err(LogError::Poisoned { .. })));
    assert!(log.log.poisoned().is_some_and(|reason| reason.starts_with("cannot sync")));
    log.assert_holds(&log.model);
}

#[test]
fn so_does_the_sync_of_a_segment_that_must_not_wait_any_longer() {
    let mut log = TestLog::new(1);
    log.append(&["x"; UNSYNCED_SEGMENTS_MAX]);
    log.disk.set(Faults { sync: true, ..Faults::default() });
    log.log.sync_surplus().expect("so many may wait");
    log.append(&["one more"]);
    assert!(matches!(log.log.sync_surplus(), Err(LogError::Io { .. })));
    log.disk.set(Faults::default());
    log.log.sync_surplus().expect("nothing is tried again");
    assert!(matches!(log.try_append(&[vec![b"x".to_vec()]]), Err(LogError::Poisoned { .. })));
    log.assert_holds(&log.model);
}

#[test]
fn a_sync_that_finds_no_descriptor_can_be_repeated() {
    let mut log = TestLog::new(150);
    log.append(&["1", "2"]);
    log.log.sync().unwrap();
    log.append(&["3", "4"]);
    log.disk.set(Faults { descriptors: true, ..Faults::default() });
    for _ in 0..2 {
        assert!(matches!(log.log.sync(), Err(LogError::Io { .. })));
        assert!(log.log.is_dirty() && log.log.poisoned().is_none());
    }
    log.disk.set(Faults::default());
    log.append(&["5"]);
    log.log.sync().unwrap();
    assert!(!log.log.is_dirty());
    log.assert_holds(&log.model);
}

#[test]
fn a_failed_trim_can_be_repeated() {
    let mut log = TestLog::new(150);
    log.append(&["1", "2", "3"]);
    log.disk.set(Faults { remove: true, ..Faults::default() });
    assert!(log.log.trim(3).is_err());
    log.assert_holds(&log.model[2..]);
    log.disk.set(Faults::default());
    assert_eq!(log.segment_files().len(), 3);
    assert_eq!(log.log.trim(1).unwrap(), 2);
    assert_eq!(log.segment_files().len(), 1);
    log.assert_holds(&log.model[2..]);
}

#[test]
fn what_is_being_removed_is_no_part_of_a_log_that_is_appended_to_meanwhile() {
    let mut log = TestLog::new(150);
    log.append(&["1", "2", "3"]);
    let mut finished = log.log.begin_trim(3);
    log.append(&["4"]);
    log.assert_holds(&log.model[2..]);
    let on_disk = |log: &TestLog| -> u64 {
        log.segment_files().iter().map(|path| path.metadata().unwrap().len()).sum()
    };
    assert!(log.log.bytes_on_disk() < on_disk(&log));
    assert_eq!(finished.remove().unwrap(), 2);
    log.log.end_trim(finished);
    assert_eq!(log.log.bytes_on_disk(), on_disk(&log));
    log.assert_holds(&log.model[2..]);
}

#[test]
fn readers_see_whole_turns_in_order_while_they_are_appended() {
    let mut log = TestLog::new(2000);
    let reader = log.log.reader();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let follow = || {
            let (mut next, mut seq) = (LogPosition::START, 1);
            loop {
                let finished = done.load(Ordering::Acquire);
                let chunk = reader.read(next, 1000).unwrap();
                assert_eq!(chunk.damaged, []);
                for batch in &chunk.batches {
                    assert_eq!(batch.first_seq(), seq);
                    seq = batch.end_seq();
                }
                next = chunk.next;
                if finished && chunk.batches.is_empty() {
                    return seq;
                }
            }
        };
        let followers = [scope.spawn(follow), scope.spawn(follow)];
        for turn in 0..500 {
            log.append(&["x", "yy", "zzz"][..1 + turn % 3]);
        }
        done.store(true, Ordering::Release);
        for follower in followers {
            assert_eq!(follower.join().unwrap(), log.log.reader().end().1);
        }
    });
}

#[derive(Debug, Clone)]
enum Step {
    Append(Vec<Vec<Vec<u8>>>),
    Reopen,
    Trim(usize),
    Sync,
}

fn any_step() -> impl Strategy<Value = Step> {
    let body = prop::collection::vec(any::<u8>(), 0..60);
    let turn = prop::collection::vec(prop::collection::vec(body, 1..4), 1..5);
    prop_oneof![
        4 => turn.prop_map(Step::Append),
        1 => Just(Step::Reopen),
        1 => (0..40usize).prop_map(Step::Trim),
        1 => Just(Step::Sync),
    ]
}

/// Reads from every position and finds every message, whatever the hint.
fn check_against_model(log: &TestLog, bytes_max: usize) {
    let reader = log.log.reader();
    assert_eq!(read_all(&reader, bytes_max).0, log.model);
    let end = reader.end().0;
    for (index, batch) in log.model.iter().enumerate() {
        let chunk = reader.read(batch.position(), bytes_max).unwrap();
        assert_eq!(chunk.batches, log.model[index..index + chunk.batches.len()]);
        assert_eq!(&reader.read_batch(batch.position()).unwrap(), batch);
        for seq in batch.first_seq()..batch.end_seq() {
            let wrong = [0, 1, 64, end.0, u64::MAX].map(|position| Some(LogPosition(position)));
            for hint in [None, Some(batch.position())].into_iter().chain(wrong) {
                assert_eq!(reader.find(seq, hint).unwrap(), batch.position());
            }
        }
    }
    assert_eq!(reader.find(reader.end().1, None).unwrap(), end);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_log_is_a_list(
        steps in prop::collection::vec(any_step(), 1..15),
        segment_bytes_max in 1..2000u64,
        bytes_max in 1..3000usize,
    ) {
        let mut log = TestLog::new(segment_bytes_max);
        for step in steps {
            match step {
                Step::Append(turn) => log.try_append(&turn).unwrap(),
                Step::Reopen => log.reopen(),
                Step::Sync => log.log.sync().unwrap(),
                Step::Trim(index) => {
                    let Some(batch) = log.model.get(index) else { continue };
                    let floor = batch.end_seq() - 1;
                    log.log.trim(floor).unwrap();
                    let start = log.log.reader().start().1;
                    prop_assert!(start <= floor);
                    log.model.retain(|batch| batch.first_seq() >= start);
                }
            }
            let (next_position, next_seq) = log.log.reader().end();
            let (again, found) =
                Log::open(log.dir.path(), options(segment_bytes_max, &log.disk)).unwrap();
            prop_assert_eq!((found.next_position, found.next_seq), (next_position, next_seq));
            prop_assert_eq!((found.torn_bytes, found.damaged), (0, vec![]));
            prop_assert_eq!(read_all(&again.reader(), bytes_max).0, log.model.clone());
        }
        check_against_model(&log, bytes_max);
    }
}
