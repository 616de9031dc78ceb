//! The imported messages of a topic, in segments of their own that follow what its log holds.

use std::{ops::Range, path::Path, sync::Arc};

use super::{TakeOver, error::TakeOverError, queue_file::OldMessage};
use crate::{
    protocol::MessageId,
    storage::{
        Batch, BatchBuilder, Log, LogPosition, Stamp,
        segment::{Segment, SegmentHeader},
    },
};

/// What is written at a time.
const WRITE_BYTES: u64 = 1 << 20;
const WRITE_BATCHES: usize = 1024;
/// Segments that a write begins at most, give or take one: each holds a descriptor until it is synced.
const WRITE_SEGMENTS: u64 = 32;
/// What is synced at a time, so that neither dirty memory nor open files gather.
const SYNC_BYTES: usize = 128 << 20;

/// A log to which messages of upstream's are appended.
pub(super) struct StagedLog {
    log: Log,
    position: LogPosition,
    seq: u64,
    pending: Vec<Arc<Batch>>,
    pending_bytes: usize,
    pending_bytes_max: u64,
    unsynced_bytes: usize,
}

impl StagedLog {
    /// Begins a log in `dir` that continues another one.
    pub fn create(
        take_over: &TakeOver<'_, '_>,
        dir: &Path,
        header: SegmentHeader,
    ) -> Result<Self, TakeOverError> {
        Segment::create(dir, take_over.disk(), header)
            .map_err(TakeOverError::io("create a segment in", dir))?;
        let (log, _) = Log::open(dir, take_over.options.clone())?;
        let bytes_of_segments = WRITE_SEGMENTS.saturating_mul(take_over.options.segment_bytes_max);
        Ok(Self {
            log,
            position: header.base,
            seq: header.first_seq,
            pending: Vec::new(),
            pending_bytes: 0,
            pending_bytes_max: bytes_of_segments.min(WRITE_BYTES),
            unsynced_bytes: 0,
        })
    }

    /// The sequence number of the next message.
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// Adds a message. True if it is time to write.
    pub fn push(&mut self, message: &OldMessage<'_>) -> bool {
        let mut builder = BatchBuilder::new();
        // A size that does not fit is refused by the log.
        let size = u32::try_from(message.body.len()).unwrap_or(u32::MAX).to_be_bytes();
        builder.push_framed(&[&size, message.body].concat(), 1);
        // Sequence numbers are far below all ids, and are not given out twice either.
        let first_id = message.id.unwrap_or(MessageId(self.seq));
        let stamp = Stamp {
            first_seq: self.seq,
            first_id,
            timestamp_ns: message.timestamp_ns,
            due_ns: 0,
            position: self.position,
        };
        let batch = builder.seal_delivered(stamp, message.attempts);
        (self.position, self.seq) = (batch.end_position(), batch.end_seq());
        self.pending_bytes += batch.encoded_len();
        self.pending.push(Arc::new(batch));
        self.pending_bytes as u64 >= self.pending_bytes_max || self.pending.len() >= WRITE_BATCHES
    }

    /// Writes what was added.
    pub fn write(&mut self) -> Result<(), TakeOverError> {
        self.log.sync_surplus()?;
        self.log.append(&self.pending)?;
        self.pending.clear();
        self.unsynced_bytes += std::mem::take(&mut self.pending_bytes);
        if self.unsynced_bytes >= SYNC_BYTES {
            self.sync()?;
        }
        Ok(())
    }

    /// Makes what was written durable.
    pub fn sync(&mut self) -> Result<(), TakeOverError> {
        self.unsynced_bytes = 0;
        Ok(self.log.sync()?)
    }

    /// The messages from `first` to the last one that was added.
    pub fn since(&self, first: u64) -> Range<u64> {
        first..self.seq
    }
}
