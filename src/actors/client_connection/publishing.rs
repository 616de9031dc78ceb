//! Publishes of a connection: gathered per topic while a read is decoded.

use std::time::Duration;

use actix::Addr;
use hashbrown::HashMap;
use tokio::sync::oneshot;

use super::responses::Responses;
use crate::{
    actors::topic::{Batches, Publish, Topic},
    broker::topic::MESSAGES_PER_STAMP,
    protocol::{Publication, TopicName, Verb},
    storage::BatchBuilder,
};

/// A batch is closed when it has grown to this.
const BATCH_BYTES_MAX: usize = 1024 * 1024;

/// A topic that the connection publishes to.
#[derive(Debug)]
struct Target {
    topic: Addr<Topic>,
    count: u64,
    /// The client may publish to it: nobody need be asked.
    is_permitted: bool,
}

/// Publishes to one topic that have been decoded and not sent to it yet.
#[derive(Debug)]
struct Open {
    name: TopicName,
    verb: Verb,
    delay: Duration,
    batches: Vec<BatchBuilder>,
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
        if let Some((name, _)) = self.targets.get_key_value(publication.topic) {
            self.open = Some(Open {
                name: name.clone(),
                verb: publication.verb,
                delay: publication.delay,
                batches: Vec::new(),
                commands: 0,
                messages: 0,
                bytes: 0,
            });
        }
    }

    /// Sends what has been gathered; the answer is awaited in its place.
    pub fn flush(&mut self, responses: &mut Responses) {
        let Some(open) = self.open.take() else { return };
        let Some(target) = self.targets.get_mut(&open.name) else { return };
        target.count += open.messages;
        let (reply, stored) = oneshot::channel();
        responses.put_publish(stored, open.verb, open.commands, open.bytes);
        let mut batches = open.batches.into_iter();
        let first = batches.next().unwrap_or_default();
        let batches = Batches { first, rest: batches.collect() };
        // Not bounded by the mailbox, but by the bytes that a connection may have unanswered.
        target.topic.do_send(Publish { batches, delay: open.delay, reply });
    }
}

impl Open {
    fn add(&mut self, publication: &Publication<'_>, room: usize) {
        self.commands += 1;
        self.messages += u64::from(publication.count);
        self.bytes += publication.framed.len();
        if publication.count <= MESSAGES_PER_STAMP {
            return self.push(publication.framed, publication.count, room);
        }
        let (mut rest, mut messages) = (publication.framed, publication.messages());
        while !rest.is_empty() {
            let chunk = messages.by_ref().take(MESSAGES_PER_STAMP as usize);
            let (count, bytes) =
                chunk.fold((0, 0), |(n, bytes), body| (n + 1, bytes + 4 + body.len()));
            let (framed, after) = rest.split_at(bytes);
            self.push(framed, count, 0);
            rest = after;
        }
    }

    fn push(&mut self, framed: &[u8], count: u32, room: usize) {
        let fits = |batch: &&mut BatchBuilder| {
            batch.count() + count <= MESSAGES_PER_STAMP
                && batch.payload_bytes() + framed.len() <= BATCH_BYTES_MAX
        };
        match self.batches.last_mut().filter(fits) {
            Some(batch) => batch.push_framed(framed, count),
            None => {
                let mut batch = BatchBuilder::with_capacity(framed.len().max(room));
                batch.push_framed(framed, count);
                self.batches.push(batch);
            }
        }
    }
}
