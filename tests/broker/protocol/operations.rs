//! What an operator does over HTTP, seen by clients.

use std::time::{Duration, Instant};

use crate::support::{Client, Frame, Nsqd, commands, ours};

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
fn messages_that_a_paused_topic_dropped_are_not_counted_by_its_channels() {
    let nsqd = Nsqd::start();
    nsqd.post("/topic/create?topic=orders", b"");
    nsqd.post("/channel/create?topic=orders&channel=audit", b"");
    let mut publisher = nsqd.client();
    publisher.publish("orders", b"before");
    nsqd.post("/topic/pause?topic=orders", b"");
    publisher.send(&commands::publish_many("orders", &["dropped"; 3]));
    publisher.expect_ok();
    publisher.send(&commands::publish_deferred("orders", 1, b"dropped"));
    publisher.expect_ok();
    nsqd.post("/topic/empty?topic=orders", b"");
    publisher.publish("orders", b"held");
    publisher.send(&commands::publish_deferred("orders", 60_000, b"later"));
    publisher.expect_ok();
    nsqd.post("/topic/unpause?topic=orders", b"");
    nsqd.expect_channel("orders", "audit", &[("depth", 2), ("deferred_count", 1)]);
    assert_eq!(nsqd.channel("orders", "audit")["message_count"], 3);
    assert_eq!(nsqd.topic("orders")["message_count"], 7);
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
fn time_goes_on_in_a_paused_channel() {
    let nsqd = Nsqd::start();
    let mut client = nsqd.client_with(r#"{"msg_timeout":1000,"heartbeat_interval":1000}"#);
    client.subscribe("orders", "audit");
    client.ready(10);
    let mut publisher = nsqd.client();
    publisher.send(&commands::publish_many("orders", &["times out", "is requeued"]));
    publisher.expect_ok();
    let _times_out = client.expect_body("times out");
    let requeued = client.expect_body("is requeued");
    nsqd.post("/channel/pause?topic=orders&channel=audit", b"");
    client.send(&commands::requeue(requeued.id, 300));
    publisher.send(&commands::publish_deferred("orders", 300, b"is deferred"));
    publisher.expect_ok();
    nsqd.expect_channel("orders", "audit", &[("deferred_count", 2), ("in_flight_count", 1)]);
    nsqd.expect_channel(
        "orders",
        "audit",
        &[("depth", 3), ("deferred_count", 0), ("in_flight_count", 0), ("timeout_count", 1)],
    );
    // It stays connected and is asked whether it lives; nothing else comes.
    let mut heartbeats = 0;
    while heartbeats < 2 {
        let frame = client.try_frame(crate::support::DEADLINE).expect("a heartbeat");
        assert!(frame.is_heartbeat(), "{frame:?}");
        client.send(commands::NOP);
        heartbeats += 1;
    }
    nsqd.post("/channel/unpause?topic=orders&channel=audit", b"");
    assert_eq!(client.finish_bodies(3), ["is deferred", "is requeued", "times out"]);
}

#[test]
fn nothing_comes_once_a_pause_is_answered() {
    if !ours() {
        return; // nsqd 1.3 may still send one message that it has picked.
    }
    let nsqd = Nsqd::start();
    let mut client = consumer(&nsqd, "orders", "audit");
    let mut publisher = nsqd.client();
    for number in 0..20 {
        nsqd.post("/channel/pause?topic=orders&channel=audit", b"");
        let body = number.to_string();
        publisher.publish("orders", body.as_bytes());
        nsqd.expect_channel("orders", "audit", &[("depth", 1), ("in_flight_count", 0)]);
        nsqd.post("/channel/unpause?topic=orders&channel=audit", b"");
        let message = client.expect_body(&body);
        client.finish(message.id);
    }
}

#[test]
fn channels_of_a_paused_topic_deliver_what_they_have() {
    let nsqd = Nsqd::start();
    nsqd.post("/topic/create?topic=orders", b"");
    nsqd.post("/channel/create?topic=orders&channel=audit", b"");
    let mut publisher = nsqd.client();
    publisher.publish("orders", b"before");
    nsqd.expect_channel("orders", "audit", &[("depth", 1)]);
    nsqd.post("/topic/pause?topic=orders", b"");
    publisher.publish("orders", b"behind");
    let mut client = consumer(&nsqd, "orders", "audit");
    let message = client.expect_body("before");
    client.send(&commands::requeue(message.id, 0));
    assert_eq!(client.expect_body("before").attempts, 2);
    client.expect_silence(A_WHILE);
    nsqd.post("/topic/unpause?topic=orders", b"");
    client.expect_body("behind");
}

#[test]
fn answers_for_what_was_emptied_come_too_late_and_counters_stay() {
    let nsqd = Nsqd::start();
    let mut publisher = nsqd.client();
    publisher.send(&commands::publish_many("orders", &["one", "two", "three", "four"]));
    publisher.expect_ok();
    let mut client = consumer(&nsqd, "orders", "audit");
    let ids = [(); 4].map(|()| client.expect_message().id);
    client.finish(ids[3]);
    nsqd.expect_channel("orders", "audit", &[("in_flight_count", 3)]);
    nsqd.post("/channel/empty?topic=orders&channel=audit", b"");
    let emptied = nsqd.channel("orders", "audit");
    assert_eq!(emptied["message_count"], 4);
    let counted = ["in_flight_count", "message_count", "finish_count"];
    assert_eq!(counted.map(|key| &emptied["clients"][0][key]), [0, 4, 1]);
    for (bytes, command) in [
        (commands::finish(ids[0]), format!("FIN {}", ids[0])),
        (commands::requeue(ids[1], 0), format!("REQ {}", ids[1])),
        (commands::touch(ids[2]), format!("TOUCH {}", ids[2])),
    ] {
        client.send(&bytes);
        let code = command.split(' ').next().unwrap();
        client.expect_error(&format!("E_{code}_FAILED {command} failed ID not in flight"));
    }
    nsqd.expect_channel("orders", "audit", &[("requeue_count", 0), ("depth", 0)]);
    // Its credit is whole again.
    publisher.send(&commands::publish_many("orders", &["x"; 10]));
    publisher.expect_ok();
    (0..10).for_each(|_| _ = client.expect_message());
}

#[test]
fn emptied_topic_without_channels_holds_nothing() {
    let nsqd = Nsqd::start();
    let mut publisher = nsqd.client();
    publisher.send(&commands::publish_many("orders", &["one", "two"]));
    publisher.expect_ok();
    assert_eq!(nsqd.topic("orders")["depth"], 2);
    nsqd.post("/topic/empty?topic=orders", b"");
    let topic = nsqd.topic("orders");
    assert_eq!((&topic["depth"], &topic["message_count"]), (&0.into(), &2.into()));
    let mut client = consumer(&nsqd, "orders", "audit");
    publisher.publish("orders", b"after");
    client.expect_body("after");
}

#[test]
fn publishes_while_their_topic_is_deleted_are_taken_or_refused() {
    const ROUNDS: usize = 20;
    let nsqd = Nsqd::start();
    let publish = || {
        let mut client = nsqd.client();
        for _ in 0..ROUNDS * 20 {
            client.send(&commands::publish("orders", b"x"));
            match client.next_frame(crate::support::DEADLINE) {
                Ok(Frame::Response(text)) if text == "OK" => {}
                Ok(Frame::Error(text)) if text == "E_PUB_FAILED PUB failed exiting" => {
                    client.expect_closed();
                    client = nsqd.client();
                }
                other => panic!("PUB was answered with {other:?}"),
            }
        }
    };
    std::thread::scope(|scope| {
        let publishers = [scope.spawn(publish), scope.spawn(publish)];
        let mut deleted = 0;
        while deleted < ROUNDS && !publishers.iter().all(std::thread::ScopedJoinHandle::is_finished)
        {
            let answer = nsqd.http("POST", "/topic/delete?topic=orders", b"");
            deleted += usize::from(answer.status == 200);
        }
    });
    nsqd.client().publish("orders", b"the last");
    nsqd.post("/topic/delete?topic=orders", b"");
    assert!(nsqd.topic("orders").is_null());
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
