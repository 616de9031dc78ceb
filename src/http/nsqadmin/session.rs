//! `GET api/v1/session`: what a page must know before anything else.

use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;

use super::State;
use crate::{
    cluster::Source,
    config::NSQ_VERSION,
    http::{HttpError, reply},
};

#[derive(Serialize)]
struct Session<'a> {
    version: &'static str,
    /// `lookupd` or `direct`.
    mode: &'static str,
    user: Option<&'a str>,
    is_admin: bool,
    lookupds: &'a [String],
    nsqds: &'a [String],
    poll_ms: u128,
    graphite: Option<Graphs<'a>>,
}

/// Where graphs are, and how the keys are made that they are about.
#[derive(Serialize)]
struct Graphs<'a> {
    /// What `/render?…` is to follow.
    url: String,
    interval_s: u64,
    prefix: &'a str,
    counter_format: &'a str,
    gauge_format: &'a str,
}

/// What holds for whoever asks.
pub(super) async fn session(admin: State, request: HttpRequest) -> Result<HttpResponse, HttpError> {
    let options = &admin.options;
    let (lookupds, nsqds) = (admin.sources.lookupds(), admin.sources.nsqds());
    let graphs = admin.graphite.as_ref().map(|graphite| Graphs {
        url: match options.proxy_graphite {
            true => admin.base.prefix().to_owned(),
            false => graphite.url_for_browsers(),
        },
        interval_s: options.statsd_interval.as_secs(),
        prefix: &options.statsd_prefix,
        counter_format: or_key(&options.statsd_counter_format),
        gauge_format: or_key(&options.statsd_gauge_format),
    });
    reply::json(&Session {
        version: NSQ_VERSION,
        mode: match admin.sources.now() {
            Source::Lookupds(_) => "lookupd",
            Source::Nsqds(_) => "direct",
        },
        user: admin.access.user(request.headers()),
        is_admin: admin.access.is_admin(request.headers()),
        lookupds: &lookupds,
        nsqds: &nsqds,
        poll_ms: options.poll_interval.as_millis(),
        graphite: graphs,
    })
}

/// No format is the key as it is.
fn or_key(format: &str) -> &str {
    if format.is_empty() { "%s" } else { format }
}
