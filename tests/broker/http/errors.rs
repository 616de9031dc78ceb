//! Every status of the HTTP interface with all of its head, and what surrounds a request: versions,
//! kept connections, chunks, expectations.

use std::{
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
};

use crate::support::{
    DEADLINE, Nsqd,
    http::{chunked_bytes, read_response, request_bytes},
    ours,
};

const NSQ: &str = "X-Nsq-Content-Type: nsq; version=1.0";
const JSON: &str = "Content-Type: application/json; charset=utf-8";
const TEXT: &str = "Content-Type: text/plain; charset=utf-8";
const HTML: &str = "Content-Type: text/html; charset=utf-8";
const CLOSE: &str = "Connection: close";

/// An answer to the byte, but for the date and the order of the headers.
#[derive(Debug, PartialEq, Eq)]
struct Answer {
    line: String,
    headers: Vec<String>,
    body: String,
}

impl Answer {
    /// The length of the body is added to the headers.
    fn new(line: &str, headers: &[&str], body: &str) -> Self {
        let length = format!("Content-Length: {}", body.len());
        let mut headers: Vec<_> = headers.iter().map(|&header| header.to_owned()).collect();
        headers.push(length);
        headers.sort();
        Self { line: line.to_owned(), headers, body: body.to_owned() }
    }

    fn parse(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let mut lines = head.split("\r\n").map(str::to_owned);
        let line = lines.next().unwrap_or_default();
        let mut headers: Vec<_> = lines.filter(|header| !header.starts_with("Date: ")).collect();
        headers.sort();
        Self { line, headers, body: body.to_owned() }
    }
}

/// Sends bytes, and reads all that comes until the other side closes.
#[track_caller]
fn exchange_to_end(address: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream.write_all(bytes).unwrap();
    let mut received = Vec::new();
    stream.read_to_end(&mut received).expect("an answer and the end");
    received
}

#[track_caller]
fn answers(nsqd: &Nsqd, bytes: &[u8], expected: &Answer) {
    let found = Answer::parse(&exchange_to_end(nsqd.http_address(), bytes));
    assert_eq!(&found, expected, "{}", bytes.escape_ascii());
}

#[track_caller]
fn refuses(nsqd: &Nsqd, bytes: &[u8], status: &str, message: &str) {
    let body = format!("{{\"message\":\"{message}\"}}");
    answers(nsqd, bytes, &Answer::new(&format!("HTTP/1.1 {status}"), &[CLOSE, JSON, NSQ], &body));
}

#[test]
fn every_error_has_its_status_and_message() {
    let nsqd = Nsqd::with(&["--max-msg-size=10", "--max-body-size=40"]);
    nsqd.post("/topic/create?topic=orders", b"");
    let (bad, missing, large) =
        ("400 Bad Request", "404 Not Found", "413 Request Entity Too Large");
    for (path, body, status, message) in [
        ("/pub?topic=orders", &b"12345678901"[..], large, "MSG_TOO_BIG"),
        ("/pub?topic=orders", b"", bad, "MSG_EMPTY"),
        ("/pub?topic=%zz", b"x", bad, "INVALID_REQUEST"),
        ("/pub", b"x", bad, "MISSING_ARG_TOPIC"),
        ("/pub?topic=$", b"x", bad, "INVALID_TOPIC"),
        ("/pub?topic=orders&defer=x", b"x", bad, "INVALID_DEFER"),
        ("/mpub?topic=orders", &[b'x'; 41], large, "BODY_TOO_BIG"),
        ("/mpub?topic=orders", b"12345678901", large, "MSG_TOO_BIG"),
        ("/mpub?topic=orders&binary=1", b"", large, "BAD_BODY"),
        ("/mpub?topic=orders&binary=1", b"\0\0\0\x01", large, "BAD_MESSAGE"),
        ("/mpub?topic=a;b", b"x", bad, "INVALID_REQUEST"),
        ("/mpub?topic=", b"x", bad, "INVALID_TOPIC"),
        ("/topic/create?topic=$", b"", bad, "INVALID_TOPIC"),
        ("/topic/delete?topic=$", b"", missing, "TOPIC_NOT_FOUND"),
        ("/topic/empty?topic=$", b"", bad, "INVALID_TOPIC"),
        ("/topic/pause?topic=none", b"", missing, "TOPIC_NOT_FOUND"),
        ("/topic/unpause", b"", bad, "MISSING_ARG_TOPIC"),
        ("/channel/create?topic=$&channel=audit", b"", bad, "INVALID_ARG_TOPIC"),
        ("/channel/create?topic=none&channel=audit", b"", missing, "TOPIC_NOT_FOUND"),
        ("/channel/delete?topic=orders", b"", bad, "MISSING_ARG_CHANNEL"),
        ("/channel/empty?topic=orders&channel=$", b"", bad, "INVALID_ARG_CHANNEL"),
        ("/channel/pause?topic=orders&channel=none", b"", missing, "CHANNEL_NOT_FOUND"),
        ("/none", b"", missing, "NOT_FOUND"),
    ] {
        refuses(&nsqd, &request_bytes("POST", path, body), status, message);
    }
    let stats = request_bytes("GET", "/stats?format=json;topic=orders", b"");
    refuses(&nsqd, &stats, bad, "INVALID_REQUEST");
}

