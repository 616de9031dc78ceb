//! A cluster to look at.

use std::net::SocketAddr;

use crate::support::{Nsqadmin, Nsqd, Nsqlookupd, eventually};

/// nsqds that are registered with nsqlookupds.
pub struct Cluster {
    pub lookupds: Vec<Nsqlookupd>,
    pub nsqds: Vec<Nsqd>,
}

impl Cluster {
    /// As many nsqlookupds, and an nsqd for each of these hosts, which all are this machine.
    #[track_caller]
    pub fn start(lookupds: usize, hosts: &[&str], flags: &[&str]) -> Self {
        let lookupds: Vec<_> = (0..lookupds).map(|_| Nsqlookupd::start()).collect();
        let registries = lookupds.iter().map(Nsqlookupd::tcp);
        let registries: Vec<_> =
            registries.map(|tcp| format!("--lookupd-tcp-address={tcp}")).collect();
        let start = |host: &&str| {
            let broadcast = format!("--broadcast-address={host}");
            let own = registries.iter().map(String::as_str).chain([broadcast.as_str()]);
            Nsqd::with(&own.chain(flags.iter().copied()).collect::<Vec<_>>())
        };
        let cluster = Self { nsqds: hosts.iter().map(start).collect(), lookupds };
        for lookupd in &cluster.lookupds {
            eventually("all nodes are registered", || {
                let nodes = lookupd.get("/nodes");
                (nodes["producers"].as_array()?.len() == hosts.len()).then_some(())
            });
        }
        cluster
    }

    /// An nsqadmin that asks its nsqlookupds.
    #[track_caller]
    pub fn admin(&self, flags: &[&str]) -> Nsqadmin {
        Nsqadmin::of_lookupds(&self.lookupds.iter().collect::<Vec<_>>(), flags)
    }

    /// Makes a topic on one of the nsqds, and waits until it is known everywhere.
    #[track_caller]
    pub fn create(&self, nsqd: usize, topic: &str, channels: &[&str]) {
        let nsqd = &self.nsqds[nsqd];
        nsqd.post(&format!("/topic/create?topic={topic}"), b"");
        for channel in channels {
            nsqd.post(&format!("/channel/create?topic={topic}&channel={channel}"), b"");
        }
        for lookupd in &self.lookupds {
            eventually(&format!("{topic} is registered"), || {
                let found = lookupd.http("GET", &format!("/lookup?topic={topic}"));
                let found = (found.status == 200).then(|| found.json())?;
                let producers = found["producers"].as_array()?.iter();
                let mut ports = producers.map(|of| of["http_port"].as_u64());
                let is_there = ports.any(|port| port == Some(nsqd.http_address().port().into()));
                let known = found["channels"].as_array()?.len();
                (is_there && known >= channels.len()).then_some(())
            });
        }
    }

    /// `host:port` under which the nsqlookupds know the nsqd.
    pub fn node(&self, host: &str, nsqd: usize) -> String {
        format!("{host}:{}", port(self.nsqds[nsqd].http_address()))
    }
}

/// The port of an address.
pub fn port(address: SocketAddr) -> u16 {
    address.port()
}

/// This machine's name for itself.
pub fn hostname() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}
