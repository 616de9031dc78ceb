//! `/pub` and `/mpub`.

use std::{
    io::Write,
    net::TcpStream,
    thread,
    time::{Duration, Instant},
};

use super::{expect_error, expect_text};
use crate::support::{
    Nsqd, commands,
    http::{Response, chunked_bytes, exchange, read_response},
    ours,
};

fn bodies(nsqd: &Nsqd, topic: &str, count: usize) -> Vec<String> {
    let mut client = nsqd.client();
    client.subscribe(topic, "audit");
    client.ready(100);
    let bodies = client.finish_bodies(count);
    client.expect_silence(Duration::from_millis(100));
    bodies
}

#[test]
fn pub_takes_the_body_as_it_is() {
    let nsqd = Nsqd::start();
    expect_text(&nsqd.http("POST", "/pub?topic=orders", b" one\n"), "OK");
    expect_text(&nsqd.http("POST", "/pub?topic=orders&topic=$", b"two"), "OK");
    let chunked = chunked_bytes("POST", "/pub?topic=orders", &[b"thr", b"ee"]);
    expect_text(&exchange(nsqd.http_address(), &chunked), "OK");
    assert_eq!(bodies(&nsqd, "orders", 3), [" one\n", "three", "two"]);
    assert!(nsqd.stats()["producers"].is_null());
}

#[test]
fn pub_refuses_in_the_order_of_its_checks() {
    let nsqd = Nsqd::with(&["--max-msg-size=10"]);
    for (query, body, status, message) in [
        ("", "far too large", 413, "MSG_TOO_BIG"),
        ("?topic=%zz", "", 400, "MSG_EMPTY"),
        ("?topic=%zz", "x", 400, "INVALID_REQUEST"),
        ("?topic=a;b", "x", 400, "INVALID_REQUEST"),
        ("", "x", 400, "MISSING_ARG_TOPIC"),
        ("?channel=x", "x", 400, "MISSING_ARG_TOPIC"),
        ("?topic=", "x", 400, "INVALID_TOPIC"),
        ("?topic=$", "x", 400, "INVALID_TOPIC"),
        ("?topic=orders&defer=", "x", 400, "INVALID_DEFER"),
        ("?topic=orders&defer=x", "x", 400, "INVALID_DEFER"),
        ("?topic=orders&defer=-1", "x", 400, "INVALID_DEFER"),
        ("?topic=orders&defer=3600001", "x", 400, "INVALID_DEFER"),
    ] {
        let response = nsqd.http("POST", &format!("/pub{query}"), body.as_bytes());
        expect_error(&response, status, message);
    }
    let chunked = chunked_bytes("POST", "/pub?topic=orders", &[b"123456", b"78901"]);
    expect_error(&exchange(nsqd.http_address(), &chunked), 413, "MSG_TOO_BIG");
    expect_text(&nsqd.http("POST", "/pub?topic=orders", b"1234567890"), "OK");
    assert_eq!(nsqd.topic("orders")["message_count"], 1);
}

#[test]
fn pub_can_be_deferred() {
    let nsqd = Nsqd::start();
    let mut client = nsqd.client();
    client.subscribe("orders", "audit");
    client.ready(5);
    let before = Instant::now();
    expect_text(&nsqd.http("POST", "/pub?topic=orders&defer=2000", b"later"), "OK");
    expect_text(&nsqd.http("POST", "/pub?topic=orders&defer=0", b"now"), "OK");
    client.expect_body("now");
    nsqd.expect_channel("orders", "audit", &[("deferred_count", 1)]);
    assert_eq!(client.expect_body("later").attempts, 1);
    assert!(before.elapsed() >= Duration::from_secs(2), "delivered early");
}

#[test]
fn mpub_takes_a_message_from_each_line_that_is_not_empty() {
    let nsqd = Nsqd::start();
    for (topic, mode) in [("a", ""), ("b", "&binary=false"), ("c", "&binary=0")] {
        let path = format!("/mpub?topic={topic}{mode}");
        expect_text(&nsqd.http("POST", &path, b"one\n\ntwo\r\n\nthree"), "OK");
        assert_eq!(bodies(&nsqd, topic, 3), ["one", "three", "two\r"]);
    }
    for nothing in [&b""[..], b"\n\n"] {
        expect_text(&nsqd.http("POST", "/mpub?topic=silent", nothing), "OK");
    }
    assert_eq!(nsqd.topic("silent")["message_count"], 0);
}

#[test]
fn mpub_takes_batches() {
    let nsqd = Nsqd::start();
    let batch = commands::batch(&["one\n", "two"]);
    for (topic, binary) in [("a", "true"), ("b", "1"), ("c", ""), ("d", "True"), ("e", "yes")] {
        let path = format!("/mpub?topic={topic}&binary={binary}");
        expect_text(&nsqd.http("POST", &path, &batch), "OK");
        assert_eq!(bodies(&nsqd, topic, 2), ["one\n", "two"]);
    }
}

