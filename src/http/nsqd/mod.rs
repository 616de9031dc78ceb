//! nsqd's HTTP API.

mod batching;
mod channels;
mod debug;
mod info;
mod metrics;
mod publish;
mod stats;
mod stats_json;
mod stats_text;
mod topics;

use std::{future::Future, io, sync::Arc, thread::available_parallelism, time::Duration};

use actix::{Actor, Addr, Handler, Message, dev::ToEnvelope};
use actix_web::{
    App, HttpServer,
    middleware::from_fn,
    web::{Data, ServiceConfig},
};

use super::{HttpError, middleware, routing::Routes};
use crate::{
    actors::{
        Channel, Node, Topic, node::FindTopic, shared::Shared, socket::BoundListener,
        topic::FindChannel,
    },
    protocol::{ChannelName, TopicName},
};

/// An idle connection is kept longer than clients commonly do, so that they are the ones to close it.
const KEEP_ALIVE: Duration = Duration::from_secs(300);
/// How long a request's head may take to arrive.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a refused body is read and dropped, so that its sender can read why before it is cut off.
/// actix takes the time from a clock that is up to 500 ms late: at least 200 ms are left of it.
const LINGER: Duration = Duration::from_millis(700);
/// How long requests may go on when the server stops.
const SHUTDOWN_TIMEOUT_SECS: u64 = 1;
/// From so many cores on, HTTP gets two of them.
const CORES_OF_BIG_MACHINE: usize = 8;

/// The ports that nsqd listens on; -1 for a unix socket, 0 for none.
#[derive(Debug, Clone, Copy)]
pub struct Ports {
    /// The TCP protocol.
    pub tcp: i32,
    /// HTTP.
    pub http: i32,
}

/// Serves the API.
pub fn serve(
    listener: BoundListener,
    node: Addr<Node>,
    shared: Arc<Shared>,
    ports: Ports,
) -> io::Result<impl Future<Output = ()> + use<>> {
    let api = Data::new(Api { node, shared, ports });
    let app = move || {
        let api = Data::clone(&api);
        App::new().configure(|config| register(config, api)).wrap(from_fn(middleware::serve))
    };
    let server = HttpServer::new(app)
        .workers(worker_count())
        .keep_alive(KEEP_ALIVE)
        .client_request_timeout(HEAD_TIMEOUT)
        .client_disconnect_timeout(LINGER)
        .shutdown_timeout(SHUTDOWN_TIMEOUT_SECS)
        .disable_signals();
    let server = match listener {
        BoundListener::Tcp(socket) => server.listen(socket)?,
        BoundListener::Unix(socket) => server.listen_uds(socket)?,
    };
    let running = server.run();
    Ok(async move {
        if let Err(error) = running.await {
            log::error!("HTTP: server failed: {error}");
        }
    })
}

fn worker_count() -> usize {
    let cores = available_parallelism().map_or(1, usize::from);
    if cores >= CORES_OF_BIG_MACHINE { 2 } else { 1 }
}

/// The whole API.
fn register(config: &mut ServiceConfig, api: State) {
    config.app_data(api);
    Routes::new(config)
        .get("/ping", info::ping)
        .get("/info", info::info)
        .get("/stats", stats::stats)
        .get("/metrics", metrics::metrics)
        .post("/pub", publish::one)
        .post("/mpub", publish::many)
        .post("/topic/create", topics::create)
        .post("/topic/delete", topics::delete)
        .post("/topic/empty", topics::empty)
        .post("/topic/pause", topics::pause)
        .post("/topic/unpause", topics::unpause)
        .post("/channel/create", channels::create)
        .post("/channel/delete", channels::delete)
        .post("/channel/empty", channels::empty)
        .post("/channel/pause", channels::pause)
        .post("/channel/unpause", channels::unpause)
        .post("/debug/crash", debug::crash)
        .end();
}

/// What the handlers know.
struct Api {
    node: Addr<Node>,
    shared: Arc<Shared>,
    ports: Ports,
}

type State = Data<Api>;

impl Api {
    async fn find_topic(&self, name: &TopicName) -> Result<Addr<Topic>, HttpError> {
        let find = || FindTopic { name: name.clone(), create: false };
        Ok(ask(&self.node, find).await??)
    }

    async fn find_or_create_topic(&self, name: &TopicName) -> Result<Addr<Topic>, HttpError> {
        let find = || FindTopic { name: name.clone(), create: true };
        Ok(ask(&self.node, find).await??)
    }
}

async fn find_channel(topic: &Addr<Topic>, name: &ChannelName) -> Result<Addr<Channel>, HttpError> {
    let find = || FindChannel { name: name.clone(), create: false };
    Ok(ask(topic, find).await??)
}

/// Asks an actor. If it fails over the question, asks once more: it has been restarted then.
async fn ask<A, M>(actor: &Addr<A>, question: impl Fn() -> M) -> Result<M::Result, HttpError>
where
    A: Actor + Handler<M>,
    A::Context: ToEnvelope<A, M>,
    M: Message + Send + 'static,
    M::Result: Send,
{
    if let Ok(answer) = actor.send(question()).await {
        return Ok(answer);
    }
    actor.send(question()).await.map_err(|_| HttpError::Internal)
}
