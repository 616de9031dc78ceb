//! What an order would hit.

use std::collections::BTreeSet;

use serde::Serialize;

use super::{Action, Order};
use crate::cluster::{
    AskError, Cluster, ClusterError, Mode, Node, Selection,
    answers::{ChannelStats, ClientStats, NodeStats, TopicStats},
    stats_of,
    text::counted,
};

const NOWHERE_YET: &str = "No nsqd has the topic before somebody publishes to it there.";
const FIRST_CHANNEL: &str = "It is the first channel: it gets all messages that wait at the topic.";
const ONLY_CHANNEL: &str = "It is the only channel: messages will wait at the topic.";
const CHANNELS_KEEP: &str =
    "Messages that channels have already are not removed; empty the channels for that.";
const CHANNELS_WAIT: &str = "Channels get no messages any more; they wait at the topic.";
const HELD_GO_TOO: &str = "Messages that are with consumers, or not due yet, are removed, too.";

/// What an order would hit, as the nodes see it now.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Impact {
    /// What a person has to type first.
    pub confirm: Option<String>,
    /// Messages that wait where the order goes to; one that several channels have counts for each.
    pub messages: i64,
    /// Messages that are with consumers.
    pub in_flight: i64,
    /// Messages that are not due yet.
    pub deferred: i64,
    /// Consumers.
    pub clients: i64,
    /// Channels.
    pub channels: usize,
    /// The nsqds that it goes to.
    pub nodes: Vec<String>,
    /// The nsqlookupds that it goes to.
    pub lookupds: Vec<String>,
    /// What one should know before, in whole sentences.
    pub warnings: Vec<String>,
    /// Who did not answer; what is there does not count in the numbers.
    pub failures: Vec<AskError>,
}

impl Cluster {
    /// Asks the nodes what an order would hit. An error is one because of which the order would not be carried out.
    pub async fn impact(&self, order: &Order) -> Result<Impact, ClusterError> {
        let mut failures = Vec::new();
        let nodes = self.nodes_of(order, &mut failures).await?;
        let select =
            Selection { topic: Some(&order.topic), channel: None, clients: true, memory: false };
        let stats = stats_of(self.ask(), &nodes, select).await.unless_all_failed(&mut failures)?;
        let seen = Seen::new(&stats, order);
        let is_of_nodes = order.channel.is_some() && !order.is_for_registries();
        if is_of_nodes && !nodes.is_empty() && seen.channels.is_empty() {
            return Err(ClusterError::unknown(ClusterError::ChannelNotFound, &failures));
        }
        let lookupds = if order.is_for_registries() { self.lookupds() } else { &[] };
        let mut impact = Impact {
            confirm: order.confirmation(),
            nodes: nodes.iter().map(|node| node.address.clone()).collect(),
            lookupds: lookupds.to_vec(),
            ..seen.numbers(order)
        };
        impact.warnings = seen.warnings(order, self.mode(), &impact);
        if !failures.is_empty() {
            impact.warnings.push(unanswered(&failures));
        }
        impact.failures = failures;
        Ok(impact)
    }
}

impl Order {
    /// True if nsqlookupds are told, too.
    fn is_for_registries(&self) -> bool {
        use Action::{DeleteChannel, DeleteTopic, TombstoneTopicProducer};
        self.action.creates()
            || matches!(self.action, DeleteTopic | DeleteChannel | TombstoneTopicProducer)
    }
}

/// What nodes have of the topic, and of the channel if the order is about one.
struct Seen<'a> {
    topics: Vec<&'a TopicStats>,
    channels: Vec<&'a ChannelStats>,
    /// All channels of the topic, by name.
    names: BTreeSet<&'a str>,
    /// Connections that have published to it.
    publishers: usize,
}

impl<'a> Seen<'a> {
    fn new(stats: &'a [(&Node, NodeStats)], order: &Order) -> Self {
        let topics: Vec<_> = stats.iter().flat_map(|(_, stats)| &stats.topics).collect();
        let all = topics.iter().flat_map(|topic| &topic.channels);
        let wanted = |name: &_| order.channel.as_ref().is_none_or(|channel| channel == name);
        let publishes = |client: &&ClientStats| {
            client.pub_counts.iter().any(|of| *of.topic == *order.topic.as_str())
        };
        let connections = stats.iter().flat_map(|(_, stats)| &stats.producers);
        Self {
            channels: all.clone().filter(|channel| wanted(&channel.channel_name)).collect(),
            names: all.map(|channel| channel.channel_name.as_str()).collect(),
            publishers: connections.filter(publishes).count(),
            topics,
        }
    }

