//! The accept loop, and the connections it has made.

use std::{collections::HashMap, sync::Arc, time::Duration};

use actix::{
    Actor, ActorFutureExt, Addr, AsyncContext, Context, Handler, Message, Recipient,
    ResponseActFuture, ResponseFuture, Supervised, WrapFuture,
};
use tokio::sync::watch;

use super::{
    auth_client::Authorize,
    channel::CloseClient,
    client_connection::{ClientConnection, ClientSpec, Stream},
    clock,
    node::Node,
    shared::Shared,
    snapshot::{ClientSnapshot, ListenerSnapshot, Observe, Scope},
    socket::BoundListener,
    supervisor::Crash,
    waves::in_waves,
};
use crate::broker::{ClientId, Moment};

/// Pause after an accept that failed for want of something, such as file descriptors.
pub(super) const ACCEPT_RETRY: Duration = Duration::from_millis(50);
/// Failures of accept that are closer to each other are one, to whoever reads the log.
pub(super) const REFUSALS_APART: Duration = Duration::from_secs(10);
/// How long a stop waits for connections to end by themselves.
const DISCONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// How long the statistics wait for connections.
const OBSERVE_TIMEOUT: Duration = Duration::from_secs(2);

/// A bound socket.
#[derive(Debug)]
pub enum Socket {
    /// TCP, of either family.
    Tcp(tokio::net::TcpListener),
    /// A unix socket.
    Unix(tokio::net::UnixListener),
}

/// Stops accepting and ends every connection.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct DisconnectAll;

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
    socket: Arc<Socket>,
    node: Addr<Node>,
    auth: Option<Recipient<Authorize>>,
    shared: Arc<Shared>,
    next_client: u64,
    clients: HashMap<ClientId, Client>,
    /// How many connections are left, for whoever waits until there is none.
    count: watch::Sender<usize>,
    stopping: bool,
    /// When a connection could not be accepted last.
    refused_at: Option<Moment>,
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
            socket: Arc::new(socket),
            node,
            auth,
            shared,
            next_client: 1,
            clients: HashMap::new(),
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
                Ok((stream, remote_address)) => {
                    listener.start_connection(stream, remote_address, ctx);
                    listener.accept_next(ctx);
                }
                Err(error) => {
                    listener.note_refused(&error);
                    ctx.run_later(ACCEPT_RETRY, |listener, ctx| listener.accept_next(ctx));
                }
            }
        }));
    }

    /// Says it once, however often one connection that goes makes place for one that comes.
    fn note_refused(&mut self, error: &std::io::Error) {
        let now = clock::now();
        let is_known = |at: Moment| now.since(at) < REFUSALS_APART;
        if !self.refused_at.replace(now).is_some_and(is_known) {
            log::error!("accept failed: {error}; trying again every {ACCEPT_RETRY:?}");
        }
    }

    fn start_connection(&mut self, stream: Stream, remote: String, ctx: &mut Context<Self>) {
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
        self.count.send_replace(self.clients.len());
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
        self.count.send_replace(self.clients.len());
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
    type Result = ResponseActFuture<Self, ()>;

    fn handle(&mut self, _: DisconnectAll, _: &mut Self::Context) -> Self::Result {
        self.stopping = true;
        for client in self.clients.values() {
            client.connection.do_send(CloseClient);
        }
        let mut count = self.count.subscribe();
        let gone = async move {
            let all_gone = count.wait_for(|&count| count == 0);
            let _ = actix_rt::time::timeout(DISCONNECT_TIMEOUT, all_gone).await;
        };
        Box::pin(gone.into_actor(self))
    }
}

impl Handler<Crash> for Listener {
    type Result = ();

    fn handle(&mut self, crash: Crash, _: &mut Self::Context) {
        crash.now();
    }
}

impl Socket {
    /// Gives a bound socket to the runtime of the calling thread.
    pub fn new(listener: BoundListener) -> std::io::Result<Self> {
        Ok(match listener {
            BoundListener::Tcp(socket) => Self::Tcp(tokio::net::TcpListener::from_std(socket)?),
            BoundListener::Unix(socket) => Self::Unix(tokio::net::UnixListener::from_std(socket)?),
        })
    }

    pub(super) async fn accept(&self) -> std::io::Result<(Stream, String)> {
        match self {
            Self::Tcp(socket) => {
                let (stream, remote) = socket.accept().await?;
                stream.set_nodelay(true)?;
                socket2::SockRef::from(&stream).set_keepalive(true)?;
                Ok((Stream::tcp(stream)?, remote.to_string()))
            }
            Self::Unix(socket) => {
                let (stream, _) = socket.accept().await?;
                Ok((Stream::unix(stream)?, "@".into()))
            }
        }
    }
}
