//! The same over HTTP.

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

use super::Attacked;
use crate::support::{
    DEADLINE, Nsqd, Random,
    http::{chunked_bytes, exchange, read_response, try_exchange},
    ours,
};

fn connect(nsqd: &Nsqd) -> TcpStream {
    let stream = TcpStream::connect(nsqd.http_address()).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream.set_write_timeout(Some(DEADLINE)).unwrap();
    stream
}

/// Sends without end; true if the broker puts an end to it. It may read on for a moment, so that its
/// answer can be read.
fn is_stopped(stream: &mut TcpStream, chunk: &[u8]) -> bool {
    let end = Instant::now() + DEADLINE;
    while Instant::now() < end {
        if stream.write_all(chunk).is_err() {
            return true;
        }
    }
    false
}

#[test]
fn body_that_is_announced_too_large_is_refused_unread() {
    let attacked = Attacked::with(&[]);
    for (path, length, message) in [
        ("/pub?topic=orders", "1048577", "MSG_TOO_BIG"),
        ("/pub?topic=orders", "9223372036854775807", "MSG_TOO_BIG"),
        ("/mpub?topic=orders", "5242881", "BODY_TOO_BIG"),
        ("/mpub?topic=orders&binary=true", "9223372036854775807", "BODY_TOO_BIG"),
    ] {
        let head = format!("POST {path} HTTP/1.1\r\nHost: b\r\nContent-Length: {length}\r\n\r\n");
        let response = exchange(attacked.nsqd.http_address(), head.as_bytes());
        assert_eq!((response.status, &response.json()["message"]), (413, &message.into()));
    }
    attacked.finish();
}

#[test]
fn body_that_grows_too_large_is_refused_while_it_is_read() {
    let attacked = Attacked::with(&[]);
    for (path, message) in
        [("/pub?topic=orders", "MSG_TOO_BIG"), ("/mpub?topic=orders", "BODY_TOO_BIG")]
    {
        // Lines, so that no single message is too large.
        let chunk = b"0123456789abcde\n".repeat(8192);
        let chunks = vec![&chunk[..]; 60];
        let bytes = chunked_bytes("POST", path, &chunks);
        if let Some(response) = try_exchange(attacked.nsqd.http_address(), &bytes) {
            assert_eq!((response.status, &response.json()["message"]), (413, &message.into()));
        }
    }
    attacked.finish();
}

#[test]
fn body_without_end_is_closed() {
    if !ours() {
        return; // nsqd 1.3 takes it all where it ignores the body.
    }
    let attacked = Attacked::with(&[]);
    for path in [
        "POST /pub?topic=orders",
        "POST /mpub?topic=orders",
        "POST /mpub?topic=orders&binary=true",
        "POST /topic/pause?topic=orders",
        "GET /stats?format=json",
    ] {
        let mut stream = connect(&attacked.nsqd);
        let head = format!("{path} HTTP/1.1\r\nHost: b\r\nTransfer-Encoding: chunked\r\n\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        let chunk = [b"10000\r\n", &[b'x'; 0x10000][..], b"\r\n"].concat();
        assert!(is_stopped(&mut stream, &chunk), "{path} is read on and on");
        attacked.expect_bounded();
    }
    attacked.finish();
}

#[test]
fn heads_without_end_are_refused() {
    let attacked = Attacked::with(&[]);
    for (start, chunk) in [
        ("GET /", &b"xxxxxxxxxxxxxxxx"[..]),
        ("GET /ping HTTP/1.1\r\nHost: b\r\nX: ", b"xxxxxxxxxxxxxxxx"),
        ("GET /ping HTTP/1.1\r\nHost: b\r\n", b"X-Header: value\r\n"),
    ] {
        let mut stream = connect(&attacked.nsqd);
        stream.write_all(start.as_bytes()).unwrap();
        let chunk = chunk.repeat(4096);
        assert!(is_stopped(&mut stream, &chunk), "{start:?} is read on and on");
        attacked.expect_bounded();
    }
    attacked.finish();
}

#[test]
fn slow_bodies_hold_nobody_up() {
    let mut attacked = Attacked::with(&[]);
    let mut slow: Vec<_> = (0..100)
        .map(|_| {
            let mut stream = connect(&attacked.nsqd);
            let head =
                b"POST /pub?topic=orders HTTP/1.1\r\nHost: b\r\nContent-Length: 1000\r\n\r\nx";
            stream.write_all(head).unwrap();
            stream
        })
        .collect();
    let end = Instant::now() + Duration::from_secs(2);
    while Instant::now() < end {
        for stream in &mut slow {
            let _closed_by_now = stream.write(b"x");
        }
        assert_eq!(attacked.nsqd.http("POST", "/pub?topic=orders", b"quick").status, 200);
    }
    attacked.expect_bounded();
    attacked.bystander.finish();
    if ours() {
        assert!(attacked.nsqd.terminate().success()); // within seconds
    }
}

#[test]
fn bodies_that_break_off_publish_nothing() {
    let attacked = Attacked::with(&[]);
    for path in ["/pub?topic=orders", "/mpub?topic=orders"] {
        for framing in
            ["Content-Length: 10\r\n\r\none\n", "Transfer-Encoding: chunked\r\n\r\n4\r\none\n\r\n"]
        {
            let mut stream = connect(&attacked.nsqd);
            let bytes = format!("POST {path} HTTP/1.1\r\nHost: b\r\n{framing}");
            stream.write_all(bytes.as_bytes()).unwrap();
            stream.shutdown(std::net::Shutdown::Write).unwrap();
            let response = read_response(&mut stream, false);
            assert!(response.is_none_or(|response| response.status >= 400));
        }
    }
    let topic = attacked.nsqd.topic("orders");
    assert!(topic.is_null() || topic["message_count"] == 0, "{topic}");
    attacked.finish();
}

#[test]
fn random_requests_are_answered_or_closed() {
    let mut random = Random::new();
    let attacked = Attacked::with(&[]);
    let whole = chunked_bytes("POST", "/pub?topic=orders", &[b"some", b"body"]);
    for _ in 0..300 {
        let mut bytes = whole.clone();
        for _ in 0..=random.below(5) {
            let place = random.below(bytes.len());
            bytes[place] = *random.pick(b"\r\n :/0f%\0\xff");
        }
        let mut stream = connect(&attacked.nsqd);
        let _closed_halfway = stream.write_all(&bytes);
        let _closed = stream.shutdown(std::net::Shutdown::Write);
        let mut answer = Vec::new();
        if let Err(error) = stream.read_to_end(&mut answer) {
            let reset = error.kind() == std::io::ErrorKind::ConnectionReset;
            assert!(reset, "{error}: {:?}", String::from_utf8_lossy(&bytes));
        }
    }
    assert_eq!(attacked.nsqd.http("GET", "/ping", b"").status, 200);
    attacked.finish();
}
