//! What can be asked of the registrations: copies, cheap to make, to be written down elsewhere.

use std::sync::Arc;

use super::Producer;
use crate::{
    broker::Moment,
    protocol::{ChannelName, TopicName},
};

/// Where a topic can be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lookup {
    /// Its channels by name, whoever has them.
    pub channels: Vec<ChannelName>,
    /// Producers that are alive and not hidden.
    pub producers: Vec<Arc<Producer>>,
}

/// All producers that are alive, each with its topics.
#[derive(Debug, Clone, Default)]
pub struct Nodes {
    pub(super) names: Vec<Option<TopicName>>,
    /// In the order of their numbers.
    pub nodes: Vec<Node>,
}

/// A producer with its topics.
#[derive(Debug, Clone)]
pub struct Node {
    /// Who it is.
    pub producer: Arc<Producer>,
    pub(super) topics: Vec<u32>,
    /// Those of its topics for which it is hidden.
    pub(super) tombstoned: Vec<u32>,
}

impl Nodes {
    /// The topics of a node, each with whether it is hidden for it.
    pub fn topics_of<'a>(
        &'a self,
        node: &'a Node,
    ) -> impl Iterator<Item = (&'a TopicName, bool)> + Clone {
        node.topics.iter().filter_map(|&topic| {
            let name = self.names.get(topic as usize)?.as_ref()?;
            Some((name, node.tombstoned.contains(&topic)))
        })
    }
}

/// Everything, key by key.
#[derive(Debug, Clone, Default)]
pub struct Dump {
    pub(super) producers: Vec<Option<Seen>>,
    /// By category, topic and channel.
    pub keys: Vec<DumpedKey>,
}

/// A producer, and when it was heard of last.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Who it is.
    pub producer: Arc<Producer>,
    /// Of its last IDENTIFY or PING.
    pub last_update: Moment,
}

/// A key that has producers.
#[derive(Debug, Clone)]
pub struct DumpedKey {
    /// Nothing for the key of all producers.
    pub topic: Option<TopicName>,
    /// Nothing for a topic itself.
    pub channel: Option<ChannelName>,
    pub(super) producers: Vec<u32>,
    /// When producers were hidden, if they were.
    pub(super) tombstones: Vec<(u32, Moment)>,
}

impl Dump {
    /// The producers of a key, each with when it was hidden for it.
    pub fn producers_of<'a>(
        &'a self,
        key: &'a DumpedKey,
    ) -> impl Iterator<Item = (&'a Seen, Option<Moment>)> {
        key.producers.iter().filter_map(|&slot| {
            let seen = self.producers.get(slot as usize)?.as_ref()?;
            let tombstone = key.tombstones.iter().find(|(hidden, _)| *hidden == slot);
            Some((seen, tombstone.map(|&(_, at)| at)))
        })
    }
}

/// How many there are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Topics.
    pub topics: usize,
    /// Channels over all topics.
    pub channels: usize,
    /// Connections that have said who they are.
    pub producers: usize,
    /// Those of them that have not been heard of for too long.
    pub inactive: usize,
    /// Topics and channels of producers.
    pub registrations: usize,
    /// Producers that are hidden for a topic.
    pub tombstones: usize,
}
