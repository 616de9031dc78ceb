//! What a log has written and not synced yet.

use std::{io, path::PathBuf, sync::Arc};

use rustix::io::Errno;

use crate::storage::{
    disk::{Disk, DiskFile},
    log::{LogError, LogOptions},
    segment::Segment,
};

/// A segment that is written to. Keeps the descriptor, because only the one that wrote is sure to
/// hear of a failed write-back when it syncs.
#[derive(Debug, Clone)]
pub(super) struct Tail {
    pub segment: Arc<Segment>,
    pub file: Arc<dyn DiskFile>,
}

impl Tail {
    pub fn open(segment: &Arc<Segment>, options: &LogOptions) -> Result<Self, LogError> {
        let file = segment
            .file(&*options.disk)
            .map_err(|source| LogError::io("open", segment.path(), source))?;
        Ok(Self { segment: Arc::clone(segment), file })
    }
}

/// Files and directories that were written and are not durable yet.
#[derive(Debug)]
pub struct Unsynced {
    /// Written by this log, oldest first.
    tails: Vec<Tail>,
    /// Sealed segments that were there when the log was opened: whoever wrote them may not have
    /// come to sync them.
    inherited: Vec<Arc<Segment>>,
    /// Directories with entries that are not durable.
    dirs: Vec<PathBuf>,
    disk: Arc<dyn Disk>,
}

impl Unsynced {
    pub(super) fn new(disk: Arc<dyn Disk>) -> Self {
        Self { tails: Vec::new(), inherited: Vec::new(), dirs: Vec::new(), disk }
    }

    pub(super) fn add_tail(&mut self, tail: &Tail) {
        if !self.tails.iter().any(|known| Arc::ptr_eq(&known.segment, &tail.segment)) {
            self.tails.push(tail.clone());
        }
    }

    pub(super) fn add_inherited(&mut self, segment: &Arc<Segment>) {
        self.inherited.push(Arc::clone(segment));
    }

    pub(super) fn add_dir(&mut self, dir: PathBuf) {
        if !self.dirs.contains(&dir) {
            self.dirs.push(dir);
        }
    }

    /// A segment has been removed: nothing of it need be durable.
    pub(super) fn forget(&mut self, segment: &Arc<Segment>) {
        self.tails.retain(|tail| !Arc::ptr_eq(&tail.segment, segment));
        self.inherited.retain(|inherited| !Arc::ptr_eq(inherited, segment));
    }

    /// Everything, leaving nothing.
    pub(super) fn take(&mut self) -> Self {
        std::mem::replace(self, Self::new(Arc::clone(&self.disk)))
    }

    /// Takes back what could not be synced yet.
    pub(super) fn put_back(&mut self, earlier: Self) {
        let later = std::mem::replace(self, earlier);
        later.tails.iter().for_each(|tail| self.add_tail(tail));
        self.inherited.extend(later.inherited);
        later.dirs.into_iter().for_each(|dir| self.add_dir(dir));
    }

    /// Nothing to sync.
    pub fn is_empty(&self) -> bool {
        self.tails.is_empty() && self.inherited.is_empty() && self.dirs.is_empty()
    }

    /// Makes everything durable; waits for the disk. Contents go first, then the names that lead to
    /// them.
    pub fn sync(&self) -> Result<(), LogError> {
        for segment in &self.inherited {
            self.sync_inherited(segment)
                .map_err(|source| LogError::io("sync", segment.path(), source))?;
        }
        for tail in &self.tails {
            tail.file
                .sync_data()
                .map_err(|source| LogError::io("sync", tail.segment.path(), source))?;
        }
        for dir in &self.dirs {
            self.disk.sync_dir(dir).map_err(|source| LogError::io("sync", dir, source))?;
        }
        Ok(())
    }

    /// One descriptor at a time: there may be many.
    fn sync_inherited(&self, segment: &Segment) -> io::Result<()> {
        match self.disk.open(segment.path()) {
            Ok(file) => file.sync_data(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()), // removed meanwhile
            Err(error) => Err(error),
        }
    }
}

/// The failure says that a file could not be opened, not that the disk refused what was written:
/// the same can be tried again.
pub(super) fn can_be_repeated(error: &LogError) -> bool {
    let LogError::Io { source, .. } = error else { return false };
    matches!(Errno::from_io_error(source), Some(Errno::MFILE | Errno::NFILE))
}
