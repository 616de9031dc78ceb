//! Who lives and who does not.

use std::time::{Duration, Instant};

use crate::support::{DEADLINE, Frame, Gone, Nsqd, commands, ours};

const INTERVAL: Duration = Duration::from_secs(1);
const EVERY_SECOND: &str = r#"{"heartbeat_interval":1000}"#;

#[test]
fn silent_client_is_asked_at_each_interval_and_closed_after_two() {
    let nsqd = Nsqd::start();
    let begun = Instant::now();
    let mut client = nsqd.client_with(EVERY_SECOND);
    let mut asked = Vec::new();
    let closed = loop {
        match client.try_frame(DEADLINE) {
            Ok(frame) if frame.is_heartbeat() => asked.push(begun.elapsed()),
            Err(Gone::Closed) => break begun.elapsed(),
            other => panic!("expected heartbeats, found {other:?}"),
        }
    };
    let is_not_early = |count: u32, moment: Duration| moment >= count * INTERVAL;
    assert!(is_not_early(1, asked[0]) && is_not_early(2, closed), "{asked:?}, then {closed:?}");
    // The second question and the end fall together, and either may win.
    assert!(asked.len() <= 2, "{asked:?}");
}

#[test]
fn every_command_counts_as_life() {
    const HEARTBEATS: u32 = 4; // with the second one, who is silent is closed
    let nsqd = Nsqd::start();
    let begun = Instant::now();
    let mut answers = nsqd.client_with(EVERY_SECOND);
    let mut publishes = nsqd.client_with(EVERY_SECOND);
    let mut heartbeats = 0;
    while heartbeats < HEARTBEATS {
        publishes.publish("orders", b"x");
        match answers.try_frame(Duration::from_millis(500)) {
            Ok(frame) if frame.is_heartbeat() => {
                heartbeats += 1;
                answers.send(commands::NOP);
            }
            Err(Gone::Silent) => {}
            other => panic!("expected heartbeats, found {other:?}"),
        }
        assert!(begun.elapsed() < DEADLINE, "{heartbeats} heartbeats in {DEADLINE:?}");
    }
    assert!(begun.elapsed() >= HEARTBEATS * INTERVAL, "{HEARTBEATS} in {:?}", begun.elapsed());
    answers.expect_alive();
    publishes.expect_alive();
}

#[test]
fn consumers_are_asked_while_messages_flow() {
    let nsqd = Nsqd::start();
    let mut client = nsqd.client_with(EVERY_SECOND);
    client.subscribe("orders", "audit");
    client.ready(5);
    let mut publisher = nsqd.client();
    let begun = Instant::now();
    let mut heartbeats = 0;
    while heartbeats < 2 && begun.elapsed() < DEADLINE {
        publisher.publish("orders", b"x");
        match client.try_frame(Duration::from_millis(200)) {
            Ok(Frame::Message(message)) => client.finish(message.id),
            Ok(frame) if frame.is_heartbeat() => heartbeats += 1,
            Err(Gone::Silent) => {}
            other => panic!("expected messages and heartbeats, found {other:?}"),
        }
    }
    assert_eq!(heartbeats, 2);
}

#[test]
fn who_sends_commands_need_not_answer_heartbeats() {
    let nsqd = Nsqd::start();
    let mut client = nsqd.client_with(EVERY_SECOND);
    let mut heartbeats = 0;
    while heartbeats < 4 {
        client.send(&commands::publish("orders", b"x"));
        let until = Instant::now() + Duration::from_millis(300);
        while let Some(left) = until.checked_duration_since(Instant::now()) {
            match client.try_frame(left) {
                Ok(frame) if frame.is_heartbeat() => heartbeats += 1,
                Ok(Frame::Response(_)) | Err(Gone::Silent) => {}
                other => panic!("expected answers and heartbeats, found {other:?}"),
            }
        }
    }
}

#[test]
fn without_heartbeats_nobody_is_asked_and_nobody_is_closed() {
    let nsqd = Nsqd::start();
    // The first interval would be over after a second, the read deadline after two.
    let mut client = nsqd.client_with(EVERY_SECOND);
    client.send(&commands::identify(r#"{"heartbeat_interval":-1}"#));
    if !ours() {
        return; // nsqd 1.3 goes on with the ticker of the first IDENTIFY.
    }
    client.expect_ok();
    match client.try_frame(Duration::from_millis(2500)) {
        Err(Gone::Silent) => {}
        other => panic!("expected silence, found {other:?}"),
    }
    client.expect_alive();
}

#[test]
fn body_that_does_not_come_in_time_is_missed_by_name() {
    let nsqd = Nsqd::start();
    for (begun, text) in [
        (b"PUB orders\n\0\0".to_vec(), "E_BAD_MESSAGE PUB failed to read message body size"),
        (
            [&commands::announced("PUB orders", 10)[..], b"half"].concat(),
            "E_BAD_MESSAGE PUB failed to read message body",
        ),
        (commands::announced("MPUB orders", 10), "E_BAD_BODY MPUB failed to read message count"),
    ] {
        let mut client = nsqd.client_with(EVERY_SECOND);
        client.send(&begun);
        let since = Instant::now();
        // An answer to a heartbeat would be taken for a part of the body.
        let mut frame = client.try_frame(DEADLINE);
        while frame.as_ref().is_ok_and(Frame::is_heartbeat) {
            frame = client.try_frame(DEADLINE);
        }
        assert_eq!(frame, Ok(Frame::Error(text.to_owned())));
        assert!(since.elapsed() > Duration::from_millis(1500), "after {:?}", since.elapsed());
        client.expect_closed();
    }
    assert!(nsqd.topic("orders").is_null() || nsqd.topic("orders")["message_count"] == 0);
}
