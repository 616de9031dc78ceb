//! The servers under test, as child processes. Only a bench that is itself killed leaves one.

use std::{
    env,
    ffi::OsString,
    fs,
    io::{self, BufRead, BufReader},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, ChildStderr, Command, ExitStatus, Stdio},
    sync::mpsc::{self, Receiver, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use nsq_actors::bench::usage;

use crate::{Result, cases::BODY_SIZE, store::Store};

const START_LIMIT: Duration = Duration::from_secs(15);
const STOP_LIMIT: Duration = Duration::from_secs(30);
const QUIET_LIMIT: Duration = Duration::from_secs(120);

/// How to start the broker that is measured.
#[derive(Debug)]
pub struct Program {
    path: PathBuf,
    /// In front of nsqd's flags.
    subcommand: Vec<String>,
    args: Vec<String>,
    dir: PathBuf,
}

impl Program {
    /// This package's `nsq`, or the program at `path`.
    pub fn new(path: Option<&Path>, args: &[String], dir: &Path) -> Self {
        let path = path.unwrap_or_else(|| Path::new(env!("CARGO_BIN_EXE_nsq"))).to_owned();
        let is_nsq = path.file_name().is_some_and(|name| name == "nsq");
        let subcommand = if is_nsq { vec!["nsqd".to_owned()] } else { Vec::new() };
        Self { path, subcommand, args: args.to_vec(), dir: dir.to_owned() }
    }

    /// This program again, as an nsqd that keeps its logs there.
    pub fn keeping_logs(&self, store: Store) -> Result<Self> {
        let (path, subcommand) = (env::current_exe()?, store.command());
        Ok(Self { path, subcommand, args: self.args.clone(), dir: self.dir.clone() })
    }

    /// The same with one more flag.
    pub fn with(&self, flag: &str) -> Self {
        let mut args = self.args.clone();
        args.push(flag.to_owned());
        let (path, subcommand) = (self.path.clone(), self.subcommand.clone());
        Self { path, subcommand, args, dir: self.dir.clone() }
    }

    /// Its name and flags, as they belong into a report.
    pub fn title(&self) -> String {
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        let args = self.subcommand.iter().chain(&self.args).map(|arg| format!(" {arg}"));
        args.fold(name.into_owned(), |title, arg| title + &arg)
    }

    /// Where directories are made.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    pub fn start(&self) -> Result<Server> {
        self.start_with(&[])
    }

    /// The same with more flags.
    pub fn start_with(&self, more: &[String]) -> Result<Server> {
        let data_path = TempDir::with_prefix_in("bench-nsqd-", &self.dir)?;
        let mut command = self.command(data_path.path());
        Server::spawn(command.args(more), Some(data_path), true)
    }

    /// Starts on a data path that stays when the server has ended.
    pub fn start_on(&self, data_path: &Path) -> Result<Server> {
        Server::spawn(&mut self.command(data_path), None, true)
    }

    /// The program itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn command(&self, data_path: &Path) -> Command {
        let mut command = Command::new(&self.path);
        let mut data_flag = OsString::from("--data-path=");
        data_flag.push(data_path);
        command.args(&self.subcommand).arg(data_flag);
        command.args(["--tcp-address=127.0.0.1:0", "--http-address=127.0.0.1:0"]).args(&self.args);
        command
    }
}

/// Starts the bare loop, which sends at most `messages` to a subscriber.
pub fn start_bare(messages: u64) -> Result<Server> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nsq"));
    command.args(["bench", "bare"]);
    command.args([format!("--messages={messages}"), format!("--size={BODY_SIZE}")]);
    Server::spawn(&mut command, None, false)
}

/// A running server; dropped, it is killed, and its data path removed.
#[derive(Debug)]
pub struct Server {
    child: Child,
    tcp: SocketAddr,
    http: Option<SocketAddr>,
    /// Not the bare loop.
    is_broker: bool,
    /// What is removed with the server.
    _data_path: Option<TempDir>,
}

