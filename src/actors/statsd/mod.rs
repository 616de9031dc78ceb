//! The actor that pushes the node's figures to statsd.

mod lines;
mod sending;

use std::{io, sync::Arc, time::Duration};

use actix::{
    Actor, ActorFutureExt, Addr, AsyncContext, Context, Handler, MailboxError, Message,
    ResponseFuture, Supervised, WrapFuture,
};
use actix_rt::{task::spawn_blocking, time::timeout};
use tokio::{net::UdpSocket, sync::watch};

use self::lines::{Format, Pushed};
use super::{
    node::Node,
    process::Memory,
    shared::Shared,
    snapshot::{NodeSnapshot, Observe, Scope},
    supervisor::Crash,
};

/// How long a stop waits for the rest of a push.
const FINISH_TIMEOUT: Duration = Duration::from_secs(1);

/// The supervised actor that pushes every `--statsd-interval`. It keeps nothing but what it has told.
pub struct Statsd {
    node: Addr<Node>,
    address: String,
    interval: Duration,
    format: Arc<Format>,
    pushed: Pushed,
    is_pushing: watch::Sender<bool>,
    /// The node stops: what is left of a push goes at once, and no other begins.
    hurry: watch::Sender<bool>,
}

/// The node stops: sends what is left of a push without pauses, and answers when it is sent.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct FinishPush;

/// Why there was no push.
#[derive(Debug, thiserror::Error)]
enum PushError {
    #[error("{0}")]
    Socket(#[from] io::Error),
    #[error("the node does not answer: {0}")]
    Node(#[from] MailboxError),
    #[error("the lines were not made")]
    Lines,
}

impl Statsd {
    /// Pushes to `--statsd-address`.
    pub fn new(node: Addr<Node>, shared: &Shared) -> Self {
        let options = &shared.options;
        Self {
            node,
            address: options.statsd_address.clone(),
            interval: options.statsd_interval,
            format: Arc::new(Format::new(options)),
            pushed: Pushed::default(),
            is_pushing: watch::Sender::new(false),
            hurry: watch::Sender::new(false),
        }
    }

    fn push(&mut self, ctx: &mut Context<Self>) {
        if *self.hurry.borrow() || self.is_pushing.send_replace(true) {
            return; // the next one tells what this one would have
        }
        let gathered = gather(self.node.clone(), self.address.clone());
        let made = gathered.into_actor(self).then(|gathered, statsd, _| {
            let (pushed, format) = (std::mem::take(&mut statsd.pushed), statsd.format.clone());
            make_lines(gathered, pushed, format).into_actor(statsd)
        });
        let sent = made.then(|(made, pushed), statsd, _| {
            statsd.pushed = pushed;
            let (window, hurry) = (sending::window(statsd.interval), statsd.hurry.subscribe());
            send(made, window, hurry).into_actor(statsd)
        });
        ctx.spawn(sent.map(|result, statsd, _| {
            if let Err(error) = result {
                log::error!("statsd: push to {} failed: {error}", statsd.address);
            }
            statsd.is_pushing.send_replace(false);
        }));
    }
}

/// The address first: without it, nothing counts as told.
async fn gather(node: Addr<Node>, address: String) -> Result<(UdpSocket, NodeSnapshot), PushError> {
    let socket = sending::open(&address).await?;
    let scope = Scope { without_clients: true, ..Scope::default() };
    Ok((socket, node.send(Observe::within(scope)).await?))
}

type Made = Result<(UdpSocket, Vec<Vec<u8>>), PushError>;

/// Makes the lines on a thread of its own: for a large node they are tens of thousands.
async fn make_lines(
    gathered: Result<(UdpSocket, NodeSnapshot), PushError>,
    mut pushed: Pushed,
    format: Arc<Format>,
) -> (Made, Pushed) {
    let (socket, node) = match gathered {
        Ok(gathered) => gathered,
        Err(error) => return (Err(error), pushed),
    };
    let made = spawn_blocking(move || {
        let datagrams = pushed.push(&node, Memory::now(), &format);
        (datagrams, pushed)
    });
    match made.await {
        Ok((datagrams, pushed)) => (Ok((socket, datagrams)), pushed),
        Err(_panic) => (Err(PushError::Lines), Pushed::default()),
    }
}

async fn send(made: Made, window: Duration, hurry: watch::Receiver<bool>) -> Result<(), PushError> {
    let (socket, datagrams) = made?;
    let send = async |datagram: &[u8]| socket.send(datagram).await;
    Ok(sending::spread(&datagrams, window, hurry, send).await?)
}

impl Actor for Statsd {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.run_interval(self.interval, Self::push);
    }
}

impl Supervised for Statsd {
    fn restarting(&mut self, _: &mut Self::Context) {
        self.is_pushing.send_replace(false);
    }
}

impl Handler<FinishPush> for Statsd {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: FinishPush, _: &mut Self::Context) -> Self::Result {
        self.hurry.send_replace(true);
        let mut is_pushing = self.is_pushing.subscribe();
        Box::pin(async move {
            let _ = timeout(FINISH_TIMEOUT, is_pushing.wait_for(|&pushing| !pushing)).await;
        })
    }
}

impl Handler<Crash> for Statsd {
    type Result = ();

    fn handle(&mut self, crash: Crash, _: &mut Self::Context) {
        crash.now();
    }
}
