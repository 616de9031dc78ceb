//! Opening logs that a crash or a bad disk has left behind.

use std::{fs, sync::Arc};

use crate::{
    protocol::message_id::MessageId,
    storage::{
        batch::Batch,
        damage::{Damage, DamageKind},
        log::Log,
        record::RECORD_HEADER_BYTES,
        segment::SEGMENT_HEADER_BYTES,
        test_log::{TestLog, batch, options, read_all},
    },
};

/// Three segments with three records each, all records of 128 bytes: a wrong length may well lead
/// to the beginning of another record.
fn log_of_nine() -> TestLog {
    let mut log = TestLog::new(SEGMENT_HEADER_BYTES + 3 * 128);
    for number in 0..9 {
        log.append(&[&number.to_string().repeat(60)]);
    }
    assert_eq!((log.log.segment_count(), log.model[0].encoded_len()), (3, 128));
    log
}

fn all_but(log: &TestLog, lost: std::ops::Range<usize>) -> Vec<Arc<Batch>> {
    let kept = log.model.iter().enumerate().filter(|(index, _)| !lost.contains(index));
    kept.map(|(_, batch)| Arc::clone(batch)).collect()
}

/// Opens, reads everything, then appends and opens once more.
#[track_caller]
fn assert_survives(log: &mut TestLog, expected: &[Arc<Batch>], case: &str) -> Vec<Damage> {
    log.reopen();
    assert_eq!(read_all(&log.log.reader(), 300).0, expected, "{case}");
    let (batches, damaged) = read_all(&log.log.reader(), 10_000);
    assert_eq!(batches, expected, "{case}, in large chunks");
    let added = log.next_batches(&[vec![b"added".to_vec()]]);
    log.log.append(&added).unwrap();
    log.reopen();
    let (batches, _) = read_all(&log.log.reader(), 300);
    assert_eq!(batches, [expected, added.as_slice()].concat(), "{case}, after an append");
    damaged
}

#[test]
fn a_torn_tail_is_cut_at_every_byte_of_the_last_batch() {
    for kept in 0..128 {
        let mut log = TestLog::new(10_000);
        log.append(&["a", "b", &"c".repeat(60)]);
        let path = &log.segment_files()[0];
        let len = fs::metadata(path).unwrap().len();
        fs::OpenOptions::new().write(true).open(path).unwrap().set_len(len - 128 + kept).unwrap();
        log.reopen();
        assert_eq!((log.recovery.torn_bytes, log.recovery.damaged.len()), (kept, 0));
        assert_eq!((log.recovery.next_seq, log.recovery.last_id), (3, Some(MessageId(1002))));
        assert_eq!(log.recovery.next_position, log.model[2].position());
        assert_eq!(log.log.bytes_on_disk(), len - 128);
        let expected = all_but(&log, 2..3);
        assert_survives(&mut log, &expected, &format!("{kept} bytes kept"));
    }
}

#[test]
fn a_flipped_bit_costs_the_record_that_it_is_in_and_nothing_else() {
    for segment in 0..3 {
        for byte in 0..SEGMENT_HEADER_BYTES + 3 * 128 {
            let mut log = log_of_nine();
            let path = &log.segment_files()[segment];
            let mut bytes = fs::read(path).unwrap();
            bytes[byte as usize] ^= 1 << (byte % 8);
            fs::write(path, bytes).unwrap();
            let index =
                byte.checked_sub(SEGMENT_HEADER_BYTES).map(|at| 3 * segment + at as usize / 128);
            let expected = all_but(&log, index.map_or(0..0, |index| index..index + 1));
            let damaged = assert_survives(&mut log, &expected, &format!("{segment}, byte {byte}"));
            match index {
                None | Some(8) => assert_eq!(damaged, []),
                Some(index) => {
                    let seq = index as u64 + 1;
                    assert_eq!(damaged.len(), 1);
                    assert_eq!((damaged[0].seqs(), damaged[0].bytes()), (Some(seq..seq + 1), 128));
                }
            }
        }
    }
}

#[test]
fn every_bit_of_a_length_field_is_survived() {
    for bit in 0..32 {
        let mut log = log_of_nine();
        let path = &log.segment_files()[1];
        let mut bytes = fs::read(path).unwrap();
        bytes[SEGMENT_HEADER_BYTES as usize + 4 + bit / 8] ^= 1 << (bit % 8);
        fs::write(path, bytes).unwrap();
        let expected = all_but(&log, 3..4);
        assert_survives(&mut log, &expected, &format!("bit {bit}"));
    }
}

#[test]
fn open_reports_where_the_damage_is() {
    let mut log = log_of_nine();
    let files = log.segment_files();
    let flip = |path, at: u64| {
        let mut bytes = fs::read(path).unwrap();
        bytes[at as usize] ^= 1;
        fs::write(path, bytes).unwrap();
    };
    flip(&files[0], 20);
    flip(&files[2], SEGMENT_HEADER_BYTES + 128 + 100);
    flip(&files[2], SEGMENT_HEADER_BYTES + 256 + 100);
    log.reopen();
    let [header] = log.recovery.damaged.as_slice() else { panic!("{:?}", log.recovery) };
    assert_eq!((header.kind, header.segment), (DamageKind::SegmentHeader, 1));
    assert_eq!((log.recovery.torn_bytes, log.recovery.next_seq), (256, 8));
    log.append(&["more"]);
    flip(&files[2], SEGMENT_HEADER_BYTES + 100);
    log.reopen();
    let [_, record] = log.recovery.damaged.as_slice() else { panic!("{:?}", log.recovery) };
    assert_eq!((record.kind, record.segment, record.seqs()), (DamageKind::Records, 7, Some(7..8)));
    let text = "128 damaged bytes at position 768 of segment 7 skipped, messages 7 to 8 lost";
    assert_eq!(record.to_string(), text);
}

