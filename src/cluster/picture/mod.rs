//! The whole cluster as of one poll: what each node and each registry has said last, and what that comes to together.
//!
//! A node that does not answer stays with its last data and the time since when; for a while its share of rates counts as
//! unknown, so that nobody takes a failure for a quiet hour.

pub mod differences;
mod merging;
mod node;
mod registry;

pub use self::{
    differences::Difference,
    merging::{Channel, ChannelAt, Counts, Topic, TopicAt, Totals},
    node::{Lives, Node, NodeIdentity, SHARE_UNKNOWN, Share},
    registry::{Registered, Registry, RegistryDetails},
};
use super::{
    AskError, Mode, Stage,
    snapshot::{ChannelEntry, Name, TopicEntry},
    version,
};
use crate::broker::Moment;

/// A question that was not answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Who was asked, `host:port`.
    pub address: Name,
    /// What was asked for.
    pub stage: Stage,
    /// The HTTP status, if there was an answer at all.
    pub status: Option<u16>,
    /// What has gone wrong.
    pub text: Name,
    /// Since when it fails.
    pub since: Moment,
}

impl Failure {
    /// A question that has failed now; if the same had failed before, it fails since then.
    pub fn new(error: &AskError, address: &Name, now: Moment, before: Option<&Self>) -> Self {
        Self {
            address: address.clone(),
            stage: error.stage,
            status: error.status,
            text: plain(&error.text).as_str().into(),
            since: before.map_or(now, |before| before.since),
        }
    }
}

/// What is said of a connection that did not come about begins with who says so, and ends with a number.
fn plain(text: &str) -> String {
    let is_long = text.starts_with("client error (");
    let said = if is_long { text.rsplit(": ").next().unwrap_or(text) } else { text };
    let Some((words, _number)) = said.split_once(" (os error") else { return said.to_owned() };
    let mut chars = words.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}

/// A topic that registries know and no node has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InactiveTopic {
    /// Its name.
    pub name: Name,
    /// As the registries know them; None if it is not known whether there are any.
    pub channels: Option<Vec<Name>>,
    /// Nodes have it, and all of them are tombstoned for it.
    pub is_tombstoned: bool,
}

/// Everything that was said, put together.
#[derive(Debug, Clone, Default)]
pub struct Picture {
    /// The number of the poll; 0 before the first.
    pub poll: u64,
    /// When the newest complete poll ended.
    pub polled_at: Option<Moment>,
    /// The interval of polls as it is now, in milliseconds.
    pub poll_ms: u64,
    /// Sorted by address.
    pub nodes: Vec<Node>,
    /// In the order in which they are configured.
    pub registries: Vec<Registry>,
    /// How nodes are found.
    pub mode: Mode,
    /// Sorted by name.
    pub topics: Vec<Topic>,
    /// Sorted by name.
    pub inactive: Vec<InactiveTopic>,
    /// Of all nodes.
    pub totals: Totals,
    /// What was not answered.
    pub failures: Vec<Failure>,
    /// Where registries do not agree.
    pub differences: Vec<Difference>,
    /// Messages published since the nodes began to count.
    pub messages: u64,
    /// The newest version of all nodes.
    pub newest: Option<semver::Version>,
}

impl Picture {
    /// The node of that address.
    pub fn node(&self, address: &str) -> Option<&Node> {
        let at = self.nodes.binary_search_by(|node| (*node.address).cmp(address)).ok()?;
        self.nodes.get(at)
    }

    /// The topic of that name.
    pub fn topic(&self, name: &str) -> Option<&Topic> {
        let at = self.topics.binary_search_by(|topic| (*topic.name).cmp(name)).ok()?;
        self.topics.get(at)
    }

    /// The topic of that name, if no node has it.
    pub fn inactive_topic(&self, name: &str) -> Option<&InactiveTopic> {
        let at = self.inactive.binary_search_by(|topic| (*topic.name).cmp(name)).ok()?;
        self.inactive.get(at)
    }

    /// What each node says of a topic.
    pub fn topic_entries<'a>(
        &'a self,
        topic: &'a Topic,
    ) -> impl Iterator<Item = (&'a Node, TopicEntry<'a>)> {
        topic.nodes.iter().filter_map(|at| {
            let node = self.nodes.get(at.node as usize)?;
            Some((node, node.topic_at(at.topic)?))
        })
    }

    /// What each node says of a channel.
    pub fn channel_entries<'a>(
        &'a self,
        channel: &'a Channel,
    ) -> impl Iterator<Item = (&'a Node, ChannelEntry<'a>)> {
        channel.nodes.iter().filter_map(|at| {
            let node = self.nodes.get(at.node as usize)?;
            Some((node, node.channel_at(at.channel)?))
        })
    }

    /// Whether a registry knows that a node has a topic.
    pub fn is_registered(&self, node: &Node, topic: &str) -> bool {
        let known = self.registries.iter().filter_map(|registry| registry.node(&node.address));
        known.flat_map(|known| &known.topics).any(|(name, _)| **name == *topic)
    }

    /// Whether a registry hides a node for a topic.
    pub fn is_tombstoned(&self, node: &str, topic: &Name) -> bool {
        let known = self.registries.iter().filter_map(|registry| registry.node(node));
        known.flat_map(Registered::tombstoned).any(|hidden| hidden == topic)
    }

    /// Whether a node is of an older version than another one.
    pub fn is_out_of_date(&self, node: &Node) -> bool {
        let newest = self.newest.as_ref();
        !node.version().is_empty()
            && newest.is_some_and(|newest| version::is_older(node.version(), newest))
    }

    /// Puts together what nodes and registries have said; `now` decides whose share counts.
    #[must_use]
    pub fn merged(mut self, now: Moment) -> Self {
        self.nodes.sort_by(|a, b| a.address.cmp(&b.address));
        self.topics = merging::topics(&self.nodes, now);
        self.inactive = registry::inactive(&self.registries, &self.topics);
        self.totals = merging::totals(&self.nodes, &self.topics, now);
        self.messages = self.topics.iter().map(|topic| topic.counts.gauges.messages).sum();
        let versions = self.nodes.iter().map(|node| &**node.version());
        self.newest = version::newest(versions.filter(|version| !version.is_empty()));
        let of_nodes = self.nodes.iter().filter_map(|node| node.failure.clone());
        let of_registries = self.registries.iter().flat_map(|registry| registry.failures.clone());
        self.failures = of_registries.chain(of_nodes).collect();
        self
    }
}

/// Milliseconds since the Unix epoch.
pub fn ms(moment: Moment) -> u64 {
    moment.0 / 1_000_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_told_in_plain_words() {
        for (text, shown) in [
            (
                "client error (Connect): tcp connect error: Connection refused (os error 111)",
                "connection refused",
            ),
            ("Connection refused (os error 111)", "connection refused"),
            ("client error (Connect): dns error: no record", "no record"),
            ("i/o timeout", "i/o timeout"),
            (
                r#"got response 503 Service Unavailable "a: b""#,
                r#"got response 503 Service Unavailable "a: b""#,
            ),
        ] {
            assert_eq!(plain(text), shown);
        }
    }
}
