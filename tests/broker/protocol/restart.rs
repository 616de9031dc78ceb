//! What the next process knows of the last one.

use std::time::{Duration, Instant};

use crate::support::{Client, Nsqd, commands, ours};

fn consumer(nsqd: &Nsqd, channel: &str) -> Client {
    let mut consumer = nsqd.client();
    consumer.subscribe("orders", channel);
    consumer.ready(10);
    consumer
}

#[test]
fn graceful_stop_keeps_messages_and_attempts() {
    let mut nsqd = Nsqd::start();
    let mut publisher = nsqd.client();
    publisher.publish("orders", b"held");
    let mut client = consumer(&nsqd, "audit");
    let held = client.expect_body("held");
    client.send(&commands::requeue(held.id, 0));
    assert_eq!(client.expect_body("held").attempts, 2);
    client.ready(0);
    client.expect_alive();
    nsqd.post("/channel/create?topic=orders&channel=billing", b"");
    publisher.publish("orders", b"waiting");
    assert!(nsqd.terminate().success());
    client.expect_closed();
    nsqd.restart();
    let mut client = consumer(&nsqd, "audit");
    let mut messages = [client.expect_message(), client.expect_message()];
    messages.sort_by_key(|message| message.body.clone());
    let [again, waiting] = messages;
    assert_eq!((again.text().as_str(), again.attempts), ("held", 3));
    assert_eq!((again.id, again.timestamp_nanos), (held.id, held.timestamp_nanos));
    assert_eq!((waiting.text().as_str(), waiting.attempts), ("waiting", 1));
    let mut billing = consumer(&nsqd, "billing");
    billing.expect_body("waiting");
    billing.expect_silence(Duration::from_millis(200));
}

#[test]
fn finished_messages_do_not_come_back_after_a_graceful_stop() {
    let mut nsqd = Nsqd::start();
    let mut publisher = nsqd.client();
    for number in 0..20 {
        publisher.publish("orders", format!("{number:02}").as_bytes());
    }
    let mut client = consumer(&nsqd, "audit");
    for number in 0..20 {
        let message = client.expect_body(&format!("{number:02}"));
        if number % 3 != 0 {
            client.finish(message.id);
        } else {
            client.ready(10 + number);
        }
    }
    nsqd.expect_channel("orders", "audit", &[("in_flight_count", 7)]);
    assert!(nsqd.terminate().success());
    nsqd.restart();
    let mut client = consumer(&nsqd, "audit");
    let expected: Vec<_> = (0..20).step_by(3).map(|number| format!("{number:02}")).collect();
    assert_eq!(client.finish_bodies(7), expected);
    client.expect_silence(Duration::from_millis(200));
}

#[test]
fn topics_channels_and_pauses_outlive_kill_9() {
    let mut nsqd = Nsqd::start();
    nsqd.post("/topic/create?topic=orders", b"");
    nsqd.post("/topic/create?topic=passing%23ephemeral", b"");
    for channel in ["audit", "billing", "deleted", "passing%23ephemeral"] {
        nsqd.post(&format!("/channel/create?topic=orders&channel={channel}"), b"");
    }
    nsqd.post("/channel/delete?topic=orders&channel=deleted", b"");
    nsqd.post("/channel/pause?topic=orders&channel=audit", b"");
    nsqd.post("/topic/create?topic=paused", b"");
    nsqd.post("/topic/pause?topic=paused", b"");
    nsqd.kill9();
    nsqd.restart();
    let stats = nsqd.stats();
    let topics: Vec<_> = stats["topics"].as_array().unwrap().iter().collect();
    let names: Vec<_> = topics.iter().map(|topic| &topic["topic_name"]).collect();
    assert_eq!(names, ["orders", "paused"]);
    assert_eq!((&topics[0]["paused"], &topics[1]["paused"]), (&false.into(), &true.into()));
    let channels = topics[0]["channels"].as_array().unwrap();
    let channels: Vec<_> =
        channels.iter().map(|channel| (&channel["channel_name"], &channel["paused"])).collect();
    assert_eq!(channels, [(&"audit".into(), &true.into()), (&"billing".into(), &false.into())]);
}

