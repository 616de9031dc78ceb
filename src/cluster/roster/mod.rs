//! Who belongs to the cluster, and what each has said last: answers and failures go in, [pictures](Picture) come out.
//!
//! A node that no registry knows any more is kept as long as it answers, and for a while after that: what has just died is
//! what somebody wants to see.

mod debug;
mod nodes;
mod registries;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

pub use self::{
    debug::RegistryDebug,
    registries::{RegistryAnswer, RegistryExtras},
};
use super::{
    Mode,
    picture::{Difference, Node, Picture, Registry, differences::differences},
    reach::Reach,
    snapshot::{Name, Names, Room},
};
use crate::broker::Moment;

/// Nodes that are watched.
pub const NODES_MAX: usize = 1024;
/// Topics and channels, each counted on each node, that are kept.
pub const ENTRIES_MAX: usize = 1_000_000;
/// Consumers and producers that are kept.
pub const CLIENTS_MAX: usize = 100_000;
/// A node that fails and that nobody knows any more is shown for so long.
pub const FORGOTTEN_AFTER: Duration = Duration::from_secs(600);
/// Of a node with more than this, consumers are asked for only now and then.
const SMALL_NODE: usize = 1000;
/// That often.
const CLIENTS_INTERVAL: Duration = Duration::from_secs(15);

/// What is known of one node besides what everybody is shown.
#[derive(Debug)]
struct Member {
    node: Node,
    /// What it takes of the room for all.
    holds: Room,
    /// When its consumers are asked for again.
    clients_at: Moment,
}

/// A node to ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToAsk {
    /// By which it is known.
    pub address: Name,
    /// Where to ask.
    pub reach: Reach,
    /// Consumers are wanted, too.
    pub with_clients: bool,
    /// It has not answered the last question.
    pub is_doubtful: bool,
}

/// Everybody.
#[derive(Debug, Default)]
pub struct Roster {
    mode: Mode,
    names: Names,
    members: BTreeMap<Name, Member>,
    registries: Vec<Registry>,
    /// In direct mode: configured addresses, and who was found there.
    configured: Vec<(Name, Option<Name>)>,
    differences: Vec<Difference>,
    held: Room,
    /// Listed nodes that there is no room for.
    left_out: usize,
}

impl Roster {
    /// Nobody yet; [`follow`](Self::follow) says whom to watch.
    pub fn new() -> Self {
        Self::default()
    }

    /// From now on these are configured. Who is not any more is forgotten.
    pub fn follow(&mut self, lookupds: &[String], nsqds: &[String]) {
        let mode = if lookupds.is_empty() { Mode::Direct } else { Mode::Lookupd };
        if mode != self.mode {
            self.members.clear();
            self.held = Room::default();
        }
        self.mode = mode;
        let mut known: HashMap<_, _> =
            self.registries.drain(..).map(|known| (known.address.clone(), known)).collect();
        for address in lookupds {
            let address = self.names.share(address);
            let new = || Registry { address: address.clone(), ..Registry::default() };
            self.registries.push(known.remove(&address).unwrap_or_else(new));
        }
        let nsqds = if mode == Mode::Direct { nsqds } else { &[] };
        let mut known: HashMap<_, _> = self.configured.drain(..).collect();
        for address in nsqds {
            let address = self.names.share(address);
            let found = known.remove(&address).flatten();
            self.configured.push((address, found));
        }
        self.list();
    }

    /// What there is now.
    pub fn picture(&mut self, poll: u64, poll_ms: u64, now: Moment) -> Picture {
        self.forget(now);
        let nodes: Vec<_> = self.members.values().map(|member| member.node.clone()).collect();
        let before = std::mem::take(&mut self.differences);
        self.differences = differences(&self.registries, &nodes, self.mode, &before, now);
        Picture {
            poll,
            polled_at: Some(now),
            poll_ms,
            nodes,
            registries: self.registries.clone(),
            mode: self.mode,
            differences: self.differences.clone(),
            ..Picture::default()
        }
    }
}
