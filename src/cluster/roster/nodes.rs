//! Nodes that come, answer, fail and go.

use std::{
    collections::HashSet,
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
    time::Duration,
};

use super::{
    CLIENTS_INTERVAL, CLIENTS_MAX, ENTRIES_MAX, FORGOTTEN_AFTER, Member, NODES_MAX, Roster,
    SMALL_NODE, ToAsk,
};
use crate::{
    broker::Moment,
    cluster::{
        AskError, Mode, Node as KnownNode,
        answers::NodeStats,
        picture::{Failure, Lives, Node, NodeIdentity},
        snapshot::{Name, NodeSnapshot, Room},
    },
};

impl Roster {
    /// All nodes that are to be asked for their statistics now.
    pub fn to_ask(&self, now: Moment) -> Vec<ToAsk> {
        let ask = |(address, member): (&Name, &Member)| ToAsk {
            address: address.clone(),
            reach: member.node.reach(),
            with_clients: member.is_small() || now >= member.clients_at,
            is_doubtful: member.node.failure.is_some(),
        };
        self.members.iter().map(ask).collect()
    }

    /// In direct mode: configured addresses at which nobody was found yet, or where nobody answers any more. True for
    /// those that have failed.
    pub fn to_identify(&self) -> Vec<(Name, bool)> {
        let has_failed = |address: &Name| {
            self.members.get(address).is_some_and(|member| member.node.failure.is_some())
        };
        let wanted = self.configured.iter().filter_map(|(address, found)| match found {
            None => Some((address.clone(), has_failed(address))),
            Some(found) => has_failed(found).then(|| (address.clone(), true)),
        });
        wanted.collect()
    }

    /// Who has been found at a configured address.
    pub fn identified(&mut self, configured: &Name, found: &KnownNode) {
        let address = self.names.share(&found.address);
        let identity = NodeIdentity {
            hostname: self.names.share(&found.hostname),
            broadcast_address: self.names.share(&found.broadcast_address),
            tcp_port: u16::try_from(found.tcp_port).unwrap_or(0),
            http_port: u16::try_from(found.http_port).unwrap_or(0),
            version: self.names.share(&found.version),
            region: self.names.share(&found.topology_region),
            zone: self.names.share(&found.topology_zone),
        };
        let Some(entry) = self.configured.iter_mut().find(|(of, _)| of == configured) else {
            return; // not any more
        };
        entry.1 = Some(address.clone());
        let otherwise = (address != *configured).then(|| configured.clone());
        self.enlist(&address, &identity, otherwise);
        self.list();
    }

    /// Nobody was found at a configured address.
    pub fn not_identified(&mut self, configured: &Name, error: &AskError, now: Moment) {
        let Some((_, found)) = self.configured.iter().find(|(of, _)| of == configured) else {
            return;
        };
        if found.is_none() {
            let (host, port) = configured.rsplit_once(':').unwrap_or((configured, ""));
            let identity = NodeIdentity {
                broadcast_address: host.into(),
                http_port: port.parse().unwrap_or(0),
                ..NodeIdentity::default()
            };
            self.enlist(configured, &identity, None);
            self.node_failed(configured, error, now);
            self.list();
        }
    }

    /// A node is there, and what it is called.
    pub(super) fn enlist(
        &mut self,
        address: &Name,
        identity: &NodeIdentity,
        otherwise: Option<Name>,
    ) {
        if let Some(member) = self.members.get_mut(address) {
            member.node.otherwise = otherwise;
            if *member.node.identity != *identity {
                member.node.identity = Arc::new(identity.clone());
            }
            return;
        }
        if self.members.len() >= NODES_MAX {
            return; // said with how many others
        }
        let node = Node {
            address: address.clone(),
            identity: Arc::new(identity.clone()),
            otherwise,
            snapshot: None,
            failure: None,
            lives: Lives::default(),
            is_listed: true,
        };
        let clients_at = Moment::default();
        let member = Member { node, holds: Room::default(), clients_at };
        self.members.insert(address.clone(), member);
    }

