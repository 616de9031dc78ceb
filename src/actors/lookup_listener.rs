//! nsqlookupd's accept loop, and the links it has made.

use std::{
    collections::HashMap,
    sync::{Arc, atomic::Ordering::Relaxed},
};

use actix::{
    Actor, Addr, AsyncContext, Context, Handler, MessageResult, ResponseFuture, Supervised,
};

use super::{
    accepting::{Accepting, Accepts, DisconnectAll, Socket},
    client_connection::Stream,
    lookup_connection::{CloseLink, LinkSpec, LookupConnection},
    lookup_registry::{
        LookupRegistry,
        messages::{LinkGone, RegistryRestarted},
    },
    lookup_shared::LookupShared,
    snapshot::{ListenerSnapshot, Observe},
    supervisor::Crash,
};
use crate::broker::LinkId;

/// The supervised accept loop.
pub struct LookupListener {
    accepting: Accepting,
    registry: Addr<LookupRegistry>,
    shared: Arc<LookupShared>,
    links: HashMap<LinkId, Addr<LookupConnection>>,
}

impl LookupListener {
    /// An accept loop on a bound socket.
    pub fn new(socket: Socket, registry: Addr<LookupRegistry>, shared: Arc<LookupShared>) -> Self {
        Self { accepting: Accepting::new(socket), registry, shared, links: HashMap::new() }
    }

    fn refuse(&mut self, remote: &str) {
        self.shared.counters.refused.fetch_add(1, Relaxed);
        let count = self.links.len();
        self.accepting.note_refused(&format_args!("{remote} turned away: {count} links"));
    }

    fn close_all(&self) {
        for link in self.links.values() {
            link.do_send(CloseLink);
        }
    }
}

impl Accepts for LookupListener {
    fn accepting(&mut self) -> &mut Accepting {
        &mut self.accepting
    }

    fn take(&mut self, stream: Stream, remote: String, ctx: &mut Context<Self>) {
        if self.links.len() >= self.shared.links_max {
            return self.refuse(&remote);
        }
        log::info!("TCP: new client({remote})");
        let stream = match stream.open() {
            Ok(stream) => stream,
            Err(error) => return log::error!("client({remote}) not served: {error}"),
        };
        let id = self.shared.next_link();
        let spec = LinkSpec {
            id,
            remote: remote.into(),
            registry: self.registry.clone(),
            gone: ctx.address().recipient(),
            shared: Arc::clone(&self.shared),
        };
        self.links.insert(id, LookupConnection::start_new(spec, stream));
        self.accepting.set_count(self.links.len());
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
        self.accepting.set_count(self.links.len());
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
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: DisconnectAll, _: &mut Self::Context) -> Self::Result {
        self.close_all();
        Box::pin(self.accepting.stop())
    }
}

impl Handler<Crash> for LookupListener {
    type Result = ();

    fn handle(&mut self, crash: Crash, _: &mut Self::Context) {
        crash.now();
    }
}
