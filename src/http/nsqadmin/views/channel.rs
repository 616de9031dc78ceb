//! One channel.

use serde::Serialize;

use super::{
    ProblemList, Scene,
    clients::ClientView,
    counts::{CountsView, LatencyView},
    rows::ChannelRow,
    series::Chart,
    topic::{ages, own_share},
};
use crate::{
    cluster::{
        history::Subject,
        picture::{Counts, Node},
        snapshot::{ChannelEntry, Name},
    },
    http::HttpError,
};

#[derive(Serialize)]
pub(super) struct ChannelView<'a> {
    channel: ChannelRow<'a>,
    series: Chart,
    nodes: Vec<OnNode<'a>>,
    clients: Vec<ClientView<'a>>,
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
    client_count: u64,
    latency: Option<LatencyView>,
    data_at: Option<u64>,
    since: Option<u64>,
}

pub(super) fn view<'a>(
    scene: &Scene<'a>,
    topic: &str,
    channel: &str,
) -> Result<ChannelView<'a>, HttpError> {
    let picture = &scene.seen.picture;
    let of = picture.topic(topic).ok_or(match picture.inactive_topic(topic) {
        Some(_) => HttpError::ChannelNotFound,
        None => HttpError::TopicNotFound,
    })?;
    let found = of.channel(channel).ok_or(HttpError::ChannelNotFound)?;
    let entries = || picture.channel_entries(found);
    let subject = Subject::Channel(of.name.clone(), found.name.clone());
    let clients = entries().flat_map(|(node, entry)| ClientView::all(node, &of.name, entry));
    Ok(ChannelView {
        channel: ChannelRow::new(scene, of, found),
        series: Chart::of(scene.history, &subject),
        nodes: entries().map(|(node, entry)| OnNode::new(node, &entry)).collect(),
        clients: clients.collect(),
        latency: LatencyView::merged(entries().map(|(_, entry)| entry.latency)),
        problems: ProblemList::of(scene, |problem| {
            problem.topic.as_deref() == Some(topic)
                && problem.channel.as_deref().is_none_or(|of| of == channel)
        }),
    })
}

impl<'a> OnNode<'a> {
    fn new(node: &'a Node, entry: &ChannelEntry<'a>) -> Self {
        let (data_at, since) = ages(node);
        Self {
            node: &node.address,
            hostname: &node.identity.hostname,
            paused: entry.paused,
            counts: CountsView::from(&Counts::of_channel(entry, own_share(node))),
            client_count: entry.gauges.clients,
            latency: LatencyView::merged(std::iter::once(entry.latency)),
            data_at,
            since,
        }
    }
}
