//! A channel on one node, or over all.

use serde::Serialize;

use super::{ALL_NODES, client::ClientReport, is_zero, latency::LatencyTotals};
use crate::{
    cluster::{Node, answers::ChannelStats},
    protocol::{ChannelName, TopicName},
};

/// A channel's counters. The fields are upstream's, in its order.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ChannelTotals {
    /// The node's address, or `*`.
    pub node: String,
    /// The node's; empty for all.
    pub hostname: String,
    /// Of this topic.
    pub topic_name: TopicName,
    /// Its name.
    pub channel_name: ChannelName,
    /// Messages that wait.
    pub depth: i64,
    /// Those of them that are in memory.
    pub memory_depth: i64,
    /// Those of them that are not.
    pub backend_depth: i64,
    /// Messages that are with a consumer.
    pub in_flight_count: i64,
    /// Messages that are not due yet.
    pub deferred_count: i64,
    /// How often one was given back.
    pub requeue_count: u64,
    /// How often one was not answered in time.
    pub timeout_count: u64,
    /// Messages that were ever in the channel.
    pub message_count: u64,
    /// Deliveries whose distance is known: the next three together.
    #[serde(skip_serializing_if = "is_zero")]
    pub delivery_msg_count: u64,
    /// Delivered within a zone.
    #[serde(skip_serializing_if = "is_zero")]
    pub zone_local_msg_count: u64,
    /// Delivered within a region, to another zone.
    #[serde(skip_serializing_if = "is_zero")]
    pub region_local_msg_count: u64,
    /// Delivered elsewhere.
    #[serde(skip_serializing_if = "is_zero")]
    pub global_msg_count: u64,
    /// Consumers.
    pub client_count: i64,
    /// The same on each node, by hostname and address; None in what is of one node.
    pub nodes: Option<Vec<ChannelTotals>>,
    /// None if nobody has asked for them.
    pub clients: Option<Vec<ClientReport>>,
    /// No messages are handed out, on one node at least.
    pub paused: bool,
    /// From publishing to finishing.
    pub e2e_processing_latency: LatencyTotals,
}

impl ChannelTotals {
    /// As one node has it. Clients are wanted if there is a time, in seconds since 1970.
    pub fn of_node(
        channel: &ChannelStats,
        topic: &TopicName,
        node: &Node,
        clients_at: Option<i64>,
    ) -> Self {
        let report = |now| {
            let clients = channel.clients.iter();
            let mut clients: Vec<_> =
                clients.map(|client| ClientReport::new(client, node, now)).collect();
            ClientReport::sort(&mut clients);
            clients
        };
        let local = [channel.zone_local_msg_count, channel.region_local_msg_count];
        let delivered =
            local.iter().fold(channel.global_msg_count, |sum, of| sum.saturating_add(*of));
        Self {
            node: node.address.clone(),
            hostname: node.hostname.clone(),
            topic_name: topic.clone(),
            channel_name: channel.channel_name.clone(),
            depth: channel.depth,
            memory_depth: channel.depth.saturating_sub(channel.backend_depth),
            backend_depth: channel.backend_depth,
            in_flight_count: channel.in_flight_count,
            deferred_count: channel.deferred_count,
            requeue_count: channel.requeue_count,
            timeout_count: channel.timeout_count,
            message_count: channel.message_count,
            delivery_msg_count: delivered,
            zone_local_msg_count: channel.zone_local_msg_count,
            region_local_msg_count: channel.region_local_msg_count,
            global_msg_count: channel.global_msg_count,
            client_count: channel.client_count,
            nodes: None,
            clients: clients_at.map(report),
            paused: channel.paused,
            e2e_processing_latency: LatencyTotals::of_node(&channel.e2e_processing_latency),
        }
    }

    /// Over all nodes, each of which is one of `nodes`.
    pub fn of_all(topic: &TopicName, channel: &ChannelName, nodes: Vec<Self>) -> Self {
        let latencies = nodes.iter().map(|node| &node.e2e_processing_latency);
        let latency = LatencyTotals::of_all(latencies, topic.as_str(), channel.as_str());
        let mut all = Self::nothing(topic, channel, latency);
        nodes.iter().for_each(|node| all.add(node));
        if let Some(clients) = &mut all.clients {
            ClientReport::sort(clients);
        }
        all.nodes = Some(nodes);
        all
    }

    fn nothing(topic: &TopicName, channel: &ChannelName, latency: LatencyTotals) -> Self {
        Self {
            node: ALL_NODES.to_owned(),
            hostname: String::new(),
            topic_name: topic.clone(),
            channel_name: channel.clone(),
            depth: 0,
            memory_depth: 0,
            backend_depth: 0,
            in_flight_count: 0,
            deferred_count: 0,
            requeue_count: 0,
            timeout_count: 0,
            message_count: 0,
            delivery_msg_count: 0,
            zone_local_msg_count: 0,
            region_local_msg_count: 0,
            global_msg_count: 0,
            client_count: 0,
            nodes: None,
            clients: None,
            paused: false,
            e2e_processing_latency: latency,
        }
    }

    fn add(&mut self, node: &Self) {
        let signed = |sum: &mut i64, of: i64| *sum = sum.saturating_add(of);
        let unsigned = |sum: &mut u64, of: u64| *sum = sum.saturating_add(of);
        signed(&mut self.depth, node.depth);
        signed(&mut self.memory_depth, node.memory_depth);
        signed(&mut self.backend_depth, node.backend_depth);
        signed(&mut self.in_flight_count, node.in_flight_count);
        signed(&mut self.deferred_count, node.deferred_count);
        unsigned(&mut self.requeue_count, node.requeue_count);
        unsigned(&mut self.timeout_count, node.timeout_count);
        unsigned(&mut self.message_count, node.message_count);
        unsigned(&mut self.delivery_msg_count, node.delivery_msg_count);
        unsigned(&mut self.zone_local_msg_count, node.zone_local_msg_count);
        unsigned(&mut self.region_local_msg_count, node.region_local_msg_count);
        unsigned(&mut self.global_msg_count, node.global_msg_count);
        signed(&mut self.client_count, node.client_count);
        self.paused |= node.paused;
        if let Some(clients) = &node.clients {
            self.clients.get_or_insert_default().extend(clients.iter().cloned());
        }
    }
}