fn deferred_is_kept(stop: impl Fn(&mut Nsqd)) {
    const DELAY: Duration = Duration::from_secs(3);
    let mut nsqd = Nsqd::start();
    let mut client = consumer(&nsqd, "audit");
    let mut publisher = nsqd.client();
    publisher.publish("orders", b"requeued");
    let message = client.expect_body("requeued");
    let before = Instant::now();
    client.send(&commands::requeue(message.id, 3000));
    publisher.send(&commands::publish_deferred("orders", 3000, b"deferred"));
    publisher.expect_ok();
    nsqd.expect_channel("orders", "audit", &[("deferred_count", 2)]);
    stop(&mut nsqd);
    nsqd.restart();
    let mut client = consumer(&nsqd, "audit");
    let mut early = Vec::new();
    let mut bodies = [(); 2].map(|()| {
        let message = client.expect_message();
        if before.elapsed() < DELAY {
            early.push(message.text());
        }
        (message.text(), message.attempts)
    });
    bodies.sort();
    assert_eq!(bodies.map(|(text, _)| text), ["deferred", "requeued"]);
    if ours() {
        assert_eq!(early, [""; 0], "delivered early");
    }
}

#[test]
fn deferred_messages_keep_their_time_over_a_graceful_stop() {
    deferred_is_kept(|nsqd| assert!(nsqd.terminate().success()));
}

#[test]
fn deferred_publish_keeps_its_time_over_kill_9() {
    if !ours() {
        return;
    }
    let mut nsqd = Nsqd::start();
    nsqd.post("/topic/create?topic=orders", b"");
    nsqd.post("/channel/create?topic=orders&channel=audit", b"");
    let before = Instant::now();
    let mut publisher = nsqd.client();
    publisher.send(&commands::publish_deferred("orders", 3000, b"deferred"));
    publisher.expect_ok();
    nsqd.kill9();
    nsqd.restart();
    assert_eq!(consumer(&nsqd, "audit").expect_body("deferred").attempts, 1);
    assert!(before.elapsed() >= Duration::from_secs(3), "delivered early");
}

#[test]
fn counters_begin_anew_and_what_waits_is_not_counted_again() {
    let mut nsqd = Nsqd::start();
    let mut client = consumer(&nsqd, "audit");
    let mut publisher = nsqd.client();
    publisher.send(&commands::publish_many("orders", &["held", "finished"]));
    publisher.expect_ok();
    let held = client.expect_body("held");
    let finished = client.expect_body("finished");
    client.finish(finished.id);
    client.send(&commands::requeue(held.id, 0));
    client.expect_body("held");
    nsqd.expect_channel("orders", "audit", &[("requeue_count", 1), ("message_count", 2)]);
    assert!(nsqd.terminate().success());
    nsqd.restart();
    nsqd.expect_channel("orders", "audit", &[("depth", 1), ("requeue_count", 0)]);
    let topic = nsqd.topic("orders");
    assert_eq!((&topic["message_count"], &topic["message_bytes"]), (&0.into(), &0.into()));
    assert_eq!(consumer(&nsqd, "audit").expect_body("held").attempts, 3);
    nsqd.client().publish("orders", b"four");
    let topic = nsqd.topic("orders");
    assert_eq!((&topic["message_count"], &topic["message_bytes"]), (&1.into(), &4.into()));
    if ours() {
        nsqd.expect_channel("orders", "audit", &[("message_count", 1), ("timeout_count", 0)]);
    }
}

#[test]
fn odd_names_are_names_and_outlive_a_restart() {
    let mut nsqd = Nsqd::start();
    let names = [".", "..", "-", "_", "Orders", "orders", "a.b", &"x".repeat(64)];
    for name in names {
        let mut client = nsqd.client();
        client.publish(name, name.as_bytes());
        client.subscribe(name, name);
    }
    assert!(nsqd.terminate().success());
    nsqd.restart();
    for name in names {
        let mut client = nsqd.client();
        client.subscribe(name, name);
        client.ready(1);
        client.expect_body(name);
    }
}
