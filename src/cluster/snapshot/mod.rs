//! What one node has said, in little memory: a hundred thousand topics of two hundred nodes are some tens of megabytes.
//!
//! Names are shared ([`Names`]), clients that were not asked for are those of the answer before, and rates are worked out
//! once, from the answer before ([`NodeSnapshot::follow`]). What a node has many of lies in one piece for each kind: as there
//! is a new snapshot with each answer, small pieces would leave holes everywhere, and nsqadmin would take twice the memory.

mod entries;
mod following;
mod names;
mod rate;
mod reading;
mod stored;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use self::stored::{StoredChannel, StoredTopic};
pub use self::{
    entries::{ChannelEntry, Latency, TopicEntry},
    names::{Name, Names},
    rate::{Rate, Rates},
    reading::Room,
};
use crate::broker::Moment;

/// What a node has said of itself and of its topics.
#[derive(Debug, Clone, Default)]
pub struct NodeSnapshot {
    /// When it was asked.
    pub at: Moment,
    /// Its version, empty if it does not say.
    pub version: Name,
    /// `OK`, or what is wrong.
    pub health: Name,
    /// When it was started, in seconds since the Unix epoch.
    pub started_at_s: Option<i64>,
    /// What it holds in memory, in bytes.
    pub memory_bytes: Option<u64>,
    /// How often its actors were restarted; only our nsqd tells.
    pub restarts: Option<u64>,
    /// Connections that have published.
    pub producers: Arc<[Producer]>,
    /// Topics, channels and clients that there was no room for.
    pub left_out: u64,
    /// Sorted by name.
    topics: Box<[StoredTopic]>,
    /// Those of a topic side by side, sorted by name.
    channels: Box<[StoredChannel]>,
    /// Consumers, those of a channel side by side, as of the last answer that told of them.
    clients: Arc<[Client]>,
    /// Those of a topic or a channel side by side.
    percentiles: Box<[Percentile]>,
}

/// Counters and gauges of a topic or a channel.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Gauges {
    /// Messages that wait.
    pub depth: u64,
    /// Those of them that are not in memory.
    pub backend_depth: u64,
    /// Messages that are with a consumer.
    pub in_flight: u64,
    /// Messages that are not due yet.
    pub deferred: u64,
    /// Messages that ever came.
    pub messages: u64,
    /// How often one was given back.
    pub requeues: u64,
    /// How often one was not answered in time.
    pub timeouts: u64,
    /// Consumers.
    pub clients: u64,
}

impl Gauges {
    /// Messages that a channel is done with since its node was started: finished, emptied or dropped. Negative if it
    /// began with a backlog.
    pub fn done(&self) -> i64 {
        let held = self.depth.saturating_add(self.in_flight).saturating_add(self.deferred);
        signed(self.messages).saturating_sub(signed(held))
    }

    /// Both together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            depth: self.depth.saturating_add(other.depth),
            backend_depth: self.backend_depth.saturating_add(other.backend_depth),
            in_flight: self.in_flight.saturating_add(other.in_flight),
            deferred: self.deferred.saturating_add(other.deferred),
            messages: self.messages.saturating_add(other.messages),
            requeues: self.requeues.saturating_add(other.requeues),
            timeouts: self.timeouts.saturating_add(other.timeouts),
            clients: self.clients.saturating_add(other.clients),
        }
    }
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// How long a part of the messages takes from publish to FIN at most.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Percentile {
    /// Between 0 and 1.
    pub quantile: f64,
    /// In nanoseconds.
    pub value_ns: f64,
}

/// A consumer.
#[derive(Debug, Clone, Default)]
pub struct Client {
    /// As it calls itself.
    pub client_id: Name,
    /// Its host, as it says.
    pub hostname: Name,
    /// `host:port`; it tells one client of a node from another.
    pub remote_address: Name,
    /// Library and version.
    pub user_agent: Name,
    /// Of NSQ's protocol.
    pub version: Name,
    /// Empty without TLS.
    pub tls_version: Name,
    /// None if it has not authenticated.
    pub auth: Option<Name>,
    /// Of its topology.
    pub region: Name,
    /// Of its topology.
    pub zone: Name,
    /// Seconds since the Unix epoch.
    pub connected_at_s: i64,
    /// Messages that it has and has not answered.
    pub in_flight: u64,
    /// RDY: how many it takes at once.
    pub ready: u64,
    /// Messages that it got.
    pub messages: u64,
    /// Messages that it finished.
    pub finished: u64,
    /// Messages that it gave back.
    pub requeues: u64,
    /// Percent of the messages that it is given; 0 for all.
    pub sample_rate: u8,
    /// The connection is encrypted.
    pub tls: bool,
    /// The connection is compressed.
    pub deflate: bool,
    /// The connection is compressed.
    pub snappy: bool,
    /// Messages finished per second.
    pub finish_rate: Rate,
    /// When this was told.
    pub seen_at: Moment,
    /// Since when it has had messages and finished none.
    pub busy_since: Option<Moment>,
    /// Since when it has taken none at all (RDY 0).
    pub closed_since: Option<Moment>,
}

/// A connection that has published.
#[derive(Debug, Clone)]
pub struct Producer {
    /// As it calls itself.
    pub client_id: Name,
    /// Its host, as it says.
    pub hostname: Name,
    /// `host:port`.
    pub remote_address: Name,
    /// Library and version.
    pub user_agent: Name,
    /// Seconds since the Unix epoch.
    pub connected_at_s: i64,
    /// Messages by topic.
    pub counts: Vec<(Name, u64)>,
}
