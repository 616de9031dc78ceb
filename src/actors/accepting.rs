//! What accept loops have in common, whoever is served behind them.

use std::{fmt::Display, future::Future, io, sync::Arc, time::Duration};

use actix::{Actor, ActorFutureExt, AsyncContext, Context, Message, WrapFuture};
use actix_rt::time::timeout;
use tokio::sync::watch;

use super::{client_connection::Stream, clock, socket::BoundListener};
use crate::broker::Moment;

/// Pause after an accept that failed for want of something, such as file descriptors.
const RETRY_PAUSE: Duration = Duration::from_millis(50);
/// Failures that are closer to each other are one, to whoever reads the log.
const REFUSALS_APART: Duration = Duration::from_secs(10);
/// How long a stop waits for connections to end by themselves.
const DISCONNECT_TIMEOUT: Duration = Duration::from_secs(2);

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

/// A socket, and how its accept loop gets on.
pub(super) struct Accepting {
    socket: Arc<Socket>,
    /// How many connections are left, for whoever waits until there is none.
    count: watch::Sender<usize>,
    stopping: bool,
    /// When a connection could not be served last.
    refused_at: Option<Moment>,
}

/// An actor with an accept loop. Its `started` begins it with [`Accepts::accept_next`].
pub(super) trait Accepts: Actor<Context = Context<Self>> {
    fn accepting(&mut self) -> &mut Accepting;

    /// Serves a connection.
    fn take(&mut self, stream: Stream, remote: String, ctx: &mut Context<Self>);

    /// Takes one connection after the other.
    fn accept_next(&mut self, ctx: &mut Context<Self>) {
        let socket = Arc::clone(&self.accepting().socket);
        let accepted = async move { socket.accept().await };
        ctx.spawn(accepted.into_actor(self).map(|accepted, listener: &mut Self, ctx| {
            if listener.accepting().stopping {
                return;
            }
            match accepted {
                Ok((stream, remote)) => {
                    listener.take(stream, remote, ctx);
                    listener.accept_next(ctx);
                }
                Err(error) => {
                    let accepting = listener.accepting();
                    accepting.note_refused(&format_args!("accept failed: {error}; trying again"));
                    ctx.run_later(RETRY_PAUSE, Self::accept_next);
                }
            }
        }));
    }
}

impl Accepting {
    pub fn new(socket: Socket) -> Self {
        Self {
            socket: Arc::new(socket),
            count: watch::Sender::new(0),
            stopping: false,
            refused_at: None,
        }
    }

    /// So many connections are left.
    pub fn set_count(&self, count: usize) {
        self.count.send_replace(count);
    }

    /// Says it once, however often one connection that goes makes place for one that comes.
    pub fn note_refused(&mut self, text: &impl Display) {
        let now = clock::now();
        let before = self.refused_at.replace(now);
        if before.is_none_or(|at| now.since(at) >= REFUSALS_APART) {
            log::error!("TCP: {text}");
        }
    }

    /// Takes nobody any more. Ready when no connection is left, or after some time.
    pub fn stop(&mut self) -> impl Future<Output = ()> + use<> {
        self.stopping = true;
        let mut count = self.count.subscribe();
        async move {
            let all_gone = count.wait_for(|&count| count == 0);
            let _ = timeout(DISCONNECT_TIMEOUT, all_gone).await;
        }
    }
}

impl Socket {
    /// Gives a bound socket to the runtime of the calling thread.
    pub fn new(listener: BoundListener) -> io::Result<Self> {
        Ok(match listener {
            BoundListener::Tcp(socket) => Self::Tcp(tokio::net::TcpListener::from_std(socket)?),
            BoundListener::Unix(socket) => Self::Unix(tokio::net::UnixListener::from_std(socket)?),
        })
    }

    async fn accept(&self) -> io::Result<(Stream, String)> {
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
