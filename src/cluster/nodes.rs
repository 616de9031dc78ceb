//! The nsqds of a cluster.

use std::collections::{BTreeMap, HashMap};

use super::{
    Cluster, Mode,
    answers::{NodeInfo, NodeList, NodeStats, RegisteredNode},
    failure::{AskError, ClusterError, Merged, Stage},
    fan_out::ask_all,
    http::Question,
    reach::Reach,
    stats::Selection,
    version,
};
use crate::protocol::{TopicName, host_port};

/// An nsqd, put together from all who know it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Node {
    /// `broadcast address:HTTP port`, an address of IPv6 in brackets.
    pub address: String,
    /// Where it was told to be, which is asked if nobody answers at its address; in direct mode only.
    pub configured: Option<String>,
    /// What its machine calls itself.
    pub hostname: String,
    /// The host at which it wants to be reached.
    pub broadcast_address: String,
    /// Its port for clients.
    pub tcp_port: i64,
    /// Its port for HTTP.
    pub http_port: i64,
    /// Its version.
    pub version: String,
    /// Older than the newest; never in direct mode.
    pub out_of_date: bool,
    /// The zone that it stands in, if it says so.
    pub topology_zone: String,
    /// The region that it stands in, if it says so.
    pub topology_region: String,
    /// Where its first connection to an nsqlookupd comes from.
    pub remote_address: String,
    /// `nsqlookupd/ip:port` of each of its connections.
    pub remote_addresses: Vec<String>,
    /// The nsqlookupds that know it.
    pub registries: Vec<String>,
    /// Its topics; true for those that an nsqlookupd hides it for.
    pub topics: BTreeMap<TopicName, bool>,
}

impl Node {
    /// Where to ask it. The error says why that cannot be.
    pub fn reach(&self) -> Result<Reach, String> {
        if self.broadcast_address.is_empty() || !(1..=65535).contains(&self.http_port) {
            return Err("node without an address for HTTP".to_owned());
        }
        let otherwise = self.configured.clone().filter(|other| *other != self.address);
        Ok(Reach { address: self.address.clone(), otherwise })
    }

    /// As an nsqlookupd knows it.
    pub(super) fn of_registry(node: &RegisteredNode, registry: &str) -> Self {
        let mut known = Self {
            address: address(&node.broadcast_address, node.http_port),
            hostname: node.hostname.clone(),
            broadcast_address: node.broadcast_address.clone(),
            tcp_port: node.tcp_port,
            http_port: node.http_port,
            version: node.version.clone(),
            topology_zone: node.topology_zone.clone(),
            topology_region: node.topology_region.clone(),
            remote_address: node.remote_address.clone(),
            ..Self::default()
        };
        known.add_sighting(node, registry);
        known
    }

    /// As it describes itself where it was told to be. What it does not say of its address is taken from there.
    pub(super) fn of_info(info: NodeInfo, configured: &str) -> Self {
        let given = configured.rsplit_once(':').unwrap_or((configured, ""));
        let given_host = given.0.trim_start_matches('[').trim_end_matches(']');
        let is_said = !info.broadcast_address.is_empty() && info.http_port > 0;
        let (host, http_port) = match is_said {
            true => (info.broadcast_address, info.http_port),
            false => (given_host.to_owned(), given.1.parse().unwrap_or(0)),
        };
        Self {
            address: address(&host, http_port),
            configured: Some(configured.to_owned()),
            hostname: info.hostname,
            broadcast_address: host,
            tcp_port: info.tcp_port,
            http_port,
            version: info.version,
            topology_zone: info.topology_zone,
            topology_region: info.topology_region,
            ..Self::default()
        }
    }

    fn add_sighting(&mut self, node: &RegisteredNode, registry: &str) {
        let remote = if node.remote_address.is_empty() { "N/A" } else { &node.remote_address };
        self.remote_addresses.push(format!("{registry}/{remote}"));
        if self.registries.last().is_none_or(|last| last != registry) {
            self.registries.push(registry.to_owned());
        }
        for (topic, is_hidden) in node.topics_and_tombstones() {
            *self.topics.entry(topic).or_default() |= is_hidden;
        }
    }
}

fn address(host: &str, port: i64) -> String {
    match u16::try_from(port) {
        Ok(port) => host_port(host, port),
        Err(_) => format!("{host}:{port}"),
    }
}