    /// A node has answered what it was asked at that time.
    pub fn node_answered(&mut self, asked: &ToAsk, at: Moment, stats: NodeStats) {
        let Some(member) = self.members.get_mut(&asked.address) else { return };
        let others = Room {
            entries: self.held.entries - member.holds.entries,
            clients: self.held.clients - member.holds.clients,
        };
        let room = Room {
            entries: ENTRIES_MAX.saturating_sub(others.entries),
            clients: CLIENTS_MAX.saturating_sub(others.clients),
        };
        let mut snapshot = NodeSnapshot::read(stats, at, &mut self.names, room);
        if let Some(before) = &member.node.snapshot {
            snapshot.follow(before, asked.with_clients);
            member.node.lives.follow(before, &snapshot);
        }
        member.holds = snapshot.holds();
        self.held = Room {
            entries: others.entries + member.holds.entries,
            clients: others.clients + member.holds.clients,
        };
        if asked.with_clients {
            member.clients_at = at + member.clients_pause();
        }
        member.node.snapshot = Some(Arc::new(snapshot));
        member.node.failure = None;
    }

    /// A node has not answered.
    pub fn node_failed(&mut self, address: &Name, error: &AskError, now: Moment) {
        let Some(member) = self.members.get_mut(address) else { return };
        let before = member.node.failure.as_ref();
        member.node.failure = Some(Failure::new(error, address, now, before));
    }

    /// Notes who is known to registries or configured, and forgets whom nothing is known of otherwise.
    pub(super) fn list(&mut self) {
        let listed: HashSet<Name> = match self.mode {
            Mode::Lookupd => {
                let nodes = self.registries.iter().flat_map(|registry| registry.nodes.iter());
                nodes.map(|node| node.address.clone()).collect()
            }
            Mode::Direct => {
                let found = |(address, found): &(Name, Option<Name>)| {
                    found.clone().unwrap_or_else(|| address.clone())
                };
                self.configured.iter().map(found).collect()
            }
        };
        for member in self.members.values_mut() {
            member.node.is_listed = listed.contains(&member.node.address);
        }
        let is_direct = self.mode == Mode::Direct;
        self.retain(|member| {
            member.node.is_listed || (member.node.snapshot.is_some() && !is_direct)
        });
        self.count_left_out(&listed);
    }

    /// Says how many there is no room for, whenever that changes.
    fn count_left_out(&mut self, listed: &HashSet<Name>) {
        let is_left_out = |address: &&Name| !self.members.contains_key(*address);
        let left_out = match self.members.len() < NODES_MAX {
            true => 0,
            false => listed.iter().filter(is_left_out).count(),
        };
        if left_out != self.left_out && left_out > 0 {
            log::warn!(
                "COLLECTOR: {left_out} of {} nodes are not watched, {NODES_MAX} are the most",
                listed.len()
            );
        }
        self.left_out = left_out;
    }

    /// Forgets those who have gone for good.
    pub(super) fn forget(&mut self, now: Moment) {
        self.retain(|member| {
            let failure = member.node.failure.as_ref();
            let is_gone = failure.is_some_and(|of| now.since(of.since) >= FORGOTTEN_AFTER);
            member.node.is_listed || !is_gone
        });
    }

    fn retain(&mut self, stays: impl Fn(&Member) -> bool) {
        let held = &mut self.held;
        self.members.retain(|_, member| {
            let stays = stays(member);
            if !stays {
                held.entries -= member.holds.entries;
                held.clients -= member.holds.clients;
            }
            stays
        });
    }
}

impl Member {
    fn is_small(&self) -> bool {
        self.holds.entries + self.holds.clients < SMALL_NODE
    }

    /// Until consumers are asked for again: at the first time less, so that nodes are not all asked at once.
    fn clients_pause(&self) -> Duration {
        if self.node.snapshot.is_some() {
            return CLIENTS_INTERVAL;
        }
        let mut hasher = DefaultHasher::new();
        self.node.address.hash(&mut hasher);
        let part = f64::from((hasher.finish() % 1000) as u32) / 1000.0;
        CLIENTS_INTERVAL.mul_f64(part)
    }
}
