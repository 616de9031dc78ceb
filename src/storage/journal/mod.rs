//! The journal: one more log, which all topics share. With `--durability=power` it is written and synced in the
//! place of many logs that wait for the disk at the same moment; a start puts what stands in it where it belongs.
//!
//! The layout stands in `docs/storage.md`. [`Coverage`] knows which logs a file of it is needed for,
//! [`JournalFiles`] writes them, [`replay`] reads them at a start.

mod coverage;
mod entry;
mod files;
mod replay;
#[cfg(test)]
mod tests;

use std::{
    io,
    path::{Path, PathBuf},
};

use crate::os_error::os_text;

pub(super) use self::replay::replay;
pub use self::{
    coverage::{Coverage, Round},
    entry::{Entry, EntryKind},
    files::JournalFiles,
    replay::Replayed,
};

/// Where its files are, below the data path.
const DIR: &str = "journal";
const SUFFIX: &str = ".journal";
const NAME_DIGITS: usize = 20;
/// Where a file is full: the next entries go into a new one. There are two at most.
pub const JOURNAL_FILE_BYTES: u64 = 64 << 20;

/// Why the journal cannot be written, or read.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The file system refused.
    #[error("cannot {action} {}: {}", path.display(), os_text(source))]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file or directory.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// Written by a later version, which must be used to start once more.
    #[error("{} has unknown version {version}", path.display())]
    UnknownVersion {
        /// The file.
        path: PathBuf,
        /// What it says of itself.
        version: u32,
    },
}

impl JournalError {
    fn io(action: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Io { action, path: path.to_owned(), source }
    }
}

fn file_name(number: u64) -> String {
    format!("{number:0NAME_DIGITS$}{SUFFIX}")
}

/// The number in the name of a journal's file; `None` for any other file.
fn parse_file_name(name: &str) -> Option<u64> {
    let number = name.strip_suffix(SUFFIX)?.parse().ok()?;
    (file_name(number) == name).then_some(number)
}
