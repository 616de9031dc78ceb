//! What comes before, in the middle of and behind an upgrade.

use std::io::{Read, Write};

use super::{
    DEFLATE, SNAPPY, Secure, TLS, Wish, compress, compressed, expect_json, follow, upgrade,
};
use crate::support::{Client, DEADLINE, Nsqd, commands, ours};

/// What comes behind the JSON, as it is on the socket; as many bytes as `enough` wants.
#[track_caller]
fn raw_after_json(client: &mut Client, enough: impl Fn(&[u8]) -> bool) -> Vec<u8> {
    expect_json(client);
    let (mut received, mut buffer) = (client.take_received(), [0; 1024]);
    let mut socket = client.stream();
    socket.set_read_timeout(Some(DEADLINE)).unwrap();
    while !enough(&received) {
        let count = socket.read(&mut buffer).unwrap();
        assert!(count > 0, "closed behind {received:02x?}");
        received.extend_from_slice(&buffer[..count]);
    }
    received
}

#[test]
fn snappy_begins_with_upstreams_bytes() {
    let nsqd = Nsqd::start();
    let mut client = nsqd.client();
    client.send(&commands::identify(&SNAPPY.to_json()));
    let expected = b"\xff\x06\x00\x00sNaPpY\x01\x0e\x00\x00\x26\x98\x2b\xcf\
        \x00\x00\x00\x06\x00\x00\x00\x00OK";
    assert_eq!(raw_after_json(&mut client, |raw| raw.len() >= expected.len()), expected);
}

#[test]
fn deflate_begins_with_a_raw_stream_that_is_flushed() {
    let nsqd = Nsqd::start();
    let mut client = nsqd.client();
    client.send(&commands::identify(&DEFLATE.to_json()));
    let raw = raw_after_json(&mut client, |raw| raw.ends_with(b"\0\0\xff\xff"));
    let (mut plain, mut decoder) = (Vec::new(), flate2::Decompress::new(false));
    plain.reserve(100);
    decoder.decompress_vec(&raw, &mut plain, flate2::FlushDecompress::Sync).unwrap();
    assert_eq!(plain, b"\0\0\0\x06\0\0\0\0OK");
}

#[test]
fn features_that_are_switched_off_are_not_agreed_to() {
    let both = Wish { deflate_level: Some(6), ..SNAPPY };
    let nsqd = Nsqd::with(&["--deflate=false"]);
    let mut client = nsqd.client();
    client.send(&commands::identify(&both.to_json()));
    let agreed = expect_json(&mut client);
    assert_eq!((&agreed["snappy"], &agreed["deflate"]), (&true.into(), &false.into()));
    compress(&mut client, SNAPPY);

    let nsqd = Nsqd::with(&["--snappy=false", "--deflate=false"]);
    let mut client = nsqd.client();
    client.send(&commands::identify(&Wish { tls: true, ..both }.to_json()));
    let agreed = expect_json(&mut client);
    for feature in ["tls_v1", "snappy", "deflate"] {
        assert_eq!(agreed[feature], false, "{feature}");
    }
    client.expect_alive();
}

#[test]
fn both_compressions_are_refused() {
    let secure = Secure::with(&[]);
    for tls in [false, true] {
        let mut client = secure.nsqd.client();
        let both = Wish { tls, deflate_level: Some(6), ..SNAPPY };
        client.send(&commands::identify(&both.to_json()));
        client.expect_fatal("E_IDENTIFY_FAILED cannot enable both deflate and snappy compression");
    }
}

#[test]
fn deflate_levels_are_cut_to_the_highest_allowed() {
    let nsqd = Nsqd::with(&["--max-deflate-level=3"]);
    for (wanted, agreed) in [(1, 1), (3, 3), (9, 3), (0, 3)] {
        let mut client = nsqd.client();
        let wish = Wish { deflate_level: Some(wanted), ..Wish::default() };
        client.send(&commands::identify(&wish.to_json()));
        let json = expect_json(&mut client);
        assert_eq!(json["deflate_level"], agreed);
        assert_eq!(json["max_deflate_level"], 3);
        compress(&mut client, wish);
        client.expect_alive();
    }
}

