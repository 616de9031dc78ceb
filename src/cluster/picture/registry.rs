//! One nsqlookupd, as far as it is known.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

use super::{Failure, InactiveTopic, NodeIdentity, Topic};
use crate::cluster::snapshot::Name;

/// One nsqlookupd.
#[derive(Debug, Clone, Default)]
pub struct Registry {
    /// `host:port`, as it was configured.
    pub address: Name,
    /// Questions that it has not answered.
    pub failures: Vec<Failure>,
    /// None if it is not known.
    pub version: Option<Name>,
    /// The nodes that it knows, as it has said last; sorted by address.
    pub nodes: Arc<[Registered]>,
    /// The topics that it knows, those without nodes included; sorted.
    pub topics: Arc<[Name]>,
    /// The channels of topics that no node has; topics that it was not asked for, or has not answered for, are not there.
    pub channels: Arc<BTreeMap<Name, Vec<Name>>>,
    /// What only its `/debug` tells.
    pub details: Option<Arc<RegistryDetails>>,
    /// It has said what nodes it knows at least once.
    pub has_answered: bool,
}

/// An nsqd in a registry.
#[derive(Debug, Clone)]
pub struct Registered {
    /// `broadcast_address:http_port`.
    pub address: Name,
    /// What it has said of itself when it registered.
    pub identity: Arc<NodeIdentity>,
    /// Where its link comes from.
    pub remote_address: Name,
    /// Its topics, and whether it is hidden for them.
    pub topics: Vec<(Name, bool)>,
}

impl Registered {
    /// The topics for which it is hidden.
    pub fn tombstoned(&self) -> impl Iterator<Item = &Name> {
        self.topics.iter().filter(|(_, is_hidden)| *is_hidden).map(|(topic, _)| topic)
    }
}

/// What only `/debug` tells.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RegistryDetails {
    /// Channels that it knows.
    pub channel_count: u64,
    /// When it heard of each node the last time, in milliseconds since the Unix epoch.
    pub last_update_ms: HashMap<Name, u64>,
    /// By node and topic, when a tombstone ends, in milliseconds since the Unix epoch; upstream's does not say.
    pub tombstones_until_ms: HashMap<(Name, Name), u64>,
}

impl Registry {
    /// What it knows of a node.
    pub fn node(&self, address: &str) -> Option<&Registered> {
        let at = self.nodes.binary_search_by(|node| (*node.address).cmp(address)).ok()?;
        self.nodes.get(at)
    }

    /// It knows a topic that no node has, and has not said with which channels.
    fn is_silent_on(&self, topic: &Name) -> bool {
        !self.channels.contains_key(topic) && self.topics.binary_search(topic).is_ok()
    }

    /// Whether it has answered its last questions about nodes and topics.
    pub fn is_ok(&self) -> bool {
        self.has_answered && self.failures.is_empty()
    }
}

/// Topics that registries know and no node has.
pub(super) fn inactive(registries: &[Registry], active: &[Topic]) -> Vec<InactiveTopic> {
    let is_active = |name: &Name| active.binary_search_by(|topic| topic.name.cmp(name)).is_ok();
    let known = registries.iter().flat_map(|registry| registry.topics.iter());
    let (mut found, mut shown, mut hidden) = (BTreeMap::new(), HashSet::new(), HashSet::new());
    for name in known.filter(|name| !is_active(name)) {
        found.entry(name.clone()).or_insert_with(Vec::new);
    }
    let registered = registries.iter().flat_map(|registry| registry.nodes.iter());
    for (name, is_hidden) in registered.flat_map(|node| &node.topics) {
        if *is_hidden {
            hidden.insert(name)
        } else {
            shown.insert(name)
        };
    }
    for (name, channels) in registries.iter().flat_map(|registry| registry.channels.iter()) {
        if let Some(found) = found.get_mut(name) {
            found.extend(channels.iter().cloned());
        }
    }
    let topic = |(name, mut channels): (Name, Vec<Name>)| {
        channels.sort();
        channels.dedup();
        let is_known = !channels.is_empty() || !registries.iter().any(|of| of.is_silent_on(&name));
        let is_tombstoned = hidden.contains(&name) && !shown.contains(&name);
        InactiveTopic { name, channels: is_known.then_some(channels), is_tombstoned }
    };
    found.into_iter().map(topic).collect()
}
