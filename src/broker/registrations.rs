//! nsqlookupd's rules: who has which topics and channels, and who is to be told of it.
//!
//! A topic or a channel is known until it is deleted, with or without producers; an ephemeral one until
//! its last producer leaves it. A producer is a connection: two from one node are two producers.

mod slots;
mod views;

#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, OnceLock},
    time::Duration,
};

use self::slots::{SlotSet, Slots};
pub use self::views::{Counts, Dump, DumpedKey, Lookup, Node, Nodes, Seen};
use super::Moment;
use crate::protocol::{
    ChannelName, TopicName,
    lookup::{PeerInfo, Registration},
};

/// Most topics and channels together: what peers can invent is bounded.
pub const KEYS_MAX: usize = 1 << 20;
/// Most topics and channels of producers, eight bytes each.
pub const REGISTRATIONS_MAX: usize = 1 << 24;

/// A connection of a producer; a number is not used for another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId(pub u64);

/// An nsqd as consumers are told of it.
#[derive(Debug)]
pub struct Producer {
    /// Where its connection comes from.
    pub remote_address: String,
    /// What it has said of itself.
    pub info: PeerInfo,
    /// Both as text, written by the first who tells of it: a topic may have a thousand producers, and many may ask.
    text: OnceLock<Box<[u8]>>,
}

impl Producer {
    /// A node that says this of itself over a connection from that address.
    pub fn new(remote_address: String, info: PeerInfo) -> Self {
        Self { remote_address, info, text: OnceLock::new() }
    }

    /// The text in which it is told of. Only the first call writes it, so all must write the same.
    pub fn text<E>(&self, write: impl FnOnce(&Self) -> Result<Vec<u8>, E>) -> Result<&[u8], E> {
        if let Some(text) = self.text.get() {
            return Ok(text);
        }
        let written = write(self)?.into_boxed_slice();
        Ok(self.text.get_or_init(|| written))
    }

    /// True for the `host:http_port` by which nsqadmin names a node, an IPv6 address with brackets or without.
    fn is_node(&self, node: &str) -> bool {
        let Some((host, port)) = node.rsplit_once(':') else { return false };
        bare(host) == bare(&self.info.broadcast_address) && port == self.info.http_port.to_string()
    }
}

fn bare(host: &str) -> &str {
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}

/// How long things hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetimes {
    /// `--inactive-producer-timeout`: who was not heard of for longer is not told of.
    pub inactive_producer_timeout: Duration,
    /// `--tombstone-lifetime`: how long a tombstone hides a producer.
    pub tombstone_lifetime: Duration,
}

/// What there may be at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capacity {
    /// Topics and channels together.
    pub keys: usize,
    /// Topics and channels of producers.
    pub registrations: usize,
}

impl Default for Capacity {
    fn default() -> Self {
        Self { keys: KEYS_MAX, registrations: REGISTRATIONS_MAX }
    }
}

/// Why nothing was added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAdded {
    /// There are as many topics and channels as there may be.
    #[error("too many topics and channels")]
    Full,
    /// The producer is not known (any more).
    #[error("producer is not known")]
    UnknownProducer,
}

/// What a REGISTER has added to a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Added {
    /// The producer was there.
    Nothing,
    /// One more producer.
    Producer,
    /// The key itself.
    Key,
}

/// What a producer that left a topic or a channel has left behind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Left {
    /// It was there.
    pub was_there: bool,
    /// Channels of the topic that it has left with the topic.
    pub channels: Vec<ChannelName>,
}

#[derive(Debug)]
struct Known {
    producer: Arc<Producer>,
    last_update: Moment,
    topics: SlotSet,
}

/// Whoever has a channel has its topic.
#[derive(Debug)]
struct Topic {
    name: TopicName,
    producers: SlotSet,
    channels: BTreeMap<ChannelName, SlotSet>,
}

/// Producers with their topics and channels.
#[derive(Debug)]
pub struct Registrations {
    lifetimes: Lifetimes,
    capacity: Capacity,
    producers: Slots<Known>,
    by_link: HashMap<LinkId, u32>,
    topics: Slots<Topic>,
    by_name: hashbrown::HashMap<TopicName, u32>,
    /// By topic and producer: when it was hidden. There are few.
    tombstones: BTreeMap<(u32, u32), Moment>,
    channel_count: usize,
    registration_count: usize,
}

impl Registrations {
    /// None yet.
    pub fn new(lifetimes: Lifetimes, capacity: Capacity) -> Self {
        Self {
            lifetimes,
            capacity,
            producers: Slots::default(),
            by_link: HashMap::new(),
            topics: Slots::default(),
            by_name: hashbrown::HashMap::new(),
            tombstones: BTreeMap::new(),
            channel_count: 0,
            registration_count: 0,
        }
    }

