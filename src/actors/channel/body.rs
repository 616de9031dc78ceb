//! Where the body of a message is.

use std::sync::Arc;

use crate::storage::{Batch, LogPosition};

/// A reference to one message. It holds its batch in memory only where there is no log to read it
/// from, or for the delivery that it was just read for: a message in flight costs no body.
#[derive(Debug, Clone)]
pub struct Body {
    kept: Option<Arc<Batch>>,
    position: LogPosition,
    offset: u32,
}

impl Body {
    /// A body in the log, in the batch at `position`.
    pub fn logged(position: LogPosition) -> Self {
        Self { kept: None, position, offset: 0 }
    }

    /// A body in memory, at `offset` of `batch`.
    pub fn kept(batch: &Arc<Batch>, offset: u32) -> Self {
        Self { kept: Some(Arc::clone(batch)), position: batch.position(), offset }
    }

    /// The batch and the message's offset in it, unless it must be read.
    pub fn in_memory(&self) -> Option<(Arc<Batch>, u32)> {
        self.kept.clone().map(|batch| (batch, self.offset))
    }

    /// Where its batch was seen in the log; a hint.
    pub fn position(&self) -> LogPosition {
        self.position
    }
}

/// The offset of message `seq` in `batch`.
pub fn offset_of(batch: &Batch, seq: u64) -> Option<u32> {
    let index = seq.checked_sub(batch.first_seq()).filter(|_| seq < batch.end_seq())?;
    Some((0..index).fold(0, |offset, _| batch.body_at(offset).1))
}
