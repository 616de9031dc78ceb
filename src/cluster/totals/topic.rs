//! A topic on one node, or over all.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{ALL_NODES, channel::ChannelTotals, latency::LatencyTotals};
use crate::{
    cluster::{
        Node,
        answers::{NodeStats, TopicStats},
    },
    protocol::{ChannelName, TopicName},
};

/// A topic's counters. The fields are upstream's, in its order.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TopicTotals {
    /// The node's address, or `*`.
    pub node: String,
    /// The node's; empty for all.
    pub hostname: String,
    /// Its name.
    pub topic_name: TopicName,
    /// Messages that no channel has yet.
    pub depth: i64,
    /// Those of them that are in memory.
    pub memory_depth: i64,
    /// Those of them that are not.
    pub backend_depth: i64,
    /// Messages that were ever published.
    pub message_count: u64,
    /// Always 0: nodes count deliveries by channel.
    pub delivery_msg_count: u64,
    /// The same on each node, by hostname and address; None in what is of one node.
    pub nodes: Option<Vec<TopicTotals>>,
    /// Its channels by name.
    pub channels: Vec<ChannelTotals>,
    /// No messages go on to channels, on one node at least.
    pub paused: bool,
    /// Of all its channels.
    pub e2e_processing_latency: LatencyTotals,
}

impl TopicTotals {
    /// As one node has it. Clients are wanted if there is a time, in seconds since 1970.
    pub fn of_node(topic: &TopicStats, node: &Node, clients_at: Option<i64>) -> Self {
        let name = &topic.topic_name;
        let channel = |channel| ChannelTotals::of_node(channel, name, node, clients_at);
        Self {
            node: node.address.clone(),
            hostname: node.hostname.clone(),
            topic_name: name.clone(),
            depth: topic.depth,
            memory_depth: topic.depth.saturating_sub(topic.backend_depth),
            backend_depth: topic.backend_depth,
            message_count: topic.message_count,
            delivery_msg_count: 0,
            nodes: None,
            channels: topic.channels.iter().map(channel).collect(),
            paused: topic.paused,
            e2e_processing_latency: LatencyTotals::of_node(&topic.e2e_processing_latency),
        }
    }

    /// Those of one topic on all nodes that have it, in the order of the nodes.
    pub fn on_nodes(
        stats: &[(&Node, NodeStats)],
        topic: &TopicName,
        clients_at: Option<i64>,
    ) -> Vec<Self> {
        let of_node = |(node, stats): &(&Node, NodeStats)| {
            let found = stats.topics.iter().find(|of| of.topic_name == *topic)?;
            Some(Self::of_node(found, node, clients_at))
        };
        stats.iter().filter_map(of_node).collect()
    }

    /// Over all nodes, each of which is one of `nodes`.
    pub fn of_all(topic: &TopicName, nodes: Vec<Self>) -> Self {
        let latencies = nodes.iter().map(|node| &node.e2e_processing_latency);
        let latency = LatencyTotals::of_all(latencies, topic.as_str(), "");
        let signed = |of: fn(&Self) -> i64| nodes.iter().map(of).fold(0, i64::saturating_add);
        Self {
            node: ALL_NODES.to_owned(),
            hostname: String::new(),
            topic_name: topic.clone(),
            depth: signed(|node| node.depth),
            memory_depth: signed(|node| node.memory_depth),
            backend_depth: signed(|node| node.backend_depth),
            message_count: nodes.iter().map(|node| node.message_count).fold(0, u64::saturating_add),
            delivery_msg_count: 0,
            channels: channels(topic, &nodes),
            paused: nodes.iter().any(|node| node.paused),
            e2e_processing_latency: latency,
            nodes: Some(nodes),
        }
    }
}

