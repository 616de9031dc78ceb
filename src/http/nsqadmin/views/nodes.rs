//! All nodes.

use std::collections::BTreeSet;

use serde::Serialize;

use super::{
    Scene,
    counts::CountsView,
    topic::{ages, polled_at},
};
use crate::cluster::{
    picture::{Node, Picture, Registered, Registry},
    snapshot::Name,
};

#[derive(Serialize)]
pub(super) struct Nodes<'a> {
    nodes: Vec<NodeRow<'a>>,
}

#[derive(Serialize)]
pub(super) struct NodeRow<'a> {
    node: &'a Name,
    hostname: &'a Name,
    broadcast_address: &'a Name,
    tcp_port: u16,
    http_port: u16,
    version: &'a Name,
    out_of_date: bool,
    region: &'a Name,
    zone: &'a Name,
    /// What it says of itself, as long as it answers.
    health: Option<&'a Name>,
    started_at: Option<i64>,
    uptime_s: Option<u64>,
    reachable: bool,
    error: Option<&'a Name>,
    since: Option<u64>,
    data_at: Option<u64>,
    counts: CountsView,
    topic_count: usize,
    channel_count: usize,
    client_count: u64,
    memory_bytes: Option<u64>,
    restarts: Option<u64>,
    registries: Vec<Registration<'a>>,
    tombstoned_topics: BTreeSet<&'a Name>,
}

#[derive(Serialize)]
struct Registration<'a> {
    address: &'a Name,
    known: bool,
}

pub(super) fn view<'a>(scene: &Scene<'a>) -> Nodes<'a> {
    let nodes = scene.seen.picture.nodes.iter();
    Nodes { nodes: nodes.map(|node| NodeRow::new(scene, node)).collect() }
}

impl<'a> NodeRow<'a> {
    pub(super) fn new(scene: &Scene<'a>, node: &'a Node) -> Self {
        let picture = &scene.seen.picture;
        let identity = &node.identity;
        let snapshot = node.snapshot.as_deref();
        let counts = node.counts();
        let (data_at, since) = ages(node);
        Self {
            node: &node.address,
            hostname: &identity.hostname,
            broadcast_address: &identity.broadcast_address,
            tcp_port: identity.tcp_port,
            http_port: identity.http_port,
            version: node.version(),
            out_of_date: picture.is_out_of_date(node),
            region: &identity.region,
            zone: &identity.zone,
            health: health(node),
            started_at: started_at_s(node).map(|seconds| seconds.saturating_mul(1000)),
            uptime_s: uptime_s(scene, node),
            reachable: node.failure.is_none() && snapshot.is_some(),
            error: node.failure.as_ref().map(|failure| &failure.text),
            since,
            data_at,
            topic_count: node.topics().count(),
            channel_count: node.topics().map(|topic| topic.channels().count()).sum(),
            client_count: counts.gauges.clients,
            counts: CountsView::from(&counts),
            memory_bytes: snapshot.and_then(|snapshot| snapshot.memory_bytes),
            restarts: snapshot.and_then(|snapshot| snapshot.restarts),
            registries: registrations(picture, node),
            tombstoned_topics: tombstoned_topics(picture, node),
        }
    }
}

fn health(node: &Node) -> Option<&Name> {
    let snapshot = node.snapshot.as_ref().filter(|_| node.failure.is_none())?;
    Some(&snapshot.health).filter(|health| !health.is_empty())
}

fn started_at_s(node: &Node) -> Option<i64> {
    node.snapshot.as_ref()?.started_at_s
}

/// None of one that does not answer.
fn uptime_s(scene: &Scene<'_>, node: &Node) -> Option<u64> {
    let started = started_at_s(node).filter(|_| node.failure.is_none())?;
    let now = i64::try_from(polled_at(scene).0 / 1_000_000_000).ok()?;
    u64::try_from(now.saturating_sub(started)).ok()
}

fn registrations<'a>(picture: &'a Picture, node: &Node) -> Vec<Registration<'a>> {
    let is_known = |registry: &'a Registry| Registration {
        address: &registry.address,
        known: registry.node(&node.address).is_some(),
    };
    picture.registries.iter().map(is_known).collect()
}

fn tombstoned_topics<'a>(picture: &'a Picture, node: &Node) -> BTreeSet<&'a Name> {
    let hiding = picture.registries.iter().filter_map(|of| of.node(&node.address));
    hiding.flat_map(Registered::tombstoned).collect()
}
