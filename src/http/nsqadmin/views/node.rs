//! One node.

use serde::Serialize;

use super::{
    ProblemList, Scene,
    clients::{ClientView, ProducerView},
    counts::CountsView,
    nodes::NodeRow,
    series::Chart,
    topic::{ChannelOnNode, own_share},
};
use crate::{
    cluster::{
        history::Subject,
        picture::Counts,
        snapshot::{Name, TopicEntry},
    },
    http::HttpError,
};

#[derive(Serialize)]
pub(super) struct NodeView<'a> {
    node: NodeRow<'a>,
    series: Chart,
    topics: Vec<OfNode<'a>>,
    clients: Vec<ClientView<'a>>,
    producers: Vec<ProducerView<'a>>,
    #[serde(flatten)]
    problems: ProblemList<'a>,
}

#[derive(Serialize)]
struct OfNode<'a> {
    topic: &'a Name,
    paused: bool,
    counts: CountsView,
    own_depth: u64,
    tombstoned: bool,
    channels: Vec<ChannelOnNode<'a>>,
}

pub(super) fn view<'a>(scene: &Scene<'a>, address: &str) -> Result<NodeView<'a>, HttpError> {
    let picture = &scene.seen.picture;
    let node = picture.node(address).ok_or(HttpError::NodeNotFound)?;
    let producers = node.snapshot.as_ref().map_or(&[][..], |snapshot| &snapshot.producers);
    let share = own_share(node);
    let row = |topic: TopicEntry<'a>| OfNode {
        topic: topic.name,
        paused: topic.paused,
        counts: CountsView::from(&Counts::of_topic(&topic, share)),
        own_depth: topic.gauges.depth,
        tombstoned: picture.is_tombstoned(address, topic.name),
        channels: topic.channels().map(|of| ChannelOnNode::new(&of, share)).collect(),
    };
    let clients = node.topics().flat_map(|topic| {
        topic.channels().flat_map(move |of| ClientView::all(node, topic.name, of))
    });
    Ok(NodeView {
        node: NodeRow::new(scene, node),
        series: Chart::of(scene.history, &Subject::Node(node.address.clone())),
        topics: node.topics().map(row).collect(),
        clients: clients.collect(),
        producers: producers.iter().map(ProducerView::from).collect(),
        problems: ProblemList::of(scene, |problem| problem.node.as_deref() == Some(address)),
    })
}
