//! What every actor of an nsqlookupd may read.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use super::clock;
use crate::{
    broker::{LinkId, registrations::Lifetimes},
    config::{NSQ_VERSION, NsqlookupdOptions, host},
    protocol::lookup::{IdentifyAnswer, LookupCommand},
};

/// The least time for which a link may be silent.
const SILENCE_MIN: Duration = Duration::from_secs(60);
/// Descriptors that links may not take: HTTP, the log, and whatever else is open.
const DESCRIPTORS_KEPT_MIN: u64 = 64;

/// Options and counters of an nsqlookupd.
#[derive(Debug)]
pub struct LookupShared {
    /// What was asked for at the start, checked.
    pub options: NsqlookupdOptions,
    /// The answer to every IDENTIFY, as JSON.
    pub identify_answer: Vec<u8>,
    /// Links that there may be at once.
    pub links_max: usize,
    /// Unix time of the start in seconds.
    pub start_time: i64,
    /// What is counted.
    pub counters: LookupCounters,
    next_link: AtomicU64,
}

/// Counts since the start.
#[derive(Debug, Default)]
pub struct LookupCounters {
    /// IDENTIFYs.
    pub identifies: AtomicU64,
    /// REGISTERs.
    pub registers: AtomicU64,
    /// UNREGISTERs.
    pub unregisters: AtomicU64,
    /// PINGs.
    pub pings: AtomicU64,
    /// Links that were closed for what their peer has said.
    pub errors: AtomicU64,
    /// Links that were closed because nothing was heard of their peer.
    pub silent: AtomicU64,
    /// Connections that were turned away as there were too many.
    pub refused: AtomicU64,
    /// `GET /lookup` of topics that are known.
    pub lookups_found: AtomicU64,
    /// `GET /lookup` of others.
    pub lookups_missed: AtomicU64,
    /// Restarts of the registry.
    pub registry_restarts: Arc<AtomicU64>,
    /// Restarts of the accept loop.
    pub listener_restarts: Arc<AtomicU64>,
}

impl LookupCounters {
    /// Counts a command.
    pub fn count(&self, command: &LookupCommand) {
        let counter = match command {
            LookupCommand::Identify(_) => &self.identifies,
            LookupCommand::Register(_) => &self.registers,
            LookupCommand::Unregister(_) => &self.unregisters,
            LookupCommand::Ping => &self.pings,
        };
        counter.fetch_add(1, Relaxed);
    }
}

impl LookupShared {
    /// For an nsqlookupd that listens on these ports and may have so many descriptors open.
    pub fn new(
        options: NsqlookupdOptions,
        tcp_port: i32,
        http_port: i32,
        descriptors: u64,
    ) -> Self {
        let answer = IdentifyAnswer {
            broadcast_address: options.broadcast_address.clone(),
            hostname: host::hostname(),
            http_port: i64::from(http_port),
            tcp_port: i64::from(tcp_port),
            version: NSQ_VERSION.to_owned(),
        };
        Self {
            options,
            identify_answer: answer.to_json(),
            links_max: links_max(descriptors),
            start_time: clock::wall_ns() / 1_000_000_000,
            counters: LookupCounters::default(),
            next_link: AtomicU64::new(1),
        }
    }

    /// A number for a new link.
    pub fn next_link(&self) -> LinkId {
        LinkId(self.next_link.fetch_add(1, Relaxed))
    }

    /// Links since the start.
    pub fn links_accepted(&self) -> u64 {
        self.next_link.load(Relaxed) - 1
    }

    /// How long producers and tombstones hold.
    pub fn lifetimes(&self) -> Lifetimes {
        Lifetimes {
            inactive_producer_timeout: self.options.inactive_producer_timeout,
            tombstone_lifetime: self.options.tombstone_lifetime,
        }
    }

    /// A link on which no command came for so long is closed. A silent producer is hidden long before, and
    /// shown again when it speaks.
    pub fn silence_max(&self) -> Duration {
        self.options.inactive_producer_timeout.saturating_mul(2).max(SILENCE_MIN)
    }
}

fn links_max(descriptors: u64) -> usize {
    let kept = DESCRIPTORS_KEPT_MIN.max(descriptors / 8);
    usize::try_from(descriptors.saturating_sub(kept).max(1)).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_leave_descriptors_for_others() {
        for (descriptors, links) in [(0, 1), (64, 1), (256, 192), (1024, 896), (1 << 20, 917_504)] {
            assert_eq!(links_max(descriptors), links);
        }
    }

    #[test]
    fn silence_ends_long_after_a_producer_is_hidden() {
        let silence = |seconds| {
            let inactive_producer_timeout = Duration::from_secs(seconds);
            let options =
                NsqlookupdOptions { inactive_producer_timeout, ..NsqlookupdOptions::default() };
            LookupShared::new(options, 1, 2, 1024).silence_max()
        };
        assert_eq!(silence(300), Duration::from_secs(600));
        assert_eq!(silence(1), Duration::from_secs(60));
        assert_eq!(silence(u64::MAX), Duration::MAX);
    }
}
