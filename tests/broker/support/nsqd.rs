//! A broker process in a directory of its own.

use std::{
    fs,
    net::SocketAddr,
    path::Path,
    process::{Child, ExitStatus, Stdio},
    sync::Arc,
    thread,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use super::{
    client::Client,
    http::{self, Response},
    log::Log,
    program::{self, free_address},
    wait::{DEADLINE, Pace},
};

/// Killed when it goes out of scope; its log is printed if the test has failed.
pub struct Nsqd {
    child: Child,
    /// A program that runs the broker, with its arguments; empty for none.
    wrapper: Vec<String>,
    flags: Vec<String>,
    environment: Vec<(String, String)>,
    data: TempDir,
    log: Arc<Log>,
    tcp: SocketAddr,
    http: SocketAddr,
}

impl Nsqd {
    /// A broker as it is without flags.
    #[track_caller]
    pub fn start() -> Self {
        Self::with(&[])
    }

    /// A broker with flags, of which those that it cannot know are left out.
    #[track_caller]
    pub fn with(flags: &[&str]) -> Self {
        Self::with_environment(flags, &[])
    }

    /// A broker that has its address again when it is started again.
    #[track_caller]
    pub fn at_an_address() -> Self {
        Self::with(&[&format!("--tcp-address={}", free_address())])
    }

    /// The same with variables in its environment.
    #[track_caller]
    pub fn with_environment(flags: &[&str], variables: &[(&str, &str)]) -> Self {
        let variables = variables.iter().map(|&(name, value)| (name.into(), value.into()));
        Self::launch(Vec::new(), tempfile::tempdir().unwrap(), flags, variables.collect())
    }

    /// A broker that `wrapper` runs, a program with its arguments that becomes the broker.
    #[track_caller]
    pub fn wrapped(wrapper: Vec<String>, data: TempDir, flags: &[&str]) -> Self {
        Self::launch(wrapper, data, flags, Vec::new())
    }

    #[track_caller]
    fn launch(
        wrapper: Vec<String>,
        data: TempDir,
        flags: &[&str],
        environment: Vec<(String, String)>,
    ) -> Self {
        let flags: Vec<_> = program::known(flags).into_iter().map(str::to_owned).collect();
        let (child, log) = spawn(&wrapper, data.path(), &flags, &environment);
        let mut nsqd = Self { child, wrapper, flags, environment, data, log, tcp: ANY, http: ANY };
        nsqd.learn_addresses();
        nsqd
    }

    /// Other flags for the next process.
    pub fn set_flags(&mut self, flags: &[&str]) {
        self.flags = program::known(flags).into_iter().map(str::to_owned).collect();
    }

    /// Starts again where the last process has ended. The addresses are new.
    #[track_caller]
    pub fn restart(&mut self) {
        assert!(self.child.try_wait().unwrap().is_some(), "the old process must have ended");
        (self.child, self.log) =
            spawn(&self.wrapper, self.data.path(), &self.flags, &self.environment);
        self.learn_addresses();
    }

    #[track_caller]
    fn learn_addresses(&mut self) {
        self.tcp = self.address("TCP", "--tcp-address=");
        self.http = self.address("HTTP", "--http-address=");
    }

    /// Where that protocol is spoken; [`ANY`] where its flag names no port.
    #[track_caller]
    fn address(&self, protocol: &str, flag: &str) -> SocketAddr {
        let given = self.flags.iter().rev().find_map(|given| given.strip_prefix(flag));
        match given {
            Some("") => ANY,
            Some(path) if path.parse::<SocketAddr>().is_err() => {
                self.expect_line(&format!("{protocol}: listening on "));
                ANY
            }
            _ => self.log.address(&format!("{protocol}: listening on ")),
        }
    }

    /// A line of the log that contains `text`, which may be still to come.
    #[track_caller]
    pub fn expect_line(&self, text: &str) -> String {
        self.log.expect(&[text])
    }

    /// How many lines the log has.
    pub fn line_count(&self) -> usize {
        self.log.lines().len()
    }

    /// All lines of a process that has ended.
    #[track_caller]
    pub fn lines_to_the_end(&self) -> Vec<String> {
        self.log.lines_to_the_end()
    }

    /// Of its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Where clients connect.
    pub fn tcp(&self) -> SocketAddr {
        self.tcp
    }

    /// Where HTTP is spoken.
    pub fn http_address(&self) -> SocketAddr {
        self.http
    }

    /// Where HTTP is spoken over TLS.
    #[track_caller]
    pub fn https_address(&self) -> SocketAddr {
        self.log.address("HTTPS: listening on ")
    }

    /// True if a line of the log has this in it by now.
    pub fn has_logged(&self, text: &str) -> bool {
        self.log.lines().iter().any(|line| line.contains(text))
    }

    /// Where its files are.
    pub fn data_path(&self) -> &Path {
        self.data.path()
    }

    /// A client that has said its magic.
    #[track_caller]
    pub fn client(&self) -> Client {
        Client::connect(self.tcp)
    }

    /// A client that takes so many messages of a channel.
    #[track_caller]
    pub fn consumer(&self, topic: &str, channel: &str, ready: usize) -> Client {
        let mut consumer = self.client();
        consumer.subscribe(topic, channel);
        consumer.ready(ready);
        consumer
    }

    /// A client with this IDENTIFY behind it, which is answered `OK`.
    #[track_caller]
    pub fn client_with(&self, identify: &str) -> Client {
        let mut client = self.client();
        client.send(&super::commands::identify(identify));
        client.expect_ok();
        client
    }

    /// One HTTP request on a connection of its own.
    #[track_caller]
    pub fn http(&self, method: &str, path: &str, body: &[u8]) -> Response {
        http::request(self.http, method, path, body)
    }

    /// A POST that must succeed.
    #[track_caller]
    pub fn post(&self, path: &str, body: &[u8]) {
        let response = self.http("POST", path, body);
        assert_eq!(response.status, 200, "POST {path}: {}", response.text());
    }

    /// `/stats`, without what changes from one moment to the next.
    #[track_caller]
    pub fn stats(&self) -> Value {
        let response = self.http("GET", "/stats?format=json&include_mem=false", b"");
        assert_eq!(response.status, 200);
        response.json()
    }

    /// What `/stats` says of a topic, null if there is none.
    #[track_caller]
    pub fn topic(&self, topic: &str) -> Value {
        named(&self.stats()["topics"], "topic_name", topic)
    }

    /// What `/stats` says of a channel, null if there is none.
    #[track_caller]
    pub fn channel(&self, topic: &str, channel: &str) -> Value {
        named(&self.topic(topic)["channels"], "channel_name", channel)
    }

    /// Waits until a channel's counters are these.
    #[track_caller]
    pub fn expect_channel(&self, topic: &str, channel: &str, counters: &[(&str, u64)]) {
        let mut pace = Pace::until(DEADLINE);
        loop {
            let found = self.channel(topic, channel);
            if counters.iter().all(|(name, count)| found[name] == *count) {
                return;
            }
            assert!(
                pace.again(),
                "topic={topic} channel={channel}: expected {counters:?}, found {found}"
            );
        }
    }

    /// Waits for a line of its log that has all of these in it.
    #[track_caller]
    pub fn expect_logged(&self, parts: &[&str]) -> String {
        self.log.expect(parts)
    }

    /// Everything it has logged until now.
    pub fn logged(&self) -> String {
        self.log.lines().join("\n")
    }

    /// Bytes of memory that it has, of the machine's.
    pub fn resident_bytes(&self) -> u64 {
        self.memory("VmRSS:")
    }

    /// The most that it has had.
    pub fn peak_bytes(&self) -> u64 {
        self.memory("VmHWM:")
    }

    /// Bytes that it has read from files since its start.
    pub fn read_bytes(&self) -> u64 {
        let io = fs::read_to_string(format!("/proc/{}/io", self.child.id())).unwrap();
        io.lines().find_map(|line| line.strip_prefix("rchar: ")).unwrap().parse().unwrap()
    }

    fn memory(&self, field: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(field)).unwrap();
        let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse().unwrap();
        kilobytes * 1024
    }

    /// Time that it has had on a processor.
    pub fn cpu_time(&self) -> Duration {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let fields: Vec<_> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
        let ticks: u64 = fields[11..13].iter().map(|field| field.parse::<u64>().unwrap()).sum();
        Duration::from_millis(ticks * 10) // 100 ticks a second on every Linux
    }

    /// Ends it as the machine might: no handler runs.
    pub fn kill9(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Sends a signal and does not wait.
    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, signal).unwrap();
    }

    /// Asks it to stop, and fails if it has not within the deadline.
    #[track_caller]
    pub fn terminate(&mut self) -> ExitStatus {
        self.signal(Signal::TERM);
        self.expect_exit(DEADLINE)
    }

    /// Waits for its end.
    #[track_caller]
    pub fn expect_exit(&mut self, deadline: Duration) -> ExitStatus {
        program::wait_for_exit(&mut self.child, deadline)
            .unwrap_or_else(|| panic!("still running after {deadline:?}"))
    }

    /// True while the process lives.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }
}

impl Drop for Nsqd {
    fn drop(&mut self) {
        let _already_gone = self.child.kill();
        let _already_gone = self.child.wait();
        if thread::panicking() {
            self.log.print();
        }
    }
}

const ANY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED), 0);

fn named(list: &Value, key: &str, name: &str) -> Value {
    let mut found = list.as_array().into_iter().flatten();
    found.find(|entry| entry[key] == name).cloned().unwrap_or_default()
}

fn spawn(
    wrapper: &[String],
    data: &Path,
    flags: &[String],
    environment: &[(String, String)],
) -> (Child, Arc<Log>) {
    let mut child = program::wrapped(wrapper)
        .arg(format!("--data-path={}", data.display()))
        .args(["tcp", "http", "https"].map(|name| format!("--{name}-address=127.0.0.1:0")))
        .args(flags)
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let log = Log::of(&mut child);
    (child, log)
}