#[test]
fn without_negotiation_there_is_no_upgrade() {
    let secure = Secure::with(&[]);
    let mut client = secure.nsqd.client();
    client.send(&commands::identify(r#"{"tls_v1":true,"snappy":true,"deflate":true}"#));
    client.expect_ok();
    client.expect_alive();
}

#[test]
fn answers_to_publishes_come_before_the_upgrade() {
    let secure = Secure::with(&[]);
    for wish in [TLS, SNAPPY, DEFLATE] {
        let mut client = secure.nsqd.client();
        let mut sent: Vec<u8> = (0..50).flat_map(|_| commands::publish("early", b"x")).collect();
        sent.extend_from_slice(&commands::identify(&wish.to_json()));
        client.send(&sent);
        (0..50).for_each(|_| client.expect_ok());
        follow(&mut client, wish, &secure.config());
        client.expect_alive();
    }
    assert_eq!(secure.nsqd.topic("early")["message_count"], 150);
}

#[test]
fn what_was_said_too_early_in_the_clear_is_forgotten() {
    let secure = Secure::with(&[]);
    for wish in [TLS, SNAPPY, DEFLATE] {
        let mut client = secure.nsqd.client();
        let injected = commands::publish("injected", b"by somebody on the way");
        client.send(&[commands::identify(&wish.to_json()), injected].concat());
        follow(&mut client, wish, &secure.config());
        client.expect_alive();
    }
    assert!(secure.nsqd.topic("injected").is_null());
}

#[test]
fn a_second_identify_is_refused_behind_an_upgrade() {
    if !ours() {
        return; // With nsqd 1.3, the stream becomes unusable.
    }
    let secure = Secure::with(&[]);
    for wish in [TLS, SNAPPY, DEFLATE, Wish { tls: true, ..SNAPPY }] {
        let mut client = secure.client(wish);
        client.send(&commands::identify("{}"));
        client.expect_fatal("E_INVALID cannot IDENTIFY in current state");
    }
}

#[test]
fn a_second_identify_may_bring_the_upgrade() {
    let secure = Secure::with(&[]);
    let client = secure.nsqd.client_with("{}");
    let mut client = upgrade(client, TLS, &secure.config());
    client.expect_alive();
}

#[test]
fn streams_that_are_corrupt_end_without_a_frame() {
    let nsqd = Nsqd::start();
    let published = commands::publish("orders", b"whole");
    let mut snappy = snap::write::FrameEncoder::new(Vec::new());
    snappy.write_all(&published).unwrap();
    let mut wrong_checksum = snappy.into_inner().unwrap();
    let last = wrong_checksum.len() - 1;
    wrong_checksum[last] ^= 1;
    for (wish, bytes) in [
        (SNAPPY, &*wrong_checksum),
        (SNAPPY, &*published),
        (SNAPPY, b"\xff\x06\0\0sNaPpY\x02\0\0\0"),
        (DEFLATE, b"\xff\xff\xff\xff"),
    ] {
        let mut client = compressed(&nsqd, wish);
        client.stream().write_all(bytes).unwrap();
        client.expect_closed();
    }
    assert!(nsqd.topic("orders").is_null());
}

#[test]
fn a_stream_that_its_peer_has_finished_is_at_its_end() {
    let nsqd = Nsqd::start();
    let mut deflate =
        flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
    deflate.write_all(&commands::publish("orders", b"the last one")).unwrap();
    let mut client = compressed(&nsqd, DEFLATE);
    client.stream().write_all(&deflate.finish().unwrap()).unwrap();
    client.expect_ok();
    client.expect_closed();
    assert_eq!(nsqd.topic("orders")["message_count"], 1);
}
