//! What an operator does over HTTP, seen by clients; and what ends by itself.

use std::time::{Duration, Instant};

use crate::support::{Client, Frame, Nsqd, commands, eventually};

const A_WHILE: Duration = Duration::from_millis(400);

fn consumer(nsqd: &Nsqd, topic: &str, channel: &str) -> Client {
    let mut consumer = nsqd.client();
    consumer.subscribe(topic, channel);
    consumer.ready(10);
    consumer
}

#[test]
fn paused_channel_keeps_its_messages() {
    let nsqd = Nsqd::start();
    let mut paused = consumer(&nsqd, "orders", "audit");
    let mut other = consumer(&nsqd, "orders", "billing");
    nsqd.post("/channel/pause?topic=orders&channel=audit", b"");
    assert_eq!(nsqd.channel("orders", "audit")["paused"], true);
    nsqd.client().publish("orders", b"one");
    other.expect_body("one");
    paused.expect_silence(A_WHILE);
    nsqd.expect_channel("orders", "audit", &[("depth", 1), ("in_flight_count", 0)]);
    nsqd.post("/channel/unpause?topic=orders&channel=audit", b"");
    paused.expect_body("one");
    assert_eq!(nsqd.channel("orders", "audit")["paused"], false);
}

#[test]
fn messages_of_a_paused_channel_can_be_settled() {
    let nsqd = Nsqd::start();
    let mut publisher = nsqd.client();
    publisher.send(&commands::publish_many("orders", &["one", "two"]));
    publisher.expect_ok();
    let mut client = consumer(&nsqd, "orders", "audit");
    let (first, second) = (client.expect_message(), client.expect_message());
    nsqd.post("/channel/pause?topic=orders&channel=audit", b"");
    client.finish(first.id);
    client.send(&commands::requeue(second.id, 0));
    nsqd.expect_channel("orders", "audit", &[("depth", 1), ("in_flight_count", 0)]);
    client.expect_silence(A_WHILE);
    nsqd.post("/channel/unpause?topic=orders&channel=audit", b"");
    assert_eq!(client.expect_message().attempts, 2);
}

#[test]
fn paused_topic_takes_messages_and_hands_none_on() {
    let nsqd = Nsqd::start();
    let mut client = consumer(&nsqd, "orders", "audit");
    nsqd.post("/topic/pause?topic=orders", b"");
    nsqd.client().publish("orders", b"one");
    client.expect_silence(A_WHILE);
    let topic = nsqd.topic("orders");
    assert_eq!((&topic["paused"], &topic["depth"]), (&true.into(), &1.into()));
    nsqd.expect_channel("orders", "audit", &[("depth", 0)]);
    nsqd.post("/topic/unpause?topic=orders", b"");
    client.expect_body("one");
    assert_eq!(nsqd.topic("orders")["depth"], 0);
}

#[test]
fn emptied_channel_forgets_all_that_it_had() {
    let nsqd = Nsqd::start();
    let mut publisher = nsqd.client();
    publisher.send(&commands::publish_deferred("orders", 60_000, b"later"));
    publisher.expect_ok();
    publisher.send(&commands::publish_many("orders", &["a", "b", "c", "d", "e"]));
    publisher.expect_ok();
    let mut client = nsqd.client();
    client.subscribe("orders", "audit");
    client.ready(2);
    let held = client.expect_message();
    client.expect_message();
    nsqd.expect_channel(
        "orders",
        "audit",
        &[("depth", 3), ("in_flight_count", 2), ("deferred_count", 1)],
    );
    nsqd.post("/channel/empty?topic=orders&channel=audit", b"");
    nsqd.expect_channel(
        "orders",
        "audit",
        &[("depth", 0), ("in_flight_count", 0), ("deferred_count", 0)],
    );
    client.finish(held.id);
    client.expect_error(&format!("E_FIN_FAILED FIN {} failed ID not in flight", held.id));
    publisher.publish("orders", b"after");
    client.expect_body("after");
}

#[test]
fn emptied_topic_leaves_its_channels_alone() {
    let nsqd = Nsqd::start();
    let mut publisher = nsqd.client();
    nsqd.post("/topic/create?topic=orders", b"");
    nsqd.post("/channel/create?topic=orders&channel=audit", b"");
    publisher.publish("orders", b"kept");
    nsqd.expect_channel("orders", "audit", &[("depth", 1)]);
    nsqd.post("/topic/pause?topic=orders", b"");
    publisher.publish("orders", b"dropped");
    assert_eq!(nsqd.topic("orders")["depth"], 1);
    nsqd.post("/topic/empty?topic=orders", b"");
    assert_eq!(nsqd.topic("orders")["depth"], 0);
    nsqd.post("/topic/unpause?topic=orders", b"");
    let mut client = consumer(&nsqd, "orders", "audit");
    client.expect_body("kept");
    publisher.publish("orders", b"after");
    client.expect_body("after");
}

