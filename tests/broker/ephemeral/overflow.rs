//! What does not fit.

use super::{A_WHILE, consumer, create, expect_numbers, publish_numbers};
use crate::support::{Nsqd, commands, eventually, ours};

#[test]
fn channel_that_is_full_drops_what_comes() {
    for topic in ["orders", "news#ephemeral"] {
        let nsqd = Nsqd::with(&["--mem-queue-size=10"]);
        create(&nsqd, topic, "tail#ephemeral");
        publish_numbers(&nsqd, topic, 30);
        nsqd.expect_channel(topic, "tail#ephemeral", &[("depth", 10), ("message_count", 30)]);
        let counts = nsqd.topic(topic);
        assert_eq!((&counts["depth"], &counts["message_count"]), (&0.into(), &30.into()));
        let mut reader = consumer(&nsqd, topic, "tail#ephemeral");
        expect_numbers(&mut reader, 10);
        // There is room again.
        nsqd.client().publish(topic, b"later");
        reader.expect_body("later");
    }
}

#[test]
fn topic_that_is_full_drops_what_comes() {
    let nsqd = Nsqd::with(&["--mem-queue-size=10"]);
    publish_numbers(&nsqd, "news#ephemeral", 8);
    let mut publisher = nsqd.client();
    publisher.send(&commands::publish_many("news#ephemeral", &["8", "9", "10", "11"]));
    publisher.expect_ok();
    publisher.publish("news#ephemeral", b"12");
    let topic = nsqd.topic("news#ephemeral");
    let counted =
        ["depth", "backend_depth", "message_count", "message_bytes"].map(|key| &topic[key]);
    assert_eq!(counted, [10, 0, 13, 16]);
    expect_numbers(&mut consumer(&nsqd, "news#ephemeral", "tail#ephemeral"), 10);
}

#[test]
fn paused_topic_that_is_full_drops_what_comes() {
    let nsqd = Nsqd::with(&["--mem-queue-size=10"]);
    let mut reader = consumer(&nsqd, "news#ephemeral", "tail#ephemeral");
    nsqd.post("/topic/pause?topic=news%23ephemeral", b"");
    publish_numbers(&nsqd, "news#ephemeral", 15);
    let topic = nsqd.topic("news#ephemeral");
    assert_eq!((&topic["depth"], &topic["message_count"]), (&10.into(), &15.into()));
    nsqd.post("/topic/unpause?topic=news%23ephemeral", b"");
    expect_numbers(&mut reader, 10);
}

#[test]
fn what_a_topic_has_held_is_not_pushed_out_by_what_comes() {
    let nsqd = Nsqd::with(&["--mem-queue-size=10"]);
    publish_numbers(&nsqd, "news#ephemeral", 10);
    create(&nsqd, "news#ephemeral", "tail#ephemeral");
    publish_numbers(&nsqd, "news#ephemeral", 5);
    nsqd.expect_channel("news#ephemeral", "tail#ephemeral", &[("depth", 10)]);
    expect_numbers(&mut consumer(&nsqd, "news#ephemeral", "tail#ephemeral"), 10);
}

#[test]
fn what_a_paused_topic_has_held_is_not_pushed_out_by_what_comes() {
    for topic in ["orders", "news#ephemeral"] {
        let nsqd = Nsqd::with(&["--mem-queue-size=10"]);
        create(&nsqd, topic, "tail#ephemeral");
        let escaped = topic.replace('#', "%23");
        nsqd.post(&format!("/topic/pause?topic={escaped}"), b"");
        publish_numbers(&nsqd, topic, 10);
        nsqd.post(&format!("/topic/unpause?topic={escaped}"), b"");
        publish_numbers(&nsqd, topic, 5);
        nsqd.expect_channel(topic, "tail#ephemeral", &[("depth", 10), ("message_count", 15)]);
        expect_numbers(&mut consumer(&nsqd, topic, "tail#ephemeral"), 10);
    }
}

#[test]
fn without_a_queue_only_who_waits_is_given_anything() {
    for topic in ["orders", "news#ephemeral"] {
        let nsqd = Nsqd::with(&["--mem-queue-size=0"]);
        create(&nsqd, topic, "tail#ephemeral");
        publish_numbers(&nsqd, topic, 3);
        nsqd.expect_channel(topic, "tail#ephemeral", &[("depth", 0), ("message_count", 3)]);
        let mut reader = consumer(&nsqd, topic, "tail#ephemeral");
        reader.expect_silence(A_WHILE);
        publish_numbers(&nsqd, topic, 5);
        if ours() {
            // With nsqd 1.3 each finds the consumer waiting, or busy with the one before.
            expect_numbers(&mut reader, 5);
        }
        assert_eq!(nsqd.topic(topic)["message_count"], 8);
    }
}

#[test]
fn burst_that_consumers_take_at_once_is_no_overflow() {
    if !ours() {
        return;
    }
    for topic in ["orders", "news#ephemeral"] {
        let nsqd = Nsqd::with(&["--mem-queue-size=10"]);
        let mut reader = consumer(&nsqd, topic, "tail#ephemeral");
        reader.ready(200);
        eventually("it has credit", || {
            let channel = nsqd.channel(topic, "tail#ephemeral");
            (channel["clients"][0]["ready_count"] == 200).then_some(())
        });
        let bodies: Vec<_> = (0..150).map(|number| number.to_string()).collect();
        let mut publisher = nsqd.client();
        publisher.send(&commands::publish_many(topic, &bodies));
        publisher.expect_ok();
        expect_numbers(&mut reader, 150);
    }
}

#[test]
fn nobody_reading_costs_no_more_memory_than_the_queue() {
    const MEGABYTE: usize = 1 << 20;
    let nsqd = Nsqd::with(&["--mem-queue-size=4"]);
    create(&nsqd, "news#ephemeral", "tail#ephemeral");
    let mut publisher = nsqd.client();
    let body = vec![b'x'; MEGABYTE];
    let mut publish =
        |count: usize| (0..count).for_each(|_| publisher.publish("news#ephemeral", &body));
    publish(10);
    let before = nsqd.resident_bytes();
    publish(100);
    let grown = nsqd.resident_bytes().saturating_sub(before) / MEGABYTE as u64;
    assert!(grown < 40, "{grown} MB more");
    nsqd.expect_channel(
        "news#ephemeral",
        "tail#ephemeral",
        &[("depth", 4), ("message_count", 110)],
    );
}
