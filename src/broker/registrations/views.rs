//! What can be asked of the registrations: copies, cheap to make, to be written down elsewhere.

use std::{collections::HashMap, sync::Arc};

use super::{Producer, Registrations};
use crate::{
    broker::Moment,
    protocol::{ChannelName, TopicName},
};

/// Where a topic can be had.
#[derive(Debug, Clone)]
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
    /// Those of its topics for which it is hidden, in their order.
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
            Some((name, node.tombstoned.binary_search(&topic).is_ok()))
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
    /// When producers were hidden, if they were, in their order.
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
            let hidden = key.tombstones.binary_search_by_key(&slot, |&(hidden, _)| hidden);
            Some((seen, hidden.ok().map(|at| key.tombstones[at].1)))
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

impl Registrations {
    /// Every topic, in no order.
    pub fn topics(&self) -> Vec<TopicName> {
        self.topics.iter().map(|(_, topic)| topic.name.clone()).collect()
    }

    /// The channels of a topic by name; none of one that is not known.
    pub fn channels(&self, topic: &TopicName) -> Vec<ChannelName> {
        let topic = self.find(topic);
        topic.map(|(_, topic)| topic.channels.keys().cloned().collect()).unwrap_or_default()
    }

    /// Where a topic can be had; `None` if it is not known.
    pub fn lookup(&self, topic: &TopicName, now: Moment) -> Option<Lookup> {
        let (slot, topic) = self.find(topic)?;
        let is_shown = |producer: u32| {
            let tombstone = self.tombstones.get(&(slot, producer));
            !tombstone.is_some_and(|&at| self.is_hidden(at, now))
        };
        let known = topic.producers.iter().filter(|&it| is_shown(it));
        let known = known.filter_map(|it| self.producers.get(it));
        let active = known.filter(|known| self.is_active(known, now));
        Some(Lookup {
            channels: topic.channels.keys().cloned().collect(),
            producers: active.map(|known| Arc::clone(&known.producer)).collect(),
        })
    }

    /// All producers that are alive, each with its topics.
    pub fn nodes(&self, now: Moment) -> Nodes {
        let mut tombstoned: HashMap<u32, Vec<u32>> = HashMap::new();
        for (&(topic, producer), &at) in &self.tombstones {
            if self.is_hidden(at, now) {
                tombstoned.entry(producer).or_default().push(topic);
            }
        }
        let active = self.producers.iter().filter(|(_, known)| self.is_active(known, now));
        let nodes = active.map(|(slot, known)| Node {
            producer: Arc::clone(&known.producer),
            topics: known.topics.to_vec(),
            tombstoned: tombstoned.remove(&slot).unwrap_or_default(),
        });
        let nodes = nodes.collect();
        Nodes { names: self.topics.map(|topic| topic.name.clone()), nodes }
    }

    /// Everything there is, whoever is alive or hidden; keys without producers are left out.
    pub fn dump(&self) -> Dump {
        let producers = self.producers.map(|known| Seen {
            producer: Arc::clone(&known.producer),
            last_update: known.last_update,
        });
        let clients = self.producers.iter().map(|(slot, _)| slot).collect();
        let mut keys = vec![key(None, None, clients, Vec::new())];
        for (slot, topic) in self.topics.iter() {
            let hidden = self.tombstones.range((slot, 0)..=(slot, u32::MAX));
            let hidden = hidden.map(|(&(_, producer), &at)| (producer, at)).collect();
            let name = || Some(topic.name.clone());
            keys.push(key(name(), None, topic.producers.to_vec(), hidden));
            keys.extend(topic.channels.iter().map(|(channel, producers)| {
                key(name(), Some(channel.clone()), producers.to_vec(), Vec::new())
            }));
        }
        keys.retain(|key| !key.producers.is_empty());
        Dump { producers, keys }
    }

    /// How many there are of everything.
    pub fn counts(&self, now: Moment) -> Counts {
        let inactive = self.producers.iter().filter(|(_, known)| !self.is_active(known, now));
        Counts {
            topics: self.topics.len(),
            channels: self.channel_count,
            producers: self.producers.len(),
            inactive: inactive.count(),
            registrations: self.registration_count,
            tombstones: self.tombstones.values().filter(|&&at| self.is_hidden(at, now)).count(),
        }
    }
}

fn key(
    topic: Option<TopicName>,
    channel: Option<ChannelName>,
    producers: Vec<u32>,
    tombstones: Vec<(u32, Moment)>,
) -> DumpedKey {
    DumpedKey { topic, channel, producers, tombstones }
}
