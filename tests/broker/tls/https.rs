//! The HTTPS listener.

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

use super::{Secure, start, try_upgrade};
use crate::support::{
    DEADLINE, Nsqd,
    http::{read_response, request_bytes},
    ours,
    tls::{Authority, BOTH, ONLY_1_2, ONLY_1_3},
};

/// More than actix allows to shake hands at once by itself.
const SILENT_PEERS: usize = 300;

#[test]
fn whole_api_is_served_over_both_versions() {
    let secure = Secure::with(&[]);
    let address = secure.nsqd.https_address();
    for versions in [ONLY_1_2, ONLY_1_3] {
        let peer = secure.authority.peer().speaking(versions);
        let ping = peer.http(address, "GET", "/ping");
        assert_eq!((ping.status, ping.text().as_str()), (200, "OK"));
        assert_eq!(peer.http(address, "POST", "/topic/create?topic=orders").status, 200);
        let stats = peer.http(address, "GET", "/stats?format=json").json();
        assert_eq!(stats["topics"][0]["topic_name"], "orders");
        let unknown = peer.http(address, "GET", "/nowhere");
        assert_eq!((unknown.status, unknown.text().as_str()), (404, "{\"message\":\"NOT_FOUND\"}"));
    }
    assert_eq!(secure.nsqd.http("GET", "/ping", b"").status, 200, "plain HTTP goes on");
}

