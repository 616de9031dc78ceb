//! What a log has written and not synced yet.

use std::{collections::VecDeque, io, path::PathBuf, sync::Arc};

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
    tails: VecDeque<Tail>,
    /// Sealed segments that were there when the log was opened: whoever wrote them may not have
    /// come to sync them.
    inherited: VecDeque<Arc<Segment>>,
    /// Directories with entries that are not durable.
    dirs: VecDeque<PathBuf>,
    disk: Arc<dyn Disk>,
}

impl Unsynced {
    pub(super) fn new(disk: Arc<dyn Disk>) -> Self {
        let (tails, inherited, dirs) = (VecDeque::new(), VecDeque::new(), VecDeque::new());
        Self { tails, inherited, dirs, disk }
    }

    pub(super) fn add_tail(&mut self, tail: &Tail) {
        if !self.tails.iter().any(|known| Arc::ptr_eq(&known.segment, &tail.segment)) {
            self.tails.push_back(tail.clone());
        }
    }

    pub(super) fn add_inherited(&mut self, segment: &Arc<Segment>) {
        self.inherited.push_back(Arc::clone(segment));
    }

    pub(super) fn add_dir(&mut self, dir: PathBuf) {
        if !self.dirs.contains(&dir) {
            self.dirs.push_back(dir);
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

    /// Nothing but this segment's contents is to be synced.
    pub(super) fn is_within(&self, segment: &Arc<Segment>) -> bool {
        let is_other = |tail: &Tail| !Arc::ptr_eq(&tail.segment, segment);
        self.inherited.is_empty() && self.dirs.is_empty() && !self.tails.iter().any(is_other)
    }

    /// Nothing to sync.
    pub fn is_empty(&self) -> bool {
        self.tails.is_empty() && self.inherited.is_empty() && self.dirs.is_empty()
    }

    /// Makes everything durable; waits for the disk. Contents go first, then the names that lead to
    /// them. What is durable is let go of, descriptors included, so that this is what is left after an
    /// error: those descriptors may be what the rest waits for.
    pub fn sync(&mut self) -> Result<(), LogError> {
        while let Some(segment) = self.inherited.front() {
            self.sync_inherited(segment)
                .map_err(|source| LogError::io("sync", segment.path(), source))?;
            self.inherited.pop_front();
        }
        self.sync_contents(0)?;
        while let Some(dir) = self.dirs.front() {
            self.disk.sync_dir(dir).map_err(|source| LogError::io("sync", dir, source))?;
            self.dirs.pop_front();
        }
        Ok(())
    }

    /// Makes the contents of the oldest segments of this log durable, until no more than `left_max` of
    /// them wait for that; waits for the disk.
    pub(super) fn sync_contents(&mut self, left_max: usize) -> Result<(), LogError> {
        while self.tails.len() > left_max
            && let Some(tail) = self.tails.front()
        {
            tail.file
                .sync_data()
                .map_err(|source| LogError::io("sync", tail.segment.path(), source))?;
            self.tails.pop_front();
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::{
        failing_disk::{FailingDisk, Faults},
        position::LogPosition,
    };

    #[test]
    fn what_is_synced_gives_its_descriptor_back_though_the_rest_finds_none() {
        let (dir, disk) = (tempfile::tempdir().unwrap(), FailingDisk::default());
        let path = dir.path().join("segment");
        let file = disk.create(&path).unwrap();
        let held = Arc::downgrade(&file);
        let segment = Arc::new(Segment::known(path, 1, LogPosition::START));
        let mut unsynced = Unsynced::new(Arc::new(disk.clone()));
        unsynced.add_tail(&Tail { segment, file });
        unsynced.add_dir(dir.path().to_owned());
        disk.set(Faults { descriptors: true, ..Faults::default() });
        assert!(can_be_repeated(&unsynced.sync().unwrap_err()));
        assert!(held.upgrade().is_none() && !unsynced.is_empty());
        disk.set(Faults::default());
        unsynced.sync().unwrap();
        assert!(unsynced.is_empty());
    }
}