#[test]
fn methods_that_a_path_does_not_know_are_answered_with_those_that_it_knows() {
    let nsqd = Nsqd::start();
    let body = r#"{"message":"METHOD_NOT_ALLOWED"}"#;
    for (method, path, allow) in [
        ("POST", "/ping", "Allow: GET, OPTIONS"),
        ("GET", "/pub?topic=orders", "Allow: OPTIONS, POST"),
        ("PATCH", "/topic/create", "Allow: OPTIONS, POST"),
        ("BOGUS", "/channel/create", "Allow: OPTIONS, POST"),
        ("CONNECT", "/stats", "Allow: GET, OPTIONS"),
    ] {
        let expected =
            Answer::new("HTTP/1.1 405 Method Not Allowed", &[CLOSE, JSON, NSQ, allow], body);
        answers(&nsqd, &request_bytes(method, path, b""), &expected);
    }
    let head = exchange_to_end(nsqd.http_address(), &request_bytes("HEAD", "/info", b""));
    let mut expected = Answer::new(
        "HTTP/1.1 405 Method Not Allowed",
        &[CLOSE, JSON, NSQ, "Allow: GET, OPTIONS"],
        body,
    );
    expected.body.clear();
    assert_eq!(Answer::parse(&head), expected);
    let options = Answer::new("HTTP/1.1 200 OK", &[CLOSE, "Allow: GET, OPTIONS"], "");
    answers(&nsqd, &request_bytes("OPTIONS", "/ping", b""), &options);
    let server = Answer::new("HTTP/1.1 200 OK", &[CLOSE], "");
    answers(&nsqd, &request_bytes("OPTIONS", "*", b""), &server);
}

#[test]
fn successes_and_redirects_have_their_forms() {
    let nsqd = Nsqd::start();
    for (method, path, line, headers, body) in [
        ("GET", "/ping", "200 OK", &[CLOSE, TEXT][..], "OK"),
        ("POST", "/pub?topic=orders", "200 OK", &[CLOSE, NSQ, TEXT], "OK"),
        ("POST", "/topic/create?topic=orders", "200 OK", &[CLOSE, NSQ], ""),
        (
            "GET",
            "/PING?a=1&b",
            "301 Moved Permanently",
            &[CLOSE, HTML, "Location: /ping?a=1&b"],
            "<a href=\"/ping?a=1&amp;b\">Moved Permanently</a>.\n\n",
        ),
        (
            "POST",
            "//pub/?topic=a",
            "307 Temporary Redirect",
            &[CLOSE, "Location: /pub?topic=a"],
            "",
        ),
    ] {
        let expected = Answer::new(&format!("HTTP/1.1 {line}"), headers, body);
        let request = request_bytes(method, path, if method == "POST" { b"x" } else { b"" });
        answers(&nsqd, &request, &expected);
    }
}

