//! What a topic remembers beside its log and its channels' cursors.

use std::{
    io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::storage::{
    disk::{Disk, read_file},
    replace::replace_file,
};

const FILE_NAME: &str = "topic.meta";
const FILE_BYTES_MAX: u64 = 64 << 10;
const VERSION: u32 = 1;

/// The contents of `topic.meta`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopicMetadata {
    /// Of the file's layout.
    version: u32,
    /// Nothing is handed to the channels.
    #[serde(default)]
    pub paused: bool,
    /// While the topic is paused or has no channels: messages below have been handed to channels,
    /// those from here on wait.
    #[serde(default)]
    pub held_from: Option<u64>,
}

/// Why a topic's metadata cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum MetadataError {
    /// The file system refused.
    #[error("cannot {action} topic.meta: {source}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// What the operating system said.
        source: io::Error,
    },
    /// The file is not ours.
    #[error("topic.meta is damaged: {0}")]
    Damaged(#[from] serde_json::Error),
    /// Written by a later version.
    #[error("topic.meta has unknown version {0}")]
    UnknownVersion(u32),
}

impl Default for TopicMetadata {
    fn default() -> Self {
        Self { version: VERSION, paused: false, held_from: None }
    }
}

impl TopicMetadata {
    /// Metadata in the present layout.
    pub fn new(paused: bool, held_from: Option<u64>) -> Self {
        Self { version: VERSION, paused, held_from }
    }

    /// The file in `dir`, the directory of a topic.
    pub fn path(dir: &Path) -> PathBuf {
        dir.join(FILE_NAME)
    }

    /// Replaces the file in `dir`; on the disk for good if `durable`.
    pub fn save(&self, disk: &dyn Disk, dir: &Path, durable: bool) -> Result<(), MetadataError> {
        let bytes = serde_json::to_vec(self)?;
        replace_file(disk, &Self::path(dir), &bytes, durable)
            .map_err(|source| MetadataError::Io { action: "write", source })
    }

    /// Reads the file in `dir`; `None` if there is none.
    pub fn load(disk: &dyn Disk, dir: &Path) -> Result<Option<Self>, MetadataError> {
        let bytes = read_file(disk, &Self::path(dir), FILE_BYTES_MAX)
            .map_err(|source| MetadataError::Io { action: "read", source })?;
        let Some(bytes) = bytes else { return Ok(None) };
        let metadata: Self = serde_json::from_slice(&bytes)?;
        match metadata.version {
            VERSION => Ok(Some(metadata)),
            version => Err(MetadataError::UnknownVersion(version)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::disk::RealDisk;

    #[test]
    fn metadata_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(TopicMetadata::load(&RealDisk, dir.path()).unwrap(), None);
        for metadata in [TopicMetadata::default(), TopicMetadata::new(true, Some(9))] {
            metadata.save(&RealDisk, dir.path(), true).unwrap();
            assert_eq!(TopicMetadata::load(&RealDisk, dir.path()).unwrap(), Some(metadata));
        }
    }

    #[test]
    fn garbage_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        for (garbage, text) in [
            ("", "topic.meta is damaged"),
            ("{\"version\":1,\"paused\":7}", "topic.meta is damaged"),
            ("{\"version\":2}", "topic.meta has unknown version 2"),
        ] {
            std::fs::write(dir.path().join(FILE_NAME), garbage).unwrap();
            let error = TopicMetadata::load(&RealDisk, dir.path()).unwrap_err();
            assert!(error.to_string().starts_with(text), "{error}");
        }
    }
}