    fn numbers(&self, order: &Order) -> Impact {
        let of_topics = match order.channel {
            Some(_) => 0,
            None => sum(self.topics.iter().map(|topic| topic.depth)),
        };
        // Emptying or pausing a topic does nothing to its channels.
        let is_for_channels =
            !matches!(order.action, Action::EmptyTopic | Action::PauseTopic | Action::UnpauseTopic);
        let channels = if is_for_channels { &self.channels[..] } else { &[] };
        let of = |count: fn(&ChannelStats) -> i64| sum(channels.iter().map(|of| count(of)));
        let names: BTreeSet<_> = channels.iter().map(|of| &of.channel_name).collect();
        Impact {
            messages: of_topics.saturating_add(of(|channel| channel.depth)),
            in_flight: of(|channel| channel.in_flight_count),
            deferred: of(|channel| channel.deferred_count),
            clients: of(|channel| channel.client_count),
            channels: names.len(),
            ..Impact::default()
        }
    }

    fn warnings(&self, order: &Order, mode: Mode, impact: &Impact) -> Vec<String> {
        let has_channels = !self.names.is_empty();
        let is_held = impact.in_flight > 0 || impact.deferred > 0;
        let said = |is_so: bool, text: &str| is_so.then(|| text.to_owned());
        let warnings = match order.action {
            Action::CreateTopic => vec![said(mode == Mode::Lookupd, NOWHERE_YET)],
            Action::CreateChannel => {
                vec![said(!self.topics.is_empty() && !has_channels, FIRST_CHANNEL)]
            }
            Action::DeleteTopic | Action::TombstoneTopicProducer => self.of_lost_topic(impact),
            Action::DeleteChannel => self.of_lost_channel(impact),
            Action::EmptyTopic => vec![said(has_channels, CHANNELS_KEEP)],
            Action::EmptyChannel => vec![said(is_held, HELD_GO_TOO)],
            Action::PauseTopic => vec![said(has_channels, CHANNELS_WAIT)],
            Action::PauseChannel => vec![of_clients(impact, "will get no messages any more.")],
            Action::UnpauseTopic | Action::UnpauseChannel => Vec::new(),
        };
        warnings.into_iter().flatten().collect()
    }

    fn of_lost_topic(&self, impact: &Impact) -> Vec<Option<String>> {
        let channels = plural(impact.channels, "channel");
        let channels = format!("{channels} and all messages in them are deleted, too.");
        let connections = plural(self.publishers, "connection");
        let publishers = format!(
            "{connections} may go on publishing to it; with the next message the topic is there again, without its channels."
        );
        vec![
            (impact.channels > 0).then_some(channels),
            of_clients(impact, "will be disconnected."),
            (self.publishers > 0).then_some(publishers),
        ]
    }

    fn of_lost_channel(&self, impact: &Impact) -> Vec<Option<String>> {
        let again = "will be disconnected; when one comes back, the channel is made again, without these messages.";
        let is_only = self.names.len() == 1;
        vec![of_clients(impact, again), is_only.then(|| ONLY_CHANNEL.to_owned())]
    }
}

/// What happens to consumers, if there are any.
fn of_clients(impact: &Impact, what: &str) -> Option<String> {
    (impact.clients > 0).then(|| format!("{} {what}", plural(impact.clients, "consumer")))
}

/// Who has failed twice, or is a registry, is an address, too.
fn unanswered(failures: &[AskError]) -> String {
    let addresses: BTreeSet<_> = failures.iter().map(|failure| &failure.address).collect();
    let count = counted(addresses.len() as u64, "address", "addresses");
    format!("{count} did not answer: what is there is not counted.")
}

fn sum(counts: impl Iterator<Item = i64>) -> i64 {
    counts.fold(0, i64::saturating_add)
}

