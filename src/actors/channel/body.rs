//! Where the body of a message is.

use std::sync::{Arc, Weak};

use crate::storage::{Batch, LogPosition};

/// A reference to one message in a batch. It keeps the batch in memory only where there is no log to
/// read it from again.
#[derive(Debug, Clone)]
pub struct Body {
    batch: Hold,
    offset: u32,
    position: Option<LogPosition>,
}

#[derive(Debug, Clone)]
enum Hold {
    Nothing,
    Loosely(Weak<Batch>),
    Firmly(Arc<Batch>),
}

impl Body {
    /// A body at `offset` of `batch`, which is in the log as well.
    pub fn logged(batch: &Arc<Batch>, offset: u32) -> Self {
        let position = Some(batch.position());
        Self { batch: Hold::Loosely(Arc::downgrade(batch)), offset, position }
    }

    /// A body that must be kept in memory: it is in no log, or was just read for its delivery.
    pub fn kept(batch: &Arc<Batch>, offset: u32) -> Self {
        let position = Some(batch.position());
        Self { batch: Hold::Firmly(Arc::clone(batch)), offset, position }
    }

    /// A body somewhere in the log.
    pub fn on_disk(position: Option<LogPosition>) -> Self {
        Self { batch: Hold::Nothing, offset: 0, position }
    }

    /// The batch in memory and the message's offset in it, unless it must be read again.
    pub fn in_memory(&self) -> Option<(Arc<Batch>, u32)> {
        let batch = match &self.batch {
            Hold::Nothing => None,
            Hold::Loosely(batch) => batch.upgrade(),
            Hold::Firmly(batch) => Some(Arc::clone(batch)),
        }?;
        Some((batch, self.offset))
    }

    /// Where its batch was seen in the log.
    pub fn position(&self) -> Option<LogPosition> {
        self.position
    }
}

/// The offset of message `seq` in `batch`.
pub fn offset_of(batch: &Batch, seq: u64) -> Option<u32> {
    let index = seq.checked_sub(batch.first_seq()).filter(|_| seq < batch.end_seq())?;
    Some((0..index).fold(0, |offset, _| batch.body_at(offset).1))
}
