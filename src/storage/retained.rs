//! What a log has written since it was durable, as far as it is kept for the journal.

use std::sync::Arc;

use crate::storage::{batch::Batch, position::LogPosition};

/// A log that has written more has to be synced by itself.
pub(super) const RETAINED_BYTES_MAX: usize = 256 << 10;

/// The newest batches of a log.
#[derive(Debug, Default)]
pub(super) struct Retained {
    /// Without a gap.
    batches: Vec<Arc<Batch>>,
    bytes: usize,
    /// Everything before is durable; `None` if that is not known.
    durable_to: Option<LogPosition>,
    /// So is this, when the sync has ended that is under way.
    syncing_to: Option<LogPosition>,
    /// What the log's own files have for good, whatever the journal has.
    synced_to: Option<LogPosition>,
}

impl Retained {
    pub fn add(&mut self, batches: &[Arc<Batch>]) {
        for batch in batches {
            let follows = |last: &Arc<Batch>| last.end_position() == batch.position();
            self.bytes += batch.encoded_len();
            if !self.batches.last().is_none_or(follows) || self.bytes > RETAINED_BYTES_MAX {
                self.clear();
                self.bytes = batch.encoded_len();
            }
            if self.bytes <= RETAINED_BYTES_MAX {
                self.batches.push(Arc::clone(batch));
            }
        }
    }

    fn clear(&mut self) {
        (self.batches, self.bytes) = (Vec::new(), 0);
    }

    /// A sync of the log itself has begun.
    pub fn begin_sync(&mut self, end: LogPosition) {
        self.syncing_to = Some(end);
    }

    /// It has ended well, or not.
    pub fn end_sync(&mut self, is_durable: bool) {
        let Some(end) = self.syncing_to.take().filter(|_| is_durable) else { return };
        (self.durable_to, self.synced_to) = (Some(end), Some(end));
        self.batches.retain(|batch| batch.position() >= end);
        self.bytes = self.batches.iter().map(|batch| batch.encoded_len()).sum();
    }

    /// What the log's own files have for good.
    pub fn synced_to(&self) -> Option<LogPosition> {
        self.synced_to
    }

    /// Everything up to the log's `end` that is not durable, to be made so. `None` if not all of that is here.
    pub fn take(&mut self, end: LogPosition) -> Option<Vec<Arc<Batch>>> {
        let begin = self.batches.first().map_or(end, |first| first.position());
        let is_all = self.batches.last().is_none_or(|last| last.end_position() == end);
        if !is_all || self.durable_to.is_none_or(|durable_to| durable_to < begin) {
            return None;
        }
        self.durable_to = Some(end);
        self.bytes = 0;
        Some(std::mem::take(&mut self.batches))
    }
}
