//! What a topic's log hears and answers.

use std::{sync::Arc, time::Duration};

use actix::Message;

use crate::{
    actors::{disk_threads::NotDone, journal::JournalFailed},
    broker::stragglers::Stretch,
    protocol::ChannelName,
    storage::{
        Batch, Cursor, CursorError, DataDirError, LogError, LogPosition, MetadataError,
        PendingMessage, Recovery, StoredTopicError, TopicMetadata,
    },
};

/// Pause before an operation that failed is tried again.
pub const RETRY_PAUSE: Duration = Duration::from_millis(500);

/// Why the log could not do as asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The actor was restarted and the log must be opened again first: [`Open`].
    #[error("the log is not open")]
    NotOpen,
    /// The disk, or a damaged file.
    #[error("{0}")]
    Disk(String),
    /// The disk has failed in a way that leaves unknown what it holds: no write will be taken.
    #[error("{0}")]
    Poisoned(String),
}

macro_rules! disk_error_from {
    ($($error:ty),*) => {$(
        impl From<$error> for StoreError {
            fn from(error: $error) -> Self {
                Self::Disk(error.to_string())
            }
        }
    )*};
}

disk_error_from!(CursorError, MetadataError, DataDirError, StoredTopicError, JournalFailed);

impl From<LogError> for StoreError {
    fn from(error: LogError) -> Self {
        match error {
            // The topic and its log do not agree on where it ends: what it holds must be asked.
            LogError::OutOfOrder { .. } => Self::NotOpen,
            LogError::Poisoned { .. } => Self::Poisoned(error.to_string()),
            error => Self::Disk(error.to_string()),
        }
    }
}

impl From<NotDone> for StoreError {
    fn from(not_done: NotDone) -> Self {
        match not_done {
            NotDone::Panicked => Self::NotOpen, // what it has left must be looked at
            NotDone::NoThread => Self::Disk(not_done.to_string()),
        }
    }
}

/// Opens the log, or says again what it holds: also the way back after a failure.
#[derive(Debug, Message)]
#[rtype(result = "Result<Opened, StoreError>")]
pub struct Open;

/// What the disk holds of a topic.
#[derive(Debug)]
pub struct Opened {
    /// Where the log begins and ends, and what was found damaged.
    pub recovery: Recovery,
    /// The topic's own state.
    pub metadata: TopicMetadata,
    /// Its file is damaged; `metadata` is what must be assumed.
    pub metadata_damage: Option<MetadataError>,
    /// Channels with a cursor file.
    pub channels: Vec<ChannelName>,
}

/// Appends batches, in order, with one write. All of them are in the log then, or none.
#[derive(Debug, Message)]
#[rtype(result = "Result<Appended, StoreError>")]
pub struct Append {
    /// Stamped with consecutive numbers and positions.
    pub batches: Vec<Arc<Batch>>,
    /// Whoever appends sees to the sync; else there is one within `--sync-timeout`.
    pub durable: bool,
    /// Sync in the same call, if no other sync is under way: it saves a thread's waking.
    pub with_sync: bool,
}

impl Append {
    /// Size of all batches in the log.
    pub fn bytes(&self) -> usize {
        self.batches.iter().map(|batch| batch.encoded_len()).sum()
    }
}

/// How well batches were stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Appended {
    /// In the operating system. What a failed sync leaves unknown, the next [`Sync`] tells.
    Written,
    /// On the disk, with everything before them.
    Durable,
}

/// Reads batches from the one that holds `seq`, or the next one there is; none at the log's end.
#[derive(Debug, Message)]
#[rtype(result = "Result<Vec<Arc<Batch>>, StoreError>")]
pub struct Read {
    /// The first message wanted.
    pub seq: u64,
    /// Where it was last seen, or a batch before it.
    pub hint: Option<LogPosition>,
    /// About how much to read.
    pub bytes_max: usize,
}

/// Reads a channel's cursor; `None` when there is no usable one.
#[derive(Debug, Message)]
#[rtype(result = "Result<Option<Cursor>, StoreError>")]
pub struct LoadCursor {
    /// Whose.
    pub channel: ChannelName,
}

/// Looks through the whole log for messages that were appended again for this channel alone. Only
/// needed when its cursor is lost, which would say of each of them whether it counts.
#[derive(Debug, Message)]
#[rtype(result = "Result<Vec<PendingMessage>, StoreError>")]
pub struct FindCopies {
    /// Whose.
    pub channel: ChannelName,
}

/// Replaces a channel's cursor.
#[derive(Debug, Message)]
#[rtype(result = "Result<(), StoreError>")]
pub struct SaveCursor {
    /// Whose.
    pub channel: ChannelName,
    /// What it must say.
    pub cursor: Cursor,
    /// Wait until it would survive a power loss.
    pub durable: bool,
    /// Of a channel that is being created: not on a full disk.
    pub is_new: bool,
}

/// Removes a channel's cursor: the channel is gone.
#[derive(Debug, Message)]
#[rtype(result = "Result<(), StoreError>")]
pub struct RemoveCursor {
    /// Whose.
    pub channel: ChannelName,
    /// Wait until it would not come back after a power loss.
    pub durable: bool,
}

/// Replaces the topic's own state.
#[derive(Debug, Message)]
#[rtype(result = "Result<(), StoreError>")]
pub struct SaveMetadata(pub TopicMetadata);

/// Removes whole segments that every channel is done with, and says what is left.
#[derive(Debug, Message)]
#[rtype(result = "Result<Vec<Stretch>, StoreError>")]
pub struct Trim {
    /// Everything below is finished.
    pub floor: u64,
}

/// Makes durable what has been appended before, with everything that leads to it.
#[derive(Debug, Message)]
#[rtype(result = "Result<(), StoreError>")]
pub struct Sync;

/// The journal needs the log to be durable without it.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct SyncItself;

/// Finds out whether the log can be written, after it could not.
#[derive(Debug, Message)]
#[rtype(result = "Result<(), StoreError>")]
pub struct Probe;

/// Removes the topic from the disk.
#[derive(Debug, Message)]
#[rtype(result = "Result<(), StoreError>")]
pub struct Delete;

/// To the topic: the log's actor was restarted, and the log must be opened again: [`Open`].
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct LogRestarted;
