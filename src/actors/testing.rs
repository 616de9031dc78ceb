//! What tests of actors share.

use std::{path::Path, sync::Arc};

use super::{
    cache::CacheBudget,
    health::Health,
    live_settings::LiveSettings,
    meters::Meters,
    shared::{Restarts, Shared},
    workers::Workers,
};
use crate::{
    config::NsqdOptions,
    storage::{DataDir, Disk, LogOptions, RealDisk},
};

/// Every actor on the calling thread, files in `dir`.
pub fn shared(dir: &Path) -> Shared {
    shared_on(dir, Arc::new(RealDisk))
}

/// The same with another disk.
pub fn shared_on(dir: &Path, disk: Arc<dyn Disk>) -> Shared {
    Shared {
        live: LiveSettings::new(&NsqdOptions::default()),
        options: NsqdOptions::default(),
        workers: Workers::current_thread(),
        data: DataDir::open(dir, Arc::clone(&disk)).unwrap(),
        log: LogOptions { disk, ..LogOptions::default() },
        cache: Arc::new(CacheBudget::new(1 << 20)),
        health: Health::default(),
        tls: None,
        restarts: Restarts::default(),
        meters: Meters::new(1),
        start_time: 0,
    }
}
