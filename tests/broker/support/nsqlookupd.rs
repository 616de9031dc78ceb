//! An nsqlookupd process.

use std::{
    net::SocketAddr,
    process::{Child, Command, ExitStatus, Stdio},
    sync::Arc,
    thread,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::{
    client::Client,
    connect_raw,
    http::{self, Response},
    log::Log,
    lookup_client::LookupClient,
    program,
    wait::{DEADLINE, eventually},
};

/// Killed when it goes out of scope; its log is printed if the test has failed.
pub struct Nsqlookupd {
    child: Child,
    log: Arc<Log>,
    tcp: SocketAddr,
    http: SocketAddr,
}

impl Nsqlookupd {
    /// As it is without flags, but for its name and its ports.
    #[track_caller]
    pub fn start() -> Self {
        Self::with(&[])
    }

    /// With flags.
    #[track_caller]
    pub fn with(flags: &[&str]) -> Self {
        Self::run(Self::command(), flags)
    }

    /// Where no more than so many files may be open.
    #[track_caller]
    pub fn limited(descriptors: usize) -> Self {
        let script = format!("ulimit -n {descriptors} && exec \"$@\"");
        let inner = Self::command();
        let mut command = Command::new("sh");
        command.args(["-c", &script, "sh"]).arg(inner.get_program()).args(inner.get_args());
        Self::run(command, &[])
    }

    /// The program, without flags.
    pub fn command() -> Command {
        let mut command = program::nsq_command();
        command.arg("nsqlookupd");
        command
    }

    #[track_caller]
    fn run(mut command: Command, flags: &[&str]) -> Self {
        let mut child = command
            .args(["--tcp-address=127.0.0.1:0", "--http-address=127.0.0.1:0"])
            .args(flags)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = Log::of(&mut child);
        let mut lookupd = Self { child, log, tcp: ANY, http: ANY };
        lookupd.tcp = lookupd.log.address("TCP: listening on ");
        lookupd.http = lookupd.log.address("HTTP: listening on ");
        lookupd
    }

    /// Where nsqds connect.
    pub fn tcp(&self) -> SocketAddr {
        self.tcp
    }

    /// Where HTTP is spoken.
    pub fn http_address(&self) -> SocketAddr {
        self.http
    }

    /// What it has logged.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// A connection that has not said anything.
    #[track_caller]
    pub fn raw(&self) -> Client {
        connect_raw(self.tcp)
    }

    /// A connection that has said the magic.
    #[track_caller]
    pub fn link(&self) -> LookupClient {
        LookupClient::connect(self.tcp)
    }

    /// A node of that name with these topics and channels, such as `orders` and `orders audit`.
    #[track_caller]
    pub fn node(&self, name: &str, registrations: &[&str]) -> LookupClient {
        let mut link = self.link();
        link.identify(name);
        for registration in registrations {
            link.ask(&format!("REGISTER {registration}"), "OK");
        }
        link
    }

    /// One HTTP request on a connection of its own.
    #[track_caller]
    pub fn http(&self, method: &str, path: &str) -> Response {
        http::request(self.http, method, path, b"")
    }

    /// A GET that must succeed.
    #[track_caller]
    pub fn get(&self, path: &str) -> Value {
        let response = self.http("GET", path);
        assert_eq!(response.status, 200, "GET {path}: {}", response.text());
        response.json()
    }

    /// A POST that must succeed, without a body.
    #[track_caller]
    pub fn post(&self, path: &str) {
        let response = self.http("POST", path);
        assert_eq!((response.status, response.text().as_str()), (200, ""), "POST {path}");
    }

    /// The names of the nodes that have a topic, sorted.
    #[track_caller]
    pub fn found(&self, topic: &str) -> Vec<String> {
        names(&self.get(&format!("/lookup?topic={topic}"))["producers"])
    }

    /// Waits until exactly these nodes have the topic.
    #[track_caller]
    pub fn expect_found(&self, topic: &str, nodes: &[&str]) {
        eventually(&format!("{topic} is at {nodes:?}"), || {
            let response = self.http("GET", &format!("/lookup?topic={topic}"));
            let found = (response.status == 200).then(|| names(&response.json()["producers"]))?;
            (found == nodes).then_some(())
        });
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

    /// Bytes of memory that it has, of the machine's.
    pub fn resident_bytes(&self) -> u64 {
        let status = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(status).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
    }

    /// Time that it has had on a processor.
    pub fn cpu_time(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let fields: Vec<_> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
        let ticks: u64 = fields[11..13].iter().map(|field| field.parse::<u64>().unwrap()).sum();
        Duration::from_millis(ticks * 10) // 100 ticks a second on every Linux
    }
}

const ANY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED), 0);

/// The names of producers, sorted.
fn names(producers: &Value) -> Vec<String> {
    let producers = producers.as_array().expect("a list of producers").iter();
    let names = producers.map(|it| it["broadcast_address"].as_str().unwrap().to_owned());
    let mut names: Vec<_> = names.collect();
    names.sort_unstable();
    names
}

impl Drop for Nsqlookupd {
    fn drop(&mut self) {
        let _already_gone = self.child.kill();
        let _already_gone = self.child.wait();
        if thread::panicking() {
            self.log.print();
        }
    }
}
