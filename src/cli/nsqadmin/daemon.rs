//! nsqadmin as a whole: from options to a listening socket, and back to an exit.

use std::{sync::Arc, time::Duration};

use actix::Addr;
use reqwest::Url;
use tokio::{net::lookup_host, sync::watch, time::timeout};
use tokio_rustls::rustls::ClientConfig;

use super::{PROGRAM, plan::Plan};
use crate::{
    actors::{
        Collector, Notifications,
        collector::{CollectorSpec, Feed},
        notifier::Endpoint,
        socket::{Bound, SocketFile},
    },
    cli::service::{self, DaemonError, Listening, Root, Serving, bind, log_listening, not_started},
    cluster::{Ask, Sources, Timeouts},
    config::NsqadminOptions,
    http::nsqadmin::{
        self, Admin, AuditLog, Graphite, Seats, Shelf, Underway, events::STREAMS_MAX,
        tail::TAILS_MAX,
    },
};

/// An action asks three times, one after the other: who has the topic, the nsqlookupds, the nsqds.
const QUESTIONS: u32 = 3;
/// What it needs besides, such as for its line in the audit log.
const BESIDES: Duration = Duration::from_secs(1);

/// Runs nsqadmin until it is told to stop; `on_ready` hears when it can be reached.
pub fn run(
    options: NsqadminOptions,
    on_ready: &mut dyn FnMut(&Listening),
) -> Result<(), DaemonError> {
    service::serve(|root| Running::start(options, root), on_ready)
}

/// An nsqadmin that serves.
pub struct Running {
    /// Where it can be reached.
    pub listening: Listening,
    underway: Underway,
    /// The longest that actions are waited for.
    patience: Duration,
    _socket_file: Option<SocketFile>,
}

impl Running {
    /// Checks the options, binds the socket and serves; `root` hears when an actor has failed for good.
    pub fn start(options: NsqadminOptions, root: &Addr<Root>) -> Result<Self, DaemonError> {
        let plan = Plan::new(&options)?;
        let Bound { listener, address, file, .. } = bind(&options.http_address)?;
        let listening = Listening { tcp: None, http: Some(address), https: None };
        actix_rt::spawn(warn_of_unknown_names(options.clone()));
        let patience = QUESTIONS * options.http_client_request_timeout + BESIDES;
        let admin = admin(options, plan, root).map_err(not_started)?;
        let underway = admin.underway.clone();
        actix_rt::spawn(nsqadmin::serve(listener, admin).map_err(not_started)?);
        log_listening(&listening);
        Ok(Self { listening, underway, patience, _socket_file: file })
    }
}

impl Serving for Running {
    fn listening(&self) -> &Listening {
        &self.listening
    }

    /// Waits, but not for ever, until actions that run are done and written down; none begins any more.
    async fn stop(&self) {
        if let Some(http) = &self.listening.http {
            log::info!("HTTP: closing {http}");
        }
        if timeout(self.patience, self.underway.end()).await.is_err() {
            let running = self.underway.running();
            log::error!("HTTP: {running} actions are cut off, without an audit entry");
        }
    }
}

fn admin(options: NsqadminOptions, plan: Plan, root: &Addr<Root>) -> Result<Admin, String> {
    let timeouts = Timeouts {
        connect: options.http_client_connect_timeout,
        request: options.http_client_request_timeout,
    };
    let Plan { base, access, tls, graphite, notified } = plan;
    let sources = Sources::new(
        options.nsqlookupd_http_addresses.clone(),
        options.nsqd_http_addresses.clone(),
    );
    let endpoint = notified.map(|url| endpoint(url, timeouts, &tls));
    let graphite = graphite
        .map(|url| Graphite::new(url, options.statsd_interval, timeouts, tls.clone()))
        .transpose()?;
    let (sources, ask) = (Arc::new(sources), Ask::with_tls(PROGRAM, timeouts, tls)?);
    let feed = Arc::new(Feed::new(options.poll_interval));
    let watched = CollectorSpec {
        ask: ask.clone(),
        sources: Arc::clone(&sources),
        poll_interval: options.poll_interval,
        feed: Arc::clone(&feed),
    };
    Ok(Admin {
        base,
        access,
        collector: Collector::start(watched, root.clone().recipient()),
        shelf: Shelf::new(feed),
        streams: Seats::new(STREAMS_MAX),
        tails: Seats::new(TAILS_MAX),
        sources,
        ask,
        underway: Underway::default(),
        audit: AuditLog::new(options.audit_log.clone()),
        notifier: Notifications::start(endpoint, root.clone().recipient())?,
        graphite,
        log_level: watch::Sender::new(options.log_level),
        options,
    })
}

fn endpoint(url: Url, timeouts: Timeouts, tls: &ClientConfig) -> Endpoint {
    Endpoint {
        url,
        connect_timeout: timeouts.connect,
        request_timeout: timeouts.request,
        tls: tls.clone(),
    }
}

/// Names are looked up each time they are asked; an operator may still want to hear of a mistake at once.
async fn warn_of_unknown_names(options: NsqadminOptions) {
    let lookupds = options.nsqlookupd_http_addresses.iter();
    let lookupds = lookupds.map(|address| ("lookupd-http-address", address));
    let nsqds = options.nsqd_http_addresses.iter().map(|address| ("nsqd-http-address", address));
    for (flag, address) in lookupds.chain(nsqds) {
        if let Err(error) = lookup_host(address).await {
            log::warn!(
                "failed to resolve --{flag} ({address}) - {error}; it is looked up again each time"
            );
        }
    }
}
