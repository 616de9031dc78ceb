//! Why a data path cannot be taken over.

use std::{
    io,
    path::{Path, PathBuf},
};

use crate::{
    os_error::os_text,
    storage::{CursorError, LogError, MetadataError, StoredTopicError},
};

/// Why a data path cannot be taken over. The old files are as they were, or all of them have been
/// read; the next start goes on.
#[derive(Debug, thiserror::Error)]
pub enum TakeOverError {
    /// `nsqd.dat` cannot be read.
    #[error("failed to read metadata from {} - {}", path.display(), os_text(source))]
    TopologyNotRead {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// `nsqd.dat` is not what upstream writes.
    #[error("failed to parse metadata in {} - {reason}", path.display())]
    TopologyNotParsed {
        /// The file.
        path: PathBuf,
        /// What is wrong, in the words of Go's JSON decoder where they are few.
        reason: String,
    },
    /// The list of an interrupted takeover cannot be read.
    #[error("the list of an interrupted takeover, {}, is damaged: {reason}", path.display())]
    ManifestDamaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
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
    /// The new log.
    #[error(transparent)]
    Log(#[from] LogError),
    /// A cursor of the new topic.
    #[error(transparent)]
    Cursor(#[from] CursorError),
    /// The new topic's own state.
    #[error(transparent)]
    Metadata(#[from] MetadataError),
    /// The topic of the same name that is here already.
    #[error("topic {topic} cannot be opened: {source}")]
    Topic {
        /// Its name.
        topic: String,
        /// What is wrong.
        source: StoredTopicError,
    },
    /// It was told to stop.
    #[error("interrupted; the next start begins again")]
    Cancelled,
}

impl TakeOverError {
    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }
}
