//! The root of nsqd: topics by name, and the order in which things stop.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use actix::{
    Actor, ActorFutureExt, Addr, AsyncContext, Context, Handler, MailboxError, Message,
    MessageResult, Recipient, ResponseActFuture, ResponseFuture, Supervised, WrapFuture,
};
use actix_rt::time::sleep;
use futures_util::future::join_all;

use super::{
    accepting::DisconnectAll,
    discovery::{CrashPeer, Discovery, Withdraw},
    disk_queue::{self, StoreError},
    full_disk::take_reserve_again,
    listener::Listener,
    lookup_peer::LookupPeerSnapshot,
    shared::Shared,
    snapshot::{NodeSnapshot, Observe, Scope, TopicSnapshot},
    statsd::{FinishPush, Statsd},
    supervisor::{ChildFailed, ChildSpec, Crash, escalate, supervise},
    topic::{self, Child, CrashChild, DropCache, Place, ShutdownTopic, Topic, TopicAbandoned},
    waves::in_waves,
};
use crate::protocol::{ChannelName, TopicName};

/// How long a stop waits for the disk. What is acknowledged is in the operating system by then.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);

/// Pause before a topic that crashed while it was deleted is told again.
const TOLD_AGAIN_PAUSE: Duration = Duration::from_millis(10);

/// A topic whose disk is stuck is left out of the statistics.
const OBSERVE_TIMEOUT: Duration = Duration::from_secs(3);

/// Asks for a topic, or creates it.
#[derive(Debug, Message)]
#[rtype(result = "Result<Addr<Topic>, TopicError>")]
pub struct FindTopic {
    /// Its name.
    pub name: TopicName,
    /// Make it if there is none.
    pub create: bool,
}

/// Deletes a topic with its channels and all messages.
#[derive(Debug, Message)]
#[rtype(result = "Result<(), TopicError>")]
pub struct DeleteTopic(pub TopicName);

/// Why there is no topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TopicError {
    /// There is none of this name.
    #[error("topic not found")]
    NotFound,
    /// It is being deleted, or the node is stopping.
    #[error("exiting")]
    Exiting,
    /// It is gone, but its files could not be removed for good: it may be back after a restart.
    #[error("topic not removed from the disk")]
    NotRemoved,
}

/// All topics, as when the node waits for them at its start.
#[derive(Debug, Message)]
#[rtype(result = "Vec<Addr<Topic>>")]
pub struct AllTopics;

/// Gives memory back that holds only copies of what is on the disk.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct FreeMemory;

/// A new accept loop; its connections count as the node's.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct ListenerStarted(pub Addr<Listener>);

/// The actor that pushes to statsd; it must be told of a stop.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct StatsdStarted(pub Addr<Statsd>);

/// Stops the node in order: listeners, connections, topics with their channels and logs.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Shutdown;

/// Makes an actor panic, by `--enable-experiment=chaos`; false if there is no such actor.
#[derive(Debug, Message)]
#[rtype(result = "bool")]
pub struct CrashActor(pub CrashTarget);

/// Which actor is to panic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CrashTarget {
    /// The root.
    Node,
    /// A topic.
    Topic(TopicName),
    /// A topic's log.
    DiskQueue(TopicName),
    /// A channel.
    Channel(TopicName, ChannelName),
    /// The parent of the links to nsqlookupds.
    Discovery,
    /// The link to the nsqlookupd of this address.
    LookupPeer(String),
}

/// The supervised root actor.
pub struct Node {
    shared: Arc<Shared>,
    /// Kept over a restart of this actor: the topics are actors of their own and go on.
    topics: BTreeMap<TopicName, Addr<Topic>>,
    /// So are those that are on their way out.
    deleting: BTreeMap<TopicName, Addr<Topic>>,
    /// And those whose files could not be removed; another topic of the name may be there again.
    undeleted: BTreeSet<TopicName>,
    listener: Option<Addr<Listener>>,
    statsd: Option<Addr<Statsd>>,
    discovery: Option<Addr<Discovery>>,
    stopping: bool,
}

impl Node {
    /// A node that starts the topics it finds in its data path. Without `discovery`, it asks nobody which
    /// channels a new topic is to have.
    pub fn new(shared: Arc<Shared>, discovery: Option<Addr<Discovery>>) -> Self {
        Self {
            shared,
            topics: BTreeMap::new(),
            deleting: BTreeMap::new(),
            undeleted: BTreeSet::new(),
            listener: None,
            statsd: None,
            discovery,
            stopping: false,
        }
    }

