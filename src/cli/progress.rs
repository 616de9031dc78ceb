//! How far a utility has come, for a person at a terminal; nothing for anybody else.

use std::{
    io::{self, IsTerminal, Write},
    sync::OnceLock,
    time::Duration,
};

use indicatif::{HumanBytes, ProgressBar, ProgressStyle};

const TICK: Duration = Duration::from_millis(200);

/// The one line of this process that is drawn over and over.
static DRAWN: OnceLock<ProgressBar> = OnceLock::new();

/// Counts messages and bytes, and shows them with their rate while it lives, if standard error is a terminal.
#[derive(Debug)]
pub struct Progress {
    bar: Option<ProgressBar>,
    bytes: u64,
}

impl Progress {
    /// Begins to show.
    pub fn start() -> Self {
        let bar = io::stderr().is_terminal().then(|| DRAWN.get_or_init(new_bar).clone());
        Self { bar, bytes: 0 }
    }

    /// More is done.
    pub fn add(&mut self, messages: usize, bytes: usize) {
        let Some(bar) = &self.bar else { return };
        self.bytes += bytes as u64;
        bar.inc(messages as u64);
        bar.set_message(HumanBytes(self.bytes).to_string());
    }
}

impl Drop for Progress {
    /// The last numbers stay.
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.abandon();
        }
    }
}

fn new_bar() -> ProgressBar {
    let bar = ProgressBar::new_spinner();
    let template = "{spinner} {human_pos} messages, {msg}, {per_sec}, {elapsed}";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.set_message("0 B");
    bar.enable_steady_tick(TICK);
    bar
}

/// Standard error for lines that must not get into the one that is drawn.
#[derive(Debug)]
pub(super) struct StderrBesideProgress;

impl Write for StderrBesideProgress {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match DRAWN.get() {
            Some(bar) => bar.suspend(|| io::stderr().write(bytes)),
            None => io::stderr().write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