#[test]
fn a_missing_segment_is_reported_and_survived() {
    for missing in 0..3 {
        let mut log = log_of_nine();
        fs::remove_file(&log.segment_files()[missing]).unwrap();
        log.reopen();
        let reported: Vec<_> = log.recovery.damaged.iter().map(Damage::seqs).collect();
        let in_the_middle = missing == 1;
        assert_eq!(reported, if in_the_middle { vec![Some(4..7)] } else { vec![] });
        assert_eq!(log.recovery.first_seq, if missing == 0 { 4 } else { 1 });
        let expected = all_but(&log, 3 * missing..3 * missing + 3);
        let damaged = assert_survives(&mut log, &expected, &format!("segment {missing}"));
        assert_eq!(damaged.len(), usize::from(in_the_middle));
    }
}

#[test]
fn a_segment_that_vanishes_while_the_log_is_open_is_damage() {
    let mut log = log_of_nine();
    log.reopen();
    fs::remove_file(&log.segment_files()[1]).unwrap();
    let (batches, damaged) = read_all(&log.log.reader(), 10_000);
    assert_eq!(batches, all_but(&log, 3..6));
    assert_eq!(damaged.iter().map(Damage::seqs).collect::<Vec<_>>(), [Some(4..7)]);
}

#[test]
fn a_sealed_segment_that_is_cut_short_is_reported() {
    let mut log = log_of_nine();
    let path = &log.segment_files()[1];
    fs::write(path, &fs::read(path).unwrap()[..SEGMENT_HEADER_BYTES as usize + 128 + 5]).unwrap();
    log.reopen();
    assert_eq!(log.recovery.damaged.len(), 1);
    assert_eq!(
        (log.recovery.damaged[0].seqs(), log.recovery.damaged[0].bytes()),
        (Some(5..7), 256)
    );
    let expected = all_but(&log, 4..6);
    assert_survives(&mut log, &expected, "cut short");
}

#[test]
fn segments_of_nothing_but_garbage_are_survived() {
    for garbage in [vec![], vec![0; 39], vec![0; 5000], b"NSQ1NSQS".repeat(70)] {
        for segment in 0..3 {
            let mut log = log_of_nine();
            fs::write(&log.segment_files()[segment], &garbage).unwrap();
            let expected = all_but(&log, 3 * segment..3 * segment + 3);
            let case = format!("segment {segment}, {} bytes", garbage.len());
            assert_survives(&mut log, &expected, &case);
            assert!(log.log.reader().end().1 >= 8, "{case}");
        }
    }
}

#[test]
fn what_is_left_of_an_empty_log_does_not_give_numbers_out_again() {
    let mut log = log_of_nine();
    log.log.trim(7).unwrap();
    fs::write(&log.segment_files()[0], b"").unwrap();
    log.reopen();
    assert_eq!((log.recovery.first_seq, log.recovery.next_seq), (7, 7));
}

#[test]
fn temporary_files_go_and_unknown_ones_stay() {
    let mut log = log_of_nine();
    let [temporary, unknown] = [".00000000000000000010.log.tmp", "notes.txt"];
    fs::write(log.dir.path().join(temporary), "half").unwrap();
    fs::write(log.dir.path().join(unknown), "mine").unwrap();
    log.reopen();
    assert!(!log.dir.path().join(temporary).exists());
    assert!(log.dir.path().join(unknown).exists());
    log.assert_holds(&log.model);
}

#[test]
fn a_record_inside_a_damaged_body_is_not_believed() {
    let mut log = TestLog::new(100_000);
    log.append(&["first"]);
    let body_at = log.model[0].end_position() + RECORD_HEADER_BYTES as u64 + 4;
    let forged = batch(2, body_at, &[b"forged".to_vec()]);
    log.try_append(&[vec![forged.encoded().to_vec(), b"damaged".to_vec()]]).unwrap();
    log.append(&["third"]);
    let path = &log.segment_files()[0];
    let mut bytes = fs::read(path).unwrap();
    let at = bytes.windows(7).position(|bytes| bytes == b"damaged").unwrap();
    bytes[at] ^= 1;
    fs::write(path, bytes).unwrap();
    let expected = all_but(&log, 1..2);
    assert_survives(&mut log, &expected, "forged");
}

#[test]
fn a_log_needs_its_directory() {
    let log = TestLog::new(1000);
    let missing = log.dir.path().join("missing");
    let error = Log::open(&missing, options(1000, &log.disk)).unwrap_err();
    assert!(error.to_string().starts_with("cannot list"), "{error}");
}
