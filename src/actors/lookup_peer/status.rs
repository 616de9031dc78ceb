//! How a lookup peer gets on, for monitoring and for whoever asks all registries something.

use std::time::Duration;

use crate::{actors::clock, broker::Moment, protocol::lookup::IdentifyAnswer};

/// Written by the peer, read by [`Discovery`](crate::actors::Discovery).
#[derive(Debug, Clone, Default)]
pub struct PeerStatus {
    /// The registry knows who this node is.
    pub is_connected: bool,
    /// A connection has been made, or has failed: before that there is nothing to judge by.
    pub is_tried: bool,
    /// What the registry said of itself when it was last connected.
    pub info: Option<IdentifyAnswer>,
    /// Topics and channels that it has been told of.
    pub registrations: usize,
    /// Connections made.
    pub connects: u64,
    /// Connections that failed or ended.
    pub errors: u64,
    /// Why the last one did.
    pub last_error: Option<String>,
    /// When it last answered a PING.
    pub last_ping: Option<Moment>,
}

impl PeerStatus {
    /// The registry has answered IDENTIFY.
    pub fn connected(&mut self, answer: IdentifyAnswer) {
        self.is_connected = true;
        self.is_tried = true;
        self.info = Some(answer);
        self.connects += 1;
    }

    /// The connection has ended, or could not be made.
    pub fn ended(&mut self, reason: &str) {
        self.is_connected = false;
        self.is_tried = true;
        self.registrations = 0;
        self.errors += 1;
        self.last_error = Some(reason.to_owned());
    }

    /// The registry has answered a PING.
    pub fn pinged(&mut self) {
        self.last_ping = Some(clock::now());
    }
}

/// A peer as it is shown.
#[derive(Debug, Clone)]
pub struct LookupPeerSnapshot {
    /// `host:port`, as it was configured.
    pub address: String,
    /// How it gets on.
    pub status: PeerStatus,
    /// Time since the last answer to a PING.
    pub ping_age: Option<Duration>,
}

impl LookupPeerSnapshot {
    /// The state of a peer at this moment.
    pub fn new(address: &str, status: PeerStatus) -> Self {
        let ping_age = status.last_ping.map(|at| clock::now().since(at));
        Self { address: address.to_owned(), status, ping_age }
    }
}
