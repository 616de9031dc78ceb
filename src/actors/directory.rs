//! Which topics and channels there are, for whoever tells nsqlookupd.

use std::{
    collections::BTreeSet,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::sync::watch;

use crate::{
    broker::{Incarnation, Listing, Told},
    protocol::{ChannelName, TopicName, lookup::LookupCommand},
};

/// Written by the node and its topics when topics and channels come and go, read by the lookup peers.
///
/// It is a state and not a series of events: an actor that was restarted writes down what it has, a peer
/// that was restarted reads all of it, and nothing can be missed in between.
#[derive(Debug)]
pub struct Directory {
    listing: Mutex<Listing>,
    changed: watch::Sender<()>,
}

impl Default for Directory {
    fn default() -> Self {
        Self { listing: Mutex::default(), changed: watch::Sender::new(()) }
    }
}

impl Directory {
    /// The node has made a topic. The topic shows what is returned whenever it speaks of its channels.
    pub fn add_topic(&self, name: &TopicName) -> Incarnation {
        self.change(|listing| listing.add_topic(name))
    }

    /// A topic is being deleted.
    pub fn remove_topic(&self, name: &TopicName) {
        self.change(|listing| listing.remove_topic(name));
    }

    /// Removes every topic but those for which `is_there` holds.
    pub fn retain_topics(&self, is_there: impl Fn(&TopicName) -> bool) {
        self.change(|listing| {
            let topics = listing.topics().filter(|name| !is_there(name));
            for gone in topics.cloned().collect::<Vec<_>>() {
                listing.remove_topic(&gone);
            }
        });
    }

    /// A topic has a new channel.
    pub fn add_channel(&self, topic: &TopicName, of: Incarnation, channel: &ChannelName) {
        self.change(|listing| listing.add_channel(topic, of, channel));
    }

    /// A channel is being deleted.
    pub fn remove_channel(&self, topic: &TopicName, of: Incarnation, channel: &ChannelName) {
        self.change(|listing| listing.remove_channel(topic, of, channel));
    }

    /// These are all channels of a topic.
    pub fn set_channels(&self, topic: &TopicName, of: Incarnation, all: BTreeSet<ChannelName>) {
        self.change(|listing| listing.set_channels(topic, of, all));
    }

    /// Hears of every change.
    pub fn watch(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// What is to be told next: see [`Told::catch_up`].
    pub fn catch_up(&self, told: &mut Told, max: usize) -> Vec<LookupCommand> {
        told.catch_up(&self.lock(), max)
    }

    fn change<T>(&self, change: impl FnOnce(&mut Listing) -> T) -> T {
        let changed = change(&mut self.lock());
        self.changed.send_replace(());
        changed
    }

    fn lock(&self) -> MutexGuard<'_, Listing> {
        self.listing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
