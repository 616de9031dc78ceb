//! What is left to do once the imported topics count.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::error::TakeOverError;
use crate::storage::{
    disk::{Disk, read_file},
    replace::replace_file,
};

/// No topic's directory begins with a dot.
const FILE_NAME: &str = ".manifest";
const FILE_BYTES_MAX: u64 = 1 << 30;

/// Which of the old files go where.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Manifest {
    /// The directory for them, in the data path.
    pub aside: String,
    /// Their names.
    pub files: Vec<String>,
}

impl Manifest {
    /// Writes it into `dir`, on the disk for good.
    pub fn save(&self, disk: &dyn Disk, dir: &Path) -> Result<(), TakeOverError> {
        let path = path(dir);
        let bytes = serde_json::to_vec(self).map_err(|error| damaged(&path, &error))?;
        replace_file(disk, &path, &bytes, true).map_err(TakeOverError::io("write", &path))
    }

    /// Reads it from `dir`; `None` if there is none.
    pub fn load(disk: &dyn Disk, dir: &Path) -> Result<Option<Self>, TakeOverError> {
        let path = path(dir);
        let bytes =
            read_file(disk, &path, FILE_BYTES_MAX).map_err(TakeOverError::io("read", &path))?;
        let parse = |bytes: Vec<u8>| serde_json::from_slice(&bytes);
        bytes.map(parse).transpose().map_err(|error| damaged(&path, &error))
    }

    /// Removes it from `dir`, for good.
    pub fn remove(disk: &dyn Disk, dir: &Path) -> Result<(), TakeOverError> {
        let path = path(dir);
        disk.remove(&path).map_err(TakeOverError::io("remove", &path))?;
        disk.sync_dir(dir).map_err(TakeOverError::io("sync", dir))
    }
}

fn path(dir: &Path) -> PathBuf {
    dir.join(FILE_NAME)
}

fn damaged(path: &Path, error: &serde_json::Error) -> TakeOverError {
    TakeOverError::ManifestDamaged { path: path.to_owned(), reason: error.to_string() }
}
