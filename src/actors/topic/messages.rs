//! What a topic hears and says.

use std::{ops::Range, sync::Arc, time::Duration};

use actix::{Addr, Message};
use tokio::sync::oneshot;

use crate::{
    actors::{channel::Channel, disk_queue::StoreError},
    config::Durability,
    protocol::{ChannelName, MessageId, TopicName},
    storage::{Batch, BatchBuilder, LogPosition},
};

/// Publishes messages. The answer comes when they are in the log; an answer that never comes (its
/// sender was dropped) means that they may be there or not.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Publish {
    /// The messages, in batches of at most [`crate::broker::topic::MESSAGES_PER_STAMP`].
    pub batches: Batches,
    /// They may go out only after this time.
    pub delay: Duration,
    /// How many publishes it is to those who wait for the answer.
    pub commands: u32,
    /// Hears when they are stored.
    pub reply: oneshot::Sender<Result<(), PublishError>>,
}

/// One batch, as nearly always, or more.
#[derive(Debug, Default)]
pub struct Batches {
    /// The first, or only one.
    pub first: BatchBuilder,
    /// The others.
    pub rest: Vec<BatchBuilder>,
}

/// Appends messages of one channel again, for that channel alone, one after the other. The answer
/// comes when they are in the log, as for a publish.
#[derive(Debug, Message)]
#[rtype(result = "Result<CopiesEnd, PublishError>")]
pub struct Carry(pub Vec<CarriedMessage>);

/// A message that is appended again, and keeps what it has.
#[derive(Debug)]
pub struct CarriedMessage {
    /// The message, made for its channel.
    pub builder: BatchBuilder,
    /// Its id.
    pub id: MessageId,
    /// When it was published, in ns since the epoch.
    pub timestamp_ns: i64,
    /// Deliveries so far.
    pub attempts: u16,
    /// Not to be delivered before, in ns since the epoch; 0 for at once.
    pub due_ns: i64,
}

/// Where in the log messages end that were appended one after the other.
#[derive(Debug, Clone, Copy)]
pub struct CopiesEnd {
    /// The number after the last one.
    pub end_seq: u64,
    /// The position after the last one.
    pub end_position: LogPosition,
}

/// Messages of the log that are meant for one channel only.
#[derive(Debug, Clone)]
pub struct CarriedRange {
    /// The name of that channel.
    pub audience: String,
    /// Their numbers.
    pub seqs: Range<u64>,
}

/// Why a publish is refused; nothing of it is stored.
#[derive(Debug, Clone, thiserror::Error)]
pub enum PublishError {
    /// The topic is being deleted or the node is stopping.
    #[error("exiting")]
    Exiting,
    /// The log did not take it.
    #[error("{0}")]
    Store(String),
}

impl From<StoreError> for PublishError {
    fn from(error: StoreError) -> Self {
        Self::Store(error.to_string())
    }
}

/// Drops what is only a copy of the log.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct DropCache;

/// Asks for a channel, or creates it.
#[derive(Debug, Message)]
#[rtype(result = "Result<Addr<Channel>, ChannelError>")]
pub struct FindChannel {
    /// Its name.
    pub name: ChannelName,
    /// Make it if there is none.
    pub create: bool,
}

/// Deletes a channel: its consumers are disconnected and its messages dropped.
#[derive(Debug, Message)]
#[rtype(result = "Result<(), ChannelError>")]
pub struct DeleteChannel(pub ChannelName);

/// Why there is no channel.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ChannelError {
    /// There is none of this name.
    #[error("channel not found")]
    NotFound,
    /// The topic is being deleted or the node is stopping.
    #[error("exiting")]
    Exiting,
    /// Its cursor could not be stored.
    #[error("{0}")]
    Store(#[from] StoreError),
}

impl From<PublishError> for ChannelError {
    fn from(error: PublishError) -> Self {
        match error {
            PublishError::Exiting => Self::Exiting,
            PublishError::Store(reason) => Self::Store(StoreError::Disk(reason)),
        }
    }
}

/// Stops handing messages to the channels, or goes on.
#[derive(Debug, Message)]
#[rtype(result = "Result<(), StoreError>")]
pub struct PauseTopic(pub bool);

/// Sets what `OK` promises for this topic, from the next publish on. An ephemeral topic, which has
/// nothing on the disk, does not care.
#[derive(Debug, Message)]
#[rtype(result = "Result<(), StoreError>")]
pub struct SetDurability(pub Durability);

/// Drops the messages that the topic itself holds; its channels keep theirs.
#[derive(Debug, Message)]
#[rtype(result = "Result<(), StoreError>")]
pub struct EmptyTopic;

/// Answers when the topic's log is open and its channels are there, or cannot be opened.
#[derive(Debug, Message)]
#[rtype(result = "Result<(), ChannelError>")]
pub struct WhenOpen;

/// Stops the topic: what is being written is finished, progress is saved, the log synced.
#[derive(Debug, Message)]
#[rtype(result = "Result<(), StoreError>")]
pub struct ShutdownTopic {
    /// The topic is deleted: nothing need be saved.
    pub delete: bool,
}

/// Batches from memory, from the one that holds `seq` on; `None` if it is not there.
#[derive(Debug, Message)]
#[rtype(result = "Option<Vec<Arc<Batch>>>")]
pub struct ReadCached {
    /// The first message wanted.
    pub seq: u64,
    /// About how much.
    pub bytes_max: usize,
    /// If that message is gone, begin with the next one that is there.
    pub or_later: bool,
}

/// A channel's cursor has been saved.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct ChannelProgress {
    /// Which one.
    pub channel: ChannelName,
    /// Everything below is finished.
    pub floor: u64,
}

/// A channel has loaded its cursor, after its start or a restart, and asks how far it may go.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct ChannelStarted(pub ChannelName);

/// The last consumer of an ephemeral channel has gone.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct ChannelAbandoned {
    /// Its name.
    pub name: ChannelName,
    /// Itself: another channel may have taken the name meanwhile.
    pub channel: Addr<Channel>,
}

/// The last channel of an ephemeral topic has gone.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct TopicAbandoned(pub TopicName);

/// To the channels: messages may be delivered.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub struct Released {
    /// All below this sequence number.
    pub end: u64,
    /// The newest of them; what comes before is in the log.
    pub batches: Arc<[Arc<Batch>]>,
    /// Those below `end` that are meant for one channel only and that no channel has heard of yet.
    pub carried: Option<Arc<[CarriedRange]>>,
}

/// To the channels: messages were dropped.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub struct Discard(pub Range<u64>);

/// Makes one of a topic's actors panic, by `--enable-experiment=chaos`; false if there is none.
#[derive(Debug, Message)]
#[rtype(result = "bool")]
pub struct CrashChild(pub Child);

/// Which actor of a topic is meant.
#[derive(Debug)]
pub enum Child {
    /// The topic's own.
    Itself,
    /// Its log's.
    DiskQueue,
    /// A channel's.
    Channel(ChannelName),
}
