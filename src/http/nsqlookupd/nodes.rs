//! `GET /nodes`: every node with its topics.

use actix_web::{HttpResponse, web};
use serde::{Serialize, Serializer};

use super::{State, lookup::ProducerJson};
use crate::{
    actors::lookup_registry::messages::ListNodes,
    broker::registrations::{Node, Nodes},
    http::{HttpError, ask::ask, reply},
};

/// The registry gives a copy away at once; a large one is written down on a thread of its own.
pub async fn list(api: State) -> Result<HttpResponse, HttpError> {
    let nodes = ask(&api.registry, || ListNodes).await?;
    let written = web::block(move || reply::to_json(&NodesJson::from(&nodes)));
    written.await.map_err(|_| HttpError::Internal)?.map(reply::json_text)
}

#[derive(Serialize)]
struct NodesJson<'a> {
    producers: Vec<NodeJson<'a>>,
}

#[derive(Serialize)]
struct NodeJson<'a> {
    #[serde(flatten)]
    producer: ProducerJson<'a>,
    tombstones: Tombstones<'a>,
    topics: Topics<'a>,
}

/// Whether the node is hidden for each of its topics.
struct Tombstones<'a>(&'a Nodes, &'a Node);

/// The topics in the same order.
struct Topics<'a>(&'a Nodes, &'a Node);

impl Serialize for Tombstones<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.topics_of(self.1).map(|(_, is_hidden)| is_hidden))
    }
}

impl Serialize for Topics<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.topics_of(self.1).map(|(topic, _)| topic))
    }
}

impl<'a> From<&'a Nodes> for NodesJson<'a> {
    fn from(nodes: &'a Nodes) -> Self {
        let producers = nodes.nodes.iter().map(|node| NodeJson {
            producer: ProducerJson::from(&*node.producer),
            tombstones: Tombstones(nodes, node),
            topics: Topics(nodes, node),
        });
        Self { producers: producers.collect() }
    }
}
