//! Where the body of a message is.

use std::sync::Arc;

use crate::storage::{Batch, LogPosition};

/// A reference to one message. It holds its batch in memory only where there is no log to read it
/// from, or for the delivery that it was just read for: a message in flight costs no body.
#[derive(Debug, Clone)]
pub enum Body {
    /// In the log.
    Logged {
        /// Where its batch was seen; a hint.
        position: LogPosition,
        /// Of the message, and at least 4; 0 for one that a restart has brought back, until it is
        /// read again.
        bytes: u32,
        /// When it was published, in Unix nanoseconds; 0 for a message that a restart has brought
        /// back, until it is read again.
        timestamp_ns: i64,
    },
    /// In memory.
    Kept {
        /// Its batch.
        batch: Arc<Batch>,
        /// Its place in the batch.
        offset: u32,
    },
}

impl Body {
    /// A body of which only the place in the log is known.
    pub fn at(position: LogPosition) -> Self {
        Self::Logged { position, bytes: 0, timestamp_ns: 0 }
    }

    /// A body at `offset` of `batch`, which is in the log.
    pub fn logged(batch: &Batch, offset: u32) -> Self {
        let bytes = batch.body_at(offset).1 - offset;
        Self::Logged { position: batch.position(), bytes, timestamp_ns: batch.timestamp_ns() }
    }

    /// A body in memory, at `offset` of `batch`.
    pub fn kept(batch: &Arc<Batch>, offset: u32) -> Self {
        Self::Kept { batch: Arc::clone(batch), offset }
    }

    /// The batch and the message's offset in it, unless it must be read.
    pub fn in_memory(&self) -> Option<(Arc<Batch>, u32)> {
        match self {
            Self::Logged { .. } => None,
            Self::Kept { batch, offset } => Some((Arc::clone(batch), *offset)),
        }
    }

    /// Where its batch was seen in the log; a hint.
    pub fn position(&self) -> LogPosition {
        match self {
            Self::Logged { position, .. } => *position,
            Self::Kept { batch, .. } => batch.position(),
        }
    }

    /// What the message takes in its record, if that is known and it is in the log.
    pub fn bytes(&self) -> Option<u64> {
        match self {
            Self::Logged { bytes, .. } => Some(u64::from(*bytes)).filter(|&bytes| bytes != 0),
            Self::Kept { .. } => None,
        }
    }

    /// When it was published, in Unix nanoseconds, if that is known.
    pub fn timestamp_ns(&self) -> Option<i64> {
        let timestamp_ns = match self {
            Self::Logged { timestamp_ns, .. } => *timestamp_ns,
            Self::Kept { batch, .. } => batch.timestamp_ns(),
        };
        Some(timestamp_ns).filter(|&timestamp_ns| timestamp_ns != 0)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{broker::in_flight::Flight, protocol::MessageId};

    #[test]
    fn a_message_in_flight_takes_no_more_memory_than_is_needed() {
        assert_eq!(size_of::<Body>(), 24);
        assert_eq!(size_of::<(MessageId, Flight<Body>)>(), 72);
    }
}
