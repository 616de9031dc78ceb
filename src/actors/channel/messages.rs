//! What a channel hears and says.

use std::{
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use actix::{Addr, Message, Recipient};
use tokio::sync::oneshot;

use crate::{
    actors::{
        client_connection::{ClientConnection, ClientInfo},
        disk_queue::StoreError,
        topic::{Carry, ChannelAbandoned, ChannelProgress, ChannelStarted, ReadCached},
    },
    broker::{
        ClientId, SubscribeError, Terms,
        channel::SettleError,
        holdings::Holding,
        stragglers::{Stretch, Unfinished},
    },
    protocol::MessageId,
};

/// What a channel may say to its topic.
#[derive(Clone)]
pub struct Parent {
    /// It has loaded its cursor.
    pub started: Recipient<ChannelStarted>,
    /// Its cursor has been saved.
    pub progress: Recipient<ChannelProgress>,
    /// An ephemeral channel has lost its last consumer.
    pub abandoned: Recipient<ChannelAbandoned>,
    /// It wants messages that may be in memory.
    pub cache: Recipient<ReadCached>,
    /// Messages are to be appended again, for it alone.
    pub carry: Recipient<Carry>,
    /// How far it has come at the end of each turn, which needs no message: it needs nothing below.
    pub needed_from: Arc<AtomicU64>,
}

/// A consumer, as it introduces itself.
#[derive(Debug, Clone)]
pub struct Consumer {
    /// Its connection's number.
    pub client: ClientId,
    /// Where deliveries go.
    pub connection: Addr<ClientConnection>,
    /// What it agreed on.
    pub terms: Terms,
    /// For `/stats`.
    pub info: Arc<ClientInfo>,
}

/// `SUB`: a consumer comes.
#[derive(Debug, Message)]
#[rtype(result = "Result<(), SubscribeError>")]
pub struct Subscribe(pub Consumer);

/// `RDY`.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Ready {
    /// Whose.
    pub client: ClientId,
    /// Messages it wants in flight at most.
    pub count: u32,
}

/// `CLS`: a consumer wants nothing more, but will still answer. It hears [`SubscriptionClosed`].
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct CloseSubscription(pub ClientId);

/// A consumer's answers, all that one read of its socket brought.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Settle {
    /// Whose.
    pub client: ClientId,
    /// In the order in which they came.
    pub answers: Vec<Answer>,
    /// Bytes of deliveries that left through its socket since the last time.
    pub sent_bytes: usize,
    /// Hears which answers are refused; without it, only a refusal is sent, as a message.
    pub refused: Option<RefusedReply>,
}

/// One answer of a consumer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// `FIN`.
    Finish(MessageId),
    /// `REQ`, with the delay.
    Requeue(MessageId, Duration),
    /// `TOUCH`.
    Touch(MessageId),
}

/// A connection has ended; what it held is delivered again.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct ClientClosed(pub ClientId);

/// A consumer says again what it has, after [`ChannelRestarted`].
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Resume {
    /// Who.
    pub consumer: Consumer,
    /// Its RDY.
    pub ready: u32,
    /// It has sent CLS.
    pub closing: bool,
    /// Messages that it was handed and has not answered.
    pub held: Vec<Holding>,
}

/// Stops deliveries, or goes on.
#[derive(Debug, Message)]
#[rtype(result = "Result<(), StoreError>")]
pub struct PauseChannel(pub bool);

/// Drops every message of the channel.
#[derive(Debug, Message)]
#[rtype(result = "Result<(), StoreError>")]
pub struct EmptyChannel;

/// Asks what the channel still needs of each part of the log.
#[derive(Debug, Clone, Message)]
#[rtype(result = "Vec<Unfinished>")]
pub struct MeasureUnfinished(pub Arc<[Stretch]>);

/// Appends what is unfinished below `below` to the log again and saves the cursor, so that nothing of
/// the channel keeps the log there.
#[derive(Debug, Clone, Message)]
#[rtype(result = "Result<(), StoreError>")]
pub struct CarryForward {
    /// The number from which on nothing need be carried forward.
    pub below: u64,
}

/// Saves the cursor again, though nothing may have changed: what an earlier process has saved may not
/// be on the disk for good, and segments may have stayed that it needs no more.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct ConfirmCursor;

/// Stops the channel; unless it is deleted, its cursor is saved first.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct ShutdownChannel {
    /// The channel is deleted: its consumers are disconnected.
    pub delete: bool,
}

/// To a connection: messages, as frames ready for its socket.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Deliver {
    /// Message frames.
    pub frames: Vec<u8>,
    /// The same messages, as the connection must remember them.
    pub holdings: Vec<Holding>,
}

/// To a connection: answers that were refused.
#[derive(Debug, Default, Message)]
#[rtype(result = "()")]
pub struct Refused(pub Vec<(Answer, SettleError)>);

/// Where refusals go that a connection wants in their place among its other answers.
pub type RefusedReply = oneshot::Sender<Refused>;

/// To a connection: behind this, no message comes.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct SubscriptionClosed;

/// To a connection: the channel has lost its memory and asks what the consumer holds: [`Resume`].
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct ChannelRestarted;

/// To a connection: the channel was emptied, nothing is held any more.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct ChannelEmptied;

/// To a connection: it must end, as when its channel is deleted.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct CloseClient;