    /// `IDENTIFY`: a producer has come. A link is one producer, the first.
    pub fn identify(&mut self, link: LinkId, producer: Producer, now: Moment) {
        if self.by_link.contains_key(&link) {
            return;
        }
        let producer = Arc::new(producer);
        let topics = SlotSet::default();
        let slot = self.producers.insert(Known { producer, last_update: now, topics });
        self.by_link.insert(link, slot);
    }

    /// `PING`: shows that the producer lives; the time since it has done so last, if it is known.
    pub fn ping(&mut self, link: LinkId, now: Moment) -> Option<Duration> {
        let slot = *self.by_link.get(&link)?;
        let known = self.producers.get_mut(slot)?;
        let since = now.since(known.last_update);
        known.last_update = now;
        Some(since)
    }

    /// `REGISTER`: what it has added to the topic, and to the channel if there is one.
    pub fn register(
        &mut self,
        link: LinkId,
        registration: &Registration,
    ) -> Result<(Added, Option<Added>), NotAdded> {
        let producer = *self.by_link.get(&link).ok_or(NotAdded::UnknownProducer)?;
        let channel = registration.channel.as_ref();
        self.check_room(&registration.topic, channel, Some(producer))?;
        let (topic, is_new) = self.make_topic(&registration.topic);
        let channel = channel.map(|name| self.add_to_channel(topic, name, producer));
        Ok((self.add_to_topic(topic, is_new, producer), channel))
    }

    fn add_to_topic(&mut self, slot: u32, is_new: bool, producer: u32) -> Added {
        let Some(topic) = self.topics.get_mut(slot) else { return Added::Nothing };
        if !topic.producers.insert(producer) {
            return Added::Nothing;
        }
        self.registration_count += 1;
        if let Some(known) = self.producers.get_mut(producer) {
            known.topics.insert(slot);
        }
        if is_new { Added::Key } else { Added::Producer }
    }

    fn add_to_channel(&mut self, topic: u32, name: &ChannelName, producer: u32) -> Added {
        let is_new = self.make_channel(topic, name);
        let channel = self.topics.get_mut(topic).and_then(|topic| topic.channels.get_mut(name));
        let is_added = channel.is_some_and(|channel| channel.insert(producer));
        self.registration_count += usize::from(is_added);
        match (is_added, is_new) {
            (false, _) => Added::Nothing,
            (true, true) => Added::Key,
            (true, false) => Added::Producer,
        }
    }

    /// `UNREGISTER`: the producer leaves the channel, or the topic with all its channels.
    pub fn unregister(&mut self, link: LinkId, registration: &Registration) -> Left {
        let slots = (self.by_link.get(&link), self.by_name.get(registration.topic.as_str()));
        let (Some(&producer), Some(&topic)) = slots else { return Left::default() };
        match &registration.channel {
            Some(channel) => self.leave_channel(topic, channel, producer),
            None => self.leave_topic(topic, producer),
        }
    }

    fn leave_channel(&mut self, topic: u32, name: &ChannelName, producer: u32) -> Left {
        let Some(topic) = self.topics.get_mut(topic) else { return Left::default() };
        let Some(channel) = topic.channels.get_mut(name) else { return Left::default() };
        let was_there = channel.remove(producer);
        self.registration_count -= usize::from(was_there);
        if channel.is_empty() && name.is_ephemeral() {
            topic.channels.remove(name);
            self.channel_count -= 1;
        }
        Left { was_there, channels: Vec::new() }
    }

    /// The topic, or a channel of it, goes if it is ephemeral and this was its last producer.
    fn leave_topic(&mut self, slot: u32, producer: u32) -> Left {
        let Some(topic) = self.topics.get_mut(slot) else { return Left::default() };
        let mut channels = Vec::new();
        let before = topic.channels.len();
        topic.channels.retain(|name, producers| {
            if !producers.remove(producer) {
                return true;
            }
            channels.push(name.clone());
            !(name.is_ephemeral() && producers.is_empty())
        });
        self.channel_count -= before - topic.channels.len();
        let was_there = topic.producers.remove(producer);
        self.registration_count -= channels.len() + usize::from(was_there);
        let is_over = topic.producers.is_empty() && topic.name.is_ephemeral();
        self.tombstones.remove(&(slot, producer));
        if let Some(known) = self.producers.get_mut(producer) {
            known.topics.remove(slot);
        }
        if is_over {
            self.remove_topic(slot);
        }
        Left { was_there, channels }
    }

    /// The producer's connection has ended: it leaves everything at once.
    pub fn disconnect(&mut self, link: LinkId) -> Option<Arc<Producer>> {
        let slot = self.by_link.remove(&link)?;
        let topics = self.producers.get(slot).map(|known| known.topics.to_vec());
        // Backwards: a removal from the end moves nothing, and slots are given out again in ascending order.
        for topic in topics.into_iter().flatten().rev() {
            self.leave_topic(topic, slot);
        }
        self.producers.remove(slot).map(|known| known.producer)
    }

