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

/// Every message of `batch` with its offset.
pub fn offsets(batch: &Batch) -> impl Iterator<Item = (u64, u32)> + '_ {
    let mut next = 0;
    (batch.first_seq()..batch.end_seq()).map(move |seq| {
        let offset = next;
        next = batch.body_at(offset).1;
        (seq, offset)
    })
}
