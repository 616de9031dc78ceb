//! Consumers and producers.

use serde::Serialize;

use super::counts::rate;
use crate::cluster::{
    picture::Node,
    problems::stuck,
    snapshot::{ChannelEntry, Client, Name, Producer},
};

#[derive(Serialize)]
pub(super) struct ClientView<'a> {
    node: &'a Name,
    topic: &'a Name,
    channel: &'a Name,
    client_id: &'a Name,
    hostname: &'a Name,
    remote_address: &'a Name,
    user_agent: &'a Name,
    version: &'a Name,
    connected_at: i64,
    in_flight: u64,
    ready: u64,
    messages: u64,
    finished: u64,
    requeues: u64,
    rate: Option<f64>,
    tls: bool,
    tls_version: &'a Name,
    deflate: bool,
    snappy: bool,
    sample_rate: u8,
    auth: Option<&'a Name>,
    region: &'a Name,
    zone: &'a Name,
    locality: Option<Locality>,
    stuck: Option<String>,
}

/// Where a client stands, seen from its node.
#[derive(Serialize, Debug, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Locality {
    Zone,
    Region,
    Other,
}

impl<'a> ClientView<'a> {
    /// All clients of a channel on a node.
    pub(super) fn all(
        node: &'a Node,
        topic: &'a Name,
        channel: ChannelEntry<'a>,
    ) -> impl Iterator<Item = Self> {
        channel.clients.iter().map(move |client| Self::new(node, topic, &channel, client))
    }

    fn new(
        node: &'a Node,
        topic: &'a Name,
        channel: &ChannelEntry<'a>,
        client: &'a Client,
    ) -> Self {
        Self {
            node: &node.address,
            topic,
            channel: channel.name,
            client_id: &client.client_id,
            hostname: &client.hostname,
            remote_address: &client.remote_address,
            user_agent: &client.user_agent,
            version: &client.version,
            connected_at: client.connected_at_s.saturating_mul(1000),
            in_flight: client.in_flight,
            ready: client.ready,
            messages: client.messages,
            finished: client.finished,
            requeues: client.requeues,
            rate: rate(client.finish_rate),
            tls: client.tls,
            tls_version: &client.tls_version,
            deflate: client.deflate,
            snappy: client.snappy,
            sample_rate: client.sample_rate,
            auth: client.auth.as_ref(),
            region: &client.region,
            zone: &client.zone,
            locality: locality(
                (&client.region, &client.zone),
                (&node.identity.region, &node.identity.zone),
            ),
            stuck: stuck(client, channel),
        }
    }
}

/// Region and zone of a client and of its node.
fn locality(client: (&str, &str), node: (&str, &str)) -> Option<Locality> {
    let ((region, zone), (its_region, its_zone)) = (client, node);
    if region.is_empty() && zone.is_empty() || its_region.is_empty() && its_zone.is_empty() {
        return None;
    }
    Some(match (region == its_region, zone == its_zone) {
        (true, true) => Locality::Zone,
        (true, false) => Locality::Region,
        (false, _) => Locality::Other,
    })
}

#[derive(Serialize)]
pub(super) struct ProducerView<'a> {
    client_id: &'a Name,
    hostname: &'a Name,
    remote_address: &'a Name,
    user_agent: &'a Name,
    connected_at: i64,
    counts: Vec<Published<'a>>,
}

#[derive(Serialize)]
struct Published<'a> {
    topic: &'a Name,
    messages: u64,
}

impl<'a> From<&'a Producer> for ProducerView<'a> {
    fn from(producer: &'a Producer) -> Self {
        let counts = producer.counts.iter();
        Self {
            client_id: &producer.client_id,
            hostname: &producer.hostname,
            remote_address: &producer.remote_address,
            user_agent: &producer.user_agent,
            connected_at: producer.connected_at_s.saturating_mul(1000),
            counts: counts.map(|(topic, count)| Published { topic, messages: *count }).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_near_its_node_or_not_or_nobody_knows() {
        let node = ("eu", "a");
        assert_eq!(locality(("eu", "a"), node), Some(Locality::Zone));
        assert_eq!(locality(("eu", "b"), node), Some(Locality::Region));
        assert_eq!(locality(("us", "a"), node), Some(Locality::Other));
        assert_eq!(locality(("", ""), node), None);
        assert_eq!(locality(("eu", "a"), ("", "")), None);
    }
}
