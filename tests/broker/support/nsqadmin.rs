//! An nsqadmin process.

use std::{
    net::SocketAddr,
    process::{Child, Command, ExitStatus, Stdio},
    sync::Arc,
    thread,
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::{
    Nsqd, Nsqlookupd,
    http::{self, Response},
    log::Log,
    program,
    wait::DEADLINE,
};

/// Killed when it goes out of scope; its log is printed if the test has failed.
pub struct Nsqadmin {
    child: Child,
    log: Arc<Log>,
    http: SocketAddr,
}

impl Nsqadmin {
    /// About a cluster that nobody can be asked about.
    #[track_caller]
    pub fn alone(flags: &[&str]) -> Self {
        let nobody = format!("--lookupd-http-address={}", program::free_address());
        Self::with(&[&[nobody.as_str()], flags].concat())
    }

    /// About the cluster that these nsqlookupds know.
    #[track_caller]
    pub fn of_lookupds(lookupds: &[&Nsqlookupd], flags: &[&str]) -> Self {
        let addresses = lookupds.iter().map(|lookupd| lookupd.http_address());
        Self::asking("lookupd-http-address", addresses, flags)
    }

    /// About these nsqds.
    #[track_caller]
    pub fn of_nsqds(nsqds: &[&Nsqd], flags: &[&str]) -> Self {
        Self::asking("nsqd-http-address", nsqds.iter().map(|nsqd| nsqd.http_address()), flags)
    }

    #[track_caller]
    fn asking(flag: &str, addresses: impl Iterator<Item = SocketAddr>, flags: &[&str]) -> Self {
        let asked: Vec<_> = addresses.map(|address| format!("--{flag}={address}")).collect();
        let asked: Vec<_> = asked.iter().map(String::as_str).collect();
        Self::with(&[&asked, flags].concat())
    }

    /// With flags that say whom to ask, too.
    #[track_caller]
    pub fn with(flags: &[&str]) -> Self {
        let mut child = Self::command()
            .arg("--http-address=127.0.0.1:0")
            .args(flags)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = Log::of(&mut child);
        let mut admin = Self { child, log, http: ([0, 0, 0, 0], 0).into() };
        admin.http = admin.log.address("HTTP: listening on ");
        admin
    }

    /// The program, without flags.
    pub fn command() -> Command {
        let mut command = program::nsq_command();
        command.arg("nsqadmin");
        command
    }

    /// Where it listens.
    pub fn http_address(&self) -> SocketAddr {
        self.http
    }

    /// What it has logged.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// One HTTP request on a connection of its own.
    #[track_caller]
    pub fn http(&self, method: &str, path: &str, body: &str) -> Response {
        http::request(self.http, method, path, body.as_bytes())
    }

    /// The same with further headers, each `Name: value`.
    #[track_caller]
    pub fn http_with(&self, method: &str, path: &str, headers: &[&str], body: &str) -> Response {
        let bytes = http::request_bytes(method, path, body.as_bytes());
        let bytes = String::from_utf8(bytes).unwrap();
        let (line, rest) = bytes.split_once("\r\n").unwrap();
        let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
        http::exchange(self.http, format!("{line}\r\n{headers}{rest}").as_bytes())
    }

    /// A GET that must succeed.
    #[track_caller]
    pub fn get(&self, path: &str) -> Value {
        let response = self.http("GET", path, "");
        assert_eq!(response.status, 200, "GET {path}: {}", response.text());
        response.json()
    }

    /// The most bytes of memory that it has had, of the machine's.
    pub fn peak_bytes(&self) -> u64 {
        let status = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(status).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
    }

    /// Sends a signal and does not wait.
    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits for its end.
    #[track_caller]
    pub fn expect_exit(&mut self) -> ExitStatus {
        program::wait_for_exit(&mut self.child, DEADLINE).expect("it ends")
    }
}

impl Drop for Nsqadmin {
    fn drop(&mut self) {
        let _already_gone = self.child.kill();
        let _already_gone = self.child.wait();
        if thread::panicking() {
            self.log.print();
        }
    }
}