fn plural(count: impl Into<Count>, noun: &str) -> String {
    let Count(count) = count.into();
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

struct Count(i64);

impl From<i64> for Count {
    fn from(count: i64) -> Self {
        Self(count)
    }
}

impl From<usize> for Count {
    fn from(count: usize) -> Self {
        Self(i64::try_from(count).unwrap_or(i64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::Stage;

    fn seen(action: Action, check: impl FnOnce(Impact, Vec<String>)) {
        let text = r#"{"topics":[{"topic_name":"t","depth":5,"channels":[
            {"channel_name":"a","depth":3,"in_flight_count":1,"deferred_count":2,"client_count":1},
            {"channel_name":"b","depth":10,"client_count":2}]}],
            "producers":[{"pub_counts":[{"topic":"t","count":1}]},{"pub_counts":[{"topic":"u","count":1}]}]}"#;
        let node = Node::default();
        let stats: NodeStats = serde_json::from_str(text).unwrap();
        let stats = [(&node, stats.clone()), (&node, stats)];
        let channel = if action.is_of_channel() { "a" } else { "" };
        let node = if action == Action::TombstoneTopicProducer { "n:1" } else { "" };
        let order = Order::new(action, "t", channel, node).unwrap();
        let seen = Seen::new(&stats, &order);
        let impact = seen.numbers(&order);
        let warnings = seen.warnings(&order, Mode::Lookupd, &impact);
        check(impact, warnings);
    }

    #[track_caller]
    fn hits(action: Action, messages: i64, clients: i64, channels: usize, warnings: &[&str]) {
        seen(action, |impact, warned| {
            let found = (impact.messages, impact.clients, impact.channels);
            assert_eq!(found, (messages, clients, channels), "{action:?}");
            assert_eq!(warned, warnings, "{action:?}");
        });
    }

    #[test]
    fn deleting_hits_all_messages_and_those_who_publish_bring_the_topic_back() {
        let warnings = [
            "2 channels and all messages in them are deleted, too.",
            "6 consumers will be disconnected.",
            "2 connections may go on publishing to it; with the next message the topic is there again, without its channels.",
        ];
        hits(Action::DeleteTopic, 36, 6, 2, &warnings);
        hits(Action::TombstoneTopicProducer, 36, 6, 2, &warnings);
        let warning = "2 consumers will be disconnected; when one comes back, the channel is made again, without these messages.";
        hits(Action::DeleteChannel, 6, 2, 1, &[warning]);
    }

    #[test]
    fn emptying_a_topic_leaves_its_channels_alone() {
        let warning =
            "Messages that channels have already are not removed; empty the channels for that.";
        hits(Action::EmptyTopic, 10, 0, 0, &[warning]);
        let warning = "Messages that are with consumers, or not due yet, are removed, too.";
        hits(Action::EmptyChannel, 6, 2, 1, &[warning]);
        seen(Action::EmptyChannel, |impact, _| {
            assert_eq!((impact.in_flight, impact.deferred), (2, 4));
        });
    }

    #[test]
    fn pausing_says_who_gets_nothing_any_more() {
        hits(
            Action::PauseTopic,
            10,
            0,
            0,
            &["Channels get no messages any more; they wait at the topic."],
        );
        hits(Action::PauseChannel, 6, 2, 1, &["2 consumers will get no messages any more."]);
        hits(Action::UnpauseChannel, 6, 2, 1, &[]);
    }

    #[test]
    fn an_address_that_fails_twice_counts_once() {
        let failure = |address: &str, stage| AskError {
            address: address.to_owned(),
            stage,
            status: None,
            text: "gone".to_owned(),
        };
        let mut failures = vec![failure("l:1", Stage::Lookup), failure("l:1", Stage::Nodes)];
        let one = "1 address did not answer: what is there is not counted.";
        assert_eq!(unanswered(&failures), one);
        failures.push(failure("n:1", Stage::Stats));
        assert!(unanswered(&failures).starts_with("2 addresses did not answer: "));
    }

    #[test]
    fn numbers_are_words() {
        assert_eq!(
            [plural(0_i64, "node"), plural(1_i64, "node"), plural(2_usize, "node")],
            ["0 nodes", "1 node", "2 nodes"]
        );
    }
}
