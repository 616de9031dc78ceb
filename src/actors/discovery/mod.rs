//! nsqd's side of discovery: a [`LookupPeer`] for each configured nsqlookupd, and questions to all of them.

mod asking;

use std::{collections::BTreeMap, sync::Arc};

use actix::{
    Actor, ActorFutureExt, Addr, AsyncContext, Context, Handler, Message, MessageResult,
    ResponseActFuture, Supervised, WrapFuture,
};
use actix_rt::Arbiter;
use tokio::sync::{Semaphore, watch};

use self::asking::{Question, Registries};
use super::{
    lookup_peer::{Disconnect, LookupPeer, LookupPeerSnapshot, PeerSpec, PeerStatus},
    shared::Shared,
    snapshot::Observe,
    supervisor::{ChildFailed, ChildSpec, Crash, escalate, supervise},
};
use crate::protocol::{ChannelName, TopicName};

/// Messages in a peer's mailbox before `try_send` refuses.
const MAILBOX: usize = 16;
/// New topics about which registries are asked at the same time; the others wait in line.
const QUESTIONS_MAX: usize = 64;

/// Clients can connect: the node may be made known.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Announce;

/// Which channels do the registries know of a topic? Ephemeral ones are left out. The answer comes within
/// `--http-client-request-timeout`, whatever the registries do, counted from [`Announce`] at the earliest.
#[derive(Debug, Message)]
#[rtype(result = "Vec<ChannelName>")]
pub struct KnownChannels(pub TopicName);

/// The node stops: all peers disconnect.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Withdraw;

/// Makes a peer panic, by `--enable-experiment=chaos`; false if there is none of that address.
#[derive(Debug, Message)]
#[rtype(result = "bool")]
pub struct CrashPeer(pub String);

struct Peer {
    addr: Addr<LookupPeer>,
    status: watch::Receiver<PeerStatus>,
}

/// The supervised parent of all lookup peers.
pub struct Discovery {
    shared: Arc<Shared>,
    /// By address. Kept over a restart of this actor: peers are actors of their own and go on.
    peers: BTreeMap<String, Peer>,
    registries: Registries,
    questions: Arc<Semaphore>,
    /// Clients can connect. Before that no peer is there that could be asked.
    announced: watch::Sender<bool>,
}

impl Discovery {
    /// Made on the thread on which it lives. It connects nowhere before it hears [`Announce`].
    pub fn new(shared: Arc<Shared>) -> Self {
        Self {
            registries: Registries::new(&shared.options),
            shared,
            peers: BTreeMap::new(),
            questions: Arc::new(Semaphore::new(QUESTIONS_MAX)),
            announced: watch::Sender::new(false),
        }
    }

    /// Starts and stops peers until there is one for each address of the list, which can change at run time.
    fn follow(&mut self, mut list: watch::Receiver<Vec<String>>, ctx: &mut Context<Self>) {
        if !*self.announced.borrow() {
            return; // the node stops
        }
        let wanted = list.borrow_and_update().clone();
        self.peers.retain(|address, peer| {
            let is_wanted = wanted.contains(address);
            if !is_wanted {
                log::info!("LOOKUP({address}): removing peer");
                peer.addr.do_send(Disconnect);
            }
            is_wanted
        });
        for address in wanted {
            if !self.peers.contains_key(&address) {
                log::info!("LOOKUP({address}): adding peer");
                self.start_peer(address, ctx);
            }
        }
        let changed = async move { list.changed().await.is_ok().then_some(list) };
        ctx.spawn(changed.into_actor(self).map(|list, discovery, ctx| {
            if let Some(list) = list {
                discovery.follow(list, ctx);
            }
        }));
    }

    fn start_peer(&mut self, address: String, ctx: &mut Context<Self>) {
        let spec = ChildSpec {
            name: format!("lookup peer address={address}"),
            mailbox: MAILBOX,
            restarts: Arc::clone(&self.shared.restarts.lookup_peers),
            failed: ctx.address().recipient(),
        };
        let sender = Arc::new(watch::Sender::new(PeerStatus::default()));
        let status = sender.subscribe();
        let (key, shared) = (address.clone(), Arc::clone(&self.shared));
        let peer = PeerSpec { address, shared, status: sender };
        let addr = supervise(&Arbiter::current(), spec, move |_| LookupPeer::new(peer));
        self.peers.insert(key, Peer { addr, status });
    }
}

impl Actor for Discovery {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        if *self.announced.borrow() {
            self.follow(self.shared.live.watch_lookupds(), ctx);
        }
    }
}

impl Supervised for Discovery {
    fn restarting(&mut self, _: &mut Self::Context) {
        self.peers.retain(|_, peer| peer.addr.connected());
        self.registries = Registries::new(&self.shared.options);
        self.questions = Arc::new(Semaphore::new(QUESTIONS_MAX));
    }
}

impl Handler<Announce> for Discovery {
    type Result = ();

    fn handle(&mut self, _: Announce, ctx: &mut Self::Context) {
        if !self.announced.send_replace(true) {
            self.follow(self.shared.live.watch_lookupds(), ctx);
        }
    }
}

impl Handler<Withdraw> for Discovery {
    type Result = ();

    fn handle(&mut self, _: Withdraw, _: &mut Self::Context) {
        if !self.peers.is_empty() {
            log::info!("LOOKUP: closing");
        }
        self.announced.send_replace(false);
        for peer in std::mem::take(&mut self.peers).into_values() {
            peer.addr.do_send(Disconnect);
        }
    }
}

impl Handler<KnownChannels> for Discovery {
    type Result = ResponseActFuture<Self, Vec<ChannelName>>;

    fn handle(&mut self, asked: KnownChannels, _: &mut Self::Context) -> Self::Result {
        let mut announced = self.announced.subscribe();
        let can_be_asked = async move { drop(announced.wait_for(|&is_so| is_so).await) };
        Box::pin(can_be_asked.into_actor(self).then(|(), discovery, _| {
            let peers = discovery.peers.values().map(|peer| peer.status.clone()).collect();
            let question = Question {
                topic: asked.0,
                registries: discovery.registries.clone(),
                turns: Arc::clone(&discovery.questions),
                time: discovery.shared.options.http_client_request_timeout,
            };
            question.ask(peers).into_actor(discovery)
        }))
    }
}

impl Handler<Observe<Vec<LookupPeerSnapshot>>> for Discovery {
    type Result = MessageResult<Observe<Vec<LookupPeerSnapshot>>>;

    fn handle(
        &mut self,
        _: Observe<Vec<LookupPeerSnapshot>>,
        _: &mut Self::Context,
    ) -> Self::Result {
        let peers = self.peers.iter();
        let seen = peers
            .map(|(address, peer)| LookupPeerSnapshot::new(address, peer.status.borrow().clone()));
        MessageResult(seen.collect())
    }
}

impl Handler<CrashPeer> for Discovery {
    type Result = bool;

    fn handle(&mut self, crash: CrashPeer, _: &mut Self::Context) -> Self::Result {
        let peer = self.peers.get(&crash.0);
        if let Some(peer) = peer {
            peer.addr.do_send(Crash);
        }
        peer.is_some()
    }
}

impl Handler<ChildFailed> for Discovery {
    type Result = ();

    fn handle(&mut self, failed: ChildFailed, _: &mut Self::Context) {
        escalate(&failed);
    }
}

impl Handler<Crash> for Discovery {
    type Result = ();

    fn handle(&mut self, crash: Crash, _: &mut Self::Context) {
        crash.now();
    }
}
