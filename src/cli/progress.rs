//! How far a utility has come, for a person at a terminal; nothing for anybody else.

use std::{
    fmt,
    io::{self, IsTerminal, Write},
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use indicatif::{HumanBytes, HumanCount, ProgressBar, ProgressState, ProgressStyle};

const TICK: Duration = Duration::from_millis(200);

/// The one line of this process that is drawn over and over, and the bytes that it shows.
static DRAWN: OnceLock<(ProgressBar, AtomicU64)> = OnceLock::new();

/// Counts messages and bytes, and shows them with their rate, if standard error is a terminal. All that are started in one
/// process count together.
#[derive(Debug)]
pub struct Progress {
    drawn: Option<&'static (ProgressBar, AtomicU64)>,
}

impl Progress {
    /// Begins to show.
    pub fn start() -> Self {
        let draws = io::stderr().is_terminal();
        Self { drawn: draws.then(|| DRAWN.get_or_init(|| (new_bar(), AtomicU64::new(0)))) }
    }

    /// More is done.
    pub fn add(&self, messages: usize, bytes: usize) {
        let Some((bar, sum)) = self.drawn else { return };
        let sum = sum.fetch_add(bytes as u64, Ordering::Relaxed) + bytes as u64;
        bar.inc(messages as u64);
        bar.set_message(HumanBytes(sum).to_string());
    }
}

impl Drop for Progress {
    /// The last numbers stay.
    fn drop(&mut self) {
        if let Some((bar, _)) = self.drawn {
            bar.abandon();
        }
    }
}

fn new_bar() -> ProgressBar {
    let bar = ProgressBar::new_spinner();
    let template = "{spinner} {human_pos} messages, {msg}, {rate}/s, {elapsed}";
    let rate = |state: &ProgressState, out: &mut dyn fmt::Write| {
        let _unseen = write!(out, "{}", HumanCount(state.per_sec() as u64));
    };
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.with_key("rate", rate));
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
            Some((bar, _)) => bar.suspend(|| io::stderr().write(bytes)),
            None => io::stderr().write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
