//! What every actor says about itself when asked: the one source of `/stats` and of tests.

use std::{iter, marker::PhantomData, sync::Arc};

use actix::Message;

use super::{client_connection::ClientInfo, lookup_peer::LookupPeerSnapshot};
use crate::{
    broker::{LatencySamples, Moment, Subscriber, channel::Counters},
    config::Durability,
    protocol::{ChannelName, ClientState, TopicName},
};

/// Asks an actor for its snapshot.
#[derive(Debug, Clone)]
pub struct Observe<S> {
    /// What is wanted of it.
    pub scope: Scope,
    /// Messages from this sequence number on are in memory; only channels look at it.
    pub cached_from: u64,
    snapshot: PhantomData<fn() -> S>,
}

/// How much a snapshot is to show.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scope {
    /// Only the topic of this name.
    pub topic: Option<String>,
    /// Without the clients: only how many they are.
    pub without_clients: bool,
}

impl<S> Observe<S> {
    /// Asks for everything.
    pub fn new() -> Self {
        Self::within(Scope::default())
    }

    /// Asks for what `scope` says.
    pub fn within(scope: Scope) -> Self {
        Self { scope, cached_from: 0, snapshot: PhantomData }
    }

    /// The question to a channel, which knows its depth but not its topic's memory.
    pub fn with_cached_from(self, cached_from: u64) -> Self {
        Self { cached_from, ..self }
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
#[derive(Debug, Clone, Default)]
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
    /// Topics that did not answer, as when their disk is stuck.
    pub silent_topics: usize,
    /// Open connections.
    pub connections: usize,
    /// Connections accepted since the start.
    pub accepted_count: u64,
    /// Links to nsqlookupds, by address.
    pub lookup_peers: Vec<LookupPeerSnapshot>,
}

/// The connections that a listener has accepted.
#[derive(Debug, Clone, Default)]
pub struct ListenerSnapshot {
    /// Connections that have published, if clients are wanted.
    pub producers: Vec<ClientSnapshot>,
    /// Open connections.
    pub connections: usize,
    /// Connections accepted since the start.
    pub accepted_count: u64,
}

/// A topic.
#[derive(Debug, Clone)]
pub struct TopicSnapshot {
    /// Its name.
    pub topic_name: TopicName,
    /// By name.
    pub channels: Vec<ChannelSnapshot>,
    /// Channels that did not answer.
    pub silent_channels: usize,
    /// When counting began; of a topic that is made anew, it begins anew.
    pub since: Moment,
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
    /// Publishes that wait for the log to take what came before them.
    pub waiting_count: usize,
    /// Of all channels together; none if it is not asked for, or without channels.
    pub latency: Option<LatencySamples>,
    /// Segments of its log.
    pub log_segments: u64,
    /// Bytes of its log.
    pub log_bytes: u64,
}

impl TopicSnapshot {
    /// Adds what its channels have said; `silent` more of them have said nothing.
    pub fn set_channels(&mut self, mut channels: Vec<ChannelSnapshot>, silent: usize) {
        self.silent_channels = silent;
        channels.sort_unstable_by(|one, other| one.channel_name.cmp(&other.channel_name));
        let mut latencies = channels.iter().filter_map(|channel| channel.latency.as_ref());
        let first = latencies.next();
        self.latency =
            first.map(|first| LatencySamples::merged(iter::once(first).chain(latencies)));
        self.channels = channels;
    }
}

/// A channel.
#[derive(Debug, Clone)]
pub struct ChannelSnapshot {
    /// Its name.
    pub channel_name: ChannelName,
    /// When counting began; of a channel that is made anew, it begins anew.
    pub since: Moment,
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
    /// How many consumers it has.
    pub client_count: usize,
    /// Its consumers, if they are wanted.
    pub clients: Vec<ClientSnapshot>,
    /// Nothing is delivered.
    pub paused: bool,
    /// Times from publish to FIN; none if percentiles are not asked for.
    pub latency: Option<LatencySamples>,
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
