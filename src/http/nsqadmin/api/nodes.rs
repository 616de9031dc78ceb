//! Nodes: listed, shown, hidden for a topic.

use actix_web::{
    HttpResponse,
    web::{Path, Payload},
};
use serde::{Deserialize, Serialize};

use super::{ApiError, answer, json_body, now_s};
use crate::{
    cluster::{
        Node, Selection,
        actions::{Action, Order, OrderError},
        stats_of,
        totals::TopicTotals,
    },
    http::{
        HttpError,
        nsqadmin::{AdminOnly, Caller, State, acting::act_or_fail},
    },
    protocol::TopicName,
};

#[derive(Serialize)]
struct Nodes {
    nodes: Vec<NodeJson>,
}

/// Fields in upstream's order.
#[derive(Serialize)]
struct NodeJson {
    remote_addresses: Vec<String>,
    remote_address: String,
    hostname: String,
    broadcast_address: String,
    tcp_port: i64,
    http_port: i64,
    version: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    topology_zone: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    topology_region: String,
    topics: Vec<TopicJson>,
    out_of_date: bool,
}

#[derive(Serialize)]
struct TopicJson {
    topic: TopicName,
    tombstoned: bool,
}

impl From<Node> for NodeJson {
    fn from(node: Node) -> Self {
        let topics = node.topics.into_iter();
        Self {
            remote_addresses: node.remote_addresses,
            remote_address: node.remote_address,
            hostname: node.hostname,
            broadcast_address: node.broadcast_address,
            tcp_port: node.tcp_port,
            http_port: node.http_port,
            version: node.version,
            topology_zone: node.topology_zone,
            topology_region: node.topology_region,
            topics: topics.map(|(topic, tombstoned)| TopicJson { topic, tombstoned }).collect(),
            out_of_date: node.out_of_date,
        }
    }
}

/// All nodes.
pub(super) async fn list(admin: State) -> Result<HttpResponse, ApiError> {
    let mut failures = Vec::new();
    let nodes = admin.cluster().nodes(&mut failures).await?;
    answer(failures, || Nodes { nodes: nodes.into_iter().map(NodeJson::from).collect() }).await
}

/// A node with all its topics, channels and consumers.
pub(super) async fn show(admin: State, address: Path<String>) -> Result<HttpResponse, ApiError> {
    #[derive(Serialize)]
    struct Body {
        node: String,
        topics: Vec<TopicTotals>,
        total_messages: u64,
        total_clients: usize,
    }
    let (cluster, mut failures) = (admin.cluster(), Vec::new());
    let nodes = [cluster.node(&address, &mut failures).await?];
    let select = Selection { clients: true, ..Selection::default() };
    let stats = stats_of(cluster.ask(), &nodes, select).await.unless_all_failed(&mut failures)?;
    let stats: Vec<_> = stats.into_iter().flat_map(|(_, stats)| stats.topics).collect();
    let now = now_s();
    answer(failures, move || {
        let [node] = nodes;
        let topics = stats.iter().map(|topic| TopicTotals::of_node(topic, &node, Some(now)));
        let messages = stats.iter().map(|topic| topic.message_count);
        let channels = stats.iter().flat_map(|topic| &topic.channels);
        Body {
            node: node.address.clone(),
            topics: topics.collect(),
            total_messages: messages.fold(0, u64::saturating_add),
            total_clients: channels.map(|channel| channel.clients.len()).sum(),
        }
    })
    .await
}

/// Hides a node for a topic, and deletes the topic there.
pub(super) async fn tombstone(
    _: AdminOnly,
    admin: State,
    caller: Caller,
    address: Path<String>,
    payload: Payload,
) -> Result<HttpResponse, ApiError> {
    #[derive(Deserialize)]
    struct Body {
        #[serde(default)]
        topic: String,
    }
    let body = json_body(payload).await.map_err(|error| match error {
        HttpError::BadJson(_) => HttpError::InvalidBody,
        error => error,
    });
    let Body { topic } = body?;
    let order = Order::new(Action::TombstoneTopicProducer, &topic, "", &address);
    let order = order.map_err(|error| match error {
        OrderError::InvalidNode => HttpError::NodeNotFound,
        error => error.into(),
    });
    act_or_fail(admin, order?, caller).await
}