#[test]
fn messages_that_cannot_be_stored_are_refused_with_the_reason_and_show_in_the_health() {
    if !ours() {
        return; // nsqd 1.3 keeps them in memory.
    }
    let nsqd = Nsqd::start();
    // A file stands where the topic's directory should be.
    let directory = nsqd.data_path().join("topics/orders");
    fs::write(&directory, b"").unwrap();
    let reason = format!("cannot create {}: file exists", directory.display());
    for path in ["/topic/create?topic=orders", "/pub?topic=orders", "/mpub?topic=orders"] {
        let request = request_bytes("POST", path, b"one");
        refuses(&nsqd, &request, "503 Service Unavailable", &reason);
    }
    let sick = format!("NOK - {reason}");
    let expected = Answer::new("HTTP/1.1 500 Internal Server Error", &[CLOSE, TEXT], &sick);
    answers(&nsqd, &request_bytes("GET", "/ping", b""), &expected);
    assert_eq!(nsqd.stats()["health"], sick);
}

#[test]
fn connections_are_kept_as_their_version_says() {
    let nsqd = Nsqd::start();
    for (version, header, is_kept) in [
        ("1.1", "", true),
        ("1.1", "Connection: close\r\n", false),
        ("1.0", "", false),
        ("1.0", "Connection: keep-alive\r\n", true),
    ] {
        let request = format!("GET /ping HTTP/{version}\r\nHost: b\r\n{header}\r\n");
        let mut stream = TcpStream::connect(nsqd.http_address()).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        for _ in 0..if is_kept { 3 } else { 1 } {
            stream.write_all(request.as_bytes()).unwrap();
            assert_eq!(read_response(&mut stream, false).unwrap().text(), "OK", "{request:?}");
        }
        if !is_kept {
            assert_eq!(stream.read(&mut [0]).unwrap(), 0, "{request:?}");
        }
    }
    let old = exchange_to_end(nsqd.http_address(), b"GET /ping HTTP/1.0\r\n\r\n");
    let mut answer = Answer::parse(&old);
    answer.headers.retain(|header| header != CLOSE);
    assert_eq!(answer, Answer::new("HTTP/1.0 200 OK", &[TEXT], "OK"));
}

#[test]
fn errors_leave_the_connection_for_the_next_request() {
    let nsqd = Nsqd::start();
    let mut stream = TcpStream::connect(nsqd.http_address()).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    for (head, status) in [
        ("GET /none", 404),
        ("PUT /ping", 405),
        ("POST /pub?topic=$", 400),
        ("POST /channel/delete?topic=none&channel=audit", 404),
        ("POST /mpub?topic=orders&binary=1", 413),
        ("POST /pub?topic=orders", 200),
    ] {
        let request = format!("{head} HTTP/1.1\r\nHost: b\r\nContent-Length: 3\r\n\r\none");
        stream.write_all(request.as_bytes()).unwrap();
        assert_eq!(read_response(&mut stream, false).unwrap().status, status, "{head}");
    }
}

#[test]
fn bodies_come_in_chunks_too() {
    let nsqd = Nsqd::with(&["--max-msg-size=10", "--max-body-size=40"]);
    let ok = Answer::new("HTTP/1.1 200 OK", &[CLOSE, NSQ, TEXT], "OK");
    answers(&nsqd, &chunked_bytes("POST", "/pub?topic=a", &[b"12345", b"67890"]), &ok);
    let head = "POST /pub?topic=a HTTP/1.1\r\nHost: b\r\nConnection: close\r\n\
                Transfer-Encoding: chunked\r\n\r\n";
    let extended = format!("{head}3;name=value\r\none\r\n0\r\n\r\n");
    answers(&nsqd, extended.as_bytes(), &ok);
    let (bad, large) = ("400 Bad Request", "413 Request Entity Too Large");
    refuses(&nsqd, &chunked_bytes("POST", "/pub?topic=a", &[]), bad, "MSG_EMPTY");
    let chunks = [&b"12345"[..], b"678901"];
    refuses(&nsqd, &chunked_bytes("POST", "/pub?topic=a", &chunks), large, "MSG_TOO_BIG");
    let chunks = [&b"12345678\n"[..]; 5];
    refuses(&nsqd, &chunked_bytes("POST", "/mpub?topic=a", &chunks), large, "BODY_TOO_BIG");
    assert_eq!(nsqd.topic("a")["message_count"], 2);
}

