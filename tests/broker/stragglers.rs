//! One unfinished old message keeps neither the disk full nor anybody waiting.

use std::{
    fs, thread,
    time::{Duration, Instant},
};

use crate::support::{Client, DEADLINE, Frame, NsqMessage, Nsqd, commands, eventually, ours};

const SEGMENT_BYTES: u64 = 4096;
const BATCHES: usize = 80;
const BATCH_MESSAGES: usize = 16;
const MESSAGES: usize = BATCHES * BATCH_MESSAGES;

fn nsqd() -> Nsqd {
    Nsqd::with(&["--max-bytes-per-file=4096", "--sync-timeout=20ms", "--msg-timeout=1m"])
}

/// A consumer of `channel` that holds what comes next.
fn consumer(nsqd: &Nsqd, channel: &str, ready: usize) -> Client {
    let mut consumer = nsqd.client();
    consumer.subscribe("orders", channel);
    consumer.ready(ready);
    consumer
}

/// Bytes of the topic's segments.
fn log_bytes(nsqd: &Nsqd) -> u64 {
    let entries = fs::read_dir(nsqd.data_path().join("topics/orders")).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let segments = paths.filter(|path| path.extension().is_some_and(|suffix| suffix == "log"));
    segments.filter_map(|path| fs::metadata(path).ok()).map(|metadata| metadata.len()).sum()
}

/// More than fifty segments pass by.
fn publish_segments(nsqd: &Nsqd) {
    let mut publisher = nsqd.client();
    for batch in 0..BATCHES {
        let bodies: Vec<_> = (0..BATCH_MESSAGES).map(|at| format!("{batch}-{at:0200}")).collect();
        publisher.send(&commands::publish_many("orders", &bodies));
        publisher.expect_ok();
    }
}

/// Finishes everything but the message with `held` as its body, until that many are finished.
#[track_caller]
fn finish_others(consumer: &mut Client, held: &str) {
    for _ in 0..MESSAGES {
        let message = consumer.expect_message();
        assert_ne!(message.text(), held, "it is not its time");
        consumer.finish(message.id);
    }
}

/// Live is one message of some bytes: what is left is two segments and less than another.
#[track_caller]
fn expect_small_log(nsqd: &Nsqd) {
    eventually("the log is small", || (log_bytes(nsqd) < 3 * SEGMENT_BYTES).then_some(()));
}

#[test]
fn a_deferred_message_does_not_keep_fifty_segments_and_comes_once_at_its_time() {
    if !ours() {
        return;
    }
    let nsqd = nsqd();
    nsqd.post("/topic/create?topic=orders", b"");
    nsqd.post("/channel/create?topic=orders&channel=billing", b"");
    let mut audit = consumer(&nsqd, "audit", 100);
    let mut billing = consumer(&nsqd, "billing", 100);
    nsqd.client().publish("orders", b"later");
    let first = audit.expect_body("later");
    let finished = billing.expect_body("later");
    billing.finish(finished.id);
    const DELAY: Duration = Duration::from_secs(6);
    let requeued = Instant::now();
    audit.send(&commands::requeue(first.id, DELAY.as_millis() as u64));
    publish_segments(&nsqd);
    finish_others(&mut audit, "later");
    finish_others(&mut billing, "later");
    expect_small_log(&nsqd);
    assert!(requeued.elapsed() < DELAY, "the test was too slow to see it");
    nsqd.expect_channel("orders", "audit", &[("depth", 0), ("deferred_count", 1)]);
    nsqd.expect_channel("orders", "billing", &[("depth", 0), ("deferred_count", 0)]);
    let again = audit.expect_body("later");
    assert!(requeued.elapsed() >= DELAY, "early");
    assert_eq!((again.id, again.attempts), (first.id, 2));
    assert_eq!(again.timestamp_nanos, first.timestamp_nanos);
    audit.finish(again.id);
    let count = MESSAGES as u64 + 1;
    for channel in ["audit", "billing"] {
        let counters = [("depth", 0), ("in_flight_count", 0), ("message_count", count)];
        nsqd.expect_channel("orders", channel, &counters);
    }
    let topic = nsqd.topic("orders");
    assert_eq!((&topic["message_count"], &topic["depth"]), (&count.into(), &0.into()));
    audit.expect_silence(Duration::from_millis(200));
    billing.expect_silence(Duration::from_millis(10));
}