/// The nodes that registries know, each once, by hostname and then by address.
pub(super) fn merge<'a>(
    lists: impl IntoIterator<Item = (&'a str, Vec<RegisteredNode>)>,
    key: impl Fn(&RegisteredNode) -> (String, i64),
) -> Vec<Node> {
    let mut nodes: Vec<Node> = Vec::new();
    let mut places = HashMap::new();
    for (registry, list) in lists {
        for node in &list {
            match places.get(&key(node)) {
                Some(&place) => {
                    let known: &mut Node = &mut nodes[place];
                    known.add_sighting(node, registry);
                }
                None => {
                    places.insert(key(node), nodes.len());
                    nodes.push(Node::of_registry(node, registry));
                }
            }
        }
    }
    if let Some(newest) = version::newest(nodes.iter().map(|node| node.version.as_str())) {
        for node in &mut nodes {
            node.out_of_date = version::is_older(&node.version, &newest);
        }
    }
    sort(&mut nodes);
    nodes
}

fn sort(nodes: &mut [Node]) {
    nodes.sort_by(|one, other| {
        (&one.hostname, &one.address).cmp(&(&other.hostname, &other.address))
    });
}

impl Cluster {
    /// All nsqds with their topics. Who did not answer is added to `failures`.
    pub async fn nodes(&self, failures: &mut Vec<AskError>) -> Result<Vec<Node>, ClusterError> {
        match self.mode() {
            Mode::Lookupd => {
                let lists = self.registered().await.unless_all_failed(failures)?;
                let lists = lists.iter().map(|(registry, list)| (*registry, list.clone()));
                Ok(merge(lists, |node| (node.broadcast_address.clone(), node.tcp_port)))
            }
            Mode::Direct => {
                let nodes = self.described(failures).await?;
                self.with_topics(nodes, failures).await
            }
        }
    }

    /// All nsqds; their topics are known only where they cost no further questions.
    pub async fn nodes_without_topics(
        &self,
        failures: &mut Vec<AskError>,
    ) -> Result<Vec<Node>, ClusterError> {
        match self.mode() {
            Mode::Lookupd => self.nodes(failures).await,
            Mode::Direct => self.described(failures).await,
        }
    }

    /// The nsqd with this address.
    pub async fn node(
        &self,
        address: &str,
        failures: &mut Vec<AskError>,
    ) -> Result<Node, ClusterError> {
        let mut nodes = self.nodes_without_topics(failures).await?.into_iter();
        let found = nodes.find(|node| node.address == address);
        found.ok_or_else(|| ClusterError::unknown(ClusterError::NodeNotFound, failures))
    }

    /// What each nsqlookupd says of all nodes, with its address.
    pub async fn registered(&self) -> Merged<Vec<(&str, Vec<RegisteredNode>)>> {
        let question = Question { stage: Stage::Nodes, path: "/nodes", query: &[] };
        let answers = ask_all(self.lookupds(), |registry| async move {
            let list: NodeList = self.ask.get(&Reach::at(registry), question).await?;
            Ok((registry.as_str(), list.producers))
        });
        Merged::fold(Vec::new(), answers.await, Vec::push)
    }

    /// The nsqds of direct mode as they describe themselves, each once, without their topics.
    pub(super) async fn described(
        &self,
        failures: &mut Vec<AskError>,
    ) -> Result<Vec<Node>, ClusterError> {
        let answers = ask_all(self.nsqds(), |configured| async move {
            Ok(Node::of_info(self.ask.info(configured).await?, configured))
        });
        let add = |nodes: &mut Vec<Node>, node: Node| {
            if nodes.iter().all(|known| known.address != node.address) {
                nodes.push(node);
            }
        };
        let merged = Merged::fold(Vec::new(), answers.await, add);
        let mut nodes = merged.unless_all_failed(failures)?;
        sort(&mut nodes);
        Ok(nodes)
    }

