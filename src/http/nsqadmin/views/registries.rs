//! All registries, compared with each other.

use std::{borrow::Cow, collections::BTreeMap};

use serde::Serialize;

use super::Scene;
use crate::cluster::{
    picture::{Difference, Picture, Registered, Registry, differences::DIFFERENCES_MAX, ms},
    snapshot::Name,
    text::{list, verb},
};

#[derive(Serialize)]
pub(super) struct Registries<'a> {
    registries: Vec<RegistryRow<'a>>,
    nodes: Vec<NodeSeen<'a>>,
    differences: Vec<DifferenceView<'a>>,
}

#[derive(Serialize)]
struct RegistryRow<'a> {
    address: &'a Name,
    ok: bool,
    error: Option<&'a Name>,
    since: Option<u64>,
    version: Option<&'a Name>,
    topic_count: Option<usize>,
    channel_count: Option<u64>,
    node_count: Option<usize>,
}

#[derive(Serialize)]
struct NodeSeen<'a> {
    node: &'a Name,
    hostname: &'a Name,
    seen: Vec<Sighting<'a>>,
}

#[derive(Serialize)]
struct Sighting<'a> {
    registry: &'a Name,
    known: bool,
    last_update: Option<u64>,
    remote_address: Option<&'a Name>,
    tombstones: Vec<Tombstone<'a>>,
}

#[derive(Serialize)]
struct Tombstone<'a> {
    topic: &'a Name,
    /// None where the registry does not say.
    until: Option<u64>,
}

#[derive(Serialize)]
struct DifferenceView<'a> {
    text: String,
    topic: Option<&'a Name>,
    node: Option<&'a Name>,
    registries: Cow<'a, [Name]>,
    /// None of what is only seen now.
    since: Option<u64>,
}

pub(super) fn view<'a>(scene: &Scene<'a>) -> Registries<'a> {
    let picture = &scene.seen.picture;
    Registries {
        registries: picture.registries.iter().map(RegistryRow::from).collect(),
        nodes: nodes(picture),
        differences: picture
            .differences
            .iter()
            .map(DifferenceView::from)
            .chain(forgotten(picture))
            .take(DIFFERENCES_MAX)
            .collect(),
    }
}

impl<'a> From<&'a Registry> for RegistryRow<'a> {
    fn from(registry: &'a Registry) -> Self {
        let failure = registry.failures.first();
        let known = |count: usize| registry.has_answered.then_some(count);
        Self {
            address: &registry.address,
            ok: registry.is_ok(),
            error: failure.map(|failure| &failure.text),
            since: failure.map(|failure| ms(failure.since)),
            version: registry.version.as_ref(),
            topic_count: known(registry.topics.len()),
            channel_count: registry.details.as_ref().map(|details| details.channel_count),
            node_count: known(registry.nodes.len()),
        }
    }
}

/// Topics that no node has, where some registries know them and others do not.
fn forgotten(picture: &Picture) -> impl Iterator<Item = DifferenceView<'_>> {
    let answering: Vec<_> = picture.registries.iter().filter(|registry| registry.is_ok()).collect();
    picture.inactive.iter().filter(|topic| !topic.is_tombstoned).filter_map(move |topic| {
        let lacks = |registry: &&&Registry| registry.topics.binary_search(&topic.name).is_err();
        let without: Vec<Name> =
            answering.iter().filter(lacks).map(|registry| registry.address.clone()).collect();
        let is_different = !without.is_empty() && without.len() < answering.len();
        is_different.then(|| DifferenceView {
            text: format!(
                "{} {} not know topic {}, which no node has, though others do.",
                list(&without),
                verb(&without, "does", "do"),
                topic.name
            ),
            topic: Some(&topic.name),
            node: None,
            registries: Cow::Owned(without),
            since: None,
        })
    })
}

/// All nodes that a registry knows or that are watched, by address.
fn nodes(picture: &Picture) -> Vec<NodeSeen<'_>> {
    let mut known: BTreeMap<&Name, &Name> = BTreeMap::new();
    for node in picture.registries.iter().flat_map(|registry| registry.nodes.iter()) {
        known.insert(&node.address, &node.identity.hostname);
    }
    for node in &picture.nodes {
        known.insert(&node.address, &node.identity.hostname);
    }
    let seen = |node: &Name| {
        picture.registries.iter().map(|registry| Sighting::new(registry, node)).collect()
    };
    known
        .into_iter()
        .map(|(node, hostname)| NodeSeen { node, hostname, seen: seen(node) })
        .collect()
}

impl<'a> Sighting<'a> {
    fn new(registry: &'a Registry, address: &Name) -> Self {
        let node = registry.node(address);
        let details = registry.details.as_deref();
        let until = |topic: &Name| {
            let key = (address.clone(), topic.clone());
            details.and_then(|details| details.tombstones_until_ms.get(&key).copied())
        };
        let hidden = node.into_iter().flat_map(Registered::tombstoned);
        Self {
            registry: &registry.address,
            known: node.is_some(),
            last_update: node
                .and(details)
                .and_then(|details| details.last_update_ms.get(address).copied()),
            remote_address: node.map(|node| &node.remote_address),
            tombstones: hidden.map(|topic| Tombstone { topic, until: until(topic) }).collect(),
        }
    }
}

impl<'a> From<&'a Difference> for DifferenceView<'a> {
    fn from(difference: &'a Difference) -> Self {
        Self {
            text: difference.text(),
            topic: difference.topic.as_ref(),
            node: Some(&difference.node),
            registries: Cow::Borrowed(&difference.registries),
            since: Some(ms(difference.since)),
        }
    }
}
