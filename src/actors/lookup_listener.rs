//! nsqlookupd's accept loop, and the links it has made.

use std::{collections::HashMap, sync::Arc, time::Duration};

use actix::{
    Actor, ActorFutureExt, Addr, AsyncContext, Context, Handler, MessageResult, ResponseActFuture,
    Supervised, WrapFuture,
};
use tokio::sync::watch;

use super::{
    client_connection::Stream,
    clock,
    listener::{ACCEPT_RETRY, DisconnectAll, REFUSALS_APART, Socket},
    lookup_connection::{CloseLink, LinkSpec, LookupConnection},
    lookup_registry::{
        LookupRegistry,
        messages::{LinkGone, RegistryRestarted},
    },
    lookup_shared::LookupShared,
    snapshot::{ListenerSnapshot, Observe},
    supervisor::Crash,
};
use crate::broker::{LinkId, Moment};

/// How long a stop waits for links to end.
const DISCONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// The supervised accept loop.
pub struct LookupListener {
    socket: Arc<Socket>,
    registry: Addr<LookupRegistry>,
    shared: Arc<LookupShared>,
    links: HashMap<LinkId, Addr<LookupConnection>>,
    /// How many links are left, for whoever waits until there is none.
    count: watch::Sender<usize>,
    stopping: bool,
    /// When a connection could not be served last.
    refused_at: Option<Moment>,
}

impl LookupListener {
    /// An accept loop on a bound socket.
    pub fn new(socket: Socket, registry: Addr<LookupRegistry>, shared: Arc<LookupShared>) -> Self {
        Self {
            socket: Arc::new(socket),
            registry,
            shared,
            links: HashMap::new(),
            count: watch::Sender::new(0),
            stopping: false,
            refused_at: None,
        }
    }

    fn accept_next(&self, ctx: &mut Context<Self>) {
        let socket = Arc::clone(&self.socket);
        let accepted = async move { socket.accept().await };
        ctx.spawn(accepted.into_actor(self).map(|accepted, listener, ctx| {
            if listener.stopping {
                return;
            }
            match accepted {
                Ok((stream, remote)) => {
                    listener.take(stream, &remote, ctx);
                    listener.accept_next(ctx);
                }
                Err(error) => {
                    listener.note_refused(&format!("accept failed: {error}"));
                    ctx.run_later(ACCEPT_RETRY, |listener, ctx| listener.accept_next(ctx));
                }
            }
        }));
    }

    fn take(&mut self, stream: Stream, remote: &str, ctx: &mut Context<Self>) {
        if self.links.len() >= self.shared.links_max {
            self.shared.counters.refused.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            self.note_refused(&format!("{remote} turned away: {} links", self.links.len()));
            return;
        }
        log::info!("TCP: new client({remote})");
        match stream.open() {
            Ok(stream) => {
                let id = self.shared.next_link();
                let spec = LinkSpec {
                    id,
                    remote: remote.into(),
                    registry: self.registry.clone(),
                    gone: ctx.address().recipient(),
                    shared: Arc::clone(&self.shared),
                };
                self.links.insert(id, LookupConnection::start_new(spec, stream));
                self.count.send_replace(self.links.len());
            }
            Err(error) => log::error!("client({remote}) not served: {error}"),
        }
    }

    /// Says it once, however often it happens in a short time.
    fn note_refused(&mut self, text: &str) {
        let now = clock::now();
        let is_known = |at: Moment| now.since(at) < REFUSALS_APART;
        if !self.refused_at.replace(now).is_some_and(is_known) {
            log::error!("TCP: {text}");
        }
    }

    fn close_all(&self) {
        for link in self.links.values() {
            link.do_send(CloseLink);
        }
    }
}

impl Actor for LookupListener {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.accept_next(ctx);
    }
}

impl Supervised for LookupListener {}

impl Handler<LinkGone> for LookupListener {
    type Result = ();

    fn handle(&mut self, gone: LinkGone, _: &mut Self::Context) {
        self.links.remove(&gone.0);
        self.count.send_replace(self.links.len());
    }
}

impl Handler<RegistryRestarted> for LookupListener {
    type Result = ();

    fn handle(&mut self, _: RegistryRestarted, _: &mut Self::Context) {
        let count = self.links.len();
        log::warn!(
            "DB: empty behind a restart; {count} links end, so that their nodes register again"
        );
        self.close_all();
    }
}

impl Handler<Observe<ListenerSnapshot>> for LookupListener {
    type Result = MessageResult<Observe<ListenerSnapshot>>;

    fn handle(&mut self, _: Observe<ListenerSnapshot>, _: &mut Self::Context) -> Self::Result {
        MessageResult(ListenerSnapshot {
            producers: Vec::new(),
            connections: self.links.len(),
            accepted_count: self.shared.links_accepted(),
        })
    }
}

impl Handler<DisconnectAll> for LookupListener {
    type Result = ResponseActFuture<Self, ()>;

    fn handle(&mut self, _: DisconnectAll, _: &mut Self::Context) -> Self::Result {
        self.stopping = true;
        self.close_all();
        let mut count = self.count.subscribe();
        let gone = async move {
            let all_gone = count.wait_for(|&count| count == 0);
            let _ = actix_rt::time::timeout(DISCONNECT_TIMEOUT, all_gone).await;
        };
        Box::pin(gone.into_actor(self))
    }
}

impl Handler<Crash> for LookupListener {
    type Result = ();

    fn handle(&mut self, crash: Crash, _: &mut Self::Context) {
        crash.now();
    }
}
