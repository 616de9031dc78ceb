//! One topic.

use serde::Serialize;

use super::{
    ProblemList, Scene,
    counts::{CountsView, LatencyView},
    rows::{ChannelRow, TopicRow},
    series::Chart,
};
use crate::{
    broker::Moment,
    cluster::{
        history::Subject,
        picture::{Counts, Node, Picture, Share, ms},
        snapshot::{ChannelEntry, Name, TopicEntry},
    },
    http::HttpError,
};

#[derive(Serialize)]
pub(super) struct TopicView<'a> {
    topic: TopicRow<'a>,
    series: Chart,
    nodes: Vec<OnNode<'a>>,
    channels: Vec<ChannelRow<'a>>,
    latency: Option<LatencyView>,
    #[serde(flatten)]
    problems: ProblemList<'a>,
}

#[derive(Serialize)]
struct OnNode<'a> {
    node: &'a Name,
    hostname: &'a Name,
    paused: bool,
    counts: CountsView,
    own_depth: u64,
    channels: Vec<ChannelOnNode<'a>>,
    latency: Option<LatencyView>,
    tombstoned: bool,
    data_at: Option<u64>,
    since: Option<u64>,
}

#[derive(Serialize)]
pub(super) struct ChannelOnNode<'a> {
    channel: &'a Name,
    paused: bool,
    counts: CountsView,
    client_count: u64,
}

impl<'a> ChannelOnNode<'a> {
    pub(super) fn new(channel: &ChannelEntry<'a>, share: Share) -> Self {
        Self {
            channel: channel.name,
            paused: channel.paused,
            counts: CountsView::from(&Counts::of_channel(channel, share)),
            client_count: channel.gauges.clients,
        }
    }
}

/// What a node adds where it stands by itself: nothing is known of one that does not answer.
pub(super) fn own_share(node: &Node) -> Share {
    if node.failure.is_some() { Share::Unknown } else { Share::Known }
}

/// When a node has said something the last time, and since when it does not answer.
pub(super) fn ages(node: &Node) -> (Option<u64>, Option<u64>) {
    let at = node.snapshot.as_ref().map(|snapshot| ms(snapshot.at));
    (at, node.failure.as_ref().map(|failure| ms(failure.since)))
}

pub(super) fn view<'a>(scene: &Scene<'a>, name: &str) -> Result<TopicView<'a>, HttpError> {
    let picture = &scene.seen.picture;
    let Some(topic) = picture.topic(name) else {
        return inactive(scene, name).ok_or(HttpError::TopicNotFound);
    };
    let entries = || picture.topic_entries(topic);
    let subject = Subject::Topic(topic.name.clone());
    let channels = topic.channels.iter();
    Ok(TopicView {
        topic: TopicRow::new(scene, topic),
        series: Chart::of(scene.history, &subject),
        nodes: entries().map(|(node, entry)| OnNode::new(picture, node, &entry)).collect(),
        channels: channels.map(|channel| ChannelRow::new(scene, topic, channel)).collect(),
        latency: LatencyView::merged(entries().map(|(_, entry)| entry.latency)),
        problems: ProblemList::of(scene, |problem| problem.topic.as_deref() == Some(name)),
    })
}

fn inactive<'a>(scene: &Scene<'a>, name: &str) -> Option<TopicView<'a>> {
    let topic = scene.seen.picture.inactive_topic(name)?;
    Some(TopicView {
        topic: TopicRow::of_inactive(topic),
        series: Chart::of(scene.history, &Subject::Topic(topic.name.clone())),
        nodes: Vec::new(),
        channels: Vec::new(),
        latency: None,
        problems: ProblemList::of(scene, |problem| problem.topic.as_deref() == Some(name)),
    })
}

impl<'a> OnNode<'a> {
    fn new(picture: &Picture, node: &'a Node, entry: &TopicEntry<'a>) -> Self {
        let share = own_share(node);
        let (data_at, since) = ages(node);
        Self {
            node: &node.address,
            hostname: &node.identity.hostname,
            paused: entry.paused,
            counts: CountsView::from(&Counts::of_topic(entry, share)),
            own_depth: entry.gauges.depth,
            channels: entry.channels().map(|of| ChannelOnNode::new(&of, share)).collect(),
            latency: LatencyView::merged(std::iter::once(entry.latency)),
            tombstoned: picture.is_tombstoned(&node.address, entry.name),
            data_at,
            since,
        }
    }
}

/// When it was looked at.
pub(super) fn polled_at(scene: &Scene<'_>) -> Moment {
    scene.seen.picture.polled_at.unwrap_or_default()
}