    async fn with_topics(
        &self,
        mut nodes: Vec<Node>,
        failures: &mut Vec<AskError>,
    ) -> Result<Vec<Node>, ClusterError> {
        let stats = super::stats_of(&self.ask, &nodes, Selection::default()).await;
        let topics = |stats: NodeStats| {
            stats.topics.into_iter().map(|topic| (topic.topic_name, false)).collect()
        };
        let mut known: HashMap<_, BTreeMap<_, _>> = HashMap::new();
        for (node, stats) in stats.known {
            known.insert(node.address.clone(), topics(stats));
        }
        failures.extend(stats.failures);
        for node in &mut nodes {
            node.topics = known.remove(&node.address).unwrap_or_default();
        }
        Ok(nodes)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn node(host: &str, hostname: &str, topics: &[(&str, bool)]) -> RegisteredNode {
        RegisteredNode {
            remote_address: format!("{host}:5"),
            hostname: hostname.to_owned(),
            broadcast_address: host.to_owned(),
            tcp_port: 4150,
            http_port: 4151,
            version: "1.3.0".to_owned(),
            tombstones: topics.iter().map(|(_, hidden)| *hidden).collect(),
            topics: topics.iter().map(|(topic, _)| (*topic).into()).collect(),
            ..RegisteredNode::default()
        }
    }

    fn merged(lists: Vec<(&str, Vec<RegisteredNode>)>) -> Vec<Node> {
        merge(lists, |node| (node.broadcast_address.clone(), node.tcp_port))
    }

    #[test]
    fn topics_and_tombstones_are_those_of_all_registries() {
        let nodes = merged(vec![
            ("l1:1", vec![node("a", "h", &[("x", false), ("y", true)])]),
            ("l2:1", vec![node("a", "h", &[("x", true), ("z", false)])]),
        ]);
        let topics: Vec<_> =
            nodes[0].topics.iter().map(|(name, of)| (name.as_str(), *of)).collect();
        assert_eq!(topics, [("x", true), ("y", true), ("z", false)]);
        assert_eq!(nodes[0].remote_addresses, ["l1:1/a:5", "l2:1/a:5"]);
        assert_eq!(nodes[0].registries, ["l1:1", "l2:1"]);
    }

    #[test]
    fn every_connection_is_shown_and_one_from_nowhere_too() {
        let mut nowhere = node("a", "h", &[]);
        nowhere.remote_address.clear();
        let nodes = merged(vec![("l:1", vec![node("a", "h", &[]), nowhere])]);
        assert_eq!(nodes[0].remote_addresses, ["l:1/a:5", "l:1/N/A"]);
        assert_eq!((nodes.len(), nodes[0].registries.len()), (1, 1));
    }

    #[test]
    fn nodes_of_one_host_are_in_the_order_of_their_addresses() {
        let hosts = [node("c", "h", &[]), node("a", "z", &[]), node("b", "h", &[])];
        let nodes = merged(vec![("l:1", hosts.to_vec())]);
        let addresses: Vec<_> = nodes.iter().map(|node| node.address.as_str()).collect();
        assert_eq!(addresses, ["b:4151", "c:4151", "a:4151"]);
    }

    #[test]
    fn a_node_below_the_newest_version_is_out_of_date() {
        let old = RegisteredNode { version: "1.2.9".into(), ..node("a", "a", &[]) };
        let nodes = merged(vec![("l:1", vec![old, node("b", "b", &[])])]);
        assert_eq!((nodes[0].out_of_date, nodes[1].out_of_date), (true, false));
    }

    #[test]
    fn a_node_without_http_is_shown_and_cannot_be_asked() {
        for http_port in [-1, 0, 70_000] {
            let nodes =
                merged(vec![("l:1", vec![RegisteredNode { http_port, ..node("::1", "h", &[]) }])]);
            assert!(nodes[0].reach().is_err(), "{http_port}");
        }
        assert!(merged(vec![("l:1", vec![node("::1", "h", &[])])])[0].reach().is_ok());
    }

    #[test]
    fn what_a_node_does_not_say_of_its_address_is_taken_from_where_it_was_asked() {
        let info = |host: &str, http_port| NodeInfo {
            broadcast_address: host.to_owned(),
            http_port,
            ..NodeInfo::default()
        };
        let reach = |info, configured| Node::of_info(info, configured).reach().unwrap();
        let elsewhere = reach(info("inner", 4151), "outer:80");
        assert_eq!(
            (elsewhere.address.as_str(), elsewhere.otherwise.as_deref()),
            ("inner:4151", Some("outer:80"))
        );
        assert_eq!(reach(info("inner", 4151), "inner:4151"), Reach::at("inner:4151"));
        assert_eq!(reach(info("", 4151), "outer:80"), Reach::at("outer:80"));
        assert_eq!(reach(info("inner", 0), "[::1]:80"), Reach::at("[::1]:80"));
    }

    proptest! {
        #[test]
        fn it_does_not_matter_who_knows_what(
            known in prop::collection::vec((0..3_usize, 0..4_u8, 0..4_u8, any::<bool>()), 0..20),
        ) {
            let registries = ["l0:1", "l1:1", "l2:1"];
            let lists = |order: &[usize]| {
                let of = |index: usize| {
                    let known = known.iter().filter(move |(registry, ..)| *registry == index);
                    known.map(|(_, host, topic, hidden)| {
                        node(&format!("h{host}"), "same", &[(&format!("t{topic}"), *hidden)])
                    })
                };
                order.iter().map(|&index| (registries[index], of(index).collect())).collect()
            };
            let summary = |nodes: Vec<Node>| -> Vec<_> {
                let seen = nodes.into_iter();
                seen.map(|node| (node.address, node.topics, node.remote_addresses.len())).collect()
            };
            let (one, other) = (merged(lists(&[0, 1, 2])), merged(lists(&[2, 0, 1])));
            let seen: usize = one.iter().map(|node| node.remote_addresses.len()).sum();
            prop_assert_eq!(seen, known.len());
            prop_assert_eq!(summary(one), summary(other));
        }
    }
}