    /// Makes a topic without producers; false if it is known.
    pub fn create_topic(&mut self, name: &TopicName) -> Result<bool, NotAdded> {
        self.check_room(name, None, None)?;
        let (_, is_new) = self.make_topic(name);
        Ok(is_new)
    }

    /// Makes a channel without producers, and its topic; false if it is known.
    pub fn create_channel(
        &mut self,
        topic: &TopicName,
        channel: &ChannelName,
    ) -> Result<bool, NotAdded> {
        self.check_room(topic, Some(channel), None)?;
        let (slot, _) = self.make_topic(topic);
        Ok(self.make_channel(slot, channel))
    }

    /// Forgets a topic with its channels, whoever has them; false if it is not known.
    pub fn delete_topic(&mut self, name: &TopicName) -> bool {
        let Some(&slot) = self.by_name.get(name.as_str()) else { return false };
        self.remove_topic(slot);
        true
    }

    /// Forgets a channel, whoever has it; false if it is not known.
    pub fn delete_channel(&mut self, topic: &TopicName, channel: &ChannelName) -> bool {
        let slot = self.by_name.get(topic.as_str());
        let topic = slot.and_then(|&slot| self.topics.get_mut(slot));
        let Some(producers) = topic.and_then(|topic| topic.channels.remove(channel)) else {
            return false;
        };
        self.channel_count -= 1;
        self.registration_count -= producers.len();
        true
    }

    /// Hides a node, named by `host:http_port`, for a topic; how many of its connections there are.
    pub fn tombstone(&mut self, topic: &TopicName, node: &str, now: Moment) -> usize {
        let Some((slot, topic)) = self.find(topic) else { return 0 };
        let is_meant = |&producer: &u32| {
            self.producers.get(producer).is_some_and(|known| known.producer.is_node(node))
        };
        let meant: Vec<u32> = topic.producers.iter().filter(is_meant).collect();
        self.tombstones.extend(meant.iter().map(|&producer| ((slot, producer), now)));
        meant.len()
    }

    /// A topic with its number.
    fn find(&self, name: &TopicName) -> Option<(u32, &Topic)> {
        let slot = *self.by_name.get(name.as_str())?;
        self.topics.get(slot).map(|topic| (slot, topic))
    }

    /// Whether there is room for all that is new of a topic, of a channel and of a producer's having them: what is
    /// refused leaves nothing behind, and what is there already needs no room.
    fn check_room(
        &self,
        topic: &TopicName,
        channel: Option<&ChannelName>,
        producer: Option<u32>,
    ) -> Result<(), NotAdded> {
        let topic = self.find(topic).map(|(_, topic)| topic);
        let of_channel = channel.map(|name| topic.and_then(|topic| topic.channels.get(name)));
        let (mut keys, mut registrations) = (0, 0);
        for known in [topic.map(|topic| &topic.producers)].into_iter().chain(of_channel) {
            let has_it = |producer| known.is_some_and(|producers| producers.contains(producer));
            keys += usize::from(known.is_none());
            registrations += usize::from(producer.is_some_and(|producer| !has_it(producer)));
        }
        let is_full = self.topics.len() + self.channel_count + keys > self.capacity.keys
            || self.registration_count + registrations > self.capacity.registrations;
        if is_full { Err(NotAdded::Full) } else { Ok(()) }
    }

    /// The topic's number, and whether it is new.
    fn make_topic(&mut self, name: &TopicName) -> (u32, bool) {
        if let Some(&slot) = self.by_name.get(name.as_str()) {
            return (slot, false);
        }
        let topic =
            Topic { name: name.clone(), producers: SlotSet::default(), channels: BTreeMap::new() };
        let slot = self.topics.insert(topic);
        self.by_name.insert(name.clone(), slot);
        (slot, true)
    }

    /// True if it is new.
    fn make_channel(&mut self, topic: u32, name: &ChannelName) -> bool {
        let Some(topic) = self.topics.get_mut(topic) else { return false };
        if topic.channels.contains_key(name) {
            return false;
        }
        topic.channels.insert(name.clone(), SlotSet::default());
        self.channel_count += 1;
        true
    }

    fn remove_topic(&mut self, slot: u32) {
        let Some(topic) = self.topics.remove(slot) else { return };
        self.by_name.remove(topic.name.as_str());
        for producer in topic.producers.iter() {
            self.tombstones.remove(&(slot, producer));
            if let Some(known) = self.producers.get_mut(producer) {
                known.topics.remove(slot);
            }
        }
        self.channel_count -= topic.channels.len();
        let of_channels: usize = topic.channels.values().map(SlotSet::len).sum();
        self.registration_count -= topic.producers.len() + of_channels;
    }

    fn is_active(&self, known: &Known, now: Moment) -> bool {
        now.since(known.last_update) <= self.lifetimes.inactive_producer_timeout
    }

    fn is_hidden(&self, at: Moment, now: Moment) -> bool {
        now.since(at) < self.lifetimes.tombstone_lifetime
    }
}
