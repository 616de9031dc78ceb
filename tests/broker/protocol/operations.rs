//! What an operator does over HTTP, seen by clients.

use std::time::Duration;

use crate::support::{Client, Nsqd, commands};

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
