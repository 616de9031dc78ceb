//! What is on the disk: nothing.

use std::thread;

use super::{
    A_WHILE, MARK, consumer, create, expect_nothing_on_disk, expect_numbers, files, publish_numbers,
};
use crate::support::{Nsqd, commands, eventually, ours};

/// Publishes enough for many files of a log, of which nearly all must go again.
fn log_is_shortened(nsqd: &Nsqd) {
    let mut publisher = nsqd.client();
    for _ in 0..30 {
        publisher.send(&commands::publish_many("orders", &vec!["x".repeat(100); 100]));
        publisher.expect_ok();
    }
    eventually("files are removed", || {
        let logs = files(nsqd.data_path());
        let logs = logs.iter().filter(|path| path.extension().is_some_and(|it| it == "log"));
        (logs.count() <= 2).then_some(())
    });
}

#[test]
fn ephemeral_channel_that_nobody_reads_does_not_keep_the_log() {
    if !ours() {
        return;
    }
    let nsqd =
        Nsqd::with(&["--mem-queue-size=10", "--max-bytes-per-file=20000", "--sync-timeout=50ms"]);
    let mut durable = consumer(&nsqd, "orders", "audit");
    durable.ready(2000);
    create(&nsqd, "orders", "tail#ephemeral");
    publish_numbers(&nsqd, "orders", 20);
    thread::scope(|scope| {
        scope.spawn(|| durable.finish_bodies(3020));
        log_is_shortened(&nsqd);
    });
    expect_numbers(&mut consumer(&nsqd, "orders", "tail#ephemeral"), 10);
}

#[test]
fn backlog_in_the_log_is_taken_into_memory_and_the_log_goes() {
    if !ours() {
        return;
    }
    let nsqd =
        Nsqd::with(&["--mem-queue-size=10", "--max-bytes-per-file=20000", "--sync-timeout=50ms"]);
    // More than the topic has in memory.
    publish_numbers(&nsqd, "orders", 40);
    create(&nsqd, "orders", "tail#ephemeral");
    nsqd.expect_channel("orders", "tail#ephemeral", &[("depth", 10), ("message_count", 40)]);
    log_is_shortened(&nsqd);
    expect_numbers(&mut consumer(&nsqd, "orders", "tail#ephemeral"), 10);
}

fn nothing_is_left(stop: impl Fn(&mut Nsqd)) {
    let mut nsqd = Nsqd::start();
    create(&nsqd, "orders", "audit");
    create(&nsqd, "orders", "tail#ephemeral");
    create(&nsqd, "news#ephemeral", "tail#ephemeral");
    create(&nsqd, "empty#ephemeral", "audit");
    nsqd.post("/channel/pause?topic=orders&channel=tail%23ephemeral", b"");
    nsqd.post("/topic/pause?topic=news%23ephemeral", b"");
    nsqd.post("/channel/pause?topic=empty%23ephemeral&channel=audit", b"");
    let mut publisher = nsqd.client();
    publisher.publish("orders", b"kept");
    for topic in ["news#ephemeral", "empty#ephemeral", "other#ephemeral"] {
        publisher.publish(topic, MARK.as_bytes());
        publisher.send(&commands::publish_deferred(topic, 60_000, MARK.as_bytes()));
        publisher.expect_ok();
    }
    let mut reader = consumer(&nsqd, "orders", "tail#ephemeral");
    reader.expect_silence(A_WHILE);
    expect_nothing_on_disk(&nsqd);
    stop(&mut nsqd);
    expect_nothing_on_disk(&nsqd);
    nsqd.restart();
    let topics = nsqd.stats()["topics"].clone();
    let topics = topics.as_array().unwrap();
    assert_eq!(topics.len(), 1, "{topics:?}");
    assert_eq!(topics[0]["channels"].as_array().map(Vec::len), Some(1), "{topics:?}");
    // One of the same name begins anew: not paused, and with what comes from now on.
    let mut reader = consumer(&nsqd, "orders", "tail#ephemeral");
    assert_eq!(nsqd.channel("orders", "tail#ephemeral")["paused"], false);
    nsqd.client().publish("orders", b"new");
    reader.expect_body("new");
    reader.expect_silence(A_WHILE);
    consumer(&nsqd, "orders", "audit").expect_body("kept");
    expect_nothing_on_disk(&nsqd);
}

#[test]
fn nothing_is_left_after_a_graceful_stop() {
    if ours() {
        nothing_is_left(|nsqd| assert!(nsqd.terminate().success()));
    }
}

#[test]
fn nothing_is_left_after_kill_9() {
    if ours() {
        nothing_is_left(Nsqd::kill9);
    }
}
