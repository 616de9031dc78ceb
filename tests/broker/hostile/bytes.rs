//! Bytes that are no protocol, no bytes at all, and conversations that break off.

use std::time::{Duration, Instant};

use super::Attacked;
use crate::support::{DEADLINE, Frame, Gone, Nsqd, Random, commands, connect_raw, ours};

#[test]
fn bad_magic_is_answered_and_closed() {
    let attacked = Attacked::with(&[]);
    for magic in [b"  V1", b"V2  ", b"GET ", b"\0\0\0\0", b"\xff\xff\xff\xff", b"  v2", b"PUB "] {
        let mut client = connect_raw(attacked.nsqd.tcp());
        client.send(magic);
        client.expect_fatal("E_BAD_PROTOCOL");
    }
    attacked.finish();
}

#[test]
fn incomplete_magic_is_closed_without_a_word() {
    let attacked = Attacked::with(&[]);
    for part in [&b""[..], b" ", b"  V", b"xyz"] {
        let mut client = connect_raw(attacked.nsqd.tcp());
        client.send(part);
        client.half_close();
        client.expect_closed();
    }
    attacked.finish();
}

#[test]
fn client_that_does_not_say_who_it_is_is_closed() {
    if !ours() {
        return;
    }
    let attacked = Attacked::with(&["--magic-timeout=1s"]);
    let mut silent = connect_raw(attacked.nsqd.tcp());
    let mut slow = connect_raw(attacked.nsqd.tcp());
    let begun = Instant::now();
    for byte in b"  V" {
        // Each byte would be in time, all together are not.
        let _closed_by_now = slow.try_send(&[*byte]);
        slow.expect_silence(Duration::from_millis(250));
    }
    slow.expect_closed();
    silent.expect_closed();
    let elapsed = begun.elapsed();
    assert!(elapsed >= Duration::from_millis(900), "closed after {elapsed:?}");
    let mut later = attacked.nsqd.client();
    later.expect_silence(Duration::from_millis(1500));
    later.expect_alive();
    attacked.finish();
}

#[test]
fn clients_that_do_not_say_who_they_are_do_not_delay_the_end() {
    if !ours() {
        return;
    }
    let mut nsqd = Nsqd::with(&["--magic-timeout=10m"]);
    let silent: Vec<_> = (0..20).map(|_| connect_raw(nsqd.tcp())).collect();
    nsqd.client().expect_alive();
    assert!(nsqd.terminate().success()); // within seconds
    drop(silent);
}

/// Something of every command, and the number of messages that it publishes.
fn conversation() -> (Vec<u8>, u64) {
    let bytes = [
        commands::MAGIC,
        &commands::identify(r#"{"client_id":"c","feature_negotiation":true}"#),
        commands::NOP,
        &commands::publish("orders", b"one"),
        &commands::publish_many("orders", &["two", "three"]),
        &commands::sub("orders", "audit#ephemeral"),
        &commands::publish_deferred("orders", 1, b"four"),
        &commands::rdy(5),
        b"FIN 0123456789abcdef\nREQ 0123456789abcdef 0\nTOUCH 0123456789abcdef\n",
        commands::CLS,
    ]
    .concat();
    (bytes, 4)
}

#[test]
fn conversations_may_break_off_at_any_byte() {
    let attacked = Attacked::with(&[]);
    let (bytes, _) = conversation();
    for end in 0..bytes.len() {
        let mut client = connect_raw(attacked.nsqd.tcp());
        client.send(&bytes[..end]);
        client.half_close();
        loop {
            match client.try_frame(DEADLINE) {
                Ok(Frame::Error(text)) => {
                    assert!(text.contains("failed"), "cut at {end}: {text}");
                }
                Ok(_) => {}
                Err(Gone::Closed) => break,
                Err(Gone::Silent) => panic!("cut at {end}: not closed"),
            }
        }
    }
    attacked.finish();
}

#[test]
fn only_complete_publishes_count() {
    let attacked = Attacked::with(&[]);
    let publish = commands::publish("orders", b"0123456789");
    for end in 0..=publish.len() {
        let mut client = attacked.nsqd.client();
        client.send(&publish[..end]);
        client.half_close();
        while client.try_frame(DEADLINE).is_ok() {}
    }
    assert_eq!(attacked.nsqd.topic("orders")["message_count"], 1);
    attacked.finish();
}

#[test]
fn connections_may_vanish_without_reading() {
    let attacked = Attacked::with(&[]);
    let (bytes, published) = conversation();
    for _ in 0..100 {
        let mut client = connect_raw(attacked.nsqd.tcp());
        client.send(&bytes);
    }
    let nsqd = &attacked.nsqd;
    nsqd.client().publish("orders", b"last");
    assert!(nsqd.topic("orders")["message_count"].as_u64().unwrap() <= 100 * published + 1);
    attacked.finish();
}

#[test]
fn random_bytes_are_answered_or_closed() {
    let mut random = Random::new();
    let attacked = Attacked::with(&[]);
    for _ in 0..300 {
        let mut client = connect_raw(attacked.nsqd.tcp());
        if !random.one_in(4) {
            client.send(commands::MAGIC);
        }
        let count = random.below(3000);
        let noise = random.bytes(count);
        let _closed_halfway = client.try_send(&noise);
        client.half_close();
        while client.try_frame(DEADLINE).is_ok() {}
        client.expect_closed();
    }
    attacked.finish();
}

#[test]
fn damaged_conversations_are_answered_or_closed() {
    let mut random = Random::new();
    let attacked = Attacked::with(&[]);
    let (whole, _) = conversation();
    for _ in 0..500 {
        let mut bytes = whole.clone();
        for _ in 0..=random.below(4) {
            damage(&mut bytes, &mut random);
        }
        let mut client = connect_raw(attacked.nsqd.tcp());
        let _closed_halfway = client.try_send(&bytes);
        client.half_close();
        loop {
            match client.try_frame(DEADLINE) {
                Ok(_) => {}
                Err(Gone::Closed) => break,
                Err(Gone::Silent) => panic!("neither answered nor closed: {bytes:?}"),
            }
        }
    }
    attacked.finish();
}

fn damage(bytes: &mut Vec<u8>, random: &mut Random) {
    let place = 4 + random.below(bytes.len() - 8);
    match random.below(5) {
        0 => bytes[place] = random.bytes(1)[0],
        1 => bytes[place] ^= 1 << random.below(8),
        2 => drop(bytes.remove(place)),
        3 => bytes.insert(place, *random.pick(b"\n\r \0\xff")),
        _ => {
            let end = (place + random.below(40)).min(bytes.len());
            let again = bytes[place..end].to_vec();
            bytes.splice(place..place, again);
        }
    }
}