#[test]
fn mpub_refuses_in_the_order_of_its_checks_and_publishes_nothing() {
    let nsqd = Nsqd::with(&["--max-msg-size=10", "--max-body-size=40"]);
    let large = [b'x'; 41];
    for (query, body, status, message) in [
        ("", &large[..], 413, "BODY_TOO_BIG"),
        ("?topic=%zz", b"x", 400, "INVALID_REQUEST"),
        ("", b"x", 400, "MISSING_ARG_TOPIC"),
        ("?topic=$", b"x", 400, "INVALID_TOPIC"),
        ("?topic=orders", b"fine\nfar too large\n", 413, "MSG_TOO_BIG"),
        ("?topic=orders&binary=true", b"", 413, "BAD_BODY"),
        ("?topic=orders&binary=true", b"\0\0\0\0", 413, "BAD_BODY"),
        ("?topic=orders&binary=true", b"\xff\xff\xff\xff", 413, "BAD_BODY"),
        ("?topic=orders&binary=true", b"\x7f\xff\xff\xff", 413, "BAD_BODY"),
        ("?topic=orders&binary=true", b"\0\0\0\x01", 413, "BAD_MESSAGE"),
        ("?topic=orders&binary=true", b"\0\0\0\x01\0\0\0\0", 413, "BAD_MESSAGE"),
        ("?topic=orders&binary=true", b"\0\0\0\x01\x7f\xff\xff\xff", 413, "BAD_MESSAGE"),
        ("?topic=orders&binary=true", b"\0\0\0\x02\0\0\0\x01x\0\0\0\x05y", 413, "BAD_MESSAGE"),
    ] {
        let response = nsqd.http("POST", &format!("/mpub{query}"), body);
        expect_error(&response, status, message);
    }
    let line: &[u8] = b"12345678\n";
    let chunked = chunked_bytes("POST", "/mpub?topic=orders", &[line; 5]);
    expect_error(&exchange(nsqd.http_address(), &chunked), 413, "BODY_TOO_BIG");
    let topic = nsqd.topic("orders");
    assert!(topic.is_null() || topic["message_count"] == 0, "{topic}");
}

#[test]
fn chunked_batch_has_the_limit_of_a_body() {
    if !ours() {
        return;
    }
    let nsqd = Nsqd::with(&["--max-msg-size=10", "--max-body-size=40"]);
    let batch = commands::batch(&["1234567890"; 4]);
    let chunked = chunked_bytes("POST", "/mpub?topic=orders&binary=true", &[&batch]);
    let response = exchange(nsqd.http_address(), &chunked);
    assert_eq!(response.status, 413, "{response:?}");
}

#[test]
fn connection_can_be_kept() {
    let nsqd = Nsqd::start();
    let mut kept = Kept::open(&nsqd);
    for _ in 0..50 {
        expect_text(&kept.publish("one"), "OK");
    }
    assert_eq!(nsqd.topic("orders")["message_count"], 50);
}

#[test]
fn topic_that_was_deleted_is_made_anew_by_the_next_publish_on_any_connection() {
    let nsqd = Nsqd::start();
    let mut kept: Vec<_> = (0..4).map(|_| Kept::open(&nsqd)).collect();
    for round in 0..50 {
        for connection in &mut kept {
            expect_text(&connection.publish("one"), "OK");
        }
        assert_eq!(nsqd.topic("orders")["message_count"], 4, "round {round}");
        nsqd.post("/topic/delete?topic=orders", b"");
    }
    assert!(nsqd.stats()["topics"].as_array().unwrap().is_empty());
}

#[test]
fn publishes_while_their_topic_is_deleted_are_answered_and_those_afterwards_are_kept() {
    if !ours() {
        return; // upstream calls it an internal error
    }
    let nsqd = Nsqd::start();
    let delete = || nsqd.http("POST", "/topic/delete?topic=orders", b"").status;
    let publish_many = || {
        let mut kept = Kept::open(&nsqd);
        for _ in 0..300 {
            let response = kept.publish("m");
            match response.status {
                200 => expect_text(&response, "OK"),
                _ => expect_error(&response, 503, "EXITING"),
            }
        }
    };
    thread::scope(|scope| {
        let publishers: Vec<_> = (0..4).map(|_| scope.spawn(publish_many)).collect();
        while !publishers.iter().all(thread::ScopedJoinHandle::is_finished) {
            assert!([200, 404, 503].contains(&delete()));
        }
    });
    assert!([200, 404].contains(&delete()));
    let mut kept = Kept::open(&nsqd);
    for body in ["one", "two"] {
        expect_text(&kept.publish(body), "OK");
    }
    assert_eq!(bodies(&nsqd, "orders", 2), ["one", "two"]);
}

/// A connection that goes on.
struct Kept(TcpStream);

impl Kept {
    fn open(nsqd: &Nsqd) -> Self {
        Self(TcpStream::connect(nsqd.http_address()).unwrap())
    }

    fn publish(&mut self, body: &str) -> Response {
        let request = format!(
            "POST /pub?topic=orders HTTP/1.1\r\nHost: b\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        self.0.write_all(request.as_bytes()).unwrap();
        read_response(&mut self.0, false).unwrap()
    }
}