/// Every channel that a node has, over all nodes.
fn channels(topic: &TopicName, nodes: &[TopicTotals]) -> Vec<ChannelTotals> {
    let mut by_name: BTreeMap<&ChannelName, Vec<ChannelTotals>> = BTreeMap::new();
    for channel in nodes.iter().flat_map(|node| &node.channels) {
        by_name.entry(&channel.channel_name).or_default().push(channel.clone());
    }
    let over_all = |(name, nodes)| ChannelTotals::of_all(topic, name, nodes);
    by_name.into_iter().map(over_all).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn node(address: &str) -> Node {
        Node { address: address.to_owned(), hostname: "h".to_owned(), ..Node::default() }
    }

    fn topic(json: &str) -> TopicStats {
        serde_json::from_str(json).unwrap()
    }

    fn orders() -> TopicName {
        TopicName::parse("orders").unwrap()
    }

    #[test]
    fn sums_are_made_of_copies() {
        let one = topic(
            r#"{"topic_name":"orders","depth":5,"backend_depth":2,"message_count":7,"channels":[
                {"channel_name":"c","depth":3,"backend_depth":1,"message_count":4,"global_msg_count":2}]}"#,
        );
        let other = topic(
            r#"{"topic_name":"orders","depth":1,"paused":true,"channels":[
                {"channel_name":"a","depth":9},{"channel_name":"c","depth":4,"zone_local_msg_count":3,"paused":true}]}"#,
        );
        let nodes = vec![
            TopicTotals::of_node(&one, &node("x:1"), None),
            TopicTotals::of_node(&other, &node("y:1"), None),
        ];
        let all = TopicTotals::of_all(&orders(), nodes.clone());
        assert_eq!((all.node.as_str(), all.hostname.as_str()), ("*", ""));
        assert_eq!((all.depth, all.memory_depth, all.backend_depth), (6, 4, 2));
        assert_eq!((all.message_count, all.paused), (7, true));
        assert_eq!(all.nodes.as_deref(), Some(&nodes[..]));
        let [a, c] = &all.channels[..] else { panic!("{:?}", all.channels) };
        assert_eq!((a.channel_name.as_str(), a.depth, a.node.as_str()), ("a", 9, "*"));
        assert_eq!((c.depth, c.memory_depth, c.delivery_msg_count, c.paused), (7, 6, 5, true));
        assert_eq!(c.nodes.as_ref().map(Vec::len), Some(2));
        assert_eq!((c.clients.is_none(), a.nodes.as_ref().map(Vec::len)), (true, Some(1)));
    }

    #[test]
    fn a_topic_of_nobody_is_all_zeros() {
        let json = serde_json::to_string(&TopicTotals::of_all(&orders(), Vec::new())).unwrap();
        assert_eq!(
            json,
            r#"{"node":"*","hostname":"","topic_name":"orders","depth":0,"memory_depth":0,"backend_depth":0,"message_count":0,"delivery_msg_count":0,"nodes":[],"channels":[],"paused":false,"e2e_processing_latency":{"count":0,"percentiles":null,"topic":"orders","channel":"","host":"*"}}"#
        );
    }

    #[test]
    fn a_channel_has_upstreams_fields_in_its_order() {
        let stats = topic(
            r#"{"topic_name":"orders","channels":[{"channel_name":"c","depth":3,"backend_depth":1,"in_flight_count":4,
                "deferred_count":5,"requeue_count":6,"timeout_count":7,"message_count":8,"zone_local_msg_count":1,
                "global_msg_count":2,"client_count":9,"clients":[]}]}"#,
        );
        let totals = TopicTotals::of_node(&stats, &node("x:1"), Some(0));
        assert_eq!(
            serde_json::to_string(&totals.channels[0]).unwrap(),
            r#"{"node":"x:1","hostname":"h","topic_name":"orders","channel_name":"c","depth":3,"memory_depth":2,"backend_depth":1,"in_flight_count":4,"deferred_count":5,"requeue_count":6,"timeout_count":7,"message_count":8,"delivery_msg_count":3,"zone_local_msg_count":1,"global_msg_count":2,"client_count":9,"nodes":null,"clients":[],"paused":false,"e2e_processing_latency":{"count":0,"percentiles":null,"topic":"","channel":"","host":""}}"#
        );
    }

    #[test]
    fn sums_do_not_overflow() {
        let large = topic(&format!(
            r#"{{"topic_name":"orders","depth":{},"backend_depth":{},"message_count":{}}}"#,
            i64::MAX,
            i64::MIN,
            u64::MAX
        ));
        let of_node = || TopicTotals::of_node(&large, &node("x:1"), None);
        let all = TopicTotals::of_all(&orders(), vec![of_node(), of_node()]);
        assert_eq!((all.depth, all.backend_depth), (i64::MAX, i64::MIN));
        assert_eq!(all.message_count, u64::MAX);
    }

    proptest! {
        #[test]
        fn totals_are_the_sums_of_what_stands_under_the_nodes(
            depths in prop::collection::vec(prop::collection::vec(0..1000_i64, 0..4), 0..5),
        ) {
            let of_node = |(index, depths): (usize, &Vec<i64>)| {
                let channel = |(index, depth)| format!(r#"{{"channel_name":"c{index}","depth":{depth}}}"#);
                let channels: Vec<_> = depths.iter().enumerate().map(channel).collect();
                let json = format!(r#"{{"topic_name":"orders","channels":[{}]}}"#, channels.join(","));
                TopicTotals::of_node(&topic(&json), &node(&format!("n{index}:1")), None)
            };
            let nodes: Vec<_> = depths.iter().enumerate().map(of_node).collect();
            let all = TopicTotals::of_all(&orders(), nodes);
            let sum: i64 = depths.iter().flatten().sum();
            prop_assert_eq!(all.channels.iter().map(|channel| channel.depth).sum::<i64>(), sum);
            for channel in &all.channels {
                let nodes = channel.nodes.as_ref().unwrap();
                prop_assert_eq!(nodes.iter().map(|node| node.depth).sum::<i64>(), channel.depth);
            }
        }
    }
}
