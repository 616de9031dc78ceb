//! Consumers as upstream's API shows them.

use serde::Serialize;

use crate::cluster::{Node, answers::ClientStats};

/// A consumer and the node that it is connected to. Texts are what the client says of itself, and not to be trusted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[allow(missing_docs, reason = "the fields are those of `ClientStats`")]
pub struct ClientReport {
    /// The node's address.
    pub node: String,
    pub remote_address: String,
    pub version: String,
    pub client_id: String,
    pub hostname: String,
    pub user_agent: String,
    pub connect_ts: i64,
    /// For how long it is connected, in nanoseconds.
    pub connected: i64,
    pub in_flight_count: i64,
    pub ready_count: i64,
    pub finish_count: u64,
    pub requeue_count: u64,
    pub message_count: u64,
    pub sample_rate: i64,
    pub deflate: bool,
    pub snappy: bool,
    pub authed: bool,
    pub auth_identity: String,
    pub auth_identity_url: String,
    /// Where the node stands.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub node_topology_region: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub node_topology_zone: String,
    /// Where the client stands.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub topology_region: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub topology_zone: String,
    pub tls: bool,
    pub tls_cipher_suite: String,
    pub tls_version: String,
    pub tls_negotiated_protocol: String,
    pub tls_negotiated_protocol_is_mutual: bool,
}

impl ClientReport {
    /// `now` is in seconds since 1970.
    pub fn new(client: &ClientStats, node: &Node, now: i64) -> Self {
        let text = |text: &str| text.to_owned();
        Self {
            node: node.address.clone(),
            remote_address: text(&client.remote_address),
            version: text(&client.version),
            client_id: text(&client.client_id),
            hostname: text(&client.hostname),
            user_agent: text(&client.user_agent),
            connect_ts: client.connect_ts,
            connected: now.saturating_sub(client.connect_ts).saturating_mul(1_000_000_000),
            in_flight_count: client.in_flight_count,
            ready_count: client.ready_count,
            finish_count: client.finish_count,
            requeue_count: client.requeue_count,
            message_count: client.message_count,
            sample_rate: client.sample_rate,
            deflate: client.deflate,
            snappy: client.snappy,
            authed: client.authed,
            auth_identity: text(&client.auth_identity),
            auth_identity_url: text(&client.auth_identity_url),
            node_topology_region: node.topology_region.clone(),
            node_topology_zone: node.topology_zone.clone(),
            topology_region: text(&client.topology_region),
            topology_zone: text(&client.topology_zone),
            tls: client.tls,
            tls_cipher_suite: text(&client.tls_cipher_suite),
            tls_version: text(&client.tls_version),
            tls_negotiated_protocol: text(&client.tls_negotiated_protocol),
            tls_negotiated_protocol_is_mutual: client.tls_negotiated_protocol_is_mutual,
        }
    }

    /// By node; then those in its zone, those in its region, and all others by where they are.
    pub fn sort(clients: &mut [Self]) {
        clients.sort_by(|one, other| one.order().cmp(&other.order()));
    }

    fn order(&self) -> (&str, u8, &str, &str, &str) {
        let in_region = self.topology_region == self.node_topology_region;
        let distance = match in_region {
            true if self.topology_zone == self.node_topology_zone => 0,
            true => 1,
            false => 2,
        };
        (&self.node, distance, &self.topology_region, &self.topology_zone, &self.remote_address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(node: &str, region: &str, zone: &str) -> ClientReport {
        let node = Node {
            address: node.to_owned(),
            topology_region: "eu".to_owned(),
            topology_zone: "eu-a".to_owned(),
            ..Node::default()
        };
        let stats = ClientStats {
            topology_region: region.into(),
            topology_zone: zone.into(),
            connect_ts: 7,
            ..ClientStats::default()
        };
        ClientReport::new(&stats, &node, 10)
    }

    #[test]
    fn clients_are_ordered_by_node_and_nearness() {
        let mut clients = vec![
            client("b:1", "eu", "eu-a"),
            client("a:1", "us", "us-a"),
            client("a:1", "ap", "x"),
            client("a:1", "eu", "eu-b"),
            client("a:1", "eu", "eu-a"),
        ];
        ClientReport::sort(&mut clients);
        let order: Vec<_> =
            clients.iter().map(|of| (of.node.as_str(), of.topology_zone.as_str())).collect();
        let expected =
            [("a:1", "eu-a"), ("a:1", "eu-b"), ("a:1", "x"), ("a:1", "us-a"), ("b:1", "eu-a")];
        assert_eq!(order, expected);
    }

    #[test]
    fn fields_are_in_upstreams_order_and_where_nobody_is_placed_there_are_none() {
        let near = serde_json::to_string(&client("a:1", "eu", "eu-a")).unwrap();
        assert_eq!(
            near,
            r#"{"node":"a:1","remote_address":"","version":"","client_id":"","hostname":"","user_agent":"","connect_ts":7,"connected":3000000000,"in_flight_count":0,"ready_count":0,"finish_count":0,"requeue_count":0,"message_count":0,"sample_rate":0,"deflate":false,"snappy":false,"authed":false,"auth_identity":"","auth_identity_url":"","node_topology_region":"eu","node_topology_zone":"eu-a","topology_region":"eu","topology_zone":"eu-a","tls":false,"tls_cipher_suite":"","tls_version":"","tls_negotiated_protocol":"","tls_negotiated_protocol_is_mutual":false}"#
        );
        let nowhere = ClientReport::new(&ClientStats::default(), &Node::default(), 0);
        assert!(!serde_json::to_string(&nowhere).unwrap().contains("topology"));
    }
}