#[test]
fn deleted_channel_closes_its_consumers() {
    let nsqd = Nsqd::start();
    let mut gone = consumer(&nsqd, "orders", "audit");
    let mut stays = consumer(&nsqd, "orders", "billing");
    nsqd.post("/channel/delete?topic=orders&channel=audit", b"");
    gone.expect_closed();
    assert!(nsqd.channel("orders", "audit").is_null());
    nsqd.client().publish("orders", b"one");
    stays.expect_body("one");
    // The name is free again, for a channel that knows nothing of what was.
    let mut new = consumer(&nsqd, "orders", "audit");
    new.expect_silence(A_WHILE);
}

#[test]
fn deleted_topic_closes_its_consumers_and_keeps_its_publishers() {
    let nsqd = Nsqd::start();
    let mut publisher = nsqd.client();
    publisher.publish("orders", b"one");
    let mut consumers = [consumer(&nsqd, "orders", "audit"), consumer(&nsqd, "orders", "billing")];
    nsqd.post("/topic/delete?topic=orders", b"");
    for consumer in &mut consumers {
        // The message, held or not, is gone too.
        while consumer.next_frame(crate::support::DEADLINE).is_ok() {}
        consumer.expect_closed();
    }
    assert!(nsqd.topic("orders").is_null());
    publisher.publish("orders", b"two");
    assert_eq!(nsqd.topic("orders")["depth"], 1);
    consumer(&nsqd, "orders", "audit").expect_body("two");
}

#[test]
fn ephemeral_channel_ends_with_its_last_consumer() {
    let nsqd = Nsqd::start();
    let first = consumer(&nsqd, "orders", "tail#ephemeral");
    let mut second = consumer(&nsqd, "orders", "tail#ephemeral");
    drop(first);
    nsqd.expect_channel("orders", "tail#ephemeral", &[("client_count", 1)]);
    nsqd.client().publish("orders", b"one");
    second.expect_body("one");
    drop(second);
    eventually("the channel is gone", || {
        nsqd.channel("orders", "tail#ephemeral").is_null().then_some(())
    });
    assert!(!nsqd.topic("orders").is_null());
}

#[test]
fn ephemeral_channel_that_never_had_a_consumer_stays() {
    let nsqd = Nsqd::start();
    nsqd.post("/topic/create?topic=orders", b"");
    nsqd.post("/channel/create?topic=orders&channel=tail%23ephemeral", b"");
    nsqd.client().publish("orders", b"one");
    nsqd.expect_channel("orders", "tail#ephemeral", &[("depth", 1)]);
}

#[test]
fn ephemeral_topic_ends_with_its_last_channel() {
    let nsqd = Nsqd::start();
    nsqd.client().publish("news#ephemeral", b"one");
    let mut reader = consumer(&nsqd, "news#ephemeral", "tail#ephemeral");
    reader.expect_body("one");
    drop(reader);
    eventually("the topic is gone", || nsqd.topic("news#ephemeral").is_null().then_some(()));
}

#[test]
fn deleting_a_topic_with_unsynced_messages_leaves_the_broker_healthy() {
    let nsqd = Nsqd::with(&["--sync-timeout=20ms"]);
    let mut publisher = nsqd.client();
    for number in 0..20 {
        let topic = format!("topic{number}");
        publisher.publish(&topic, b"one");
        nsqd.post(&format!("/topic/delete?topic={topic}"), b"");
    }
    let end = Instant::now() + A_WHILE;
    while Instant::now() < end {
        let ping = nsqd.http("GET", "/ping", b"");
        assert_eq!((ping.status, ping.text().as_str()), (200, "OK"));
    }
}

#[test]
fn topics_deleted_under_their_publishers_leave_the_broker_healthy() {
    let nsqd = Nsqd::start();
    let mut publisher = nsqd.client();
    for _ in 0..50 {
        publisher.send(&commands::publish("orders", b"one"));
        let deleted = nsqd.http("POST", "/topic/delete?topic=orders", b"");
        assert!([200, 404].contains(&deleted.status), "{deleted:?}");
        match publisher.expect_frame() {
            Frame::Response(text) => assert_eq!(text, "OK"),
            refused => {
                assert_eq!(refused, Frame::Error("E_PUB_FAILED PUB failed exiting".to_owned()));
                publisher = nsqd.client();
            }
        }
    }
    assert_eq!(nsqd.http("GET", "/ping", b"").text(), "OK");
    publisher.publish("orders", b"two");
}