#[test]
fn requests_follow_each_other_on_one_connection() {
    let secure = Secure::with(&[]);
    let mut stream = secure.authority.peer().connect(secure.nsqd.https_address()).unwrap();
    let body = vec![b'x'; 200_000];
    for _ in 0..3 {
        let head = format!(
            "POST /pub?topic=orders HTTP/1.1\r\nHost: b\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(&body).unwrap();
        let response = read_response(&mut stream, false).unwrap();
        assert_eq!((response.status, response.text().as_str()), (200, "OK"));
    }
    assert_eq!(secure.nsqd.topic("orders")["message_count"], 3);
}

#[test]
fn end_of_a_connection_is_said_inside_tls() {
    let secure = Secure::with(&[]);
    for versions in [ONLY_1_2, ONLY_1_3] {
        let peer = secure.authority.peer().speaking(versions);
        let mut stream = peer.connect(secure.nsqd.https_address()).unwrap();
        stream.write_all(&request_bytes("GET", "/ping", b"")).unwrap();
        assert_eq!(read_response(&mut stream, false).unwrap().text(), "OK");
        // rustls makes an error of an end that anybody on the way could have made.
        assert_eq!(stream.read(&mut [0]).unwrap(), 0, "{versions:?}");
    }
}

#[test]
fn without_certificate_or_address_there_is_no_https() {
    for nsqd in [Nsqd::start(), start(&Authority::new().server("node"), &["--https-address="])] {
        assert_eq!(nsqd.http("GET", "/ping", b"").status, 200);
        nsqd.expect_line("200 GET /ping"); // Everything about listeners is said before.
        assert!(!nsqd.has_logged("HTTPS: listening"));
    }
}

#[test]
fn https_may_be_all_there_is_of_http() {
    let secure = Secure::with(&["--http-address="]);
    let info = secure.authority.peer().http(secure.nsqd.https_address(), "GET", "/info").json();
    assert_eq!(info["http_port"], 0);
}

#[test]
fn nothing_is_negotiated_by_alpn() {
    let secure = Secure::with(&[]);
    for protocols in [&["h2", "http/1.1"][..], &["h2"], &["http/1.0"], &["http/1.1"], &["nsq"], &[]]
    {
        let peer = secure.authority.peer().offering(protocols);
        let mut stream = peer.connect(secure.nsqd.https_address()).unwrap();
        stream.write_all(&request_bytes("GET", "/ping", b"")).unwrap();
        let response = read_response(&mut stream, false).unwrap();
        assert_eq!(response.text(), "OK", "{protocols:?}");
        assert_eq!(stream.conn.alpn_protocol(), None, "{protocols:?}");
    }
}

#[test]
fn minimum_version_is_kept() {
    for (flag, versions, is_served) in [
        ("tls1.3", ONLY_1_2, false),
        ("tls1.3", BOTH, true),
        ("tls1.2", ONLY_1_2, true),
        ("tls1.1", ONLY_1_2, true),
        ("tls1.0", ONLY_1_3, true),
    ] {
        let secure = Secure::with(&[&format!("--tls-min-version={flag}")]);
        let peer = secure.authority.peer().speaking(versions);
        let served = peer.try_http(secure.nsqd.https_address(), "GET", "/ping");
        assert_eq!(served.is_ok(), is_served, "{flag}: {served:?}");
        assert_eq!(try_upgrade(&secure.nsqd, &peer).is_ok(), is_served, "{flag}");
        if ours() {
            let warning = format!("WARNING: TLS: --tls-min-version={flag} is served as tls1.2");
            let warned = secure.nsqd.has_logged(&warning);
            assert_eq!(warned, flag < "tls1.2", "{flag}");
        }
    }
}

#[test]
fn plain_http_on_the_tls_port_is_told_so() {
    let secure = Secure::with(&[]);
    let address = secure.nsqd.https_address();
    let (small, large) =
        (request_bytes("GET", "/ping", b""), request_bytes("POST", "/pub", &[b'x'; 60_000]));
    // nsqd 1.3 knows only what looks like HTTP, and may reset the connection before its answer is read.
    let kinds = [&small[..], b"  V2", &large];
    for bytes in if ours() { &kinds[..] } else { &kinds[..1] } {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream.write_all(bytes).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let expected =
            "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n";
        assert_eq!(String::from_utf8_lossy(&answer), expected);
    }
    assert_eq!(secure.authority.peer().http(address, "GET", "/ping").text(), "OK");
}

#[test]
fn broken_handshakes_are_closed_and_logged() {
    let secure = Secure::with(&[]);
    let address = secure.nsqd.https_address();
    for bytes in
        [&b"\x16"[..], b"\x16\x03\x01\x00\x05hello", b"\x16\xff\xff\xff\xff", &[0x16; 70_000]]
    {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        let _closed_halfway = stream.write_all(bytes);
        let _closed = stream.shutdown(std::net::Shutdown::Write);
        let mut answer = Vec::new();
        let _reset = stream.read_to_end(&mut answer);
        assert!(answer.len() < 100, "{answer:?}");
    }
    if ours() {
        secure.nsqd.expect_line("WARNING: HTTPS: TLS handshake error from 127.0.0.1:");
    }
    assert_eq!(secure.authority.peer().http(address, "GET", "/ping").text(), "OK");
}

#[test]
fn peers_that_do_not_shake_hands_hold_nobody_up_and_are_closed() {
    if !ours() {
        return; // nsqd 1.3 waits for ever.
    }
    let secure = Secure::with(&[]);
    let address = secure.nsqd.https_address();
    let mut silent: Vec<_> = (0..SILENT_PEERS)
        .map(|peer| {
            let mut stream = TcpStream::connect(address).unwrap();
            stream.set_read_timeout(Some(DEADLINE)).unwrap();
            stream.write_all(&b"\x16\x03\x01\x02\x00\x01"[..peer % 7]).unwrap();
            stream
        })
        .collect();
    let begun = Instant::now(); // the last one has five seconds from here
    assert_eq!(secure.authority.peer().http(address, "GET", "/ping").text(), "OK");
    assert_eq!(secure.nsqd.http("GET", "/ping", b"").text(), "OK");
    assert!(begun.elapsed() < Duration::from_secs(4), "it has taken {:?}", begun.elapsed());
    for stream in &mut silent {
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        assert_eq!(answer, b"");
    }
    assert_eq!(secure.authority.peer().http(address, "GET", "/ping").text(), "OK");
}

#[test]
fn peers_that_distrust_the_broker_are_logged() {
    let secure = Secure::with(&[]);
    let stranger = Authority::new();
    let address = secure.nsqd.https_address();
    let refused = stranger.peer().try_http(address, "GET", "/ping").unwrap_err();
    assert!(refused.to_string().contains("invalid peer certificate"), "{refused}");
    if ours() {
        secure.nsqd.expect_line("TLS handshake error from 127.0.0.1:");
        secure.nsqd.expect_line(": received fatal alert: ");
    }
    assert_eq!(secure.authority.peer().http(address, "GET", "/ping").text(), "OK");
}