#[test]
fn what_a_consumer_holds_is_carried_forward_under_its_hands() {
    if !ours() {
        return;
    }
    let mut nsqd = nsqd();
    let mut audit = consumer(&nsqd, "audit", 1);
    nsqd.client().publish("orders", b"held");
    let held = audit.expect_body("held");
    let mut other = consumer(&nsqd, "audit", 100);
    publish_segments(&nsqd);
    finish_others(&mut other, "held");
    expect_small_log(&nsqd);
    nsqd.expect_channel("orders", "audit", &[("in_flight_count", 1), ("depth", 0)]);
    audit.send(&commands::touch(held.id));
    audit.ready(0);
    audit.send(&commands::requeue(held.id, 0));
    let again = other.expect_body("held");
    assert_eq!((again.id, again.attempts), (held.id, 2));
    other.finish(again.id);
    nsqd.expect_channel("orders", "audit", &[("in_flight_count", 0), ("depth", 0)]);
    assert!(nsqd.terminate().success());
    nsqd.restart();
    consumer(&nsqd, "audit", 10).expect_silence(Duration::from_millis(200));
}

#[test]
fn a_published_delay_survives_being_carried_forward_and_a_kill() {
    if !ours() {
        return;
    }
    const DELAY: Duration = Duration::from_secs(7);
    let mut nsqd = nsqd();
    nsqd.post("/topic/create?topic=orders", b"");
    nsqd.post("/channel/create?topic=orders&channel=audit", b"");
    let published = Instant::now();
    let mut publisher = nsqd.client();
    publisher.send(&commands::publish_deferred("orders", DELAY.as_millis() as u64, b"later"));
    publisher.expect_ok();
    let mut audit = consumer(&nsqd, "audit", 100);
    publish_segments(&nsqd);
    finish_others(&mut audit, "later");
    expect_small_log(&nsqd);
    nsqd.kill9();
    nsqd.restart();
    assert_eq!(carried_once(&nsqd, published, DELAY), 1);
}

#[track_caller]
fn next_message(consumer: &mut Client, wait: Duration) -> Option<NsqMessage> {
    match consumer.next_frame(wait).ok()? {
        Frame::Message(message) => Some(message),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_channel_that_has_lost_its_cursor_finds_what_was_carried_forward_for_it() {
    if !ours() {
        return;
    }
    const DELAY: Duration = Duration::from_secs(7);
    let mut nsqd = nsqd();
    let mut audit = consumer(&nsqd, "audit", 100);
    nsqd.client().publish("orders", b"later");
    let first = audit.expect_body("later");
    let requeued = Instant::now();
    audit.send(&commands::requeue(first.id, DELAY.as_millis() as u64));
    publish_segments(&nsqd);
    finish_others(&mut audit, "later");
    expect_small_log(&nsqd);
    nsqd.kill9();
    fs::write(nsqd.data_path().join("topics/orders/audit.cursor"), "garbage").unwrap();
    nsqd.restart();
    assert_eq!(carried_once(&nsqd, requeued, DELAY), 2);
}

/// Takes everything until the deferred message has come and nothing more does; its attempts.
#[track_caller]
fn carried_once(nsqd: &Nsqd, since: Instant, delay: Duration) -> u16 {
    let mut audit = consumer(nsqd, "audit", 100);
    let mut attempts = None;
    loop {
        let wait = if attempts.is_some() { Duration::from_millis(300) } else { DEADLINE };
        let Some(message) = next_message(&mut audit, wait) else { break };
        if message.text() == "later" {
            assert!(since.elapsed() >= delay, "early");
            assert_eq!(attempts.replace(message.attempts), None, "twice");
        }
        audit.finish(message.id);
    }
    attempts.expect("it comes")
}

#[test]
fn a_kill_at_any_time_while_messages_are_carried_forward_loses_none_and_doubles_none() {
    if !ours() {
        return;
    }
    const DELAY: Duration = Duration::from_secs(8);
    let mut nsqd = nsqd();
    let mut audit = consumer(&nsqd, "audit", 100);
    nsqd.client().publish("orders", b"later");
    let first = audit.expect_body("later");
    let requeued = Instant::now();
    audit.send(&commands::requeue(first.id, DELAY.as_millis() as u64));
    nsqd.expect_channel("orders", "audit", &[("deferred_count", 1)]);
    nsqd.post("/channel/pause?topic=orders&channel=audit", b""); // its cursor is saved with that
    nsqd.post("/channel/unpause?topic=orders&channel=audit", b"");
    publish_segments(&nsqd);
    finish_others(&mut audit, "later");
    for millis in [0, 3, 10, 25] {
        thread::sleep(Duration::from_millis(millis));
        nsqd.kill9();
        nsqd.restart();
        let mut audit = consumer(&nsqd, "audit", 100);
        // What was finished shortly before may come again.
        while let Some(message) = next_message(&mut audit, Duration::from_millis(50)) {
            assert_ne!(message.text(), "later", "early");
            audit.finish(message.id);
        }
    }
    expect_small_log(&nsqd);
    assert_eq!(carried_once(&nsqd, requeued, DELAY), 2);
}
