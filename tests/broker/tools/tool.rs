//! A utility that runs.

use std::{
    fs::File,
    io::{Read, Write},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::{Arc, Condvar, Mutex},
    thread,
};

use nix::pty::{Winsize, openpty};
use rustix::process::{Pid, Signal, kill_process};

use crate::support::{DEADLINE, Ended, nsq_command, wait_for_exit};

/// Killed when it goes out of scope.
pub struct Tool {
    pub child: Child,
    stdin: Option<ChildStdin>,
    out: Arc<Written>,
    err: Arc<Written>,
}

/// What a process writes, as it comes.
#[derive(Default)]
struct Written {
    state: Mutex<(Vec<u8>, bool)>,
    changed: Condvar,
}

impl Written {
    fn follow(mut stream: impl Read + Send + 'static) -> Arc<Self> {
        let written = Arc::new(Self::default());
        let fills = Arc::clone(&written);
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            loop {
                let read = stream.read(&mut bytes).unwrap_or(0);
                let mut state = fills.state.lock().unwrap();
                state.0.extend_from_slice(&bytes[..read]);
                state.1 = read == 0;
                fills.changed.notify_all();
                if read == 0 {
                    return;
                }
            }
        });
        written
    }

    /// Nothing, for ever.
    fn nothing() -> Arc<Self> {
        Arc::new(Self { state: Mutex::new((Vec::new(), true)), changed: Condvar::new() })
    }

    /// Waits until it holds for the text so far, or nothing more comes; the text.
    fn until(&self, holds: impl Fn(&str) -> bool) -> Option<String> {
        let state = self.state.lock().unwrap();
        let waits =
            |state: &mut (Vec<u8>, bool)| !state.1 && !holds(&String::from_utf8_lossy(&state.0));
        let (state, waited) = self.changed.wait_timeout_while(state, DEADLINE, waits).unwrap();
        let text = String::from_utf8_lossy(&state.0).into_owned();
        (!waited.timed_out()).then_some(text)
    }

    #[track_caller]
    fn expect(&self, text: &str) {
        let written = self.until(|written| written.contains(text));
        let written = written.unwrap_or_else(|| panic!("never wrote {text:?}"));
        assert!(written.contains(text), "never wrote {text:?} but {written}");
    }
}

impl Tool {
    /// Starts it; its input stays open until [`Self::close_input`].
    #[track_caller]
    pub fn start(name: &str, arguments: &[&str]) -> Self {
        Self::with_environment(name, arguments, &[])
    }

    /// The same with variables in its environment.
    #[track_caller]
    pub fn with_environment(name: &str, arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        let mut command = nsq_command();
        command.arg(name).args(arguments).envs(variables.iter().copied());
        Self::spawn(command.stdin(Stdio::piped()))
    }

    /// Starts it with this as its input.
    #[track_caller]
    pub fn reading(name: &str, arguments: &[&str], input: File) -> Self {
        Self::spawn(nsq_command().arg(name).args(arguments).stdin(input))
    }

    #[track_caller]
    fn spawn(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let stdin = child.stdin.take();
        let out = Written::follow(child.stdout.take().unwrap());
        let err = Written::follow(child.stderr.take().unwrap());
        Self { child, stdin, out, err }
    }

    /// Starts it with an output that is read by nobody, but stays open as long as the second value lives.
    #[track_caller]
    pub fn unread(name: &str, arguments: &[&str]) -> (Self, ChildStdout) {
        let mut child = nsq_command()
            .arg(name)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let output = child.stdout.take().unwrap();
        let err = Written::follow(child.stderr.take().unwrap());
        (Self { child, stdin: None, out: Written::nothing(), err }, output)
    }

    /// Starts it at a terminal of 80 columns; what it says stands among what it prints.
    #[track_caller]
    pub fn at_terminal(name: &str, arguments: &[&str]) -> Self {
        let size = Winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 };
        let terminal = openpty(&size, None).unwrap();
        let mut child = nsq_command()
            .arg(name)
            .args(arguments)
            .env("TERM", "xterm")
            .stdin(Stdio::piped())
            .stdout(terminal.slave.try_clone().unwrap())
            .stderr(terminal.slave)
            .spawn()
            .unwrap();
        let stdin = child.stdin.take();
        let out = Written::follow(File::from(terminal.master));
        Self { child, stdin, out, err: Written::nothing() }
    }

    /// Runs it with this input to its end.
    #[track_caller]
    pub fn run(name: &str, arguments: &[&str], input: &[u8]) -> Ended {
        let mut tool = Self::start(name, arguments);
        tool.feed(input);
        tool.close_input();
        tool.end()
    }

    /// Writes to its input; that it has ended meanwhile is seen elsewhere.
    pub fn feed(&mut self, bytes: &[u8]) {
        let _ended = self.stdin.as_mut().unwrap().write_all(bytes);
    }

    pub fn close_input(&mut self) {
        self.stdin = None;
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    pub fn kill9(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits until its complaints have this in them.
    #[track_caller]
    pub fn expect_said(&self, text: &str) {
        self.err.expect(text);
    }

    /// What it has said until now.
    pub fn said(&self) -> String {
        self.err.until(|_| true).unwrap_or_default()
    }

    /// Waits until it has printed this.
    #[track_caller]
    pub fn expect_printed(&self, text: &str) {
        self.out.expect(text);
    }

    /// Waits until it has printed so many lines.
    #[track_caller]
    pub fn expect_lines(&self, count: usize) -> Vec<String> {
        let printed = self.out.until(|printed| printed.matches('\n').count() >= count);
        let printed = printed.unwrap_or_else(|| panic!("fewer than {count} lines"));
        printed.lines().map(str::to_owned).collect()
    }

    /// Waits for its end.
    #[track_caller]
    pub fn end(mut self) -> Ended {
        let status = wait_for_exit(&mut self.child, 4 * DEADLINE);
        let err = || self.err.until(|_| true).unwrap_or_default();
        let status = status.unwrap_or_else(|| panic!("it does not end, and says {}", err()));
        let all = |written: &Written| written.until(|_| false).unwrap();
        Ended { code: status.code(), out: all(&self.out), err: all(&self.err) }
    }

    /// Asks it to stop and waits for that.
    #[track_caller]
    pub fn terminate(self) -> Ended {
        self.signal(Signal::TERM);
        self.end()
    }
}

impl Drop for Tool {
    fn drop(&mut self) {
        let _already_gone = self.child.kill();
        let _already_gone = self.child.wait();
        if thread::panicking() {
            eprintln!("--- what a tool said\n{}", self.err.until(|_| true).unwrap_or_default());
        }
    }
}
