//! A publisher's connection, by either protocol.

use std::net::SocketAddr;

use super::{
    Result,
    bodies::Bodies,
    http::Http,
    link::{Link, Target},
    request::{Command, Request},
    wire::{self, Inbox},
};

/// Replies to publishes are short and there can be many connections.
pub(super) const REPLIES: usize = 4 << 10;

/// How messages reach the server.
#[derive(Debug, Clone)]
pub enum Door {
    /// By NSQ's protocol.
    Tcp(Target),
    /// By HTTP.
    Http(SocketAddr),
}

impl Door {
    /// What is sent through it.
    pub fn request(&self, command: Command, topic: &str, bodies: &Bodies) -> Request {
        match self {
            Self::Tcp(_) => Request::over_tcp(command, topic, bodies),
            Self::Http(_) => Request::over_http(command, topic, bodies),
        }
    }

    /// A connection on which requests can be sent.
    pub async fn connect(&self) -> Result<Connection> {
        match self {
            Self::Tcp(target) => {
                let link = Link::connect(target, Inbox::with_capacity(REPLIES)).await?;
                Ok(Connection::Tcp(link))
            }
            Self::Http(address) => Http::connect(*address).await.map(Connection::Http),
        }
    }
}

/// A connection that carries requests one way and answers the other.
#[derive(Debug)]
pub enum Connection {
    /// By NSQ's protocol.
    Tcp(Link),
    /// By HTTP.
    Http(Http),
}

impl Connection {
    /// Sends requests.
    pub async fn send(&mut self, requests: &[u8]) -> Result<()> {
        match self {
            Self::Tcp(link) => link.send(requests).await,
            Self::Http(http) => http.send(requests).await,
        }
    }

    /// Reads once and counts the requests that were accepted. A refusal is an error.
    pub async fn read_oks(&mut self) -> Result<u64> {
        match self {
            Self::Http(http) => http.read_oks().await,
            Self::Tcp(link) => {
                link.read().await?;
                let oks = link.inbox.count_oks()?;
                if oks.heartbeat {
                    link.send(wire::NOP).await?;
                }
                Ok(oks.count)
            }
        }
    }
}
