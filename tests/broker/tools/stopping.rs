//! Signals that come when the utilities are held up.

use std::{
    io::Read,
    net::{TcpListener, TcpStream},
    time::Instant,
};

use rustix::process::Signal;
use tempfile::TempDir;

use super::{Tool, messages};
use crate::{
    auth::server::{AuthServer as HttpServer, Reply},
    support::{DEADLINE, Nsqd, eventually},
};

/// A server that says nothing.
struct Silent(TcpListener);

impl Silent {
    fn new() -> Self {
        Self(TcpListener::bind("127.0.0.1:0").unwrap())
    }

    fn flag(&self, name: &str) -> String {
        format!("--{name}={}", self.0.local_addr().unwrap())
    }

    /// Waits until somebody has asked for something.
    fn asked(&self) -> TcpStream {
        let (mut connection, _) = self.0.accept().unwrap();
        connection.read_exact(&mut [0; 4]).unwrap();
        connection
    }
}

/// The utilities that consume, each with flags for what it does with messages.
fn consuming(dir: &TempDir) -> [(&'static str, Vec<String>); 4] {
    let output = format!("--output-dir={}", dir.path().display());
    let nobody = "127.0.0.1:1";
    [
        ("nsq_tail", vec!["--topic=orders".to_owned()]),
        ("nsq_to_file", vec!["--topic=orders".to_owned(), "--channel=c".to_owned(), output]),
        ("nsq_to_http", vec!["--topic=orders".to_owned(), format!("--post=http://{nobody}/")]),
        (
            "nsq_to_nsq",
            vec![
                "--topic=orders".to_owned(),
                "--topic=bills".to_owned(),
                format!("--destination-nsqd-tcp-address={nobody}"),
            ],
        ),
    ]
}

fn start(name: &str, flags: &[String]) -> Tool {
    Tool::start(name, &flags.iter().map(String::as_str).collect::<Vec<_>>())
}

#[test]
fn a_signal_ends_them_while_they_connect() {
    let dir = tempfile::tempdir().unwrap();
    for (name, mut flags) in consuming(&dir) {
        for signal in [Signal::TERM, Signal::INT] {
            let silent = Silent::new();
            flags.push(silent.flag("nsqd-tcp-address"));
            let tool = start(name, &flags);
            flags.pop();
            let _connection = silent.asked();
            tool.signal(signal);
            let ended = tool.end();
            assert_eq!((ended.code, ended.out.as_str()), (Some(0), ""), "{name}: {}", ended.err);
        }
    }
}

#[test]
fn a_signal_ends_nsq_to_file_while_it_asks_for_topics() {
    let dir = tempfile::tempdir().unwrap();
    let output = format!("--output-dir={}", dir.path().display());
    for answered in [0, 1] {
        let lookupd = HttpServer::scripted(move |_, before| match before < answered {
            true => Reply::ok(br#"{"topics":[]}"#),
            false => Reply::Nothing,
        });
        let lookupd_flag = format!("--lookupd-http-address={}", lookupd.address());
        let flags = ["--topic-pattern=.", "--channel=c", &output, "--topic-refresh=10ms"];
        let unanswered = "--http-client-request-timeout=1h";
        let tool = Tool::start("nsq_to_file", &[&flags[..], &[&lookupd_flag, unanswered]].concat());
        eventually("it asks", || (lookupd.requests().len() == answered + 1).then_some(()));
        let asked_to_end = Instant::now();
        let ended = tool.terminate();
        assert_eq!(ended.code, Some(0), "{}", ended.err);
        assert!(asked_to_end.elapsed() < DEADLINE / 2, "it has waited for the answer");
    }
}

#[test]
fn a_second_signal_does_not_wait_for_those_who_are_handed_messages() {
    let silent = Silent::new();
    let [_, _, (http, mut http_flags), (nsq, mut nsq_flags)] =
        consuming(&tempfile::tempdir().unwrap());
    let address = silent.0.local_addr().unwrap();
    http_flags[1] = format!("--post=http://{address}/");
    nsq_flags[2] = silent.flag("destination-nsqd-tcp-address");
    for (name, mut flags) in [(http, http_flags), (nsq, nsq_flags)] {
        let nsqd = Nsqd::start();
        nsqd.post("/pub?topic=orders", b"one");
        flags.push(format!("--nsqd-tcp-address={}", nsqd.tcp()));
        let tool = start(name, &flags);
        let _connection = silent.asked();
        tool.signal(Signal::TERM);
        tool.expect_said("stopping...");
        tool.signal(Signal::TERM);
        let ended = tool.end();
        assert_eq!(ended.code, Some(0), "{name}: {}", ended.err);
        assert!(ended.err.contains("second signal, exiting at once"), "{name}: {}", ended.err);
        nsqd.expect_channel("orders", name, &[("depth", 1), ("in_flight_count", 0)]);
    }
}

/// Each message is more than a pipe holds that nobody reads, so not even the first is printed.
fn held_up_tail(nsqd: &Nsqd) -> (Tool, impl Read) {
    let all: Vec<_> =
        messages(0..20).iter().map(|text| format!("{text:50000}{text:50000}")).collect();
    nsqd.post("/mpub?topic=orders", all.join("\n").as_bytes());
    let nsqd_flag = format!("--nsqd-tcp-address={}", nsqd.tcp());
    let flags = ["--topic=orders", "--channel=audit", "--max-in-flight=10", &nsqd_flag];
    let (tool, output) = Tool::unread("nsq_tail", &flags);
    nsqd.expect_channel("orders", "audit", &[("in_flight_count", 10)]);
    (tool, output)
}

#[test]
fn a_second_signal_ends_nsq_tail_though_nobody_reads_what_it_prints() {
    let nsqd = Nsqd::start();
    let (tool, _output) = held_up_tail(&nsqd);
    tool.signal(Signal::TERM);
    tool.expect_said("stopping...");
    tool.signal(Signal::INT);
    let ended = tool.end();
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    assert!(ended.err.contains("second signal, exiting at once"), "{}", ended.err);
    nsqd.expect_channel("orders", "audit", &[("depth", 20), ("in_flight_count", 0)]);
}

#[test]
fn one_signal_ends_nsq_tail_a_little_later_though_nobody_reads_what_it_prints() {
    let nsqd = Nsqd::start();
    let (tool, _output) = held_up_tail(&nsqd);
    let ended = tool.terminate();
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    assert!(ended.err.contains("exiting, not all that has come is printed"), "{}", ended.err);
    nsqd.expect_channel("orders", "audit", &[("depth", 20), ("in_flight_count", 0)]);
}
