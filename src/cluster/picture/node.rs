//! One nsqd, as far as it is known.

use std::{sync::Arc, time::Duration};

use super::{Counts, Failure};
use crate::{
    broker::Moment,
    cluster::{
        Reach,
        snapshot::{ChannelEntry, Name, NodeSnapshot, Rates, TopicEntry},
    },
    protocol::host_port,
};

/// For so long the share of a node that does not answer is unknown; after that, sums of rates are those of the others.
pub const SHARE_UNKNOWN: Duration = Duration::from_secs(60);

/// What a node is called and where it can be reached.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct NodeIdentity {
    /// Its host, as it says.
    pub hostname: Name,
    /// Where it wants to be reached.
    pub broadcast_address: Name,
    /// For NSQ's protocol; 0 if it is not known.
    pub tcp_port: u16,
    /// For HTTP.
    pub http_port: u16,
    /// Empty if it is not known.
    pub version: Name,
    /// Of its topology.
    pub region: Name,
    /// Of its topology.
    pub zone: Name,
}

/// What was seen of restarts since somebody looks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Lives {
    /// When the node was found to have been started again.
    pub started_again_at: Option<Moment>,
    /// Restarts of its actors since somebody looks.
    pub actor_restarts: u64,
    /// When the last of them was noticed.
    pub actor_restarted_at: Option<Moment>,
}

impl Lives {
    /// What an answer adds to what the one before it has told.
    pub fn follow(&mut self, before: &NodeSnapshot, now: &NodeSnapshot) {
        let known = before.started_at_s.zip(now.started_at_s);
        if known.is_some_and(|(before, now)| before != now) {
            self.started_again_at = Some(now.at);
            return;
        }
        let risen = before.restarts.zip(now.restarts);
        let risen = risen.map_or(0, |(before, now)| now.saturating_sub(before));
        if risen > 0 {
            self.actor_restarts = self.actor_restarts.saturating_add(risen);
            self.actor_restarted_at = Some(now.at);
        }
    }
}

/// One nsqd.
#[derive(Debug, Clone)]
pub struct Node {
    /// `broadcast_address:http_port`, by which it is known.
    pub address: Name,
    /// What it is called.
    pub identity: Arc<NodeIdentity>,
    /// Where else it can be asked, as it was configured; `host:port`.
    pub otherwise: Option<Name>,
    /// What it has said last.
    pub snapshot: Option<Arc<NodeSnapshot>>,
    /// Why it has not answered the last question.
    pub failure: Option<Failure>,
    /// Restarts that were seen.
    pub lives: Lives,
    /// A registry or the configuration knows it.
    pub is_listed: bool,
}

/// What a node adds to sums.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Share {
    /// What it has said.
    Known,
    /// Nobody can tell what has happened there.
    Unknown,
    /// Nothing per second; what was in it the last time is still there as far as anybody knows.
    Kept,
}

impl Node {
    /// Its topics as it has said last, sorted by name.
    pub fn topics(&self) -> impl Iterator<Item = TopicEntry<'_>> {
        self.snapshot.iter().flat_map(|snapshot| snapshot.topics())
    }

    /// The topic that stands there among them.
    pub fn topic_at(&self, at: u32) -> Option<TopicEntry<'_>> {
        self.snapshot.as_ref()?.topic_at(at)
    }

    /// The channel that stands there among the channels of all its topics.
    pub fn channel_at(&self, at: u32) -> Option<ChannelEntry<'_>> {
        self.snapshot.as_ref()?.channel_at(at)
    }

    /// What it adds to sums now.
    pub fn share(&self, now: Moment) -> Share {
        match &self.failure {
            None if self.snapshot.is_none() => Share::Unknown,
            None => Share::Known,
            Some(failure) if now.since(failure.since) < SHARE_UNKNOWN => Share::Unknown,
            Some(_) => Share::Kept,
        }
    }

    /// Where to ask it.
    pub fn reach(&self) -> Reach {
        let otherwise = self.otherwise.as_ref().map(ToString::to_string);
        Reach { address: self.address.to_string(), otherwise }
    }

    /// Where clients connect, `host:port`: as it wants it, and as it was configured. None if it does not say.
    pub fn tcp_addresses(&self) -> Vec<String> {
        if self.identity.tcp_port == 0 {
            return Vec::new();
        }
        let given = self.otherwise.as_ref().and_then(|given| given.rsplit_once(':'));
        let given = given.map(|(host, _)| host.trim_start_matches('[').trim_end_matches(']'));
        let hosts = std::iter::once(&*self.identity.broadcast_address).chain(given);
        hosts.map(|host| host_port(host, self.identity.tcp_port)).collect()
    }

    /// What it has, all its topics together. Nothing is known of what happens on one that does not answer.
    pub fn counts(&self) -> Counts {
        let is_known = self.failure.is_none() && self.snapshot.is_some();
        let share = if is_known { Share::Known } else { Share::Unknown };
        let mut counts = Counts::sum(self.topics().map(|topic| Counts::of_topic(&topic, share)));
        if !is_known {
            (counts.rates, counts.is_current) = (Rates::UNKNOWN, false);
        }
        counts
    }

    /// Its version: what it says itself counts more than what a registry was told.
    pub fn version(&self) -> &Name {
        let said = self.snapshot.as_ref().map(|snapshot| &snapshot.version);
        said.filter(|version| !version.is_empty()).unwrap_or(&self.identity.version)
    }
}
