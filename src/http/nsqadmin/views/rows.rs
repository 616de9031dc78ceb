//! Rows of tables.

use serde::Serialize;

use super::{Scene, counts::CountsView, series::spark};
use crate::cluster::{
    history::{Line, Subject},
    picture::{Channel, Counts, InactiveTopic, Topic},
    problems::{Severity, Trend},
    snapshot::{Name, Rates},
};

const EPHEMERAL: &str = "#ephemeral";

/// On how many nodes it hands nothing on.
#[derive(Serialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "lowercase")]
pub(super) enum Paused {
    No,
    Some,
    All,
}

impl Paused {
    fn of(paused: usize, nodes: usize) -> Self {
        match paused {
            0 => Self::No,
            _ if paused < nodes => Self::Some,
            _ => Self::All,
        }
    }
}

#[derive(Serialize)]
pub(super) struct TopicRow<'a> {
    topic: &'a Name,
    counts: CountsView,
    own_depth: u64,
    node_count: usize,
    /// None if it is not known.
    channel_count: Option<usize>,
    client_count: u64,
    paused: Paused,
    inactive: bool,
    ephemeral: bool,
    drain_s: Option<u64>,
    growing: bool,
    spark: Vec<Option<f64>>,
    worst: Option<Severity>,
}

impl<'a> TopicRow<'a> {
    pub(super) fn new(scene: &Scene<'a>, topic: &'a Topic) -> Self {
        let deepest = topic.channels.iter().max_by_key(|channel| channel.counts.gauges.depth);
        let subject = Subject::Topic(topic.name.clone());
        Self {
            topic: &topic.name,
            counts: CountsView::from(&topic.counts),
            own_depth: topic.own_depth,
            node_count: topic.nodes.len(),
            channel_count: Some(topic.channels.len()),
            client_count: topic.counts.gauges.clients,
            paused: Paused::of(topic.paused_nodes, topic.nodes.len()),
            inactive: false,
            ephemeral: topic.name.ends_with(EPHEMERAL),
            drain_s: deepest.and_then(|channel| drain_s(scene, topic, channel)),
            growing: deepest.is_some_and(|channel| is_growing(scene, topic, channel)),
            spark: spark(scene.history, &subject, Line::In),
            worst: scene.seen.problems.worst_of_topic(&topic.name),
        }
    }

    pub(super) fn of_inactive(topic: &'a InactiveTopic) -> Self {
        let counts = Counts { rates: Rates::UNKNOWN, ..Counts::default() };
        Self {
            topic: &topic.name,
            counts: CountsView::from(&counts),
            own_depth: 0,
            node_count: 0,
            channel_count: topic.channels.as_ref().map(Vec::len),
            client_count: 0,
            paused: Paused::No,
            inactive: true,
            ephemeral: topic.name.ends_with(EPHEMERAL),
            drain_s: None,
            growing: false,
            spark: Vec::new(),
            worst: None,
        }
    }
}

#[derive(Serialize)]
pub(super) struct ChannelRow<'a> {
    topic: &'a Name,
    channel: &'a Name,
    counts: CountsView,
    node_count: usize,
    client_count: u64,
    paused: Paused,
    ephemeral: bool,
    drain_s: Option<u64>,
    growing: bool,
    spark: Vec<Option<f64>>,
    worst: Option<Severity>,
}

impl<'a> ChannelRow<'a> {
    pub(super) fn new(scene: &Scene<'a>, topic: &'a Topic, channel: &'a Channel) -> Self {
        let subject = Subject::Channel(topic.name.clone(), channel.name.clone());
        Self {
            topic: &topic.name,
            channel: &channel.name,
            counts: CountsView::from(&channel.counts),
            node_count: channel.nodes.len(),
            client_count: channel.counts.gauges.clients,
            paused: Paused::of(channel.paused_nodes, channel.nodes.len()),
            ephemeral: channel.name.ends_with(EPHEMERAL),
            drain_s: drain_s(scene, topic, channel),
            growing: is_growing(scene, topic, channel),
            spark: spark(scene.history, &subject, Line::Depth),
            worst: scene.seen.problems.worst_of_channel(&topic.name, &channel.name),
        }
    }
}

/// Whole seconds until a channel is empty, if it is on its way there.
fn drain_s(scene: &Scene<'_>, topic: &Topic, channel: &Channel) -> Option<u64> {
    let trend = Trend::of(scene.history, &topic.name, &channel.name);
    trend.drain_s(channel.counts.gauges.depth).map(|seconds| seconds.ceil() as u64)
}

fn is_growing(scene: &Scene<'_>, topic: &Topic, channel: &Channel) -> bool {
    Trend::of(scene.history, &topic.name, &channel.name).is_growing()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paused_is_on_no_some_or_all_nodes() {
        assert_eq!(
            [(0, 2), (1, 2), (2, 2), (0, 0)].map(|(paused, of)| Paused::of(paused, of)),
            [Paused::No, Paused::Some, Paused::All, Paused::No]
        );
    }
}
