//! What every actor of a node may read: decided at the start, but for the live settings.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64},
};

use super::{
    cache::CacheBudget, directory::Directory, disk_threads::DiskThreads, health::Health,
    journal::Journal, live_settings::LiveSettings, meters::Meters, tls::Tls,
    topic_addresses::TopicAddresses, workers::Workers,
};
use crate::{
    broker::{Latencies, Settings, Topology},
    config::{NsqdOptions, TlsRequired},
    storage::{DataDir, LogOptions, Reserve},
};

/// Options, threads and gauges of a node.
pub struct Shared {
    /// What was asked for at the start, checked; the ports to broadcast are those that are listened on.
    pub options: NsqdOptions,
    /// What can be changed meanwhile.
    pub live: LiveSettings,
    /// Where actors live.
    pub workers: Workers,
    /// The locked data path.
    pub data: DataDir,
    /// How logs are written.
    pub log: LogOptions,
    /// Memory for message bodies over all topics.
    pub cache: Arc<CacheBudget>,
    /// The topics and channels there are.
    pub directory: Directory,
    /// Where the topics are.
    pub topics: TopicAddresses,
    /// Logs that cannot be written.
    pub health: Health,
    /// Room on the disk that is kept for cursors.
    pub reserve: Reserve,
    /// Somebody is trying to take it again.
    pub taking_reserve: AtomicBool,
    /// Where small writes to logs are made.
    pub writers: DiskThreads,
    /// Where logs are synced.
    pub syncers: DiskThreads,
    /// What makes many logs durable together.
    pub journal: Journal,
    /// The thread that removes what deleted topics have left.
    pub removers: DiskThreads,
    /// What TLS handshakes need; none without a certificate.
    pub tls: Option<Arc<Tls>>,
    /// Restarts of actors, by kind.
    pub restarts: Restarts,
    /// What else is counted.
    pub meters: Meters,
    /// Unix time of the start in seconds.
    pub start_time: i64,
}

/// How often actors of each kind were restarted.
#[derive(Debug, Default)]
pub struct Restarts {
    /// The root.
    pub node: Arc<AtomicU64>,
    /// Topics.
    pub topics: Arc<AtomicU64>,
    /// Channels.
    pub channels: Arc<AtomicU64>,
    /// Logs of topics.
    pub disk_queues: Arc<AtomicU64>,
    /// The client of auth servers.
    pub auth_clients: Arc<AtomicU64>,
    /// Accept loops.
    pub listeners: Arc<AtomicU64>,
    /// The parent of the links to nsqlookupds.
    pub discoveries: Arc<AtomicU64>,
    /// Links to nsqlookupds.
    pub lookup_peers: Arc<AtomicU64>,
    /// The one that pushes to statsd.
    pub statsd: Arc<AtomicU64>,
}

impl Shared {
    /// Where this node stands, and whether consumers that are near come first.
    pub fn topology(&self) -> Topology<'_> {
        Topology {
            is_aware: self.options.prefers_near_consumers(),
            region: &self.options.topology_region,
            zone: &self.options.topology_zone,
        }
    }

    /// Of whom TLS is required.
    pub fn tls_required(&self) -> TlsRequired {
        self.tls.as_ref().map_or(TlsRequired::No, |tls| tls.required())
    }

    /// The rules' settings for a channel. `in_memory`: it, or its topic, is ephemeral, so that it
    /// must drop what exceeds `--mem-queue-size`.
    pub fn channel_settings(&self, in_memory: bool) -> Settings {
        Settings {
            max_msg_timeout: self.options.max_msg_timeout,
            consumers_max: self.options.max_channel_consumers,
            requeue_on_disconnect: self.options.requeue_on_disconnect,
            depth_max: in_memory.then_some(self.options.mem_queue_size as u64),
        }
    }

    /// What a channel keeps its latencies in, if percentiles of them are asked for.
    pub fn new_latencies(&self) -> Option<Box<Latencies>> {
        let is_on = !self.options.e2e_processing_latency_percentiles.as_slice().is_empty();
        let window = self.options.e2e_processing_latency_window_time;
        is_on.then(|| Box::new(Latencies::new(window)))
    }
}
