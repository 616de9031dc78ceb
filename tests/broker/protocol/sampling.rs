//! Consumers that want a part of the messages only.

use std::{fs, ops::RangeInclusive, path::Path, time::Duration};

use crate::support::{Client, Frame, Gone, Nsqd, commands, eventually, ours};

/// The counts that chance allows: six times the standard deviation on either side of the mean, which
/// one run in five hundred million misses.
fn allowed(count: usize, percent: usize) -> RangeInclusive<usize> {
    let mean = count * percent / 100;
    let deviation = ((count * percent * (100 - percent)) as f64 / 10_000.0).sqrt();
    let reach = (6.0 * deviation).ceil() as usize;
    mean - reach..=mean + reach
}

fn consumer(nsqd: &Nsqd, percent: usize) -> Client {
    let mut consumer = nsqd.client_with(&format!(r#"{{"sample_rate":{percent}}}"#));
    consumer.subscribe("orders", "audit");
    consumer.ready(2500);
    consumer
}

/// Finishes what comes until every message is delivered and finished, or passed over.
#[track_caller]
fn finish_all(nsqd: &Nsqd, consumer: &mut Client) -> usize {
    let mut delivered = 0;
    eventually("all are delivered or passed over", || {
        loop {
            match consumer.next_frame(Duration::from_millis(50)) {
                Ok(Frame::Message(message)) => {
                    assert_eq!(message.attempts, 1);
                    consumer.finish(message.id);
                    delivered += 1;
                }
                Err(Gone::Silent) => break,
                other => panic!("expected messages, found {other:?}"),
            }
        }
        let channel = nsqd.channel("orders", "audit");
        let counters = ["depth", "in_flight_count", "deferred_count"];
        counters.iter().all(|&counter| channel[counter] == 0).then_some(())
    });
    delivered
}

fn segments(nsqd: &Nsqd) -> usize {
    files(nsqd.data_path()).into_iter().filter(|name| name.ends_with(".log")).count()
}

fn files(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(
            |path| if path.is_dir() { files(&path) } else { vec![path.display().to_string()] },
        )
        .collect()
}

#[test]
fn sample_has_its_rate_and_the_rest_is_gone_for_the_channel() {
    const COUNT: usize = 20_000;
    const PERCENT: usize = 30;
    let nsqd = Nsqd::with(&["--max-bytes-per-file=100000"]);
    let mut publisher = nsqd.client();
    let body = "x".repeat(100);
    for _ in 0..COUNT / 500 {
        publisher.send(&commands::publish_many("orders", &vec![&body; 500]));
        publisher.expect_ok();
    }
    let mut consumer = consumer(&nsqd, PERCENT);
    if ours() {
        assert!(segments(&nsqd) > 10, "the log has many segments");
    }
    let delivered = finish_all(&nsqd, &mut consumer);
    if ours() {
        let allowed = allowed(COUNT, PERCENT);
        assert!(allowed.contains(&delivered), "{delivered} of {COUNT}, not {allowed:?}");
        // What was passed over is finished as well: nothing keeps the log.
        eventually("segments are removed", || (segments(&nsqd) <= 1).then_some(()));
    }
    let channel = nsqd.channel("orders", "audit");
    assert_eq!(channel["message_count"], COUNT as u64);
    assert_eq!(channel["clients"][0]["message_count"], delivered as u64);
    assert_eq!(channel["clients"][0]["finish_count"], delivered as u64);
    assert_eq!(channel["clients"][0]["sample_rate"], PERCENT as u64);
    drop(consumer);
    let mut all = self::consumer(&nsqd, 0);
    all.expect_silence(Duration::from_millis(300));
}

#[test]
fn deferred_messages_are_sampled_when_they_are_due() {
    const COUNT: usize = 2000;
    const PERCENT: usize = 20;
    let nsqd = Nsqd::start();
    let mut consumer = consumer(&nsqd, PERCENT);
    let mut publisher = nsqd.client();
    let deferred = commands::publish_deferred("orders", 100, b"later").repeat(COUNT);
    publisher.send(&deferred);
    for _ in 0..COUNT {
        publisher.expect_ok();
    }
    let delivered = finish_all(&nsqd, &mut consumer);
    if ours() {
        let allowed = allowed(COUNT, PERCENT);
        assert!(allowed.contains(&delivered), "{delivered} of {COUNT}, not {allowed:?}");
    }
}

#[test]
fn message_that_is_in_the_sample_stays_in_it() {
    if !ours() {
        return; // nsqd 1.3 draws again for each delivery.
    }
    let nsqd = Nsqd::start();
    let mut consumer = consumer(&nsqd, 1);
    let mut publisher = nsqd.client();
    publisher.send(&commands::publish_many("orders", &vec!["x"; 5000]));
    publisher.expect_ok();
    let first = consumer.expect_message();
    consumer.ready(1);
    let mut attempts = 1;
    while attempts < 50 {
        consumer.send(&commands::requeue(first.id, 0));
        // Others that were on their way, or go in between, are finished.
        let again = loop {
            let message = consumer.expect_message();
            if message.id == first.id {
                break message;
            }
            consumer.finish(message.id);
        };
        attempts += 1;
        assert_eq!(again.attempts, attempts);
    }
}
