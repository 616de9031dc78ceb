//! What a topic remembers beside its log and its channels' cursors.

use std::{
    io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::{
    config::Durability,
    storage::{
        disk::{Disk, read_file},
        replace::replace_file,
        reserve::is_disk_full,
    },
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
    /// While the topic is paused, has no channels or waits for some: messages below have been handed to channels,
    /// those from here on wait.
    #[serde(default)]
    pub held_from: Option<u64>,
    /// What `OK` promises for this topic, where it is not what the node promises.
    #[serde(default)]
    pub durability: Option<Durability>,
    /// The topic is new, and channels that nsqlookupd knows of are still to be made. Earlier versions wrote
    /// none, and their checksums hold.
    #[serde(default, skip_serializing_if = "is_false")]
    pub awaits_channels: bool,
    /// CRC-32C of the file as it would be without this key. Earlier versions wrote none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    checksum: Option<u32>,
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
    /// The file cannot be read.
    #[error("topic.meta is damaged: {0}")]
    Damaged(#[from] serde_json::Error),
    /// The file can be read, but it is not what was written.
    #[error("topic.meta is damaged: its checksum does not match")]
    BadChecksum,
    /// Written by a later version.
    #[error("topic.meta has unknown version {0}")]
    UnknownVersion(u32),
}

impl MetadataError {
    /// There was no room for the file.
    pub fn is_disk_full(&self) -> bool {
        matches!(self, Self::Io { source, .. } if is_disk_full(source))
    }

    /// The file is there, and not what was written.
    pub fn is_damage(&self) -> bool {
        matches!(self, Self::Damaged(_) | Self::BadChecksum)
    }
}

impl Default for TopicMetadata {
    fn default() -> Self {
        Self::new(false, None, None)
    }
}

impl TopicMetadata {
    /// Metadata in the present layout.
    pub fn new(paused: bool, held_from: Option<u64>, durability: Option<Durability>) -> Self {
        Self {
            version: VERSION,
            paused,
            held_from,
            durability,
            awaits_channels: false,
            checksum: None,
        }
    }

    /// The same of a topic that may wait for channels.
    pub fn awaiting_channels(self, awaits_channels: bool) -> Self {
        Self { awaits_channels, ..self }
    }

    /// The file in `dir`, the directory of a topic.
    pub fn path(dir: &Path) -> PathBuf {
        dir.join(FILE_NAME)
    }

    /// Replaces the file in `dir`; on the disk for good if `durable`.
    pub fn save(&self, disk: &dyn Disk, dir: &Path, durable: bool) -> Result<(), MetadataError> {
        let checksum = Some(self.checksum()?);
        let bytes = serde_json::to_vec(&Self { checksum, ..self.clone() })?;
        replace_file(disk, &Self::path(dir), &bytes, durable)
            .map_err(|source| MetadataError::Io { action: "write", source })
    }

    /// Reads the file in `dir`; `None` if there is none.
    pub fn load(disk: &dyn Disk, dir: &Path) -> Result<Option<Self>, MetadataError> {
        let bytes = read_file(disk, &Self::path(dir), FILE_BYTES_MAX)
            .map_err(|source| MetadataError::Io { action: "read", source })?;
        let Some(bytes) = bytes else { return Ok(None) };
        let mut metadata: Self = serde_json::from_slice(&bytes)?;
        if let Some(checksum) = metadata.checksum.take()
            && checksum != metadata.checksum()?
        {
            return Err(MetadataError::BadChecksum);
        }
        match metadata.version {
            VERSION => Ok(Some(metadata)),
            version => Err(MetadataError::UnknownVersion(version)),
        }
    }

    fn checksum(&self) -> Result<u32, serde_json::Error> {
        let bytes = serde_json::to_vec(&Self { checksum: None, ..self.clone() })?;
        Ok(crc32c::crc32c(&bytes))
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands fields over like this")]
fn is_false(value: &bool) -> bool {
    !value
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::disk::RealDisk;

    #[test]
    fn metadata_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(TopicMetadata::load(&RealDisk, dir.path()).unwrap(), None);
        for metadata in [
            TopicMetadata::default(),
            TopicMetadata::new(true, Some(9), Some(Durability::Process)),
            TopicMetadata::new(false, Some(u64::MAX), Some(Durability::Power)),
            TopicMetadata::new(false, Some(1), None).awaiting_channels(true),
        ] {
            metadata.save(&RealDisk, dir.path(), true).unwrap();
            assert_eq!(TopicMetadata::load(&RealDisk, dir.path()).unwrap(), Some(metadata));
        }
    }

    #[test]
    fn files_of_earlier_versions_are_read() {
        let dir = tempfile::tempdir().unwrap();
        let text = r#"{"version":1,"paused":true,"held_from":7}"#;
        std::fs::write(dir.path().join(FILE_NAME), text).unwrap();
        let loaded = TopicMetadata::load(&RealDisk, dir.path()).unwrap();
        assert_eq!(loaded, Some(TopicMetadata::new(true, Some(7), None)));
    }

    #[test]
    fn every_flipped_bit_is_noticed_or_changes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let metadata = TopicMetadata::new(true, Some(1234), Some(Durability::Power));
        metadata.save(&RealDisk, dir.path(), false).unwrap();
        let path = dir.path().join(FILE_NAME);
        let bytes = std::fs::read(&path).unwrap();
        for bit in 0..8 * bytes.len() {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            std::fs::write(&path, &flipped).unwrap();
            match TopicMetadata::load(&RealDisk, dir.path()) {
                Ok(loaded) => assert_eq!(loaded, Some(metadata.clone()), "bit {bit}"),
                Err(error) => assert!(error.is_damage(), "bit {bit}: {error}"),
            }
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
