//! nsqlookupd's HTTP API.

mod channels;
mod dump;
mod info;
mod lookup;
mod metrics;
mod nodes;
mod topics;

use std::{future::Future, io, sync::Arc};

use actix::Addr;
use actix_web::{
    App,
    middleware::from_fn,
    web::{Data, ServiceConfig},
};

use super::{HttpError, debug, middleware, routing::Routes, server};
use crate::{
    actors::{LookupListener, LookupRegistry, lookup_shared::LookupShared, socket::BoundListener},
    broker::registrations::NotAdded,
};

/// Serves the API.
pub fn serve(
    http: BoundListener,
    registry: Addr<LookupRegistry>,
    listener: Addr<LookupListener>,
    shared: Arc<LookupShared>,
) -> io::Result<impl Future<Output = ()>> {
    let api = Data::new(Api { registry, listener, shared });
    server::serve(http, move || {
        let api = Data::clone(&api);
        App::new().configure(|config| register(config, api)).wrap(from_fn(middleware::serve))
    })
}

fn register(config: &mut ServiceConfig, api: State) {
    config.app_data(api);
    debug::register(Routes::new(config), "/debug/pprof")
        .get("/ping", info::ping)
        .get("/info", info::info)
        .get("/metrics", metrics::metrics)
        .get("/topics", topics::list)
        .get("/channels", channels::list)
        .get("/lookup", lookup::lookup)
        .get("/nodes", nodes::list)
        .get("/debug", dump::dump)
        .post("/topic/create", topics::create)
        .post("/topic/delete", topics::delete)
        .post("/topic/tombstone", topics::tombstone)
        .post("/channel/create", channels::create)
        .post("/channel/delete", channels::delete)
        .post("/debug/crash", info::crash)
        .end();
}

/// What the handlers know.
struct Api {
    registry: Addr<LookupRegistry>,
    listener: Addr<LookupListener>,
    shared: Arc<LookupShared>,
}

type State = Data<Api>;

fn not_added(error: NotAdded) -> HttpError {
    HttpError::NotStored(error.to_string())
}
