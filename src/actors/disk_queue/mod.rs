//! The actor of a topic's log: files on one side, messages on the other.
//!
//! Calls that can wait for the disk run on other threads, so that a slow disk under one topic
//! holds up neither this thread nor another topic. Writes of a log exclude each other; reads do not
//! wait for them.

mod appending;
pub mod messages;
mod opening;
mod small_files;
mod syncing;

use std::{
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
};

use actix::{Actor, Context, Handler, Recipient, ResponseFuture, Supervised};
use tokio::sync::OwnedMutexGuard;

pub use appending::writers;
pub use messages::*;
pub use opening::{delete_rest, removers};
pub use syncing::syncers;

use super::{
    disk_threads::DiskThreads,
    meters::{DiskCall, DiskGauges, UnderWay},
    shared::Shared,
    supervisor::Crash,
};
use crate::{
    broker::stragglers::Stretch,
    protocol::TopicName,
    storage::{Batch, Log, LogError, LogReader, PendingMessage, copies_for},
};

/// The log as its threads share it. A reopened log replaces the old one under the same lock, so that
/// two writers never meet.
#[derive(Debug, Default)]
struct Files {
    log: Mutex<Option<Log>>,
    /// Held while files of segments are removed, which goes on without `log`; locked before it.
    removing: Mutex<()>,
    reader: RwLock<Option<LogReader>>,
    /// The topic is being removed from the disk: nothing of it may be made again.
    deleted: AtomicBool,
    /// It has been removed; a topic of the same name may be there already.
    retired: AtomicBool,
    /// A sync has failed: no log that is opened here again may claim success.
    poison: Mutex<Option<String>>,
}

impl Files {
    fn with_log<T>(
        &self,
        act: impl FnOnce(&mut Log) -> Result<T, LogError>,
    ) -> Result<T, StoreError> {
        let mut log = self.log.lock().map_err(|_| StoreError::NotOpen)?;
        Ok(act(log.as_mut().ok_or(StoreError::NotOpen)?)?)
    }

    fn check_not_deleted(&self) -> Result<(), StoreError> {
        if self.deleted.load(Ordering::Relaxed) { Err(StoreError::NotOpen) } else { Ok(()) }
    }

    fn reader(&self) -> Result<LogReader, StoreError> {
        let reader = self.reader.read().unwrap_or_else(PoisonError::into_inner);
        reader.clone().ok_or(StoreError::NotOpen)
    }
}

/// Calls that run one after the other, in the order in which they were asked for (tokio's mutex is
/// fair).
#[derive(Debug)]
struct Lane {
    kind: DiskCall,
    turn: Arc<tokio::sync::Mutex<()>>,
}

impl Lane {
    fn new(kind: DiskCall) -> Self {
        Self { kind, turn: Arc::default() }
    }
}

/// Held by the call whose turn it is in its lane, from the moment at which it waits for a thread.
type Turn = (OwnedMutexGuard<()>, UnderWay);

/// Work on a thread that may wait for the disk.
trait Job<T>: FnOnce(&Files) -> Result<T, StoreError> + Send + 'static {}

impl<T, F: FnOnce(&Files) -> Result<T, StoreError> + Send + 'static> Job<T> for F {}

/// The supervised actor of one topic's log.
pub struct DiskQueue {
    topic: TopicName,
    dir: PathBuf,
    shared: Arc<Shared>,
    restarted: Recipient<LogRestarted>,
    files: Arc<Files>,
    gauges: Arc<DiskGauges>,
    /// Cursor and metadata files are replaced one at a time, in the order in which that was asked
    /// for: a removal must not be overtaken by a save.
    small_files: Lane,
    /// So are the calls that change the log.
    writes: Lane,
    /// And syncs: one that finds nothing left to do must not be done before the one that took it.
    syncs: Lane,
    /// Finished segments are removed beside all of them: it takes milliseconds for each.
    removals: Lane,
    /// The state was rebuilt: the log must be opened before it is used again.
    must_open: bool,
    sync_scheduled: bool,
    /// The last one could not be made for want of a descriptor.
    sync_fails: bool,
}

impl DiskQueue {
    /// The log of `topic`, not open yet.
    pub fn new(
        topic: TopicName,
        shared: Arc<Shared>,
        restarted: Recipient<LogRestarted>,
        gauges: Arc<DiskGauges>,
    ) -> Self {
        let dir = shared.data.topic_dir(&topic);
        shared.meters.watch(&topic, Arc::downgrade(&gauges));
        Self {
            topic,
            dir,
            shared,
            restarted,
            files: Arc::default(),
            gauges,
            small_files: Lane::new(DiskCall::SmallFile),
            writes: Lane::new(DiskCall::Write),
            syncs: Lane::new(DiskCall::Sync),
            removals: Lane::new(DiskCall::Removal),
            must_open: true,
            sync_scheduled: false,
            sync_fails: false,
        }
    }

