//! A channel that stands still: what waits for it costs no memory, no time at a start, and the other
//! channels nothing.

use std::{fs, path::PathBuf, thread};

use crate::support::{Client, Nsqd, commands, eventually, ours};

const SEGMENT_BYTES: u64 = 4 << 20;
const BODY_BYTES: usize = 2000;
const BATCH: usize = 50;
/// Forty megabytes in ten segments.
const MESSAGES: usize = 20_000;

/// Few messages are kept in memory, many on the disk.
fn nsqd(segment_bytes: u64) -> Nsqd {
    let segment_bytes = format!("--max-bytes-per-file={segment_bytes}");
    let nsqd = Nsqd::with(&[&segment_bytes, "--mem-queue-size=500", "--msg-timeout=10m"]);
    nsqd.post("/topic/create?topic=orders", b"");
    nsqd.post("/channel/create?topic=orders&channel=stalled", b"");
    nsqd
}

fn body(number: usize) -> String {
    format!("{number:0BODY_BYTES$}")
}

#[track_caller]
fn publish(nsqd: &Nsqd, numbers: std::ops::Range<usize>) {
    let mut publisher = nsqd.client();
    for first in numbers.clone().step_by(BATCH) {
        let bodies: Vec<_> = (first..numbers.end.min(first + BATCH)).map(body).collect();
        publisher.send(&commands::publish_many("orders", &bodies));
        publisher.expect_ok();
    }
}

/// Finishes so many messages, each of which must be another one; their numbers, sorted.
#[track_caller]
fn finish(consumer: &mut Client, count: usize) -> Vec<usize> {
    let mut numbers: Vec<usize> = (0..count)
        .map(|_| {
            let message = consumer.expect_message();
            consumer.finish(message.id);
            message.text().parse().unwrap()
        })
        .collect();
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers.len(), count, "some came twice");
    numbers
}

/// The topic's segments, oldest first.
fn segments(nsqd: &Nsqd) -> Vec<PathBuf> {
    let entries = fs::read_dir(nsqd.data_path().join("topics/orders")).unwrap();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|suffix| suffix == "log"));
    paths.sort();
    paths
}

/// Has the cursor saved now, as pausing does.
fn save_cursor(nsqd: &Nsqd) {
    nsqd.post("/channel/pause?topic=orders&channel=stalled", b"");
    nsqd.post("/channel/unpause?topic=orders&channel=stalled", b"");
}

#[test]
fn a_start_reads_only_the_newest_segment_and_goes_on_where_the_channel_was() {
    if !ours() {
        return;
    }
    let start = Nsqd::start().read_bytes();
    let mut nsqd = nsqd(SEGMENT_BYTES);
    publish(&nsqd, 0..MESSAGES);
    assert!(segments(&nsqd).len() >= 10);
    // Near the end of the second segment; a hundred more are taken and given back.
    let finished = 4_000;
    let mut taking = nsqd.consumer("orders", "stalled", 100);
    finish(&mut taking, finished);
    taking.leave();
    let depth = [("depth", (MESSAGES - finished) as u64), ("in_flight_count", 0)];
    nsqd.expect_channel("orders", "stalled", &depth);
    save_cursor(&nsqd);
    for kill in [false, true] {
        if kill {
            nsqd.kill9();
        } else {
            assert!(nsqd.terminate().success());
        }
        nsqd.restart();
        nsqd.expect_channel("orders", "stalled", &depth);
        let read = nsqd.read_bytes().saturating_sub(start);
        assert!(read < SEGMENT_BYTES + (256 << 10), "kill={kill}: {read} bytes read at the start");
    }
    let before = nsqd.read_bytes();
    let numbers = finish(&mut nsqd.consumer("orders", "stalled", 100), 300);
    assert_eq!(numbers, (finished..finished + 300).collect::<Vec<_>>());
    let read = nsqd.read_bytes() - before;
    assert!(read < SEGMENT_BYTES / 2, "{read} bytes read for 300 messages: it searched for them");
}

#[test]
fn memory_stays_flat_while_a_backlog_grows_and_drains_and_another_channel_keeps_up() {
    if !ours() {
        return;
    }
    const FIRST: usize = 2_000;
    const GROWTH_MAX: u64 = 16 << 20;
    let nsqd = nsqd(SEGMENT_BYTES);
    let mut audit = nsqd.consumer("orders", "audit", 200);
    let keeping_up = thread::spawn(move || finish(&mut audit, MESSAGES).len());
    publish(&nsqd, 0..FIRST);
    let before = nsqd.peak_bytes();
    publish(&nsqd, FIRST..MESSAGES);
    assert_eq!(keeping_up.join().unwrap(), MESSAGES);
    nsqd.expect_channel("orders", "audit", &[("depth", 0), ("in_flight_count", 0)]);
    nsqd.expect_channel("orders", "stalled", &[("depth", MESSAGES as u64)]);
    let growth = nsqd.peak_bytes() - before;
    assert!(growth < GROWTH_MAX, "{growth} bytes more for 36 MB more");
    finish(&mut nsqd.consumer("orders", "stalled", 200), MESSAGES);
    nsqd.expect_channel("orders", "stalled", &[("depth", 0), ("in_flight_count", 0)]);
    let growth = nsqd.peak_bytes() - before;
    assert!(growth < GROWTH_MAX, "{growth} bytes more when 40 MB have been drained");
    eventually("finished segments are removed", || (segments(&nsqd).len() == 1).then_some(()));
}

#[test]
fn emptying_a_channel_frees_the_disk_and_disturbs_nobody() {
    if !ours() {
        return;
    }
    let nsqd = nsqd(64 << 10);
    publish(&nsqd, 0..2_000);
    assert!(segments(&nsqd).len() > 30);
    let mut audit = nsqd.consumer("orders", "audit", 100);
    nsqd.post("/channel/empty?topic=orders&channel=stalled", b"");
    publish(&nsqd, 2_000..2_100);
    assert_eq!(finish(&mut audit, 100), (2_000..2_100).collect::<Vec<_>>());
    nsqd.expect_channel("orders", "stalled", &[("depth", 100)]);
    eventually("the disk is free", || (segments(&nsqd).len() <= 5).then_some(()));
    nsqd.post("/topic/delete?topic=orders", b"");
    let topics = nsqd.data_path().join("topics");
    let is_empty = || fs::read_dir(&topics).unwrap().next().is_none();
    eventually("nothing is left of the topic", || is_empty().then_some(()));
}

#[test]
fn what_rots_in_a_backlog_is_skipped_counted_and_said_when_it_is_read() {
    if !ours() {
        return;
    }
    let mut nsqd = nsqd(256 << 10);
    publish(&nsqd, 0..2_000);
    assert!(nsqd.terminate().success());
    let rotten = &segments(&nsqd)[5];
    let mut bytes = fs::read(rotten).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(rotten, bytes).unwrap();
    nsqd.restart();
    nsqd.expect_channel("orders", "stalled", &[("depth", 2_000)]);
    assert!(!nsqd.has_logged("damaged"), "nobody has looked there yet");
    let left = 2_000 - BATCH;
    finish(&mut nsqd.consumer("orders", "stalled", 100), left);
    let counts = [("depth", 0), ("in_flight_count", 0), ("lost_count", BATCH as u64)];
    nsqd.expect_channel("orders", "stalled", &counts);
    nsqd.expect_logged(&["topic=orders", "log is damaged", "skipped"]);
    nsqd.expect_logged(&["channel=stalled", "are not in the log"]);
}
