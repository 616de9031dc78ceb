//! `GET /api/counter`: what was put into each channel of each node.

use std::collections::BTreeMap;

use actix_web::HttpResponse;
use serde::Serialize;

use super::{ApiError, answer};
use crate::{
    cluster::{Selection, answers::NodeStats, stats_of},
    http::nsqadmin::State,
    protocol::{ChannelName, TopicName},
};

#[derive(Serialize)]
struct Counter {
    /// By `topic:channel:node`.
    stats: BTreeMap<String, Count>,
}

#[derive(Serialize)]
struct Count {
    node: String,
    topic_name: TopicName,
    channel_name: ChannelName,
    message_count: u64,
}

/// All channels of all nodes.
pub(super) async fn show(admin: State) -> Result<HttpResponse, ApiError> {
    let (cluster, mut failures) = (admin.cluster(), Vec::new());
    let nodes = cluster.nodes_without_topics(&mut failures).await?;
    let stats = stats_of(cluster.ask(), &nodes, Selection::default()).await;
    let stats = stats.unless_all_failed(&mut failures)?.into_iter();
    let stats: Vec<_> = stats.map(|(node, stats)| (node.address.clone(), stats)).collect();
    answer(failures, || Counter { stats: stats.into_iter().flat_map(counts).collect() }).await
}

fn counts((node, stats): (String, NodeStats)) -> Vec<(String, Count)> {
    let mut counts = Vec::new();
    for topic in stats.topics {
        for channel in topic.channels {
            let count = Count {
                node: node.clone(),
                topic_name: topic.topic_name.clone(),
                channel_name: channel.channel_name,
                message_count: channel.message_count,
            };
            let key = format!("{}:{}:{node}", count.topic_name, count.channel_name);
            counts.push((key, count));
        }
    }
    counts
}
