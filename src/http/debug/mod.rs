//! What can be seen of any of our processes under `/debug/pprof/`. As in upstream, nobody is asked who they are.

pub mod cpu_profile;
pub mod pprof;

use super::routing::Routes;

/// Adds the routes, of which upstream's programs spell the `index` in two ways.
pub fn register<'a>(routes: Routes<'a>, index: &'static str) -> Routes<'a> {
    routes
        .get(index, pprof::index)
        .get("/debug/pprof/cmdline", pprof::cmdline)
        .get("/debug/pprof/symbol", pprof::symbol)
        .post("/debug/pprof/symbol", pprof::symbol)
        .get("/debug/pprof/profile", cpu_profile::profile)
        .get("/debug/pprof/heap", pprof::heap)
        .get("/debug/pprof/goroutine", pprof::goroutine)
        .get("/debug/pprof/block", pprof::block)
        .get("/debug/pprof/threadcreate", pprof::threadcreate)
}
