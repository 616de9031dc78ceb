//! Channels that nsqlookupd knows of are there before the first message of a new topic goes out.

use std::time::Duration;

use super::{
    nsqd_with,
    registry::{Manner, Registry},
};
use crate::support::{Nsqd, eventually, ours};

/// Waits until the topic has these channels.
#[track_caller]
fn expect_channels(nsqd: &Nsqd, topic: &str, channels: &[&str]) {
    eventually(&format!("{topic} has the channels {channels:?}"), || {
        let topic = nsqd.topic(topic);
        let names = topic["channels"].as_array()?.iter();
        let names: Vec<_> = names.map(|channel| channel["channel_name"].clone()).collect();
        (names == channels).then_some(())
    });
}

#[test]
fn channels_of_all_registries_are_created_on_a_new_topic() {
    let first = Registry::knowing(&["archive", "tail#ephemeral"]);
    let second = Registry::knowing(&["archive", "billing"]);
    let nsqd = nsqd_with(&[&first, &second], &[]);
    first.expect_connections(1);
    second.expect_connections(1);
    nsqd.expect_line(&format!("LOOKUPD({}): peer info", first.address()));
    nsqd.expect_line(&format!("LOOKUPD({}): peer info", second.address()));
    nsqd.client().publish("orders", b"one");
    expect_channels(&nsqd, "orders", &["archive", "billing"]);
    nsqd.expect_channel("orders", "archive", &[("depth", 1)]);
    nsqd.expect_channel("orders", "billing", &[("depth", 1)]);
    first.expect_registered(&["orders", "orders archive", "orders billing"]);
    assert_eq!(first.seen().requests, ["/channels?topic=orders"]);
    nsqd.client().publish("orders", b"two");
    nsqd.expect_channel("orders", "archive", &[("depth", 2)]);
    assert_eq!(second.seen().requests.len(), 1, "only a new topic is asked about");
}

#[test]
fn an_ephemeral_topic_is_asked_about_by_its_full_name() {
    let registry = Registry::knowing(&["archive"]);
    let nsqd = nsqd_with(&[&registry], &[]);
    nsqd.expect_line(&format!("LOOKUPD({}): peer info", registry.address()));
    nsqd.client().publish("live#ephemeral", b"one");
    expect_channels(&nsqd, "live#ephemeral", &["archive"]);
    nsqd.expect_channel("live#ephemeral", "archive", &[("depth", 1)]);
    assert_eq!(registry.seen().requests, ["/channels?topic=live%23ephemeral"]);
}

#[test]
fn topics_of_the_disk_are_not_asked_about() {
    let registry = Registry::knowing(&["archive"]);
    let mut nsqd = nsqd_with(&[&registry], &[]);
    nsqd.expect_line(&format!("LOOKUPD({}): peer info", registry.address()));
    nsqd.client().publish("orders", b"one");
    expect_channels(&nsqd, "orders", &["archive"]);
    nsqd.post("/channel/delete?topic=orders&channel=archive", b"");
    nsqd.terminate();
    nsqd.restart();
    registry.expect_connections(2);
    registry.expect_registered(&["orders"]);
    expect_channels(&nsqd, "orders", &[]);
    assert_eq!(registry.seen().requests.len(), 1);
}

/// A registry that speaks TCP, and HTTP never.
fn half_silent() -> Registry {
    Registry::with(Manner::Answers, Manner::Silent, &["lost"])
}