#[test]
fn client_that_waits_to_be_told_is_told_to_continue() {
    let nsqd = Nsqd::start();
    let mut stream = TcpStream::connect(nsqd.http_address()).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    let head = b"POST /pub?topic=orders HTTP/1.1\r\nHost: b\r\nContent-Length: 3\r\n\
                 Expect: 100-continue\r\n\r\n";
    stream.write_all(head).unwrap();
    let mut interim = [0; 25];
    stream.read_exact(&mut interim).unwrap();
    assert_eq!(interim.escape_ascii().to_string(), r"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(b"one").unwrap();
    assert_eq!(read_response(&mut stream, false).unwrap().text(), "OK");
}

#[test]
fn targets_may_name_the_server_and_escape_what_they_name() {
    let nsqd = Nsqd::start();
    for target in ["http://elsewhere/pub?topic=a.b", "/%70ub?%74opic=a%2eb", "/pub?x=1&&topic=a.b"]
    {
        let request = format!(
            "POST {target} HTTP/1.1\r\nHost: b\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx"
        );
        let ok = Answer::new("HTTP/1.1 200 OK", &[CLOSE, NSQ, TEXT], "OK");
        answers(&nsqd, request.as_bytes(), &ok);
    }
    assert_eq!(nsqd.topic("a.b")["message_count"], 3);
}

#[test]
fn what_is_no_request_is_refused_and_closed() {
    let nsqd = Nsqd::start();
    for bytes in [
        &b"nonsense\r\n\r\n"[..],
        b"GET /ping\r\n\r\n",
        b"GET /ping HTTP/1.1\r\n\r\n",
        b"GET /ping HTTP/1.1\r\nHost: b\r\nHost: c\r\n\r\n",
        b"GET /pi ng HTTP/1.1\r\nHost: b\r\n\r\n",
        b"GET /ping HTTP/1.1\r\nHost: b\r\nno colon\r\n\r\n",
        b"GET /ping HTTP/1.1\r\nHost: b\r\nX : y\r\n\r\n",
        b"GET /ping HTTP/1.1\r\nHost: b\r\nX: a\0b\r\n\r\n",
        b"GET /ping HTTP/x\r\nHost: b\r\n\r\n",
        b"POST /pub HTTP/1.1\r\nHost: b\r\nContent-Length: x\r\n\r\n",
        b"POST /pub HTTP/1.1\r\nHost: b\r\nContent-Length: -1\r\n\r\n",
        b"POST /pub HTTP/1.1\r\nHost: b\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxy",
    ] {
        let received = exchange_to_end(nsqd.http_address(), bytes);
        assert!(received.starts_with(b"HTTP/1.1 400 Bad Request"), "{}", received.escape_ascii());
    }
    assert_eq!(nsqd.http("GET", "/ping", b"").status, 200);
}

#[test]
fn json_escapes_what_could_end_a_script() {
    let nsqd = Nsqd::start();
    let identify = r#"{"client_id":"<a&b>\"\\\u2028\t","hostname":"é/\u0001","user_agent":""}"#;
    let mut client = nsqd.client_with(identify);
    client.publish("orders", b"x");
    let text = nsqd.http("GET", "/stats?format=json&include_mem=false", b"").text();
    let expected = concat!(
        r#"{"client_id":"\u003ca\u0026b\u003e\"\\\u2028\t","#,
        r#""hostname":"é/\u0001","version":"V2""#
    );
    assert!(text.contains(expected), "{text}");
}
