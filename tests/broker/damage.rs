//! Files that were damaged while the broker was down.

use std::{fs, path::PathBuf};

use crate::support::{Nsqd, ours};

const MESSAGES: usize = 60;

/// A broker with one topic in several segments and a channel that waits at the beginning.
fn stopped() -> Nsqd {
    let mut nsqd = Nsqd::with(&["--max-bytes-per-file=2000"]);
    nsqd.post("/topic/create?topic=orders&durability=power", b"");
    nsqd.post("/channel/create?topic=orders&channel=audit", b"");
    for number in 0..MESSAGES {
        nsqd.post("/pub?topic=orders", format!("{number:060}").as_bytes());
    }
    nsqd.terminate();
    nsqd
}

fn file(nsqd: &Nsqd, name: &str) -> PathBuf {
    nsqd.data_path().join("topics/orders").join(name)
}

fn segments(nsqd: &Nsqd) -> Vec<PathBuf> {
    let entries = fs::read_dir(file(nsqd, "")).unwrap().map(|entry| entry.unwrap().path());
    let is_segment = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "log");
    let mut segments: Vec<_> = entries.filter(is_segment).collect();
    segments.sort();
    segments
}

/// Starts again and takes everything that is left.
#[track_caller]
fn left_after_start(nsqd: &mut Nsqd, count: usize) -> Vec<usize> {
    nsqd.restart();
    let mut consumer = nsqd.client();
    consumer.subscribe("orders", "audit");
    consumer.ready(100);
    let bodies = consumer.finish_bodies(count);
    nsqd.expect_channel("orders", "audit", &[("depth", 0), ("in_flight_count", 0)]);
    bodies.iter().map(|body| body.parse().unwrap()).collect()
}

#[test]
fn a_missing_segment_costs_its_messages_and_the_log_says_which() {
    if !ours() {
        return;
    }
    let mut nsqd = stopped();
    let segments = segments(&nsqd);
    assert!(segments.len() > 3);
    fs::remove_file(&segments[1]).unwrap();
    let first =
        |path: &PathBuf| path.file_stem().unwrap().to_str().unwrap().parse::<usize>().unwrap();
    let (from, to) = (first(&segments[1]), first(&segments[2]));
    let expected: Vec<_> =
        (1..=MESSAGES).filter(|seq| !(from..to).contains(seq)).map(|seq| seq - 1).collect();
    assert_eq!(left_after_start(&mut nsqd, expected.len()), expected);
    nsqd.expect_logged(&["topic=orders log is damaged: "]);
    nsqd.expect_logged(&[&format!("messages {from} to {to} lost")]);
}

#[test]
fn damaged_state_costs_duplicates_and_the_log_says_so() {
    if !ours() {
        return;
    }
    let mut nsqd = stopped();
    fs::write(file(&nsqd, "audit.cursor"), "garbage").unwrap();
    fs::write(file(&nsqd, "topic.meta"), "garbage").unwrap();
    fs::write(file(&nsqd, ".audit.cursor.tmp"), "half").unwrap();
    let everything: Vec<_> = (0..MESSAGES).collect();
    assert_eq!(left_after_start(&mut nsqd, MESSAGES), everything);
    assert_eq!(nsqd.topic("orders")["durability"], "power");
    nsqd.expect_logged(&["topic=orders channel=audit cursor is unreadable"]);
    nsqd.expect_logged(&["topic=orders topic.meta is damaged"]);
    assert!(!file(&nsqd, ".audit.cursor.tmp").exists());
}

#[test]
fn a_torn_tail_is_cut_and_the_log_says_how_much() {
    if !ours() {
        return;
    }
    let mut nsqd = stopped();
    let last = segments(&nsqd).pop().unwrap();
    let mut bytes = fs::read(&last).unwrap();
    bytes.extend(b"NSQ1 and nothing more");
    fs::write(&last, bytes).unwrap();
    let everything: Vec<_> = (0..MESSAGES).collect();
    assert_eq!(left_after_start(&mut nsqd, MESSAGES), everything);
    nsqd.expect_logged(&["topic=orders log ended in 21 bytes of an unfinished write; cut off"]);
    nsqd.post("/pub?topic=orders", b"more");
}
