//! Topics and channels of a snapshot, for those who read it.

use super::{
    Client, Gauges, Name, NodeSnapshot, Percentile, Rates,
    stored::{Span, StoredChannel, StoredLatency, StoredTopic},
};

/// A topic on one node.
#[derive(Debug, Clone, Copy)]
pub struct TopicEntry<'a> {
    /// Its name.
    pub name: &'a Name,
    /// Its own queue, without those of its channels.
    pub gauges: Gauges,
    /// In: messages published. The others are of channels only.
    pub rates: Rates,
    /// It hands nothing on.
    pub paused: bool,
    /// None if the node does not measure.
    pub latency: Option<Latency<'a>>,
    /// Where it stands among the node's topics.
    pub at: u32,
    channels: Span,
    snapshot: &'a NodeSnapshot,
}

/// A channel on one node.
#[derive(Debug, Clone, Copy)]
pub struct ChannelEntry<'a> {
    /// Its name.
    pub name: &'a Name,
    /// What is in it.
    pub gauges: Gauges,
    /// How that changes.
    pub rates: Rates,
    /// It hands nothing out.
    pub paused: bool,
    /// None if the node does not measure.
    pub latency: Option<Latency<'a>>,
    /// Its consumers, as of the last answer that told of them.
    pub clients: &'a [Client],
    /// Where it stands among the channels of all topics of the node.
    pub at: u32,
}

/// How long messages take from publish to FIN.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Latency<'a> {
    /// Samples.
    pub count: u64,
    /// In the node's order.
    pub percentiles: &'a [Percentile],
}

impl NodeSnapshot {
    /// All topics, sorted by name.
    pub fn topics(&self) -> impl Iterator<Item = TopicEntry<'_>> {
        (0..).zip(&self.topics).map(|(at, topic)| self.topic_entry(at, topic))
    }

    /// The topic of that name.
    pub fn topic(&self, name: &str) -> Option<TopicEntry<'_>> {
        let at = self.topics.binary_search_by(|topic| (*topic.name).cmp(name)).ok()?;
        self.topic_at(u32::try_from(at).ok()?)
    }

    /// The topic that stands there.
    pub fn topic_at(&self, at: u32) -> Option<TopicEntry<'_>> {
        Some(self.topic_entry(at, self.topics.get(at as usize)?))
    }

    /// The channel that stands there.
    pub fn channel_at(&self, at: u32) -> Option<ChannelEntry<'_>> {
        Some(self.channel_entry(at, self.channels.get(at as usize)?))
    }

    fn topic_entry<'a>(&'a self, at: u32, topic: &'a StoredTopic) -> TopicEntry<'a> {
        TopicEntry {
            name: &topic.name,
            gauges: Gauges {
                depth: topic.depth,
                backend_depth: topic.backend_depth,
                messages: topic.messages,
                ..Gauges::default()
            },
            // It has no consumers: what leaves it is in its channels.
            rates: match topic.input.known() {
                Some(_) => Rates { input: topic.input, ..Rates::ZERO },
                None => Rates::UNKNOWN,
            },
            paused: topic.paused,
            latency: self.latency(topic.latency),
            at,
            channels: topic.channels,
            snapshot: self,
        }
    }

    fn channel_entry<'a>(&'a self, at: u32, channel: &'a StoredChannel) -> ChannelEntry<'a> {
        ChannelEntry {
            name: &channel.name,
            gauges: channel.gauges,
            rates: channel.rates,
            paused: channel.paused,
            latency: self.latency(channel.latency),
            clients: channel.clients.of(&self.clients),
            at,
        }
    }

    fn latency(&self, stored: StoredLatency) -> Option<Latency<'_>> {
        let percentiles = stored.percentiles.of(&self.percentiles);
        (!percentiles.is_empty()).then_some(Latency { count: stored.count, percentiles })
    }
}

impl<'a> TopicEntry<'a> {
    /// Its channels, sorted by name.
    pub fn channels(&self) -> impl Iterator<Item = ChannelEntry<'a>> + use<'a> {
        let (snapshot, from) = (self.snapshot, self.channels.from());
        let channels = self.channels.of(&snapshot.channels);
        (from..).zip(channels).map(|(at, channel)| snapshot.channel_entry(at, channel))
    }

    /// The channel of that name.
    pub fn channel(&self, name: &str) -> Option<ChannelEntry<'a>> {
        self.channels().find(|channel| **channel.name == *name)
    }
}
