//! Where TLS is required.

use std::{io::Write, net::TcpStream, os::unix::net::UnixStream};

use super::{Secure, start};
use crate::support::{
    DEADLINE, Nsqd,
    http::{Response, read_response, request_bytes},
    tls::Authority,
};

#[track_caller]
fn expect_refused(response: &Response, https_port: u16, request: &str) {
    let body = format!("{{\"message\": \"TLS_REQUIRED\", \"https_port\": {https_port}}}");
    assert_eq!((response.status, response.text()), (403, body), "{request}");
    assert_eq!(response.header("X-NSQ-Content-Type"), Some("nsq; version=1.0"));
    assert_eq!(response.header("Content-Type"), Some("application/json; charset=utf-8"));
}

#[track_caller]
fn expect_all_refused(nsqd: &Nsqd, https_port: u16) {
    for (method, path) in [
        ("GET", "/ping"),
        ("GET", "/stats?format=json"),
        ("GET", "/ping/"),
        ("GET", "/nowhere"),
        ("POST", "/pub?topic=orders"),
        ("POST", "/mpub?topic=orders"),
        ("PUT", "/config/log_level"),
        ("DELETE", "/ping"),
        ("OPTIONS", "/ping"),
        ("GET", "/debug/pprof/"),
    ] {
        let response = nsqd.http(method, path, b"body");
        expect_refused(&response, https_port, &format!("{method} {path}"));
    }
}

#[test]
fn plain_http_is_told_where_to_go() {
    for flag in ["--tls-required", "--tls-client-auth-policy=require"] {
        let secure = Secure::with(&[flag]);
        let https = secure.nsqd.https_address();
        expect_all_refused(&secure.nsqd, https.port());
        let client = secure.authority.client("joe");
        let peer = secure.authority.peer().showing(&client);
        assert_eq!(peer.http(https, "GET", "/ping").text(), "OK");
        assert_eq!(peer.http(https, "GET", "/config/tls_required").text(), "2");
        let stats = peer.http(https, "GET", "/stats?format=json").json();
        assert_eq!(stats["topics"], serde_json::json!([]), "nothing was published");
    }
}

#[test]
fn refused_connections_can_be_used_again() {
    let secure = Secure::with(&["--tls-required"]);
    let mut stream = TcpStream::connect(secure.nsqd.http_address()).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    for _ in 0..2 {
        stream.write_all(b"GET /ping HTTP/1.1\r\nHost: b\r\n\r\n").unwrap();
        let response = read_response(&mut stream, false).unwrap();
        expect_refused(&response, secure.nsqd.https_address().port(), "GET /ping");
    }
}

#[test]
fn unix_socket_is_plain_http_too() {
    let authority = Authority::new();
    let path = authority.path("http.sock");
    let flag = format!("--http-address={}", path.display());
    let nsqd = start(&authority.server("node"), &["--tls-required", &flag]);
    let mut stream = UnixStream::connect(&path).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream.write_all(&request_bytes("GET", "/ping", b"")).unwrap();
    let response = read_response(&mut stream, false).unwrap();
    expect_refused(&response, nsqd.https_address().port(), "GET /ping");
}

#[test]
fn port_is_0_without_https() {
    let nsqd = start(&Authority::new().server("node"), &["--tls-required", "--https-address="]);
    expect_all_refused(&nsqd, 0);
}

#[test]
fn tcp_https_and_tls_alone_leave_plain_http_open() {
    for flags in [
        &["--tls-required=tcp-https"][..],
        &["--tls-required=tcp-https", "--tls-client-auth-policy=require"],
        &[],
    ] {
        let secure = Secure::with(flags);
        assert_eq!(secure.nsqd.http("GET", "/ping", b"").text(), "OK", "{flags:?}");
    }
}
