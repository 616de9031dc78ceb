//! Sums over nodes.

use std::collections::{HashMap, hash_map::Entry};

use super::{Node, Share};
use crate::{
    broker::Moment,
    cluster::snapshot::{ChannelEntry, Gauges, Name, Rates, TopicEntry},
};

/// Gauges, counters and rates together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Counts {
    /// As of the last answers.
    pub gauges: Gauges,
    /// Messages that channels are done with; negative if they began with a backlog.
    pub done: i64,
    /// Of those shares of which anybody can tell.
    pub rates: Rates,
    /// All shares are as of now.
    pub is_current: bool,
}

impl Default for Counts {
    fn default() -> Self {
        Self { gauges: Gauges::default(), done: 0, rates: Rates::ZERO, is_current: true }
    }
}

impl Counts {
    /// Of a channel on one node.
    pub fn of_channel(channel: &ChannelEntry<'_>, share: Share) -> Self {
        Self::of(channel.gauges, channel.gauges.done(), channel.rates, share)
    }

    /// Of a topic on one node: its own queue and those of its channels. Messages are counted once.
    pub fn of_topic(topic: &TopicEntry<'_>, share: Share) -> Self {
        let own = Self::of(topic.gauges, 0, topic.rates, share);
        let channels = topic.channels().map(|channel| Self::of_channel(&channel, share));
        channels.fold(own, Self::with_channel)
    }

    fn of(gauges: Gauges, done: i64, rates: Rates, share: Share) -> Self {
        let rates = match share {
            Share::Known => rates,
            Share::Unknown => Rates::UNKNOWN,
            Share::Kept => Rates::ZERO,
        };
        Self { gauges, done, rates, is_current: share != Share::Unknown }
    }

    /// Adds what another node has of the same. What happens on one that does not answer hides nothing of the others.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        let is_current = self.is_current && other.is_current;
        Self {
            gauges: self.gauges.plus(other.gauges),
            done: self.done.saturating_add(other.done),
            rates: match is_current {
                true => self.rates + other.rates,
                false => self.rates.plus_known(other.rates),
            },
            is_current,
        }
    }

    /// All together; nothing happens where there is nothing.
    pub fn sum(shares: impl Iterator<Item = Self>) -> Self {
        shares.reduce(Self::plus).unwrap_or_default()
    }

    /// Adds a channel to its topic, whose messages it has, too.
    #[must_use]
    pub fn with_channel(self, channel: Self) -> Self {
        let (messages, input) = (self.gauges.messages, self.rates.input);
        let mut sum = self.plus(channel);
        (sum.gauges.messages, sum.rates.input) = (messages, input);
        sum
    }
}

/// Where a topic stands in a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TopicAt {
    /// Of the picture's nodes.
    pub node: u32,
    /// Of the node's topics.
    pub topic: u32,
}

/// Where a channel stands in a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChannelAt {
    /// Of the picture's nodes.
    pub node: u32,
    /// Of the channels of all topics of the node.
    pub channel: u32,
}

/// A topic on all nodes.
#[derive(Debug, Clone)]
pub struct Topic {
    /// Its name.
    pub name: Name,
    /// With all its channels.
    pub counts: Counts,
    /// What waits in the topic itself.
    pub own_depth: u64,
    /// Nodes on which it hands nothing on.
    pub paused_nodes: usize,
    /// Where it stands, in the order of nodes.
    pub nodes: Vec<TopicAt>,
    /// Sorted by name.
    pub channels: Vec<Channel>,
}

/// A channel on all nodes.
#[derive(Debug, Clone)]
pub struct Channel {
    /// Its name.
    pub name: Name,
    /// Of all nodes.
    pub counts: Counts,
    /// Nodes on which it hands nothing out.
    pub paused_nodes: usize,
    /// Where it stands, in the order of nodes.
    pub nodes: Vec<ChannelAt>,
}

impl Topic {
    /// The channel of that name.
    pub fn channel(&self, name: &str) -> Option<&Channel> {
        let at = self.channels.binary_search_by(|channel| (*channel.name).cmp(name)).ok()?;
        self.channels.get(at)
    }
}

/// All there is.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Totals {
    /// Of all topics.
    pub counts: Counts,
    /// Topics that a node has.
    pub topics: usize,
    /// Channels, each counted once.
    pub channels: usize,
}

/// All topics, sorted by name.
pub(super) fn topics(nodes: &[Node], now: Moment) -> Vec<Topic> {
    let mut found: HashMap<&Name, Vec<TopicAt>> = HashMap::new();
    for (node, of) in (0..).zip(nodes) {
        for topic in of.topics() {
            found.entry(topic.name).or_default().push(TopicAt { node, topic: topic.at });
        }
    }
    let shares: Vec<_> = nodes.iter().map(|node| node.share(now)).collect();
    let merged = |(name, mut at): (&Name, Vec<TopicAt>)| {
        at.shrink_to_fit();
        merged(name, at, nodes, &shares)
    };
    let mut topics: Vec<_> = found.into_iter().map(merged).collect();
    topics.sort_by(|a, b| a.name.cmp(&b.name));
    topics
}

fn merged(name: &Name, at: Vec<TopicAt>, nodes: &[Node], shares: &[Share]) -> Topic {
    let entry = |at: &TopicAt| Some((at.node, nodes[at.node as usize].topic_at(at.topic)?));
    let entries = || at.iter().filter_map(entry);
    let counts = entries().map(|(node, entry)| Counts::of_topic(&entry, shares[node as usize]));
    Topic {
        name: name.clone(),
        counts: Counts::sum(counts),
        own_depth: entries().map(|(_, entry)| entry.gauges.depth).sum(),
        paused_nodes: entries().filter(|(_, entry)| entry.paused).count(),
        channels: channels(entries(), shares),
        nodes: at,
    }
}

fn channels<'a>(
    entries: impl Iterator<Item = (u32, TopicEntry<'a>)>,
    shares: &[Share],
) -> Vec<Channel> {
    let mut found: HashMap<&Name, Channel> = HashMap::new();
    for (node, topic) in entries {
        for channel in topic.channels() {
            let at = ChannelAt { node, channel: channel.at };
            let counts = Counts::of_channel(&channel, shares[node as usize]);
            let paused_nodes = usize::from(channel.paused);
            match found.entry(channel.name) {
                Entry::Occupied(mut found) => {
                    let sum = found.get_mut();
                    sum.counts = sum.counts.plus(counts);
                    sum.paused_nodes += paused_nodes;
                    sum.nodes.push(at);
                }
                Entry::Vacant(place) => {
                    let (name, nodes) = (channel.name.clone(), vec![at]);
                    place.insert(Channel { name, counts, paused_nodes, nodes });
                }
            }
        }
    }
    let mut channels: Vec<_> = found.into_values().collect();
    channels.iter_mut().for_each(|channel| channel.nodes.shrink_to_fit());
    channels.sort_by(|a, b| a.name.cmp(&b.name));
    channels
}

pub(super) fn totals(nodes: &[Node], topics: &[Topic], now: Moment) -> Totals {
    let mut counts = Counts::sum(topics.iter().map(|topic| topic.counts));
    // A node that has not said anything yet, or fails, may have anything.
    let mut shares = nodes.iter().map(|node| node.share(now));
    if shares.clone().any(|share| share == Share::Unknown) {
        counts.is_current = false;
        if shares.all(|share| share == Share::Unknown) {
            counts.rates = Rates::UNKNOWN;
        }
    }
    let channels = topics.iter().map(|topic| topic.channels.len()).sum();
    Totals { counts, topics: topics.len(), channels }
}
