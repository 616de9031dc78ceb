//! The accept loop, and the connections it has made.

use std::{collections::HashMap, sync::Arc, time::Duration};

use actix::{
    Actor, Addr, AsyncContext, Context, Handler, Message, Recipient, ResponseFuture, Supervised,
};

use super::{
    accepting::{Accepting, Accepts, DisconnectAll, Socket},
    auth_client::Authorize,
    channel::CloseClient,
    client_connection::{ClientConnection, ClientSpec, Stream},
    clock,
    node::Node,
    shared::Shared,
    snapshot::{ClientSnapshot, ListenerSnapshot, Observe, Scope},
    supervisor::Crash,
    waves::in_waves,
};
use crate::broker::ClientId;

/// How long the statistics wait for connections.
const OBSERVE_TIMEOUT: Duration = Duration::from_secs(2);

/// From a connection: it has published for the first time.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct BecameProducer(pub ClientId);

/// From a connection: it has ended.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct ClientGone(pub ClientId);

#[derive(Debug)]
struct Client {
    connection: Addr<ClientConnection>,
    is_producer: bool,
}

/// The supervised accept loop of one socket.
pub struct Listener {
    accepting: Accepting,
    node: Addr<Node>,
    auth: Option<Recipient<Authorize>>,
    shared: Arc<Shared>,
    next_client: u64,
    clients: HashMap<ClientId, Client>,
}

impl Listener {
    /// An accept loop on a bound socket. With `auth`, clients must authenticate.
    pub fn new(
        socket: Socket,
        node: Addr<Node>,
        auth: Option<Recipient<Authorize>>,
        shared: Arc<Shared>,
    ) -> Self {
        Self {
            accepting: Accepting::new(socket),
            node,
            auth,
            shared,
            next_client: 1,
            clients: HashMap::new(),
        }
    }
}

impl Accepts for Listener {
    fn accepting(&mut self) -> &mut Accepting {
        &mut self.accepting
    }

    fn take(&mut self, stream: Stream, remote: String, ctx: &mut Context<Self>) {
        log::info!("TCP: new client({remote})");
        let id = ClientId(self.next_client);
        self.next_client += 1;
        let spec = ClientSpec {
            id,
            remote_address: remote,
            connect_ts: clock::wall_ns() / 1_000_000_000,
            auth: self.auth.clone(),
            node: self.node.clone().recipient(),
            became_producer: ctx.address().recipient(),
            gone: ctx.address().recipient(),
            shared: Arc::clone(&self.shared),
        };
        let arbiter = self.shared.workers.of_next_connection();
        let connection = ClientConnection::start_in(arbiter, spec, stream);
        self.clients.insert(id, Client { connection, is_producer: false });
        self.accepting.set_count(self.clients.len());
    }
}

impl Actor for Listener {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.accept_next(ctx);
    }
}

impl Supervised for Listener {}

impl Handler<BecameProducer> for Listener {
    type Result = ();

    fn handle(&mut self, producer: BecameProducer, _: &mut Self::Context) {
        if let Some(client) = self.clients.get_mut(&producer.0) {
            client.is_producer = true;
        }
    }
}

impl Handler<ClientGone> for Listener {
    type Result = ();

    fn handle(&mut self, gone: ClientGone, _: &mut Self::Context) {
        self.clients.remove(&gone.0);
        self.accepting.set_count(self.clients.len());
    }
}

impl Handler<Observe<ListenerSnapshot>> for Listener {
    type Result = ResponseFuture<ListenerSnapshot>;

    fn handle(
        &mut self,
        observe: Observe<ListenerSnapshot>,
        _: &mut Self::Context,
    ) -> Self::Result {
        let wanted = |client: &&Client| client.is_producer && !observe.scope.without_clients;
        let producers = self.clients.values().filter(wanted);
        let producers: Vec<_> = producers.map(|client| client.connection.clone()).collect();
        let (connections, accepted_count) = (self.clients.len(), self.next_client - 1);
        let ask = |connection: Addr<ClientConnection>| {
            connection.send(Observe::<ClientSnapshot>::within(Scope::default()))
        };
        Box::pin(async move {
            let asked = in_waves(producers.into_iter().map(ask), OBSERVE_TIMEOUT).await;
            let producers = asked.into_iter().flatten().collect();
            ListenerSnapshot { producers, connections, accepted_count }
        })
    }
}

impl Handler<DisconnectAll> for Listener {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: DisconnectAll, _: &mut Self::Context) -> Self::Result {
        for client in self.clients.values() {
            client.connection.do_send(CloseClient);
        }
        Box::pin(self.accepting.stop())
    }
}

impl Handler<Crash> for Listener {
    type Result = ();

    fn handle(&mut self, crash: Crash, _: &mut Self::Context) {
        crash.now();
    }
}