    fn create_topic(&mut self, name: &TopicName, ctx: &mut Context<Self>) -> Addr<Topic> {
        log::info!("TOPIC({name}): created");
        let awaits_channels = self.discovery.is_some() && !self.shared.live.lookupds().is_empty();
        self.start_topic(name, awaits_channels, ctx)
    }

    fn start_topic(
        &mut self,
        name: &TopicName,
        awaits_channels: bool,
        ctx: &mut Context<Self>,
    ) -> Addr<Topic> {
        let arbiter = self.shared.workers.of_topic(name).clone();
        let spec = ChildSpec {
            name: format!("topic topic={name}"),
            mailbox: topic::MAILBOX,
            restarts: Arc::clone(&self.shared.restarts.topics),
            failed: ctx.address().recipient(),
        };
        let abandoned: Recipient<TopicAbandoned> = ctx.address().recipient();
        let place = Place {
            arbiter: arbiter.clone(),
            shared: Arc::clone(&self.shared),
            abandoned,
            known_channels: self.discovery.clone().map(Addr::recipient),
            incarnation: self.shared.directory.add_topic(name),
        };
        let topic = name.clone();
        let addr = supervise(&arbiter, spec, move |_| Topic::new(topic, place, awaits_channels));
        self.topics.insert(name.clone(), addr.clone());
        self.shared.topics.insert(name.clone(), &addr);
        addr
    }

    fn start_stored_topics(&mut self, ctx: &mut Context<Self>) {
        let names = match self.shared.data.topics() {
            Ok(names) => names,
            Err(error) => panic!("topics not listed: {error}"),
        };
        for name in names {
            if !self.topics.contains_key(&name) && !self.deleting.contains_key(&name) {
                self.start_topic(&name, false, ctx);
            }
        }
    }

    fn delete(
        &mut self,
        name: TopicName,
    ) -> Option<ResponseActFuture<Self, Result<(), TopicError>>> {
        let Some(topic) = self.topics.remove(&name) else {
            return self.undeleted.contains(&name).then(|| self.delete_rest(name));
        };
        log::info!("TOPIC({name}): deleting");
        self.shared.directory.remove_topic(&name);
        self.shared.topics.remove(&name);
        self.deleting.insert(name.clone(), topic.clone());
        let deleted = delete_topic(topic);
        Some(Box::pin(deleted.into_actor(self).map(move |deleted, node, _| {
            node.deleting.remove(&name);
            node.deleted(name, deleted)
        })))
    }

    /// Tries again what has failed in the deletion of a topic.
    fn delete_rest(&self, name: TopicName) -> ResponseActFuture<Self, Result<(), TopicError>> {
        let deleted = disk_queue::delete_rest(name.clone(), Arc::clone(&self.shared));
        Box::pin(deleted.into_actor(self).map(move |deleted, node, _| {
            if let Err(error) = &deleted {
                log::error!("topic={name} still not removed from the disk: {error}");
            }
            node.deleted(name, deleted)
        }))
    }

    fn deleted(
        &mut self,
        name: TopicName,
        deleted: Result<(), StoreError>,
    ) -> Result<(), TopicError> {
        match deleted {
            Ok(()) => {
                self.undeleted.remove(&name);
                Ok(())
            }
            Err(_logged) => {
                self.undeleted.insert(name);
                Err(TopicError::NotRemoved)
            }
        }
    }

    fn restarts(&self) -> Vec<(&'static str, u64)> {
        let restarts = &self.shared.restarts;
        let count = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
        vec![
            ("node", count(&restarts.node)),
            ("topic", count(&restarts.topics)),
            ("channel", count(&restarts.channels)),
            ("diskqueue", count(&restarts.disk_queues)),
            ("listener", count(&restarts.listeners)),
            ("auth_client", count(&restarts.auth_clients)),
            ("discovery", count(&restarts.discoveries)),
            ("lookup_peer", count(&restarts.lookup_peers)),
            ("statsd", count(&restarts.statsd)),
        ]
    }
}

/// Deletes a topic, again if it crashes over that.
async fn delete_topic(topic: Addr<Topic>) -> Result<(), StoreError> {
    loop {
        match topic.send(ShutdownTopic { delete: true }).await {
            Ok(deleted) => return deleted,
            Err(_) if topic.connected() => sleep(TOLD_AGAIN_PAUSE).await, // it is being restarted
            Err(_) => return Err(StoreError::NotOpen),
        }
    }
}

