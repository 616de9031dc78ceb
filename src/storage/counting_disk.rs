//! The real disk, with a count of what is read and of how many files are open.

use std::{
    collections::BTreeMap,
    io::{self, IoSlice},
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use super::{around_files::AroundFiles, disk::DiskFile};

/// What has been done to files.
#[derive(Debug, Default)]
struct Counts {
    /// Bytes, by path.
    read: BTreeMap<PathBuf, u64>,
    /// Files that are open, and how many were at most.
    open: usize,
    open_max: usize,
}

/// The real disk, but it counts.
#[derive(Debug, Clone, Default)]
pub(crate) struct CountingDisk(Arc<Mutex<Counts>>);

#[derive(Debug)]
struct CountingFile {
    path: PathBuf,
    file: Arc<dyn DiskFile>,
    disk: CountingDisk,
}

impl CountingDisk {
    /// Bytes read of each file since the last call.
    pub fn take_read(&self) -> BTreeMap<PathBuf, u64> {
        std::mem::take(&mut self.0.lock().unwrap().read)
    }

    /// Bytes read of all files since the last call.
    pub fn take_read_of_all(&self) -> u64 {
        self.take_read().values().sum()
    }

    /// Begins to count anew.
    pub fn forget(&self) {
        *self.0.lock().unwrap() = Counts::default();
    }

    /// Files that are open.
    pub fn open(&self) -> usize {
        self.0.lock().unwrap().open
    }

    /// The most that have been open at once.
    pub fn open_max(&self) -> usize {
        self.0.lock().unwrap().open_max
    }
}

impl AroundFiles for CountingDisk {
    fn opened(&self, path: &Path, file: Arc<dyn DiskFile>) -> Arc<dyn DiskFile> {
        let mut counts = self.0.lock().unwrap();
        counts.open += 1;
        counts.open_max = counts.open_max.max(counts.open);
        Arc::new(CountingFile { path: path.to_owned(), file, disk: self.clone() })
    }
}

impl Drop for CountingFile {
    fn drop(&mut self) {
        let mut counts = self.disk.0.lock().unwrap();
        counts.open = counts.open.saturating_sub(1);
    }
}

impl DiskFile for CountingFile {
    fn write_at(&self, parts: &[IoSlice<'_>], offset: u64) -> io::Result<usize> {
        self.file.write_at(parts, offset)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let read = self.file.read_at(buffer, offset)?;
        *self.disk.0.lock().unwrap().read.entry(self.path.clone()).or_default() += read as u64;
        Ok(read)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }

    fn size(&self) -> io::Result<u64> {
        self.file.size()
    }
}
