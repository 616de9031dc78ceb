//! Removing segments that nobody needs any more.

use std::{collections::VecDeque, io, sync::Arc};

use crate::storage::{disk::Disk, log::LogError, segment::Segment};

/// Segments that are no longer part of their log, and whose files are still there.
#[derive(Debug)]
pub struct Finished {
    disk: Arc<dyn Disk>,
    /// Oldest first.
    segments: VecDeque<Arc<Segment>>,
}

impl Finished {
    pub(super) fn new(disk: Arc<dyn Disk>, segments: Vec<Arc<Segment>>) -> Self {
        Self { disk, segments: segments.into() }
    }

    /// Removes the files, oldest first, and tells how many: what a crash leaves is the end of the log,
    /// without a gap. Waits for the disk.
    pub fn remove(&mut self) -> Result<u64, LogError> {
        let mut removed = 0;
        while let Some(segment) = self.segments.front() {
            match self.disk.remove(segment.path()) {
                Err(source) if source.kind() != io::ErrorKind::NotFound => {
                    return Err(LogError::io("remove", segment.path(), source));
                }
                _ => {}
            }
            self.segments.pop_front(); // the space is free when its last reader has gone
            removed += 1;
        }
        Ok(removed)
    }

    /// What has not been removed.
    pub(super) fn left(self) -> Vec<Arc<Segment>> {
        self.segments.into()
    }
}
