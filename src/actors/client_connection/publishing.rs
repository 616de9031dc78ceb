//! Publishes of a connection: gathered per topic while a read is decoded.

use std::time::Duration;

use actix::Addr;
use hashbrown::HashMap;

use super::responses::Responses;
use crate::{
    actors::topic::{Joined, Topic},
    protocol::{Publication, TopicName, Verb},
};

/// A topic that the connection publishes to.
#[derive(Debug)]
struct Target {
    topic: Addr<Topic>,
    count: u64,
    /// The client may publish to it: nobody need be asked.
    is_permitted: bool,
}

/// Publishes to one topic that come one after the other.
#[derive(Debug)]
struct Open {
    name: TopicName,
    verb: Verb,
    delay: Duration,
    /// Where they are, with those of others.
    joined: Joined,
    commands: u32,
    messages: u64,
    bytes: usize,
}

/// The publishing side of a connection.
#[derive(Debug, Default)]
pub struct Publishing {
    targets: HashMap<TopicName, Target>,
    open: Option<Open>,
}

impl Publishing {
    /// Publishes so far, by topic.
    pub fn counts(&self) -> Vec<(TopicName, u64)> {
        let counts = self.targets.iter().map(|(name, target)| (name.clone(), target.count));
        let mut counts: Vec<_> = counts.filter(|(_, count)| *count > 0).collect();
        counts.sort_unstable();
        counts
    }

    /// Publishes to topic `name` can be added: it is known where, and that the client may.
    pub fn is_ready_for(&self, name: &str) -> bool {
        let is_open = self.open.as_ref().is_some_and(|open| open.name.as_str() == name);
        let is_ready = |target: &Target| target.is_permitted && target.topic.connected();
        is_open || self.targets.get(name).is_some_and(is_ready)
    }

    /// The client may publish to topic `name`; false if it is not known where that is.
    pub fn permit(&mut self, name: &str) -> bool {
        let Some(target) = self.targets.get_mut(name) else { return false };
        target.is_permitted = true;
        target.topic.connected()
    }

    /// What the client may do is to be looked for again.
    pub fn forget_permissions(&mut self) {
        self.targets.values_mut().for_each(|target| target.is_permitted = false);
    }

    /// Learns where to publish to a topic, not that the client may.
    pub fn learn(&mut self, name: TopicName, topic: Addr<Topic>) {
        let count = self.targets.get(&name).map_or(0, |target| target.count);
        self.targets.insert(name, Target { topic, count, is_permitted: false });
    }

    /// Adds a publish to a topic that is known. `room`: an upper bound of what else may come.
    pub fn add(&mut self, publication: &Publication<'_>, room: usize, responses: &mut Responses) {
        let fits = |open: &Open| {
            open.name.as_str() == publication.topic
                && open.verb == publication.verb
                && open.delay == publication.delay
                && !open.joined.is_full()
        };
        if !self.open.as_ref().is_some_and(fits) {
            self.flush(responses);
            self.begin(publication);
        }
        if let Some(open) = &mut self.open {
            open.add(publication, room);
        }
    }

    fn begin(&mut self, publication: &Publication<'_>) {
        if let Some((name, target)) = self.targets.get_key_value(publication.topic) {
            self.open = Some(Open {
                name: name.clone(),
                verb: publication.verb,
                delay: publication.delay,
                joined: Joined::to(&target.topic, publication.delay),
                commands: 0,
                messages: 0,
                bytes: 0,
            });
        }
    }

    /// Leaves what has been gathered to be sent; the answer is awaited in its place.
    pub fn flush(&mut self, responses: &mut Responses) {
        let Some(open) = self.open.take() else { return };
        let Some(target) = self.targets.get_mut(&open.name) else { return };
        target.count += open.messages;
        responses.put_publish(open.joined.stored(), open.verb, open.commands, open.bytes);
    }
}

impl Open {
    fn add(&mut self, publication: &Publication<'_>, room: usize) {
        self.commands += 1;
        self.messages += u64::from(publication.count);
        self.bytes += publication.framed.len();
        self.joined.push_framed(publication.framed, publication.count, room);
    }
}
