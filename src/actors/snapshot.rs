//! What every actor says about itself when asked: the one source of `/stats` and of tests.

use std::{marker::PhantomData, sync::Arc};

use actix::Message;

use super::client_connection::ClientInfo;
use crate::{
    broker::{Subscriber, channel::Counters},
    config::Durability,
    protocol::{ChannelName, ClientState, TopicName},
};

/// Asks an actor for its snapshot.
#[derive(Debug, Clone, Copy)]
pub struct Observe<S> {
    /// Messages from this sequence number on are in memory; only channels look at it.
    pub cached_from: u64,
    snapshot: PhantomData<fn() -> S>,
}

impl<S> Observe<S> {
    /// The plain question.
    pub fn new() -> Self {
        Self::with_cached_from(0)
    }

    /// The question to a channel, which knows its depth but not its topic's memory.
    pub fn with_cached_from(cached_from: u64) -> Self {
        Self { cached_from, snapshot: PhantomData }
    }
}

impl<S> Default for Observe<S> {
    fn default() -> Self {
        Self::new()
    }
}

impl<S: Send + 'static> Message for Observe<S> {
    type Result = S;
}

/// A node: its topics and whoever publishes to it.
#[derive(Debug, Clone)]
pub struct NodeSnapshot {
    /// `OK`, or `NOK - ` and why.
    pub health: String,
    /// Unix time of the start in seconds.
    pub start_time: i64,
    /// By name.
    pub topics: Vec<TopicSnapshot>,
    /// Connections that have published.
    pub producers: Vec<ClientSnapshot>,
    /// Restarts of actors since the start, by kind.
    pub restarts: Vec<(&'static str, u64)>,
}

/// A topic.
#[derive(Debug, Clone)]
pub struct TopicSnapshot {
    /// Its name.
    pub topic_name: TopicName,
    /// By name.
    pub channels: Vec<ChannelSnapshot>,
    /// Messages that wait in the topic itself.
    pub depth: u64,
    /// Those of them that are not in memory.
    pub backend_depth: u64,
    /// Messages published since the start.
    pub message_count: u64,
    /// Bytes of their bodies.
    pub message_bytes: u64,
    /// Nothing is handed to the channels.
    pub paused: bool,
    /// What `OK` promises; `None` for an ephemeral topic, which promises nothing.
    pub durability: Option<Durability>,
}

/// A channel.
#[derive(Debug, Clone)]
pub struct ChannelSnapshot {
    /// Its name.
    pub channel_name: ChannelName,
    /// Messages that wait to be delivered.
    pub depth: u64,
    /// Those of them that are not in memory.
    pub backend_depth: u64,
    /// Messages that wait for a consumer's answer.
    pub in_flight_count: usize,
    /// Messages that wait for their due time.
    pub deferred_count: usize,
    /// Counts since the start.
    pub counters: Counters,
    /// Its consumers.
    pub clients: Vec<ClientSnapshot>,
    /// Nothing is delivered.
    pub paused: bool,
}

/// A connection, as consumer or as producer.
#[derive(Debug, Clone)]
pub struct ClientSnapshot {
    /// Who it is.
    pub info: Arc<ClientInfo>,
    /// How far it has come.
    pub state: ClientState,
    /// RDY.
    pub ready_count: u32,
    /// Messages that wait for its answer.
    pub in_flight_count: u32,
    /// Messages handed to it.
    pub message_count: u64,
    /// FINs.
    pub finish_count: u64,
    /// REQs.
    pub requeue_count: u64,
    /// Messages that it has published, by topic.
    pub pub_counts: Vec<(TopicName, u64)>,
}

impl ClientSnapshot {
    /// A consumer as its channel sees it.
    pub fn consumer(info: &Arc<ClientInfo>, subscriber: &Subscriber) -> Self {
        let state = if subscriber.closing { ClientState::Closing } else { ClientState::Subscribed };
        Self {
            info: Arc::clone(info),
            state,
            ready_count: subscriber.ready,
            in_flight_count: subscriber.in_flight,
            message_count: subscriber.message_count,
            finish_count: subscriber.finish_count,
            requeue_count: subscriber.requeue_count,
            pub_counts: Vec::new(),
        }
    }

    /// A producer as its connection sees it; what concerns its subscription is for the channel to say.
    pub fn producer(
        info: &Arc<ClientInfo>,
        state: ClientState,
        pub_counts: Vec<(TopicName, u64)>,
    ) -> Self {
        Self {
            info: Arc::clone(info),
            state,
            ready_count: 0,
            in_flight_count: 0,
            message_count: 0,
            finish_count: 0,
            requeue_count: 0,
            pub_counts,
        }
    }
}
