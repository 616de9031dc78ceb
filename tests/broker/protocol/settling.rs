//! FIN, REQ and TOUCH, and the end of a connection.

use std::time::{Duration, Instant};

use crate::support::{Client, Nsqd, commands, ours};

const A_WHILE: Duration = Duration::from_millis(300);

fn consumer(nsqd: &Nsqd) -> Client {
    let mut consumer = nsqd.client();
    consumer.subscribe("orders", "audit");
    consumer.ready(10);
    consumer
}

#[test]
fn finished_messages_do_not_come_back() {
    let nsqd = Nsqd::start();
    nsqd.client().publish("orders", b"one");
    let mut client = consumer(&nsqd);
    let id = client.expect_body("one").id;
    client.finish(id);
    nsqd.expect_channel("orders", "audit", &[("in_flight_count", 0), ("depth", 0)]);
    drop(client);
    consumer(&nsqd).expect_silence(A_WHILE);
}

#[test]
fn messages_of_others_cannot_be_settled() {
    let nsqd = Nsqd::start();
    nsqd.client().publish("orders", b"one");
    let mut owner = consumer(&nsqd);
    let id = owner.expect_message().id;
    let mut other = consumer(&nsqd);
    for (bytes, command) in [
        (commands::finish(id), "FIN"),
        (commands::requeue(id, 0), "REQ"),
        (commands::touch(id), "TOUCH"),
    ] {
        other.send(&bytes);
        let text = format!("E_{command}_FAILED {command} {id} failed client does not own message");
        other.expect_error(&text);
    }
    owner.finish(id);
    owner.finish(id);
    owner.expect_error(&format!("E_FIN_FAILED FIN {id} failed ID not in flight"));
}

#[test]
fn requeued_messages_come_again_with_one_more_attempt() {
    let nsqd = Nsqd::start();
    nsqd.client().publish("orders", b"one");
    let mut client = consumer(&nsqd);
    let first = client.expect_message();
    client.send(&commands::requeue(first.id, 0));
    let second = client.expect_message();
    assert_eq!((second.id, second.attempts), (first.id, 2));
    assert_eq!(second.timestamp_nanos, first.timestamp_nanos);
    client.send(&commands::requeue(first.id, 1));
    assert_eq!(client.expect_message().attempts, 3);
    nsqd.expect_channel("orders", "audit", &[("requeue_count", 2), ("message_count", 1)]);
    let channel = nsqd.channel("orders", "audit");
    assert_eq!(channel["clients"][0]["requeue_count"], 2);
    assert_eq!(channel["clients"][0]["message_count"], 3);
}

#[test]
fn messages_of_a_lost_connection_come_again_at_once() {
    if !ours() {
        return; // nsqd 1.3 waits for their time to end.
    }
    let nsqd = Nsqd::start();
    nsqd.client().publish("orders", b"one");
    let mut lost = consumer(&nsqd);
    assert_eq!(lost.expect_message().attempts, 1);
    let mut client = consumer(&nsqd);
    client.expect_silence(A_WHILE);
    drop(lost);
    assert_eq!(client.expect_body("one").attempts, 2);
}

#[test]
fn last_answers_of_a_consumer_that_goes_at_once_count() {
    let nsqd = Nsqd::start();
    let mut publisher = nsqd.client();
    for _ in 0..20 {
        publisher.publish("orders", b"one");
        let mut client = consumer(&nsqd);
        let message = client.expect_body("one");
        assert_eq!(message.attempts, 1, "delivered again");
        client.finish(message.id);
        drop(client);
        nsqd.expect_channel("orders", "audit", &[("client_count", 0), ("in_flight_count", 0)]);
    }
    nsqd.expect_channel("orders", "audit", &[("depth", 0), ("message_count", 20)]);
}

/// Its socket is read on for a second, so that it can read the error.
#[test]
fn consumer_that_makes_a_mistake_gives_up_its_messages_at_once() {
    if !ours() {
        return; // nsqd 1.3 waits for their time to end.
    }
    let nsqd = Nsqd::start();
    let mut publisher = nsqd.client();
    // On a loaded machine, one of many must be quick.
    let is_quick = (0..20).any(|_| {
        let mut mistaken = consumer(&nsqd);
        publisher.publish("orders", b"one");
        mistaken.expect_body("one");
        let begun = Instant::now();
        mistaken.send(b"BOGUS\n");
        mistaken.expect_error("E_INVALID invalid command BOGUS");
        let mut client = consumer(&nsqd);
        let message = client.expect_body("one");
        client.finish(message.id);
        nsqd.expect_channel("orders", "audit", &[("client_count", 1), ("in_flight_count", 0)]);
        begun.elapsed() < Duration::from_millis(700)
    });
    assert!(is_quick, "they have waited");
}

#[test]
fn messages_of_a_lost_connection_may_wait_for_their_time() {
    let nsqd = Nsqd::with(&["--requeue-on-disconnect=false", "--msg-timeout=1500ms"]);
    nsqd.client().publish("orders", b"one");
    let mut lost = consumer(&nsqd);
    assert_eq!(lost.expect_message().attempts, 1);
    let begun = Instant::now();
    drop(lost);
    let mut client = consumer(&nsqd);
    assert_eq!(client.expect_body("one").attempts, 2);
    assert!(begun.elapsed() > Duration::from_millis(1000), "it has not waited");
    nsqd.expect_channel("orders", "audit", &[("timeout_count", 1)]);
}
