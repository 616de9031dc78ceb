//! Timeouts, touches, delays: nothing early.

use std::time::{Duration, Instant};

use crate::support::{Client, Nsqd, commands, ours};

/// How late something may be: ample, as the machine is busy, and nsqd 1.3 needs up to 5 s before it looks
/// at a new channel.
const LATE: Duration = Duration::from_secs(10);

fn consumer(nsqd: &Nsqd) -> Client {
    consumer_with(nsqd, 1000)
}

fn consumer_with(nsqd: &Nsqd, timeout_ms: u64) -> Client {
    let mut consumer = nsqd.client_with(&format!(r#"{{"msg_timeout":{timeout_ms}}}"#));
    consumer.subscribe("orders", "audit");
    consumer.ready(10);
    consumer
}

#[track_caller]
fn assert_due(since: Instant, due: Duration) {
    let elapsed = since.elapsed();
    assert!(elapsed >= due, "{:?} early", due - elapsed);
    assert!(elapsed <= due + LATE, "{:?} late", elapsed - due);
}

#[test]
fn message_that_is_not_answered_comes_again_after_its_timeout() {
    let nsqd = Nsqd::start();
    let mut client = consumer(&nsqd);
    let before = Instant::now();
    nsqd.client().publish("orders", b"one");
    let first = client.expect_message();
    let second = client.expect_message();
    assert_due(before, Duration::from_secs(1));
    assert_eq!((second.id, second.attempts), (first.id, 2));
    client.finish(second.id);
    nsqd.expect_channel(
        "orders",
        "audit",
        &[("timeout_count", 1), ("requeue_count", 0), ("in_flight_count", 0)],
    );
}

#[test]
fn answer_behind_the_timeout_is_too_late() {
    let nsqd = Nsqd::start();
    nsqd.client().publish("orders", b"one");
    let mut client = consumer(&nsqd);
    let id = client.expect_message().id;
    client.ready(0);
    nsqd.expect_channel("orders", "audit", &[("timeout_count", 1), ("depth", 1)]);
    client.finish(id);
    client.expect_error(&format!("E_FIN_FAILED FIN {id} failed ID not in flight"));
    client.ready(1);
    assert_eq!(client.expect_message().attempts, 2);
}

#[test]
fn touch_gives_more_time() {
    const TIMEOUT: Duration = Duration::from_secs(2); // none is missed by a busy machine
    let nsqd = Nsqd::start();
    let mut client = consumer_with(&nsqd, TIMEOUT.as_millis() as u64);
    nsqd.client().publish("orders", b"one");
    let id = client.expect_message().id;
    let begun = Instant::now();
    let mut touched = begun;
    while begun.elapsed() < TIMEOUT * 3 / 2 {
        client.expect_silence(TIMEOUT / 4);
        touched = Instant::now();
        client.send(&commands::touch(id));
    }
    assert_eq!(client.expect_message().attempts, 2);
    assert_due(touched, TIMEOUT);
    nsqd.expect_channel("orders", "audit", &[("timeout_count", 1)]);
}

#[test]
fn touching_ends_at_the_maximum() {
    let nsqd = Nsqd::with(&["--max-msg-timeout=3s"]);
    let mut client = consumer_with(&nsqd, 2000);
    let before = Instant::now();
    nsqd.client().publish("orders", b"one");
    let id = client.expect_message().id;
    let again = loop {
        match client.next_frame(Duration::from_millis(300)) {
            Ok(crate::support::Frame::Message(message)) => break message,
            Err(crate::support::Gone::Silent) => client.send(&commands::touch(id)),
            other => panic!("expected a message, found {other:?}"),
        }
    };
    assert_due(before, Duration::from_secs(3));
    assert_eq!(again.attempts, 2);
}

#[test]
fn requeued_message_waits_for_its_delay() {
    let nsqd = Nsqd::start();
    let mut client = nsqd.client();
    client.subscribe("orders", "audit");
    client.ready(1);
    nsqd.client().publish("orders", b"one");
    let first = client.expect_message();
    let before = Instant::now();
    client.send(&commands::requeue(first.id, 2000));
    nsqd.expect_channel("orders", "audit", &[("deferred_count", 1), ("in_flight_count", 0)]);
    let second = client.expect_message();
    assert_due(before, Duration::from_secs(2));
    assert_eq!((second.id, second.attempts), (first.id, 2));
    nsqd.expect_channel("orders", "audit", &[("deferred_count", 0), ("requeue_count", 1)]);
}

#[test]
fn delay_of_a_requeue_has_a_maximum() {
    let nsqd = Nsqd::with(&["--max-req-timeout=300ms"]);
    let mut client = nsqd.client();
    client.subscribe("orders", "audit");
    client.ready(1);
    nsqd.client().publish("orders", b"one");
    let id = client.expect_message().id;
    let before = Instant::now();
    client.send(&commands::requeue(id, 100_000));
    client.expect_message();
    assert_due(before, Duration::from_millis(300));
}

#[test]
fn deferred_message_is_not_early_on_any_channel() {
    let nsqd = Nsqd::start();
    let mut consumers = ["audit", "billing"].map(|channel| {
        let mut consumer = nsqd.client();
        consumer.subscribe("orders", channel);
        consumer.ready(5);
        consumer
    });
    let mut publisher = nsqd.client();
    let before = Instant::now();
    publisher.send(&commands::publish_deferred("orders", 2000, b"later"));
    publisher.expect_ok();
    publisher.publish("orders", b"now");
    for consumer in &mut consumers {
        consumer.expect_body("now");
    }
    nsqd.expect_channel("orders", "audit", &[("deferred_count", 1)]);
    for consumer in &mut consumers {
        assert_eq!(consumer.expect_body("later").attempts, 1);
        assert_due(before, Duration::from_secs(2));
    }
}

#[test]
fn deferred_messages_come_in_the_order_of_their_time() {
    let nsqd = Nsqd::start();
    let mut consumer = nsqd.client();
    consumer.subscribe("orders", "audit");
    consumer.ready(5);
    let publishes = [(900, "third"), (300, "first"), (600, "second")]
        .map(|(delay, body)| commands::publish_deferred("orders", delay, body.as_bytes()));
    nsqd.client().send(&publishes.concat()); // at one moment, however busy the machine is
    let bodies = [(); 3].map(|()| consumer.expect_message().text());
    if ours() {
        assert_eq!(bodies, ["first", "second", "third"]);
    }
}

#[test]
fn deferred_message_counts_as_deferred_wherever_it_stands() {
    let nsqd = Nsqd::start();
    let mut publisher = nsqd.client();
    publisher.publish("orders", b"before");
    publisher.send(&commands::publish_deferred("orders", 60_000, b"later"));
    publisher.expect_ok();
    publisher.publish("orders", b"behind");
    for channel in ["first", "second"] {
        nsqd.post(&format!("/channel/create?topic=orders&channel={channel}"), b"");
    }
    nsqd.expect_channel("orders", "first", &[("depth", 2), ("deferred_count", 1)]);
    for body in ["one", "two", "three"] {
        publisher.publish("orders", body.as_bytes());
    }
    publisher.send(&commands::publish_deferred("orders", 60_000, b"later still"));
    publisher.expect_ok();
    nsqd.expect_channel("orders", "first", &[("depth", 5), ("deferred_count", 2)]);
    nsqd.expect_channel("orders", "second", &[("depth", 3), ("deferred_count", 1)]);
}

#[test]
fn time_of_a_message_is_the_flags_unless_the_client_says_another() {
    let nsqd = Nsqd::with(&["--msg-timeout=1s"]);
    let mut client = nsqd.client();
    client.subscribe("orders", "audit");
    client.ready(1);
    let before = Instant::now();
    nsqd.client().publish("orders", b"one");
    let first = client.expect_message();
    client.send(&commands::touch(first.id));
    assert_eq!(client.expect_message().attempts, 2);
    assert_due(before, Duration::from_secs(1));
    let mut patient = nsqd.client_with(r#"{"msg_timeout":60000}"#);
    patient.subscribe("others", "audit");
    patient.ready(1);
    nsqd.client().publish("others", b"one");
    patient.expect_message();
    patient.expect_silence(Duration::from_millis(1500));
}

#[test]
fn answer_for_a_message_that_is_with_another_by_now_is_refused() {
    let nsqd = Nsqd::start();
    nsqd.client().publish("orders", b"one");
    let mut late = consumer(&nsqd);
    let id = late.expect_message().id;
    late.ready(0);
    let mut other = nsqd.client_with(r#"{"msg_timeout":60000}"#);
    other.subscribe("orders", "audit");
    other.ready(1);
    assert_eq!(other.expect_message().attempts, 2);
    for (bytes, command) in [
        (commands::finish(id), "FIN"),
        (commands::requeue(id, 0), "REQ"),
        (commands::touch(id), "TOUCH"),
    ] {
        late.send(&bytes);
        let text = format!("E_{command}_FAILED {command} {id} failed client does not own message");
        late.expect_error(&text);
    }
    other.finish(id);
    nsqd.expect_channel("orders", "audit", &[("in_flight_count", 0), ("timeout_count", 1)]);
    let clients = nsqd.channel("orders", "audit")["clients"].clone();
    let counted = |key: &str| {
        let clients = clients.as_array().into_iter().flatten();
        clients.filter_map(|client| client[key].as_u64()).collect::<Vec<_>>()
    };
    assert_eq!(counted("finish_count"), [0, 1]);
    assert_eq!(counted("requeue_count"), [0, 0]);
    assert_eq!(counted("message_count"), [1, 1]);
}

#[test]
fn touch_is_neither_answered_nor_counted() {
    let nsqd = Nsqd::start();
    nsqd.client().publish("orders", b"one");
    let mut client = consumer(&nsqd);
    let id = client.expect_message().id;
    client.send(&commands::touch(id).repeat(20));
    client.expect_silence(Duration::from_millis(300));
    let channel = nsqd.channel("orders", "audit");
    let counted = ["message_count", "requeue_count", "timeout_count", "in_flight_count"];
    assert_eq!(counted.map(|key| &channel[key]), [1, 0, 0, 1]);
}

#[test]
fn delay_of_a_publish_runs_without_a_channel_and_in_a_paused_topic() {
    if !ours() {
        return; // With nsqd 1.3 it begins when a channel takes the message.
    }
    let nsqd = Nsqd::start();
    nsqd.post("/topic/create?topic=paused", b"");
    nsqd.post("/channel/create?topic=paused&channel=audit", b"");
    nsqd.post("/topic/pause?topic=paused", b"");
    let mut publisher = nsqd.client();
    for topic in ["waiting", "paused"] {
        publisher.send(&commands::publish_deferred(topic, 300, b"later"));
        publisher.expect_ok();
    }
    publisher.expect_silence(Duration::from_millis(350));
    nsqd.post("/channel/create?topic=waiting&channel=audit", b"");
    nsqd.post("/topic/unpause?topic=paused", b"");
    for topic in ["waiting", "paused"] {
        nsqd.expect_channel(topic, "audit", &[("depth", 1), ("deferred_count", 0)]);
    }
}

#[test]
fn empty_delay_is_none() {
    let nsqd = Nsqd::start();
    let mut client = consumer(&nsqd);
    for line in ["DPUB orders ", "DPUB orders 0"] {
        let mut publisher = nsqd.client();
        publisher.send(&commands::sized(line, b"now"));
        publisher.expect_ok();
        let message = client.expect_body("now");
        assert_eq!(message.attempts, 1);
        client.send(format!("REQ {} \n", message.id).as_bytes());
        assert_eq!(client.expect_body("now").attempts, 2);
        client.finish(message.id);
    }
    nsqd.expect_channel("orders", "audit", &[("deferred_count", 0), ("in_flight_count", 0)]);
}
