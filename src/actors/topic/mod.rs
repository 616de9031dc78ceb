//! The actor of a topic: stamps publishes, sees them into the log, tells its channels.

mod appending;
mod awaiting;
mod carrying;
mod channels;
mod joining;
pub mod messages;
mod recovery;
mod syncing;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, atomic::Ordering::Relaxed},
    task,
    time::Duration,
};

use actix::{
    Actor, ActorFutureExt, Addr, AsyncContext, Context, Handler, MessageResult, Recipient,
    ResponseActFuture, Supervised, WrapFuture,
};
use actix_rt::ArbiterHandle;

pub use joining::{Joined, Lost, Stored};
pub use messages::*;

use self::{appending::Appending, channels::Entry};
use super::{
    cache::Cache,
    channel::Channel,
    clock,
    discovery::KnownChannels,
    disk_queue::{DiskQueue, SaveMetadata, StoreError},
    meters::DiskGauges,
    shared::Shared,
    snapshot::{ChannelSnapshot, Observe, TopicSnapshot},
    supervisor::{ChildFailed, ChildSpec, Crash, escalate, supervise},
    turn::{EndOfTurn, Turn},
    waves::in_waves,
};
use crate::{
    broker::{IdGenerator, Incarnation, Moment, TopicRules},
    config::Durability,
    protocol::{ChannelName, TopicName},
    storage::TopicMetadata,
};

/// Messages in a topic's mailbox before `try_send` refuses.
pub const MAILBOX: usize = 1024;
/// A channel that cannot read its cursor is left out of the statistics; the topic itself is not.
const OBSERVE_TIMEOUT: Duration = Duration::from_secs(2);

/// Where a topic and its channels run, and whom it may speak to.
#[derive(Clone)]
pub struct Place {
    /// Its thread, which its channels and its log's actor share.
    pub arbiter: ArbiterHandle,
    /// What every actor may read.
    pub shared: Arc<Shared>,
    /// Hears when the topic has no reason to exist any more.
    pub abandoned: Recipient<TopicAbandoned>,
    /// Knows which channels other nodes have of the topic; none without nsqlookupd.
    pub known_channels: Option<Recipient<KnownChannels>>,
    /// Which of the topics of this name it is.
    pub incarnation: Incarnation,
}

/// The supervised actor of one topic.
pub struct Topic {
    name: TopicName,
    place: Place,
    /// The log; `None` for an ephemeral topic.
    disk: Option<Addr<DiskQueue>>,
    /// What was asked for this topic, where that is not what the node promises.
    durability: Option<Durability>,
    /// Kept over a restart of this actor: the channels are actors of their own and go on.
    channels: BTreeMap<ChannelName, Entry>,
    /// Those that are gone while their files could not be removed.
    undeleted: BTreeSet<ChannelName>,
    rules: TopicRules,
    appending: Appending,
    cache: Cache,
    /// Records for one channel only of which the channels have not heard yet.
    carried: Vec<CarriedRange>,
    /// Channels are being asked about stragglers, or carry them forward.
    carrying: bool,
    message_count: u64,
    message_bytes: u64,
    /// When it began to count.
    since: Moment,
    /// New, and channels are still to come that must see its first message.
    awaits_channels: bool,
    /// Ephemeral, and its last channel has gone: the node is about to end it.
    abandoned: bool,
    /// What its log's actor says of the disk.
    gauges: Arc<DiskGauges>,
}

impl Topic {
    /// A topic that finds out from its log what it holds when it starts. `awaits_channels`: it is new, and
    /// nsqlookupd may know of channels of it.
    pub fn new(name: TopicName, place: Place, awaits_channels: bool) -> Self {
        let cache = new_cache(&name, &place.shared);
        let rules = TopicRules::new(new_ids(&place.shared), 1, None, false);
        Self {
            name,
            place,
            disk: None,
            durability: None,
            channels: BTreeMap::new(),
            undeleted: BTreeSet::new(),
            rules,
            appending: Appending::default(),
            cache,
            carried: Vec::new(),
            carrying: false,
            message_count: 0,
            message_bytes: 0,
            since: clock::now(),
            awaits_channels,
            abandoned: false,
            gauges: Arc::default(),
        }
    }

    fn shared(&self) -> &Shared {
        &self.place.shared
    }

    fn start_disk_queue(&self, ctx: &mut Context<Self>) -> Addr<DiskQueue> {
        let spec = ChildSpec {
            name: format!("disk queue topic={}", self.name),
            mailbox: MAILBOX,
            restarts: Arc::clone(&self.shared().restarts.disk_queues),
            failed: ctx.address().recipient(),
        };
        let (name, shared) = (self.name.clone(), Arc::clone(&self.place.shared));
        let restarted = ctx.address().recipient();
        let gauges = Arc::clone(&self.gauges);
        let make = move |_: &mut _| DiskQueue::new(name, shared, restarted, gauges);
        supervise(&self.place.arbiter, spec, make)
    }

    /// Writes down what a restart must know of the topic itself.
    fn save_metadata(&self) -> ResponseActFuture<Self, Result<(), StoreError>> {
        let (paused, held_from) = (self.rules.is_paused(), self.rules.held_from());
        let metadata = TopicMetadata::new(paused, held_from, self.durability)
            .awaiting_channels(self.awaits_channels);
        let disk = self.disk.clone();
        let saved = async move {
            let Some(disk) = disk else { return Ok(()) };
            disk.send(SaveMetadata(metadata)).await.unwrap_or(Err(StoreError::NotOpen))
        };
        Box::pin(saved.into_actor(self))
    }
}

