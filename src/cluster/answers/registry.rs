//! nsqlookupd's `/topics`, `/channels`, `/lookup` and `/nodes`.

use serde::Deserialize;

use super::reading::{channel_names, null_as_default, topic_names};
use crate::protocol::{ChannelName, TopicName, host_port};

/// `/topics`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct TopicList {
    /// Those with legal names.
    #[serde(deserialize_with = "topic_names")]
    pub topics: Vec<TopicName>,
}

/// `/channels`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct ChannelList {
    /// Those with legal names.
    #[serde(deserialize_with = "channel_names")]
    pub channels: Vec<ChannelName>,
}

/// `/lookup`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Lookup {
    /// The topic's channels with legal names.
    #[serde(deserialize_with = "channel_names")]
    pub channels: Vec<ChannelName>,
    /// Nodes that have it, without those that are hidden.
    #[serde(deserialize_with = "null_as_default")]
    pub producers: Vec<RegisteredNode>,
}

/// `/nodes`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct NodeList {
    /// All nodes that are alive, one entry for each of their connections.
    #[serde(deserialize_with = "null_as_default")]
    pub producers: Vec<RegisteredNode>,
}

/// An nsqd as a registry knows it. Numbers are read as wide as they may be written: a node that makes no sense is
/// recognised by [`http_address`](Self::http_address) and is not to hide all others.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct RegisteredNode {
    /// Where its connection comes from, `ip:port`.
    pub remote_address: String,
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
    /// The zone that it stands in, if it says so.
    pub topology_zone: String,
    /// The region that it stands in, if it says so.
    pub topology_region: String,
    /// Whether it is hidden for each of its topics; in `/nodes` only.
    #[serde(deserialize_with = "null_as_default")]
    pub tombstones: Vec<bool>,
    /// Its topics, as they were registered; in `/nodes` only.
    #[serde(deserialize_with = "null_as_default")]
    pub topics: Vec<Box<str>>,
}

impl RegisteredNode {
    /// `host:port` for HTTP, an address of IPv6 in brackets. None if it cannot be reached.
    pub fn http_address(&self) -> Option<String> {
        let port = u16::try_from(self.http_port).ok().filter(|&port| port > 0)?;
        let host = &self.broadcast_address;
        (!host.is_empty()).then(|| host_port(host, port))
    }

    /// Its topics with legal names, and whether it is hidden for each.
    pub fn topics_and_tombstones(&self) -> impl Iterator<Item = (TopicName, bool)> {
        let named = self.topics.iter().enumerate();
        named.filter_map(|(index, name)| {
            let is_hidden = self.tombstones.get(index).copied().unwrap_or(false);
            TopicName::parse(&**name).ok().map(|topic| (topic, is_hidden))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_without_names_that_cannot_be() {
        let read = |text| serde_json::from_str::<TopicList>(text).unwrap();
        let topics = vec![TopicName::parse("a").unwrap(), TopicName::parse("b").unwrap()];
        assert_eq!(read(r#"{"topics":["a","<b>","","b"]}"#), TopicList { topics });
        assert_eq!(read(r#"{"topics":null}"#), TopicList::default());
        assert_eq!(read(r#"{"topics":["\u0041"]}"#).topics[0].as_str(), "A");
        let channels: ChannelList = serde_json::from_str(r#"{"channels":["c","c d"]}"#).unwrap();
        assert_eq!(channels.channels, [ChannelName::parse("c").unwrap()]);
    }

    #[test]
    fn nodes_that_make_no_sense_hide_no_others() {
        let answer = r#"{"producers":[{"broadcast_address":"a","http_port":70000},{},
            {"broadcast_address":"a","http_port":0},{"broadcast_address":"","http_port":4151},
            {"broadcast_address":"a","http_port":-1},{"broadcast_address":"::1","http_port":4151}]}"#;
        let found: Lookup = serde_json::from_str(answer).unwrap();
        let addresses = found.producers.iter().filter_map(RegisteredNode::http_address);
        assert_eq!(addresses.collect::<Vec<_>>(), ["[::1]:4151"]);
    }

    #[test]
    fn tombstones_belong_to_topics_by_their_place() {
        let text = r#"{"producers":[{"remote_address":"10.0.0.5:35262","hostname":"nsqd1",
            "broadcast_address":"nsqd1.example.net","tcp_port":4150,"http_port":4151,"version":"1.3.0",
            "topology_zone":"eu-a","topology_region":"eu",
            "tombstones":[false,true],"topics":["or ders","clicks","late"]}]}"#;
        let nodes: NodeList = serde_json::from_str(text).unwrap();
        let topics = nodes.producers[0].topics_and_tombstones();
        let topics: Vec<_> = topics.map(|(name, hidden)| (name.to_string(), hidden)).collect();
        assert_eq!(topics, [("clicks".to_owned(), true), ("late".to_owned(), false)]);
    }
}