impl Actor for Node {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.start_stored_topics(ctx);
        let shared = Arc::clone(&self.shared);
        let take = actix_rt::task::spawn_blocking(move || drop(shared.reserve.take()));
        let shared = Arc::clone(&self.shared);
        ctx.wait(take.into_actor(self).map(move |_taken, _, _| take_reserve_again(&shared)));
    }
}

impl Supervised for Node {
    fn restarting(&mut self, ctx: &mut Self::Context) {
        self.topics.retain(|_, topic| topic.connected());
        self.deleting.retain(|_, topic| topic.connected());
        // Before they are gone, another topic of their name would be removed in their place. They may
        // not have been told.
        for (name, topic) in self.deleting.clone() {
            ctx.spawn(delete_topic(topic).into_actor(self).map(move |deleted, node, _| {
                node.deleting.remove(&name);
                let _logged = node.deleted(name, deleted);
            }));
        }
        self.shared.directory.retain_topics(|name| self.topics.contains_key(name));
        self.shared.topics.retain(|name| self.topics.contains_key(name));
    }
}

impl Handler<FindTopic> for Node {
    type Result = MessageResult<FindTopic>;

    fn handle(&mut self, find: FindTopic, ctx: &mut Self::Context) -> Self::Result {
        if let Some(topic) = self.topics.get(&find.name) {
            return MessageResult(Ok(topic.clone()));
        }
        MessageResult(if self.stopping || self.deleting.contains_key(&find.name) {
            Err(TopicError::Exiting)
        } else if find.create {
            Ok(self.create_topic(&find.name, ctx))
        } else {
            Err(TopicError::NotFound)
        })
    }
}

impl Handler<DeleteTopic> for Node {
    type Result = ResponseActFuture<Self, Result<(), TopicError>>;

    fn handle(&mut self, delete: DeleteTopic, _: &mut Self::Context) -> Self::Result {
        match self.delete(delete.0) {
            Some(deleted) => deleted,
            None => Box::pin(actix::fut::ready(Err(TopicError::NotFound))),
        }
    }
}

impl Handler<TopicAbandoned> for Node {
    type Result = ();

    fn handle(&mut self, abandoned: TopicAbandoned, ctx: &mut Self::Context) {
        if let Some(deleted) = self.delete(abandoned.0) {
            ctx.spawn(deleted.map(|_logged, _, _| ()));
        }
    }
}

impl Handler<AllTopics> for Node {
    type Result = MessageResult<AllTopics>;

    fn handle(&mut self, _: AllTopics, _: &mut Self::Context) -> Self::Result {
        MessageResult(self.topics.values().cloned().collect())
    }
}

impl Handler<FreeMemory> for Node {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: FreeMemory, _: &mut Self::Context) -> Self::Result {
        let topics: Vec<_> = self.topics.values().cloned().collect();
        let ask = |topic: Addr<Topic>| topic.send(DropCache);
        Box::pin(async move {
            // A topic that is stuck keeps its memory.
            drop(in_waves(topics.into_iter().map(ask), OBSERVE_TIMEOUT).await);
        })
    }
}

impl Handler<ListenerStarted> for Node {
    type Result = ();

    fn handle(&mut self, started: ListenerStarted, _: &mut Self::Context) {
        self.listener = Some(started.0);
    }
}

impl Handler<StatsdStarted> for Node {
    type Result = ();

    fn handle(&mut self, started: StatsdStarted, _: &mut Self::Context) {
        self.statsd = Some(started.0);
    }
}

impl Handler<Shutdown> for Node {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: Shutdown, _: &mut Self::Context) -> Self::Result {
        self.stopping = true;
        if let Some(discovery) = &self.discovery {
            discovery.do_send(Withdraw); // at once: consumers need not look here any more
        }
        let (listener, statsd) = (self.listener.take(), self.statsd.take());
        let topics: Vec<_> = self.topics.values().cloned().collect();
        let shared = Arc::clone(&self.shared);
        Box::pin(async move {
            if let Some(statsd) = statsd {
                let _ = statsd.send(FinishPush).await; // it may have failed before
            }
            if let Some(listener) = listener {
                let _ = listener.send(DisconnectAll).await; // it may have failed before
            }
            let stop = |topic: Addr<Topic>| async move {
                let _ = topic.send(ShutdownTopic { delete: false }).await; // it may be gone
            };
            let stopped = join_all(topics.into_iter().map(stop));
            if actix_rt::time::timeout(STOP_TIMEOUT, stopped).await.is_err() {
                log::error!("topics did not stop within {STOP_TIMEOUT:?}: is the disk stuck?");
                return;
            }
            // An earlier version would not know of it.
            shared.journal.close().await;
        })
    }
}