    /// Runs `job` on a thread that may wait for the disk, at once.
    fn run<T: Send + 'static>(
        &self,
        kind: DiskCall,
        job: impl Job<T>,
    ) -> ResponseFuture<Result<T, StoreError>> {
        let (files, gauges) = (Arc::clone(&self.files), Arc::clone(&self.gauges));
        let call = move || gauges.during(kind, || job(&files));
        let job = actix_rt::task::spawn_blocking(call);
        Box::pin(async { job.await.unwrap_or(Err(StoreError::NotOpen)) })
    }

    /// Runs `job` on a thread of its own when all before it in `lane` have run.
    fn run_in<T: Send + 'static>(
        &self,
        lane: &Lane,
        job: impl Job<T>,
    ) -> ResponseFuture<Result<T, StoreError>> {
        let (turn, call) = self.call_in(lane, job);
        Box::pin(async move {
            let turn = turn.await;
            let called = actix_rt::task::spawn_blocking(move || call(turn));
            called.await.unwrap_or(Err(StoreError::NotOpen))
        })
    }

    /// The same on one of `threads`.
    fn run_in_on<T: Send + 'static>(
        &self,
        lane: &Lane,
        threads: &DiskThreads,
        job: impl Job<T>,
    ) -> ResponseFuture<Result<T, StoreError>> {
        let ((turn, call), threads) = (self.call_in(lane, job), threads.clone());
        Box::pin(async move {
            let turn = turn.await;
            let called = threads.run(move || call(turn));
            called.await.unwrap_or_else(|not_done| Err(not_done.into()))
        })
    }

    /// The turn in `lane`, and what is to be done with it.
    fn call_in<T: Send + 'static, J: Job<T>>(
        &self,
        lane: &Lane,
        job: J,
    ) -> (
        impl Future<Output = Turn> + use<T, J>,
        impl FnOnce(Turn) -> Result<T, StoreError> + Send + use<T, J>,
    ) {
        let files = Arc::clone(&self.files);
        let call = move |_until_done: Turn| {
            files.check_not_deleted()?;
            job(&files)
        };
        (self.turn(lane), call)
    }

    fn turn(&self, lane: &Lane) -> impl Future<Output = Turn> + use<> {
        let (gauges, kind) = (Arc::clone(&self.gauges), lane.kind);
        let turn = Arc::clone(&lane.turn).lock_owned();
        async move { (turn.await, gauges.begin(kind)) }
    }

    /// Runs `job`, which changes the log, when all before it have run.
    fn run_write<T: Send + 'static>(
        &self,
        job: impl Job<T>,
    ) -> ResponseFuture<Result<T, StoreError>> {
        if self.must_open {
            return Box::pin(async { Err(StoreError::NotOpen) });
        }
        self.run_in(&self.writes, job)
    }
}

impl Actor for DiskQueue {
    type Context = Context<Self>;
}

impl Supervised for DiskQueue {
    fn restarting(&mut self, _: &mut Self::Context) {
        self.must_open = true;
        self.sync_scheduled = false;
        self.restarted.do_send(LogRestarted);
    }
}

impl Handler<Read> for DiskQueue {
    type Result = ResponseFuture<Result<Vec<Arc<Batch>>, StoreError>>;

    fn handle(&mut self, read: Read, _: &mut Self::Context) -> Self::Result {
        let topic = self.topic.clone();
        self.run(DiskCall::Read, move |files| {
            let chunk = files.reader()?.read_from(read.seq, read.hint, read.bytes_max)?;
            for damage in chunk.damaged {
                log::error!("topic={topic} log is damaged: {damage}; skipped");
            }
            Ok(chunk.batches)
        })
    }
}

impl Handler<FindCopies> for DiskQueue {
    type Result = ResponseFuture<Result<Vec<PendingMessage>, StoreError>>;

    fn handle(&mut self, find: FindCopies, _: &mut Self::Context) -> Self::Result {
        self.run(DiskCall::Read, move |files| Ok(copies_for(&files.reader()?, &find.channel)?))
    }
}

impl Handler<Trim> for DiskQueue {
    type Result = ResponseFuture<Result<Vec<Stretch>, StoreError>>;

    fn handle(&mut self, trim: Trim, _: &mut Self::Context) -> Self::Result {
        if self.must_open {
            return Box::pin(async { Err(StoreError::NotOpen) });
        }
        let (topic, gauges) = (self.topic.clone(), Arc::clone(&self.gauges));
        self.run_in(&self.removals, move |files| {
            let _not_opened_meanwhile =
                files.removing.lock().unwrap_or_else(PoisonError::into_inner);
            files.check_not_deleted()?;
            let mut finished = files.with_log(|log| Ok(log.begin_trim(trim.floor)))?;
            match finished.remove() {
                Ok(0) => {}
                Ok(count) => log::debug!("topic={topic} removed {count} finished segments"),
                Err(error) => log::warn!("topic={topic} finished segments not removed: {error}"),
            }
            files.with_log(|log| {
                log.end_trim(finished);
                gauges.set_size(log);
                let stretch = |(first_seq, bytes)| Stretch { first_seq, bytes };
                Ok(log.segments().into_iter().map(stretch).collect())
            })
        })
    }
}

impl Handler<Crash> for DiskQueue {
    type Result = ();

    fn handle(&mut self, crash: Crash, _: &mut Self::Context) {
        crash.now();
    }
}
