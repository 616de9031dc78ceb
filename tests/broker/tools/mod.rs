//! The utilities as processes, against our broker.

mod archiving;
mod bench;
mod bench_faults;
mod nsq_to_http;
mod nsq_to_nsq;
mod printing;
mod publishing;
mod round_trip;
mod statistics;
mod stopping;
mod terminal;
mod tool;

use std::{collections::BTreeSet, fs, path::Path, process::Command};

use tool::Tool;

/// Lines of all files below a directory, decompressed; fails if one of them ends in the middle of a line.
#[track_caller]
fn archived(dir: &Path) -> Vec<String> {
    let mut lines = Vec::new();
    for entry in fs::read_dir(dir).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            lines.extend(archived(&path));
            continue;
        }
        let text = text_of(&path);
        assert!(text.is_empty() || text.ends_with('\n'), "{}: {text:?}", path.display());
        lines.extend(text.lines().map(str::to_owned));
    }
    lines
}

/// As `gzip -dc` reads it, which complains about anything that is not whole.
#[track_caller]
fn text_of(path: &Path) -> String {
    if path.extension().is_none_or(|ending| ending != "gz") {
        return fs::read_to_string(path).unwrap();
    }
    let unpacked = Command::new("gzip").arg("-dc").arg(path).output().unwrap();
    let complaint = String::from_utf8_lossy(&unpacked.stderr);
    assert!(unpacked.status.success(), "{}: {complaint}", path.display());
    String::from_utf8(unpacked.stdout).unwrap()
}

fn set(lines: impl IntoIterator<Item = String>) -> BTreeSet<String> {
    lines.into_iter().collect()
}

/// `message 0`, `message 1` and so on.
fn messages(numbers: std::ops::Range<usize>) -> Vec<String> {
    numbers.map(|number| format!("message {number}")).collect()
}