impl Server {
    fn spawn(command: &mut Command, data_path: Option<TempDir>, is_broker: bool) -> Result<Self> {
        // The bare loop ends when its standard input does, so that it cannot outlive the bench.
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
        let stderr = child.stderr.take().ok_or("no stderr")?;
        let unknown = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut server = Self { child, tcp: unknown, http: None, is_broker, _data_path: data_path };
        server.find_addresses(&read_lines(stderr))?;
        Ok(server)
    }

    fn find_addresses(&mut self, lines: &Receiver<String>) -> Result<()> {
        let deadline = Instant::now() + START_LIMIT;
        let mut log = String::new();
        while self.tcp.port() == 0 || (self.is_broker() && self.http.is_none()) {
            match lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => {
                    self.note_address(&line)?;
                    log.push_str(&line);
                }
                Err(RecvTimeoutError::Timeout) => return Err(format!("no ports:\n{log}").into()),
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(format!("it did not start:\n{log}").into());
                }
            }
        }
        Ok(())
    }

    fn note_address(&mut self, line: &str) -> Result<()> {
        if let Some((_, address)) = line.split_once("TCP: listening on ") {
            self.tcp = address.trim().parse()?;
        } else if let Some((_, address)) = line.split_once("HTTP: listening on ") {
            self.http = Some(address.trim().parse()?);
        }
        Ok(())
    }

    pub fn tcp(&self) -> SocketAddr {
        self.tcp
    }

    pub fn http(&self) -> Result<SocketAddr> {
        self.http.ok_or_else(|| "the bare loop speaks no HTTP".into())
    }

    pub fn is_broker(&self) -> bool {
        self.is_broker
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn cpu(&self) -> Result<Duration> {
        Ok(usage::cpu_of(self.pid())?)
    }

    pub fn resident_bytes(&self) -> Result<u64> {
        Ok(usage::resident_bytes(self.pid())?)
    }

    /// Open descriptors.
    pub fn descriptors(&self) -> Result<usize> {
        Ok(fs::read_dir(format!("/proc/{}/fd", self.child.id()))?.count())
    }

    /// Ends it with no chance to do anything more.
    pub fn kill(mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Waits until the server has nothing more to do of its own, so that it is not counted later.
    pub fn wait_until_quiet(&self) -> Result<()> {
        const LOOK: Duration = Duration::from_millis(200);
        let deadline = Instant::now() + QUIET_LIMIT;
        let mut before = self.cpu()?;
        while Instant::now() < deadline {
            thread::sleep(LOOK);
            let now = self.cpu()?;
            if now.saturating_sub(before) < LOOK / 20 {
                return Ok(());
            }
            before = now;
        }
        Err("it never came to rest".into())
    }

    /// Asks it to end, and waits. A broker that does not end well is an error.
    pub fn stop(mut self) -> Result<()> {
        let id = self.child.id().cast_signed();
        kill_process(Pid::from_raw(id).ok_or("no such process")?, Signal::TERM)?;
        let status = self.wait()?;
        if self.is_broker() && !status.success() {
            return Err(format!("it ended with {status}").into());
        }
        Ok(())
    }

    fn wait(&mut self) -> Result<ExitStatus> {
        let deadline = Instant::now() + STOP_LIMIT;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            thread::sleep(Duration::from_millis(5));
        }
        Err("it did not stop when asked".into())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail only when it has ended already, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads the log to its end, whether anybody listens or not: a full pipe would stop the server.
fn read_lines(stderr: ChildStderr) -> Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut reader = BufReader::new(stderr);
        let mut line = String::new();
        while reader.read_line(&mut line).is_ok_and(|length| length > 0) {
            if sender.send(std::mem::take(&mut line)).is_err() {
                break;
            }
        }
        let _ = io::copy(&mut reader, &mut io::sink());
    });
    receiver
}
