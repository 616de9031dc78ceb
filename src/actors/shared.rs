//! What every actor of a node may read: decided once, at the start.

use std::sync::{Arc, atomic::AtomicU64};

use tokio::sync::Semaphore;

use super::{cache::CacheBudget, health::Health, tls::Tls, workers::Workers};
use crate::{
    broker::Settings,
    config::{NsqdOptions, TlsRequired},
    storage::{DataDir, LogOptions},
};

/// Options, threads and gauges of a node.
pub struct Shared {
    /// What was asked for on the command line, checked.
    pub options: NsqdOptions,
    /// Where actors live.
    pub workers: Workers,
    /// The locked data path.
    pub data: DataDir,
    /// How logs are written.
    pub log: LogOptions,
    /// Memory for message bodies over all topics.
    pub cache: Arc<CacheBudget>,
    /// Logs that cannot be written.
    pub health: Health,
    /// Leave to sync a log: there are [`SYNCS_MAX`](super::disk_queue::SYNCS_MAX) of them.
    pub syncs: Arc<Semaphore>,
    /// What TLS handshakes need; none without a certificate.
    pub tls: Option<Arc<Tls>>,
    /// Restarts of actors, by kind.
    pub restarts: Restarts,
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
    /// Accept loops.
    pub listeners: Arc<AtomicU64>,
}

impl Shared {
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
}
