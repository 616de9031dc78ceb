//! Peers that mean no good.

use std::io::Write;

use crate::support::{Client, Nsqlookupd, Random, commands, connect_raw, eventually};

/// It still does what it is for.
#[track_caller]
fn works(lookupd: &Nsqlookupd) {
    let _node = lookupd.node("good", &["still-works"]);
    assert_eq!(lookupd.found("still-works"), ["good"]);
}

#[test]
fn sizes_that_cannot_be_are_answered_and_allocate_nothing() {
    let lookupd = Nsqlookupd::start();
    let before = lookupd.resident_bytes();
    for (size, expected) in [
        (-1, "E_BAD_BODY IDENTIFY invalid body size -1"),
        (i32::MIN, "E_BAD_BODY IDENTIFY invalid body size -2147483648"),
        (i32::MAX, "E_BAD_BODY IDENTIFY body too big 2147483647 > 65536"),
        (65_537, "E_BAD_BODY IDENTIFY body too big 65537 > 65536"),
    ] {
        let mut link = lookupd.link();
        link.send(&commands::announced("IDENTIFY", size));
        link.expect_last(expected);
    }
    let grown = lookupd.resident_bytes().saturating_sub(before);
    assert!(grown < 32 << 20, "{grown} bytes more");
    works(&lookupd);
}

#[test]
fn lines_without_end_are_refused() {
    let lookupd = Nsqlookupd::start();
    let mut link = lookupd.link();
    link.send(&[b'x'; 5000]);
    link.expect_last("E_INVALID line is longer than 4096 bytes");
    works(&lookupd);
}

#[test]
fn noise_harms_nobody() {
    let lookupd = Nsqlookupd::start();
    let mut good = lookupd.node("good", &["t"]);
    let mut random = Random::new();
    for round in 0..200 {
        let mut peer = lookupd.raw();
        let mut bytes = if round % 4 == 0 { Vec::new() } else { b"  V1".to_vec() };
        if round % 3 == 0 {
            bytes.extend(commands::identify("{}"));
        }
        bytes.extend((0..random.below(300)).map(|_| random.next() as u8));
        let _cut_off = peer.try_send(&bytes);
    }
    good.ask("PING", "OK");
    lookupd.expect_found("t", &["good"]);
    works(&lookupd);
}

#[test]
fn peer_that_reads_no_answers_holds_up_nobody() {
    let lookupd = Nsqlookupd::start();
    let before = lookupd.resident_bytes();
    let mut greedy = lookupd.raw();
    greedy.send(b"  V1");
    let mut stream = greedy.stream();
    stream.set_write_timeout(Some(std::time::Duration::from_secs(2))).unwrap();
    let pings = b"PING\n".repeat(20_000);
    let is_refused = (0..2_000).any(|_| stream.write_all(&pings).is_err()); // 200 MB
    assert!(is_refused, "it is still read, though its answers are not");
    works(&lookupd);
    let grown = lookupd.resident_bytes().saturating_sub(before);
    assert!(grown < 32 << 20, "{grown} bytes more");
}

#[test]
fn links_leave_descriptors_for_http() {
    let lookupd = Nsqlookupd::limited(256);
    let peers: Vec<Client> = (0..300).map(|_| connect_raw(lookupd.tcp())).collect();
    lookupd.log().expect(&["turned away: 192 links"]);
    assert_eq!(lookupd.http("GET", "/ping").text(), "OK");
    drop(peers);
    eventually("there is room again", || {
        let text = lookupd.http("GET", "/metrics").text();
        text.lines().any(|line| line == "nsqlookupd_connections 0").then_some(())
    });
    works(&lookupd);
}
