//! nsqd's HTTP API.

mod batching;
mod channels;
mod config;
mod debug;
mod info;
mod metrics;
mod publish;
mod stats;
mod stats_json;
mod stats_text;
mod topics;

use std::{
    future::{Future, ready},
    io,
    sync::Arc,
};

use actix::Addr;
use actix_web::{
    App,
    middleware::from_fn,
    web::{Data, ServiceConfig, to},
};

use self::debug::{block_rate, crash, free_memory};
use super::{HttpError, ask::ask, middleware, reply, routing::Routes, server};
use crate::{
    actors::{
        Channel, Node, Topic, node::FindTopic, shared::Shared, socket::BoundListener, tls::Tls,
        topic::FindChannel,
    },
    config::TlsRequired,
    protocol::{ChannelName, TopicName},
};

/// The ports that nsqd listens on; -1 for a unix socket, 0 for none.
#[derive(Debug, Clone, Copy)]
pub struct Ports {
    /// The TCP protocol.
    pub tcp: i32,
    /// HTTP.
    pub http: i32,
    /// HTTPS.
    pub https: i32,
}

/// Serves the API in the clear; where TLS is required of everybody, all that is said is where to find it.
pub fn serve(
    listener: BoundListener,
    node: Addr<Node>,
    shared: Arc<Shared>,
    ports: Ports,
) -> io::Result<impl Future<Output = ()>> {
    let open = shared.tls_required() != TlsRequired::Yes;
    let api = Data::new(Api { node, shared, ports });
    server::serve(listener, move || {
        let api = Data::clone(&api);
        let content = |config: &mut ServiceConfig| match open {
            true => register(config, api),
            false => register_refusal(config, ports.https),
        };
        App::new().configure(content).wrap(from_fn(middleware::serve))
    })
}

/// Serves the API over TLS.
pub fn serve_tls(
    listener: BoundListener,
    tls: &Tls,
    node: Addr<Node>,
    shared: Arc<Shared>,
    ports: Ports,
) -> io::Result<impl Future<Output = ()> + use<>> {
    let api = Data::new(Api { node, shared, ports });
    server::serve_tls(listener, tls.acceptor(), move || {
        let api = Data::clone(&api);
        App::new().configure(|config| register(config, api)).wrap(from_fn(middleware::serve))
    })
}

/// No path and no method is served.
fn register_refusal(config: &mut ServiceConfig, https_port: i32) {
    config.default_service(to(move || ready(reply::tls_required(https_port))));
}

/// The whole API.
fn register(config: &mut ServiceConfig, api: State) {
    config.app_data(api);
    // Looked through from the front: what is asked for most comes first.
    let busy = Routes::new(config).post("/pub", publish::one).post("/mpub", publish::many);
    super::debug::register(busy, "/debug/pprof/")
        .get("/ping", info::ping)
        .get("/info", info::info)
        .get("/stats", stats::stats)
        .get("/metrics", metrics::metrics)
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
        .get("/config/{opt}", config::get)
        .put("/config/{opt}", config::put)
        .put("/debug/setblockrate", block_rate::set)
        .post("/debug/freememory", free_memory::free)
        .post("/debug/crash", crash::crash)
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

    /// Where to publish to a topic: the node is asked only if it has none of that name.
    async fn topic_to_publish(&self, name: &TopicName) -> Result<Addr<Topic>, HttpError> {
        match self.shared.topics.get(name) {
            Some(topic) => Ok(topic),
            None => self.find_or_create_topic(name).await,
        }
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
