//! What a node has, what one nsqlookupd has been told of it, and how the second comes to be the first.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::protocol::{
    ChannelName, TopicName,
    lookup::{LookupCommand, Registration},
};

/// Changes that are remembered one by one. Who has seen none of so many looks at everything.
const RECENT_MAX: usize = 4096;

/// One of the topics that have had the same name, one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Incarnation(u64);

/// A topic and its channels.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Listed {
    incarnation: Incarnation,
    channels: BTreeSet<ChannelName>,
}

/// The topics and channels that a node has.
#[derive(Debug, Default)]
pub struct Listing {
    topics: BTreeMap<TopicName, Listed>,
    /// Counts changes.
    version: u64,
    /// The topics of the latest changes; the last of them led to `version`.
    recent: VecDeque<TopicName>,
}

impl Listing {
    /// A topic has been made. Whoever makes its channels known says which incarnation they are of.
    pub fn add_topic(&mut self, name: &TopicName) -> Incarnation {
        self.changed(name);
        let incarnation = Incarnation(self.version);
        self.topics.insert(name.clone(), Listed { incarnation, channels: BTreeSet::new() });
        incarnation
    }

    /// A topic has gone, with its channels.
    pub fn remove_topic(&mut self, name: &TopicName) {
        if self.topics.remove(name).is_some() {
            self.changed(name);
        }
    }

    /// A channel has been made. An incarnation that has gone has nothing to say.
    pub fn add_channel(&mut self, topic: &TopicName, of: Incarnation, channel: &ChannelName) {
        if self.channels(topic, of).is_some_and(|channels| channels.insert(channel.clone())) {
            self.changed(topic);
        }
    }

    /// A channel has gone.
    pub fn remove_channel(&mut self, topic: &TopicName, of: Incarnation, channel: &ChannelName) {
        if self.channels(topic, of).is_some_and(|channels| channels.remove(channel)) {
            self.changed(topic);
        }
    }

    /// These are the channels of a topic, and no others.
    pub fn set_channels(
        &mut self,
        topic: &TopicName,
        of: Incarnation,
        present: BTreeSet<ChannelName>,
    ) {
        let Some(channels) = self.channels(topic, of) else { return };
        if *channels != present {
            *channels = present;
            self.changed(topic);
        }
    }

    /// The topics that are listed.
    pub fn topics(&self) -> impl Iterator<Item = &TopicName> {
        self.topics.keys()
    }

    fn channels(
        &mut self,
        topic: &TopicName,
        of: Incarnation,
    ) -> Option<&mut BTreeSet<ChannelName>> {
        let listed = self.topics.get_mut(topic)?;
        (listed.incarnation == of).then_some(&mut listed.channels)
    }

    fn changed(&mut self, topic: &TopicName) {
        self.version += 1;
        if self.recent.len() == RECENT_MAX {
            self.recent.pop_front();
        }
        self.recent.push_back(topic.clone());
    }

    /// The topics that have changed after `version`; `None` if that is too long ago.
    fn changed_since(&self, version: u64) -> Option<impl Iterator<Item = &TopicName>> {
        let count = usize::try_from(self.version - version).ok()?;
        let skipped = self.recent.len().checked_sub(count)?;
        Some(self.recent.iter().skip(skipped))
    }
}

/// What one nsqlookupd has been told over its present connection, and what it is about to be told.
#[derive(Debug, Default)]
pub struct Told {
    topics: BTreeMap<TopicName, Listed>,
    /// Topics and channels in `topics`.
    count: usize,
    /// The version of the listing that was looked at last.
    seen: Option<u64>,
    /// Topics that may have changed since they were looked at.
    open: BTreeSet<TopicName>,
    /// Commands that lead to `topics`.
    due: VecDeque<LookupCommand>,
}

impl Told {
    /// The next commands, `max` of them at most. They count as told: whoever loses one begins anew,
    /// on a new connection.
    pub fn catch_up(&mut self, listing: &Listing, max: usize) -> Vec<LookupCommand> {
        self.note_changes(listing);
        while self.due.len() < max
            && let Some(topic) = self.open.pop_first()
        {
            self.settle(&topic, listing.topics.get(&topic));
        }
        self.due.drain(..max.min(self.due.len())).collect()
    }

    /// Topics and channels that it knows, or will know when all commands have reached it.
    pub fn count(&self) -> usize {
        self.count
    }

    fn note_changes(&mut self, listing: &Listing) {
        match self.seen.and_then(|seen| listing.changed_since(seen)) {
            Some(changed) => self.open.extend(changed.cloned()),
            None => {
                let both = listing.topics.keys().chain(self.topics.keys());
                self.open.extend(both.cloned());
            }
        }
        self.seen = Some(listing.version);
    }

    fn settle(&mut self, topic: &TopicName, wanted: Option<&Listed>) {
        let is_same = |told: &Listed| wanted.is_some_and(|it| it.incarnation == told.incarnation);
        if self.topics.get(topic).is_some_and(|told| !is_same(told)) {
            self.unregister_topic(topic);
        }
        if let Some(wanted) = wanted {
            self.register_channels(topic, wanted);
        }
    }

    /// Channels first: the topic alone would take them along, but leave what is ephemeral listed. That a
    /// topic goes is told even if another has taken its name: only so does its tombstone go.
    fn unregister_topic(&mut self, topic: &TopicName) {
        let Some(told) = self.topics.remove(topic) else { return };
        self.count -= 1 + told.channels.len();
        let channels = told.channels.into_iter();
        let parts = channels.map(|channel| Registration::channel(topic.clone(), channel));
        let all = parts.chain([Registration::topic(topic.clone())]);
        self.due.extend(all.map(LookupCommand::Unregister));
    }

    /// A channel brings its topic with it.
    fn register_channels(&mut self, topic: &TopicName, wanted: &Listed) {
        let part = |channel: &ChannelName| Registration::channel(topic.clone(), channel.clone());
        let Some(told) = self.topics.get_mut(topic) else {
            self.count += 1 + wanted.channels.len();
            self.topics.insert(topic.clone(), wanted.clone());
            if wanted.channels.is_empty() {
                let whole = Registration::topic(topic.clone());
                self.due.push_back(LookupCommand::Register(whole));
            }
            self.due.extend(wanted.channels.iter().map(part).map(LookupCommand::Register));
            return;
        };
        let gone = told.channels.difference(&wanted.channels).map(part);
        self.due.extend(gone.map(LookupCommand::Unregister));
        let new = wanted.channels.difference(&told.channels).map(part);
        self.due.extend(new.map(LookupCommand::Register));
        self.count = self.count - told.channels.len() + wanted.channels.len();
        told.channels.clone_from(&wanted.channels);
    }
}
