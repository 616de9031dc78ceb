//! Doubles of the disk that differ in what happens to files only.

use std::{ffi::OsString, fmt::Debug, io, path::Path, sync::Arc};

use super::disk::{Disk, DiskFile, RealDisk};

/// A disk that is the real one, but for something that it puts around files: to stall, count or forget what goes
/// through them.
pub trait AroundFiles: Debug + Send + Sync {
    /// Around a file that was opened.
    fn opened(&self, path: &Path, file: Arc<dyn DiskFile>) -> Arc<dyn DiskFile>;

    /// Around a file that was made or emptied; the same unless said otherwise.
    fn created(&self, path: &Path, file: Arc<dyn DiskFile>) -> Arc<dyn DiskFile> {
        self.opened(path, file)
    }
}

impl<D: AroundFiles> Disk for D {
    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        Ok(self.created(path, RealDisk.create(path)?))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        Ok(self.opened(path, RealDisk.open(path)?))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        RealDisk.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        RealDisk.remove(path)
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        RealDisk.create_dir(path)
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        RealDisk.remove_dir(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        RealDisk.sync_dir(path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<OsString>> {
        RealDisk.list(path)
    }
}
