//! What registries say.

use std::{collections::BTreeMap, sync::Arc};

use super::{RegistryDebug, Roster};
use crate::{
    broker::Moment,
    cluster::{
        AskError, Stage,
        answers::{NodeList, RegisteredNode},
        picture::{Failure, NodeIdentity, Registered, Registry, RegistryDetails},
        snapshot::{Name, Names},
    },
    protocol::{ChannelName, TopicName},
};

/// What a registry knows of nodes and topics: all that it has said to one round of questions; each may have failed by itself.
#[derive(Debug, Default)]
pub struct RegistryAnswer {
    /// `/nodes`.
    pub nodes: Option<NodeList>,
    /// `/topics`.
    pub topics: Option<Vec<TopicName>>,
    /// What has failed of both.
    pub failures: Vec<AskError>,
}

/// What only some pages show of a registry. What it has not said is not known; nobody has to hear of that.
#[derive(Debug, Default)]
pub struct RegistryExtras {
    /// Its version; None if it does not say.
    pub version: Option<String>,
    /// `/channels` of topics without nodes, those that were asked for and answered.
    pub channels: BTreeMap<TopicName, Vec<ChannelName>>,
    /// `/debug`, if that was asked for and answered.
    pub debug: Option<RegistryDebug>,
}

impl Roster {
    /// The registries to ask, and whether each has failed the last time.
    pub fn registries(&self) -> Vec<(Name, bool)> {
        let entry = |registry: &Registry| (registry.address.clone(), !registry.failures.is_empty());
        self.registries.iter().map(entry).collect()
    }

    /// Whether a registry has answered the last question for its nodes.
    pub fn is_registry_there(&self, address: &Name) -> bool {
        let failed = |failure: &Failure| failure.stage == Stage::Nodes;
        let mut registries = self.registries.iter();
        registries.any(|of| of.address == *address && !of.failures.iter().any(failed))
    }

    /// A registry has answered, or failed.
    pub fn registry_answered(&mut self, address: &Name, answer: RegistryAnswer, now: Moment) {
        let is_it = |registry: &&mut Registry| registry.address == *address;
        let Some(registry) = self.registries.iter_mut().find(is_it) else { return };
        let failure = |error: &AskError| {
            let before = registry.failures.iter().find(|before| before.stage == error.stage);
            Failure::new(error, address, now, before)
        };
        registry.failures = answer.failures.iter().map(failure).collect();
        let has_nodes = answer.nodes.is_some();
        if let Some(nodes) = answer.nodes {
            registry.nodes = read_nodes(&nodes.producers, &mut self.names);
            registry.has_answered = true;
        }
        if let Some(topics) = answer.topics {
            let mut topics: Vec<_> =
                topics.iter().map(|topic| self.names.share(topic.as_str())).collect();
            topics.sort();
            topics.dedup();
            registry.topics = topics.into();
        }
        if has_nodes {
            let nodes = Arc::clone(&registry.nodes);
            for node in nodes.iter() {
                self.enlist(&node.address, &node.identity, None);
            }
            self.list();
        }
    }

    /// A registry has said more, of what it was asked for now and then.
    pub fn registry_said_more(&mut self, address: &Name, extras: RegistryExtras) {
        let is_it = |registry: &&mut Registry| registry.address == *address;
        let Some(registry) = self.registries.iter_mut().find(is_it) else { return };
        if let Some(version) = extras.version {
            registry.version = Some(self.names.share(&version));
        }
        registry.channels = Arc::new(read_channels(extras.channels, &mut self.names));
        if let Some(debug) = extras.debug {
            registry.details = Some(Arc::new(read_debug(debug, &mut self.names)));
        }
    }
}

fn read_nodes(producers: &[RegisteredNode], names: &mut Names) -> Arc<[Registered]> {
    let mut nodes: Vec<Registered> = Vec::with_capacity(producers.len());
    for producer in producers {
        let Some(address) = producer.http_address() else { continue };
        let topics = producer.topics_and_tombstones();
        let mut topics: Vec<_> =
            topics.map(|(topic, hidden)| (names.share(topic.as_str()), hidden)).collect();
        topics.sort();
        topics.dedup_by(|later, first| later.0 == first.0);
        topics.shrink_to_fit();
        nodes.push(Registered {
            address: names.share(&address),
            identity: Arc::new(identity(producer, names)),
            remote_address: names.share(&producer.remote_address),
            topics,
        });
    }
    nodes.sort_by(|a, b| a.address.cmp(&b.address));
    // A node that has connected again may stand there twice for a moment: the newer link stands later.
    nodes.reverse();
    nodes.dedup_by(|later, first| later.address == first.address);
    nodes.reverse();
    nodes.into()
}

fn identity(producer: &RegisteredNode, names: &mut Names) -> NodeIdentity {
    NodeIdentity {
        hostname: names.share(&producer.hostname),
        broadcast_address: names.share(&producer.broadcast_address),
        tcp_port: u16::try_from(producer.tcp_port).unwrap_or(0),
        http_port: u16::try_from(producer.http_port).unwrap_or(0),
        version: names.share(&producer.version),
        region: names.share(&producer.topology_region),
        zone: names.share(&producer.topology_zone),
    }
}

fn read_channels(
    channels: BTreeMap<TopicName, Vec<ChannelName>>,
    names: &mut Names,
) -> BTreeMap<Name, Vec<Name>> {
    let mut read = BTreeMap::new();
    for (topic, channels) in channels {
        let channels = channels.iter().map(|channel| names.share(channel.as_str())).collect();
        read.insert(names.share(topic.as_str()), channels);
    }
    read
}

fn read_debug(debug: RegistryDebug, names: &mut Names) -> RegistryDetails {
    let mut details =
        RegistryDetails { channel_count: debug.channel_count, ..RegistryDetails::default() };
    for (node, at_ms) in debug.last_update_ms {
        details.last_update_ms.insert(names.share(&node), at_ms);
    }
    for ((node, topic), until_ms) in debug.tombstones_until_ms {
        details.tombstones_until_ms.insert((names.share(&node), names.share(&topic)), until_ms);
    }
    details
}
