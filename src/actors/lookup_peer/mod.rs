//! The actor that keeps one nsqlookupd informed: one for each configured address.

pub mod connecting;
pub mod link;
pub mod status;
#[cfg(test)]
mod tests;

use std::{
    hash::{BuildHasher, RandomState},
    sync::Arc,
    time::Duration,
};

use actix::{Actor, ActorContext, AsyncContext, Context, Handler, Message, Supervised, WrapFuture};
use actix_rt::time::{Instant, sleep};
use tokio::{net::TcpStream, sync::watch};

pub use self::status::{LookupPeerSnapshot, PeerStatus};
use self::{
    connecting::connect,
    link::{Link, LinkError},
};
use super::{clock, shared::Shared, supervisor::Crash};
use crate::{
    broker::{Backoff, Moment},
    config::{NsqdOptions, host, version::NSQ_VERSION},
    protocol::lookup::{IdentifyAnswer, PeerInfo},
};

/// The same failure is logged again only after this time.
const SAME_FAILURE_PAUSE: Duration = Duration::from_secs(60);

/// Ends the actor and its connection.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Disconnect;

/// What one peer is made of.
#[derive(Clone)]
pub struct PeerSpec {
    /// `host:port`, as it was configured.
    pub address: String,
    /// What there is to tell.
    pub shared: Arc<Shared>,
    /// Where it says how it gets on.
    pub status: Arc<watch::Sender<PeerStatus>>,
}

/// The supervised link to one nsqlookupd. It owns nothing that is not on its connection: after a
/// restart, as after every other end of the connection, it connects and tells everything.
pub struct LookupPeer {
    spec: PeerSpec,
}

impl LookupPeer {
    /// A peer that connects as soon as it is started.
    pub fn new(spec: PeerSpec) -> Self {
        Self { spec }
    }
}

impl Actor for LookupPeer {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.spawn(keep_connected(self.spec.clone()).into_actor(self));
    }
}

impl Supervised for LookupPeer {
    fn restarting(&mut self, _: &mut Self::Context) {
        self.spec.status.send_modify(|status| status.ended("restarted after a panic"));
    }
}

impl Handler<Disconnect> for LookupPeer {
    type Result = ();

    fn handle(&mut self, _: Disconnect, ctx: &mut Self::Context) {
        ctx.stop();
    }
}

impl Handler<Crash> for LookupPeer {
    type Result = ();

    fn handle(&mut self, crash: Crash, _: &mut Self::Context) {
        crash.now();
    }
}

/// Connects again whenever a connection has ended, with pauses that grow.
async fn keep_connected(spec: PeerSpec) {
    let (mut backoff, mut failures) = (Backoff::default(), Failures::default());
    let identity = identity(&spec.shared.options);
    log::info!("LOOKUP connecting to {}", spec.address);
    loop {
        let (lasted, error) = converse(&spec, &identity).await;
        let reason = error.to_string();
        spec.status.send_modify(|status| status.ended(&reason));
        let pause = backoff.after(lasted, RandomState::new().hash_one(lasted));
        if failures.is_news(&reason) {
            log::error!("LOOKUPD({}): {reason}; connecting again", spec.address);
        } else {
            log::debug!("LOOKUPD({}): {reason}; connecting again in {pause:?}", spec.address);
        }
        sleep(pause).await;
    }
}

/// One connection, from its beginning to its end; for how long it was of use, and why it is no more.
async fn converse(spec: &PeerSpec, identity: &PeerInfo) -> (Duration, LinkError) {
    let (mut link, answer) = match open(spec, identity).await {
        Ok(opened) => opened,
        Err(error) => return (Duration::ZERO, error),
    };
    log_answer(&spec.address, &answer);
    spec.status.send_modify(|status| status.connected(answer));
    let opened = Instant::now();
    let error = link.keep(&spec.shared.directory, &spec.status).await;
    (opened.elapsed(), error)
}

async fn open(
    spec: &PeerSpec,
    identity: &PeerInfo,
) -> Result<(Link<TcpStream>, IdentifyAnswer), LinkError> {
    let stream = connect(&spec.address).await?;
    Link::open(stream, &spec.address, identity).await
}

fn log_answer(address: &str, answer: &IdentifyAnswer) {
    let IdentifyAnswer { tcp_port, http_port, version, broadcast_address, .. } = answer;
    let (version, shown) = (version.escape_debug(), broadcast_address.escape_debug());
    log::info!(
        "LOOKUPD({address}): peer info {{TCPPort:{tcp_port} HTTPPort:{http_port} \
         Version:{version} BroadcastAddress:{shown}}}"
    );
    if broadcast_address.is_empty() {
        log::error!(
            "LOOKUPD({address}): no broadcast address; it will not be asked for channels of new topics"
        );
    }
}

/// What this node tells of itself.
fn identity(options: &NsqdOptions) -> PeerInfo {
    PeerInfo {
        broadcast_address: options.broadcast_address.clone(),
        hostname: host::hostname(),
        http_port: options.broadcast_http_port.into(),
        tcp_port: options.broadcast_tcp_port.into(),
        topology_region: options.topology_region.clone(),
        topology_zone: options.topology_zone.clone(),
        version: NSQ_VERSION.to_owned(),
    }
}

/// The failure that was logged last, so that one that goes on does not fill the log.
#[derive(Default)]
struct Failures {
    last: Option<(String, Moment)>,
}

impl Failures {
    fn is_news(&mut self, reason: &str) -> bool {
        let now = clock::now();
        let is_old = self
            .last
            .as_ref()
            .is_some_and(|(last, since)| last == reason && now.since(*since) < SAME_FAILURE_PAUSE);
        if !is_old {
            self.last = Some((reason.to_owned(), now));
        }
        !is_old
    }
}
