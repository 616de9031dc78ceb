//! Where the broker listens: unix sockets, and not at all.

use std::{
    io::{Read, Write},
    net::TcpStream,
    os::unix::net::{UnixListener, UnixStream},
    path::Path,
};

use crate::support::{
    DEADLINE, Nsqd, command, commands,
    http::{Response, read_response, request_bytes},
    ours, run_to_end,
};

fn request(path: &Path, method: &str, target: &str) -> Response {
    let mut stream = UnixStream::connect(path).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream.write_all(&request_bytes(method, target, b"")).unwrap();
    read_response(&mut stream, false).unwrap()
}

#[test]
fn both_protocols_are_spoken_over_unix_sockets() {
    let dir = tempfile::tempdir().unwrap();
    let (tcp, http) = (dir.path().join("tcp.sock"), dir.path().join("http.sock"));
    let mut nsqd = Nsqd::with(&[
        &format!("--tcp-address={}", tcp.display()),
        &format!("--http-address={}", http.display()),
    ]);
    let mut client = UnixStream::connect(&tcp).unwrap();
    client.set_read_timeout(Some(DEADLINE)).unwrap();
    let publish = commands::publish("orders", b"one");
    client.write_all(&[&b"  V2"[..], &publish].concat()).unwrap();
    let mut answer = [0; 10];
    client.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"\0\0\0\x06\0\0\0\0OK");

    let info = request(&http, "GET", "/info").json();
    assert_eq!((&info["tcp_port"], &info["http_port"]), (&(-1).into(), &(-1).into()));
    for key in ["broadcast_tcp_port", "broadcast_http_port"] {
        assert_eq!(request(&http, "GET", &format!("/config/{key}")).text(), "0");
    }
    let stats = request(&http, "GET", "/stats?format=json").json();
    assert_eq!(stats["producers"][0]["remote_address"], "@");
    nsqd.expect_line("INFO: TCP: new client(@)");
    nsqd.expect_line("INFO: 200 GET /info (@) ");

    assert_eq!(nsqd.terminate().code(), Some(0));
    assert!(!tcp.exists() && !http.exists(), "socket files are left");
    nsqd.restart();
    assert_eq!(request(&http, "GET", "/ping").text(), "OK");
}

#[test]
fn consumer_on_a_unix_socket_is_seen_to_come_and_go() {
    let dir = tempfile::tempdir().unwrap();
    let tcp = dir.path().join("tcp.sock");
    let nsqd = Nsqd::with(&[&format!("--tcp-address={}", tcp.display())]);
    let mut client = UnixStream::connect(&tcp).unwrap();
    client.write_all(&[&b"  V2"[..], &commands::sub("orders", "audit")].concat()).unwrap();
    nsqd.expect_channel("orders", "audit", &[("client_count", 1)]);
    assert_eq!(nsqd.channel("orders", "audit")["clients"][0]["remote_address"], "@");
    drop(client);
    nsqd.expect_channel("orders", "audit", &[("client_count", 0)]);
}

#[test]
fn broadcast_ports_of_unix_sockets_may_be_given() {
    let dir = tempfile::tempdir().unwrap();
    let http = dir.path().join("http.sock");
    let _nsqd =
        Nsqd::with(&[&format!("--http-address={}", http.display()), "--broadcast-http-port=80"]);
    assert_eq!(request(&http, "GET", "/config/broadcast_http_port").text(), "80");
}

#[test]
fn a_socket_file_of_a_killed_broker_is_replaced_and_one_in_use_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let http = dir.path().join("http.sock");
    let flag = format!("--http-address={}", http.display());
    let mut nsqd = Nsqd::with(&[&flag]);
    nsqd.kill9();
    assert!(http.exists());
    if !ours() {
        return; // Upstream does not start again.
    }
    nsqd.restart();
    assert_eq!(request(&http, "GET", "/ping").text(), "OK");

    let taken = dir.path().join("taken.sock");
    let _listener = UnixListener::bind(&taken).unwrap();
    let data = tempfile::tempdir().unwrap();
    let ended = run_to_end(
        command(),
        [
            format!("--data-path={}", data.path().display()),
            format!("--tcp-address={}", taken.display()),
        ],
    );
    assert_eq!(ended.code, Some(1));
    let text =
        format!("FATAL: failed to instantiate nsqd - listen ({}) failed - ", taken.display());
    assert!(ended.err.contains(&text), "{}", ended.err);
    assert!(taken.exists());
}

#[test]
fn http_can_be_off() {
    let mut nsqd = Nsqd::with(&["--http-address="]);
    let mut client = nsqd.client();
    client.publish("orders", b"one");
    nsqd.terminate();
    let log = nsqd.lines_to_the_end().join("\n");
    assert!(!log.contains("HTTP: listening on"), "{log}");
    assert!(TcpStream::connect(nsqd.tcp()).is_err());
}
