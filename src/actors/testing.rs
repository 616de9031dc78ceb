//! What tests of actors share.

use std::{
    path::Path,
    sync::{Arc, atomic::AtomicBool},
};

use actix::{Actor, Context, Handler, Recipient};

use super::{
    cache::CacheBudget,
    directory::Directory,
    disk_queue,
    health::Health,
    journal::{Journal, MANY_LOGS},
    live_settings::LiveSettings,
    meters::Meters,
    shared::{Restarts, Shared},
    supervisor::ChildFailed,
    topic_addresses::TopicAddresses,
    workers::Workers,
};
use crate::{
    config::NsqdOptions,
    storage::{DataDir, Disk, LogOptions, RealDisk, Reserve},
};

/// Every actor on the calling thread, files in `dir`.
pub fn shared(dir: &Path) -> Shared {
    shared_on(dir, Arc::new(RealDisk))
}

/// The same with another disk.
pub fn shared_on(dir: &Path, disk: Arc<dyn Disk>) -> Shared {
    let log = LogOptions { disk, ..LogOptions::default() };
    shared_with(dir, log, NsqdOptions::default())
}

/// The same with other options.
pub fn shared_with(dir: &Path, log: LogOptions, options: NsqdOptions) -> Shared {
    Shared {
        live: LiveSettings::new(&options),
        options,
        workers: Workers::current_thread(),
        data: DataDir::open(dir, Arc::clone(&log.disk)).unwrap(),
        reserve: Reserve::none(Arc::clone(&log.disk)),
        taking_reserve: AtomicBool::default(),
        journal: Journal::new(dir, Arc::clone(&log.disk), MANY_LOGS),
        log,
        cache: Arc::new(CacheBudget::new(1 << 20)),
        directory: Directory::default(),
        topics: TopicAddresses::default(),
        health: Health::default(),
        writers: disk_queue::writers(),
        syncers: disk_queue::syncers(),
        removers: disk_queue::removers(),
        tls: None,
        restarts: Restarts::default(),
        meters: Meters::new(1),
        start_time: 0,
    }
}

/// A parent whose children must not fail for good.
pub fn nobody() -> Recipient<ChildFailed> {
    Nobody.start().recipient()
}

struct Nobody;

impl Actor for Nobody {
    type Context = Context<Self>;
}

impl Handler<ChildFailed> for Nobody {
    type Result = ();

    fn handle(&mut self, failed: ChildFailed, _: &mut Self::Context) {
        panic!("failed for good: {failed:?}");
    }
}