impl Handler<Observe<NodeSnapshot>> for Node {
    type Result = ResponseFuture<NodeSnapshot>;

    fn handle(&mut self, observe: Observe<NodeSnapshot>, _: &mut Self::Context) -> Self::Result {
        let scope = observe.scope;
        let topics = self.topics_within(&scope);
        let (listener, discovery) = (self.listener.clone(), self.discovery.clone());
        let mut snapshot = NodeSnapshot {
            health: self.shared.health.summary(),
            start_time: self.shared.start_time,
            restarts: self.restarts(),
            ..NodeSnapshot::default()
        };
        Box::pin(async move {
            let count = topics.len();
            snapshot.topics = observe_topics(topics, &scope).await;
            snapshot.silent_topics = count - snapshot.topics.len();
            if let Some(listener) = listener {
                let seen = listener.send(Observe::within(scope)).await.unwrap_or_default();
                snapshot.producers = seen.producers;
                snapshot.connections = seen.connections;
                snapshot.accepted_count = seen.accepted_count;
            }
            if let Some(discovery) = discovery {
                let observe = Observe::<Vec<LookupPeerSnapshot>>::new();
                snapshot.lookup_peers = discovery.send(observe).await.unwrap_or_default();
            }
            snapshot
        })
    }
}

impl Node {
    fn topics_within(&self, scope: &Scope) -> Vec<Addr<Topic>> {
        let wanted = |name: &TopicName| scope.topic.as_ref().is_none_or(|it| name.as_str() == it);
        let topics = self.topics.iter().filter(|(name, _)| wanted(name));
        topics.map(|(_, topic)| topic.clone()).collect()
    }
}

/// Those that answer, by name.
async fn observe_topics(topics: Vec<Addr<Topic>>, scope: &Scope) -> Vec<TopicSnapshot> {
    let ask = |topic: Addr<Topic>| topic.send(Observe::<TopicSnapshot>::within(scope.clone()));
    let asked = in_waves(topics.into_iter().map(ask), OBSERVE_TIMEOUT).await;
    let mut seen: Vec<TopicSnapshot> = asked.into_iter().flatten().collect();
    seen.sort_unstable_by(|one, other| one.topic_name.cmp(&other.topic_name));
    seen
}

impl Handler<CrashActor> for Node {
    type Result = ResponseFuture<bool>;

    fn handle(&mut self, crash: CrashActor, ctx: &mut Self::Context) -> Self::Result {
        let (topic, child) = match crash.0 {
            CrashTarget::Node => {
                ctx.address().do_send(Crash);
                return Box::pin(async { true });
            }
            CrashTarget::Discovery => {
                let is_there = self.discovery.as_ref().map(|discovery| discovery.do_send(Crash));
                return Box::pin(async move { is_there.is_some() });
            }
            CrashTarget::LookupPeer(address) => {
                let asked = self.discovery.as_ref().map(|it| it.send(CrashPeer(address)));
                return Box::pin(answered(asked));
            }
            CrashTarget::Topic(topic) => (topic, Child::Itself),
            CrashTarget::DiskQueue(topic) => (topic, Child::DiskQueue),
            CrashTarget::Channel(topic, channel) => (topic, Child::Channel(channel)),
        };
        let asked = self.topics.get(&topic).map(|topic| topic.send(CrashChild(child)));
        Box::pin(answered(asked))
    }
}

async fn answered(asked: Option<impl Future<Output = Result<bool, MailboxError>>>) -> bool {
    match asked {
        Some(asked) => asked.await.unwrap_or(false),
        None => false,
    }
}

impl Handler<ChildFailed> for Node {
    type Result = ();

    fn handle(&mut self, failed: ChildFailed, _: &mut Self::Context) {
        escalate(&failed);
    }
}

impl Handler<Crash> for Node {
    type Result = ();

    fn handle(&mut self, crash: Crash, _: &mut Self::Context) {
        crash.now();
    }
}