fn new_cache(name: &TopicName, shared: &Shared) -> Cache {
    let messages_max = match (name.is_ephemeral(), shared.options.mem_queue_size) {
        (true, 0) => 1,
        (_, size) => size as u64,
    };
    Cache::new(messages_max, Arc::clone(&shared.cache))
}

fn new_ids(shared: &Shared) -> IdGenerator {
    IdGenerator::new(shared.options.node_id, None)
}

impl Actor for Topic {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.spawn(EndOfTurn);
        self.recover(ctx);
    }
}

impl Supervised for Topic {
    fn restarting(&mut self, _: &mut Self::Context) {
        self.appending.abandon();
        self.carried.clear(); // channels know such records when they see them
        self.carrying = false;
        self.cache = new_cache(&self.name, &self.place.shared);
        self.disk = self.disk.take().filter(Addr::connected);
        self.channels.retain(|_, channel| channel.addr.connected());
        let all = self.channels.keys().cloned().collect();
        self.shared().directory.set_channels(&self.name, self.place.incarnation, all);
    }
}

impl Turn for Topic {
    fn end_turn(&mut self, ctx: &mut Self::Context, _: &mut task::Context<'_>) {
        self.append(ctx);
    }
}

impl Handler<Publish> for Topic {
    type Result = ();

    fn handle(&mut self, publish: Publish, _: &mut Self::Context) {
        self.appending.add(publish);
    }
}

impl Handler<ReadCached> for Topic {
    type Result = MessageResult<ReadCached>;

    fn handle(&mut self, read: ReadCached, _: &mut Self::Context) -> Self::Result {
        let from = match self.cache.first_seq() {
            Some(first) if read.or_later => read.seq.max(first),
            _ => read.seq,
        };
        MessageResult(self.cache.read(from, read.bytes_max))
    }
}

impl Handler<DropCache> for Topic {
    type Result = ();

    fn handle(&mut self, _: DropCache, _: &mut Self::Context) {
        // Of an ephemeral topic the cache is all there is.
        if self.disk.is_some() {
            self.cache.clear();
        }
    }
}

impl Handler<PauseTopic> for Topic {
    type Result = ResponseActFuture<Self, Result<(), StoreError>>;

    fn handle(&mut self, pause: PauseTopic, _: &mut Self::Context) -> Self::Result {
        self.hand_on_after(|rules| rules.set_paused(pause.0));
        self.save_metadata()
    }
}

impl Handler<EmptyTopic> for Topic {
    type Result = ResponseActFuture<Self, Result<(), StoreError>>;

    fn handle(&mut self, _: EmptyTopic, _: &mut Self::Context) -> Self::Result {
        let dropped = self.rules.empty();
        if self.channels.is_empty() {
            self.cache.remove_below(dropped.end);
        }
        let told = self.discard_in_channels(&dropped);
        Box::pin(told.into_actor(self).then(|_, topic, _| topic.save_metadata()))
    }
}

impl Handler<Observe<TopicSnapshot>> for Topic {
    type Result = ResponseActFuture<Self, TopicSnapshot>;

    fn handle(&mut self, observe: Observe<TopicSnapshot>, _: &mut Self::Context) -> Self::Result {
        let cached_from = self.cache.first_seq().unwrap_or(self.rules.committed_end());
        let mut snapshot = self.observe_itself(cached_from);
        let channels: Vec<_> = self.channels.values().map(|entry| entry.addr.clone()).collect();
        let ask = move |channel: Addr<Channel>| {
            let observe = Observe::<ChannelSnapshot>::within(observe.scope.clone());
            channel.send(observe.with_cached_from(cached_from))
        };
        let count = channels.len();
        let observed = async move {
            let asked = in_waves(channels.into_iter().map(ask), OBSERVE_TIMEOUT).await;
            let seen: Vec<_> = asked.into_iter().flatten().collect();
            let silent = count - seen.len();
            snapshot.set_channels(seen, silent);
            snapshot
        };
        Box::pin(observed.into_actor(self))
    }
}

impl Topic {
    fn observe_itself(&self, cached_from: u64) -> TopicSnapshot {
        let depth = self.rules.depth().saturating_sub(self.carried_depth());
        TopicSnapshot {
            topic_name: self.name.clone(),
            channels: Vec::new(),
            silent_channels: 0,
            since: self.since,
            depth,
            backend_depth: cached_from.saturating_sub(self.rules.released()).min(depth),
            message_count: self.message_count,
            message_bytes: self.message_bytes,
            paused: self.rules.is_paused(),
            durability: self.durability(),
            waiting_count: self.appending.waiting_count(),
            latency: None,
            log_segments: self.gauges.segments.load(Relaxed),
            log_bytes: self.gauges.bytes.load(Relaxed),
        }
    }
}

impl Handler<ChildFailed> for Topic {
    type Result = ();

    fn handle(&mut self, failed: ChildFailed, _: &mut Self::Context) {
        escalate(&failed);
    }
}

impl Handler<Crash> for Topic {
    type Result = ();

    fn handle(&mut self, crash: Crash, _: &mut Self::Context) {
        crash.now();
    }
}
