//! A broker on unix sockets.

use std::{
    io::{Read, Write},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
};

use serde_json::Value;
use tempfile::TempDir;

use crate::support::{
    DEADLINE, Nsqd, command, commands, eventually,
    http::{Response, read_response, request_bytes},
    ours, run_to_end,
    tls::Authority,
};

/// Where a broker listens.
struct Sockets {
    directory: TempDir,
}

impl Sockets {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    fn tcp(&self) -> PathBuf {
        self.directory.path().join("tcp.sock")
    }

    fn http(&self) -> PathBuf {
        self.directory.path().join("http.sock")
    }

    fn flags(&self) -> [String; 2] {
        [
            format!("--tcp-address={}", self.tcp().display()),
            format!("--http-address={}", self.http().display()),
        ]
    }

    #[track_caller]
    fn start(&self) -> Nsqd {
        let [tcp, http] = self.flags();
        Nsqd::with(&[&tcp, &http])
    }

    #[track_caller]
    fn get(&self, path: &str) -> Response {
        get(&self.http(), path)
    }

    #[track_caller]
    fn stats(&self) -> Value {
        self.get("/stats?format=json").json()
    }
}

#[track_caller]
fn connect(path: &Path) -> UnixStream {
    let stream = UnixStream::connect(path).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream
}

#[track_caller]
fn get(socket: &Path, path: &str) -> Response {
    let mut stream = connect(socket);
    stream.write_all(&request_bytes("GET", path, b"")).unwrap();
    read_response(&mut stream, false).unwrap()
}

/// Sends commands behind the magic; they are answered by this.
#[track_caller]
fn expect_answer(stream: &mut UnixStream, commands: &[u8], answer: &[u8]) {
    stream.write_all(commands).unwrap();
    let mut received = vec![0; answer.len()];
    stream.read_exact(&mut received).unwrap();
    assert_eq!(received, answer);
}

const OK: &[u8] = b"\0\0\0\x06\0\0\0\0OK";

#[test]
fn both_protocols_are_spoken_and_peers_are_called_at() {
    let sockets = Sockets::new();
    let nsqd = sockets.start();
    let mut client = connect(&sockets.tcp());
    let begin = [commands::MAGIC, &commands::publish("orders", b"one")].concat();
    expect_answer(&mut client, &begin, OK);
    expect_answer(&mut client, &commands::sub("orders", "audit"), OK);
    let stats = sockets.stats();
    let channel = &stats["topics"][0]["channels"][0];
    assert_eq!(channel["clients"][0]["remote_address"], "@");
    assert_eq!(stats["producers"][0]["remote_address"], "@");
    nsqd.expect_line("GET /stats?format=json (@) ");
}

#[test]
fn ports_are_told_as_minus_1() {
    let sockets = Sockets::new();
    let _nsqd = sockets.start();
    let info = sockets.get("/info").json();
    assert_eq!((&info["tcp_port"], &info["http_port"]), (&(-1).into(), &(-1).into()));
}

#[test]
fn files_go_with_a_graceful_stop() {
    let sockets = Sockets::new();
    let mut nsqd = sockets.start();
    assert!(sockets.tcp().exists() && sockets.http().exists());
    assert_eq!(nsqd.terminate().code(), Some(0));
    assert!(!sockets.tcp().exists() && !sockets.http().exists());
}

#[test]
fn files_of_a_killed_process_are_in_nobodys_way() {
    if !ours() {
        return; // nsqd 1.3 wants them removed by hand.
    }
    let sockets = Sockets::new();
    let mut nsqd = sockets.start();
    nsqd.kill9();
    assert!(sockets.tcp().exists() && sockets.http().exists());
    nsqd.restart();
    assert_eq!(sockets.get("/ping").text(), "OK");
}

#[test]
fn socket_that_somebody_listens_on_is_not_taken() {
    let sockets = Sockets::new();
    let _first = sockets.start();
    let data = tempfile::tempdir().unwrap();
    let [tcp, http] = sockets.flags();
    let anywhere = |name: &str| format!("--{name}-address=127.0.0.1:0");
    for (path, flags) in
        [(sockets.tcp(), [tcp, anywhere("http")]), (sockets.http(), [anywhere("tcp"), http])]
    {
        let data_path = format!("--data-path={}", data.path().display());
        let ended = run_to_end(command(), flags.into_iter().chain([data_path]));
        assert_eq!(ended.code, Some(1), "{}", ended.err);
        let text =
            format!("FATAL: failed to instantiate nsqd - listen ({}) failed - ", path.display());
        assert!(ended.err.contains(&text), "{}", ended.err);
    }
    assert_eq!(sockets.get("/ping").text(), "OK");
}

#[test]
fn client_that_goes_is_gone() {
    let sockets = Sockets::new();
    let _nsqd = sockets.start();
    let mut client = connect(&sockets.tcp());
    let begin = [commands::MAGIC, &commands::sub("orders", "audit")].concat();
    expect_answer(&mut client, &begin, OK);
    drop(client);
    eventually("the channel has no client", || {
        let count = &sockets.stats()["topics"][0]["channels"][0]["client_count"];
        (*count == 0).then_some(())
    });
}

#[test]
fn plain_http_is_refused_there_too_where_tls_is_required() {
    let (sockets, authority) = (Sockets::new(), Authority::new());
    let [cert, key] = authority.server("node").flags();
    let [_, http] = sockets.flags();
    let nsqd = Nsqd::with(&[&cert, &key, &http, "--tls-required"]);
    let response = sockets.get("/ping");
    assert_eq!(
        (response.status, &response.json()["https_port"]),
        (403, &nsqd.https_address().port().into())
    );
}