#[test]
fn publishes_are_answered_while_registries_are_asked_and_go_out_when_time_is_over() {
    if !ours() {
        return; // With upstream the publisher waits.
    }
    let (silent, good) = (half_silent(), Registry::knowing(&["archive"]));
    let nsqd = nsqd_with(&[&silent, &good], &["--http-client-request-timeout=3s"]);
    nsqd.expect_line(&format!("LOOKUPD({}): peer info", silent.address()));
    nsqd.expect_line(&format!("LOOKUPD({}): peer info", good.address()));
    let mut consumer = nsqd.client();
    consumer.subscribe("orders", "mine");
    consumer.ready(10);
    let mut publisher = nsqd.client();
    for number in 0..10 {
        publisher.publish("orders", number.to_string().as_bytes());
    }
    assert_eq!(nsqd.topic("orders")["depth"], 10, "they wait in the topic");
    let warning = "failed to query nsqlookupd for channels to pre-create for topic orders";
    assert!(!nsqd.has_logged(warning), "ten publishes took three seconds");
    let bodies: Vec<_> = (0..10).map(|number| number.to_string()).collect();
    assert_eq!(consumer.finish_bodies(10), bodies);
    assert!(nsqd.has_logged(warning));
    nsqd.expect_channel("orders", "archive", &[("depth", 10), ("message_count", 10)]);
    nsqd.expect_channel("orders", "mine", &[("depth", 0), ("message_count", 10)]);
}

#[test]
fn without_a_registry_that_answers_nothing_waits_and_the_log_says_so() {
    let nsqd = Nsqd::with(&["--lookupd-tcp-address=127.0.0.1:1"]);
    nsqd.client().publish("orders", b"one");
    nsqd.expect_line(
        "no available nsqlookupd to query for channels to pre-create for topic orders",
    );
    let mut consumer = nsqd.client();
    consumer.subscribe("orders", "archive");
    consumer.ready(1);
    consumer.expect_body("one");
}

#[test]
fn a_first_connection_under_way_is_waited_for() {
    if !ours() {
        return; // With upstream it depends on who is faster.
    }
    let slow = Manner::Slowly(Duration::from_millis(300));
    let registry = Registry::with(slow, Manner::Answers, &["archive"]);
    let nsqd = nsqd_with(&[&registry], &[]);
    nsqd.client().publish("orders", b"one");
    expect_channels(&nsqd, "orders", &["archive"]);
    nsqd.expect_channel("orders", "archive", &[("depth", 1)]);
}

#[test]
fn a_node_that_is_killed_while_it_asks_asks_again() {
    if !ours() {
        return; // Upstream has answered nobody by then.
    }
    let silent = half_silent();
    let address = silent.address();
    let mut nsqd = nsqd_with(&[&silent], &["--http-client-request-timeout=10m"]);
    nsqd.expect_line(&format!("LOOKUPD({address}): peer info"));
    nsqd.client().subscribe("orders", "mine");
    nsqd.client().publish("orders", b"one");
    assert_eq!(nsqd.topic("orders")["depth"], 1);
    nsqd.kill9();
    silent.expect_left();
    drop(silent);
    let good = Registry::knowing(&["archive"]);
    nsqd.set_flags(&[&good.flag()]);
    nsqd.restart();
    expect_channels(&nsqd, "orders", &["archive", "mine"]);
    for channel in ["archive", "mine"] {
        nsqd.expect_channel("orders", channel, &[("depth", 1)]);
    }
    nsqd.terminate();
    nsqd.restart();
    good.expect_connections(2);
    nsqd.client().publish("orders", b"two");
    nsqd.expect_channel("orders", "archive", &[("depth", 2)]);
    assert_eq!(good.seen().requests.len(), 1, "a topic that has its channels is not new");
}

#[test]
fn a_panic_of_the_topic_that_waits_loses_neither_messages_nor_channels() {
    if !ours() {
        return;
    }
    let slow = Manner::Slowly(Duration::from_secs(1));
    let registry = Registry::with(Manner::Answers, slow, &["archive"]);
    let chaos = "--enable-experiment=chaos";
    let nsqd = nsqd_with(&[&registry], &[chaos]);
    nsqd.expect_line(&format!("LOOKUPD({}): peer info", registry.address()));
    nsqd.client().publish("orders", b"one");
    for actor in ["topic&topic=orders", "discovery", "diskqueue&topic=orders", "topic&topic=orders"]
    {
        nsqd.post(&format!("/debug/crash?actor={actor}"), b"");
    }
    nsqd.client().publish("orders", b"two");
    expect_channels(&nsqd, "orders", &["archive"]);
    nsqd.expect_channel("orders", "archive", &[("depth", 2)]);
    registry.expect_registered(&["orders", "orders archive"]);
}
