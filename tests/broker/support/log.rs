//! What a process says on its standard error.

use std::{
    io::{BufRead, BufReader},
    net::SocketAddr,
    process::{Child, ChildStderr},
    sync::{Arc, Condvar, Mutex},
    thread,
};

use super::wait::DEADLINE;

/// Everything a process has written to its standard error.
#[derive(Default)]
pub struct Log {
    written: Mutex<Written>,
    changed: Condvar,
}

#[derive(Default)]
struct Written {
    lines: Vec<String>,
    complete: bool,
}

impl Log {
    /// Reads what a child, whose standard error is a pipe, writes from now on.
    pub fn of(child: &mut Child) -> Arc<Self> {
        let log = Arc::new(Self::default());
        let stderr = child.stderr.take().unwrap();
        thread::spawn({
            let log = Arc::clone(&log);
            move || log.fill(stderr)
        });
        log
    }

    /// All lines until now.
    pub fn lines(&self) -> Vec<String> {
        self.written.lock().unwrap().lines.clone()
    }

    /// All lines of a process that has ended.
    #[track_caller]
    pub fn lines_to_the_end(&self) -> Vec<String> {
        self.find(|_| None::<()>);
        let written = self.written.lock().unwrap();
        assert!(written.complete, "the log has not ended");
        written.lines.clone()
    }

    /// A line that has all of these in it, which may be still to come.
    #[track_caller]
    pub fn expect(&self, parts: &[&str]) -> String {
        let has_all = |line: &str| parts.iter().all(|part| line.contains(part));
        let found = self.find(|line| has_all(line).then(|| line.to_owned()));
        found.unwrap_or_else(|| panic!("never logged: {parts:?}"))
    }

    fn fill(&self, stderr: ChildStderr) {
        for line in BufReader::new(stderr).split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line).into_owned();
            self.written.lock().unwrap().lines.push(line);
            self.changed.notify_all();
        }
        self.written.lock().unwrap().complete = true;
        self.changed.notify_all();
    }

    /// What `pick` finds in one of the lines, those to come included.
    pub fn find<T>(&self, pick: impl Fn(&str) -> Option<T>) -> Option<T> {
        let mut written = self.written.lock().unwrap();
        let mut seen = 0;
        loop {
            if let Some(found) = written.lines[seen..].iter().find_map(|line| pick(line)) {
                return Some(found);
            }
            seen = written.lines.len();
            if written.complete {
                return None;
            }
            let (next, waited) = self.changed.wait_timeout(written, DEADLINE).unwrap();
            if waited.timed_out() {
                return None;
            }
            written = next;
        }
    }

    /// The address behind these words.
    #[track_caller]
    pub fn address(&self, before: &str) -> SocketAddr {
        let found = self.find(|line| {
            let (_, rest) = line.split_once(before)?;
            rest.split_whitespace().next()?.parse().ok()
        });
        found.unwrap_or_else(|| {
            self.print();
            panic!("the log never said {before:?}")
        })
    }

    /// Shows it to whoever runs a test that has failed.
    pub fn print(&self) {
        let written = self.written.lock().unwrap();
        let skipped = written.lines.len().saturating_sub(200);
        eprintln!("--- log of the process ({skipped} lines before)");
        for line in &written.lines[skipped..] {
            eprintln!("{line}");
        }
    }
}
