//! The actor of a topic's log: files on one side, messages on the other.
//!
//! Calls that can wait for the disk run on other threads, so that a slow disk under one topic
//! holds up neither this thread nor another topic. Writes of a log exclude each other; reads do not
//! wait for them.

pub mod messages;
mod syncing;

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use actix::{Actor, Context, Handler, Recipient, ResponseFuture, Supervised};
use tokio::sync::OwnedMutexGuard;

pub use messages::*;
pub use syncing::syncers;

use self::syncing::sync_surplus;
use super::{
    disk_threads::{DiskThreads, Sizes},
    full_disk::{check_room, replace_small, take_reserve_again},
    meters::{DiskCall, DiskGauges, UnderWay},
    shared::Shared,
    supervisor::Crash,
};
use crate::{
    broker::stragglers::Stretch,
    config::Durability,
    protocol::TopicName,
    storage::{
        Batch, Cursor, CursorError, Log, LogError, LogReader, PendingMessage, StoredTopic,
        TopicMetadata, copies_for,
    },
};

/// A larger write takes so long that others should not wait for it, and a thread of its own is cheap.
const SMALL_WRITE_BYTES_MAX: usize = 64 * 1024;
/// Threads that writes may hang on at the same moment.
const WRITERS_MAX: usize = 512;
/// A file of metadata has less.
const METADATA_BYTES: usize = 4096;

/// The threads for small writes to logs: one does for all, unless it hangs.
pub fn writers() -> DiskThreads {
    DiskThreads::new("disk-write", Sizes { enough: 1, max: WRITERS_MAX })
}

/// The thread that gives the space of deleted topics back. One does: a removal takes long, and the disk has other things to do.
pub fn removers() -> DiskThreads {
    DiskThreads::new("disk-remove", Sizes { enough: 1, max: 1 })
}

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

    /// Runs `job`, which replaces a small file, when all before it have run.
    fn replace(
        &self,
        job: impl FnOnce(&Shared) -> Result<(), StoreError> + Send + 'static,
    ) -> ResponseFuture<Result<(), StoreError>> {
        let (shared, for_job) = (Arc::clone(&self.shared), Arc::clone(&self.shared));
        let replaced = self.run_in(&self.small_files, move |_| job(&for_job));
        Box::pin(async move {
            let replaced = replaced.await;
            take_reserve_again(&shared);
            replaced
        })
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

impl Handler<Open> for DiskQueue {
    type Result = ResponseFuture<Result<Opened, StoreError>>;

    fn handle(&mut self, _: Open, ctx: &mut Self::Context) -> Self::Result {
        self.must_open = false;
        self.schedule_sync(ctx); // what an earlier process wrote may not be durable
        let (dir, topic, shared) = (self.dir.clone(), self.topic.clone(), Arc::clone(&self.shared));
        let gauges = Arc::clone(&self.gauges);
        let opened = self.run_in(&self.writes, move |files| {
            let opened = open(files, &dir, &topic, &shared)?;
            files.with_log(|log| {
                gauges.set_size(log);
                Ok(())
            })?;
            Ok(opened)
        });
        let (synced, default) = (self.sync(), self.shared.options.durability);
        Box::pin(async move {
            let opened = opened.await?;
            // What is there already may be shown to consumers: it must not be lost after that. If it
            // cannot be synced, the log is poisoned, and what can be read of it still is.
            if opened.metadata.durability.unwrap_or(default) == Durability::Power {
                match synced.await {
                    Err(error @ (StoreError::NotOpen | StoreError::Disk(_))) => return Err(error),
                    Ok(()) | Err(StoreError::Poisoned(_)) => {}
                }
            }
            Ok(opened)
        })
    }
}

fn open(
    files: &Files,
    dir: &Path,
    topic: &TopicName,
    shared: &Arc<Shared>,
) -> Result<Opened, StoreError> {
    let _nothing_is_removed = files.removing.lock().unwrap_or_else(PoisonError::into_inner);
    let mut slot = files.log.lock().unwrap_or_else(PoisonError::into_inner);
    files.check_not_deleted()?; // its directory must not be made again
    *slot = None;
    files.log.clear_poison();
    if let Some(retired) = shared.data.finish_retiring(topic)? {
        remove_later(shared, retired); // of an earlier topic, whose messages must not come back
    }
    shared.data.create_topic(topic)?;
    let stored = StoredTopic::open(dir, shared.log.clone())?;
    let StoredTopic { mut log, recovery, metadata, metadata_damage, channels } = stored;
    if let Some(reason) = files.poisoned() {
        log.poison(reason);
    }
    *files.reader.write().unwrap_or_else(PoisonError::into_inner) = Some(log.reader());
    *slot = Some(log);
    Ok(Opened { recovery, metadata, metadata_damage, channels })
}

impl Handler<Append> for DiskQueue {
    type Result = ResponseFuture<Result<Appended, StoreError>>;

    fn handle(&mut self, append: Append, ctx: &mut Self::Context) -> Self::Result {
        if !append.durable {
            self.schedule_sync(ctx);
        }
        if self.must_open {
            return Box::pin(async { Err(StoreError::NotOpen) });
        }
        let leave = if append.with_sync { self.leave_to_sync() } else { None };
        let syncs = leave.is_some();
        let is_large = append.bytes() > SMALL_WRITE_BYTES_MAX;
        let (shared, gauges) = (Arc::clone(&self.shared), Arc::clone(&self.gauges));
        let topic = self.topic.clone();
        let write = move |files: &Files| {
            check_room(&shared)?;
            sync_surplus(files, &topic, &shared)?;
            append_to(files, &append, &shared, &gauges)?;
            let synced = leave.map(|leave| leave.sync(files, &topic, &shared, &gauges));
            Ok(if synced == Some(true) { Appended::Durable } else { Appended::Written })
        };
        match (syncs, is_large) {
            (true, _) => self.run_in_on(&self.writes, &self.shared.syncers, write),
            (false, false) => self.run_in_on(&self.writes, &self.shared.writers, write),
            (false, true) => self.run_in(&self.writes, write),
        }
    }
}

fn append_to(
    files: &Files,
    append: &Append,
    shared: &Shared,
    gauges: &DiskGauges,
) -> Result<(), StoreError> {
    let started = Instant::now();
    let appended = files.with_log(|log| {
        let appended = log.append(&append.batches);
        gauges.set_size(log);
        appended
    });
    let batches = append.batches.iter().map(|batch| &**batch);
    shared.meters.logs.wrote(batches, started.elapsed(), appended.is_ok());
    appended
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

impl Handler<LoadCursor> for DiskQueue {
    type Result = ResponseFuture<Result<Option<Cursor>, StoreError>>;

    fn handle(&mut self, load: LoadCursor, _: &mut Self::Context) -> Self::Result {
        let (dir, topic, shared) = (self.dir.clone(), self.topic.clone(), Arc::clone(&self.shared));
        self.run_in(&self.small_files, move |_| {
            match Cursor::load(&*shared.log.disk, &dir, &load.channel) {
                Ok(cursor) => Ok(cursor),
                Err(error @ CursorError::Io { .. }) => Err(error.into()),
                Err(damaged) => {
                    let channel = &load.channel;
                    log::error!(
                        "topic={topic} channel={channel} cursor is unreadable: {damaged}; \
                         its messages are delivered again from the beginning of the log"
                    );
                    Ok(None)
                }
            }
        })
    }
}

impl Handler<FindCopies> for DiskQueue {
    type Result = ResponseFuture<Result<Vec<PendingMessage>, StoreError>>;

    fn handle(&mut self, find: FindCopies, _: &mut Self::Context) -> Self::Result {
        self.run(DiskCall::Read, move |files| Ok(copies_for(&files.reader()?, &find.channel)?))
    }
}

impl Handler<SaveCursor> for DiskQueue {
    type Result = ResponseFuture<Result<(), StoreError>>;

    fn handle(&mut self, mut save: SaveCursor, _: &mut Self::Context) -> Self::Result {
        let (dir, shared) = (self.dir.clone(), Arc::clone(&self.shared));
        if save.is_new
            && let Err(full) = check_room(&shared)
        {
            return Box::pin(async { Err(full) });
        }
        self.replace(move |shared| {
            save.cursor.pending.sort_unstable_by_key(|pending| pending.seq);
            let SaveCursor { channel, cursor, durable, is_new } = &save;
            let save = || cursor.save(&*shared.log.disk, &dir, channel, *durable);
            let bytes = cursor.file_bytes();
            Ok(if *is_new { save() } else { replace_small(shared, bytes, save) }?)
        })
    }
}

impl Handler<RemoveCursor> for DiskQueue {
    type Result = ResponseFuture<Result<(), StoreError>>;

    fn handle(&mut self, remove: RemoveCursor, _: &mut Self::Context) -> Self::Result {
        let (dir, shared) = (self.dir.clone(), Arc::clone(&self.shared));
        self.run_in(&self.small_files, move |_| {
            let disk = &*shared.log.disk;
            Ok(Cursor::remove(disk, &dir, &remove.channel, remove.durable)?)
        })
    }
}

impl Handler<SaveMetadata> for DiskQueue {
    type Result = ResponseFuture<Result<(), StoreError>>;

    fn handle(&mut self, save: SaveMetadata, _: &mut Self::Context) -> Self::Result {
        let dir = self.dir.clone();
        let file = TopicMetadata::path(&dir);
        log::info!("NSQ: persisting topic/channel metadata to {}", file.display());
        self.replace(move |shared| {
            let saved = || save.0.save(&*shared.log.disk, &dir, true);
            Ok(replace_small(shared, METADATA_BYTES, saved)?)
        })
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

impl Handler<Probe> for DiskQueue {
    type Result = ResponseFuture<Result<(), StoreError>>;

    fn handle(&mut self, _: Probe, _: &mut Self::Context) -> Self::Result {
        match check_room(&self.shared) {
            Err(full) => Box::pin(async { Err(full) }),
            Ok(()) => self.run_write(|files| files.with_log(|log| log.check_writable())),
        }
    }
}

impl Handler<Delete> for DiskQueue {
    type Result = ResponseFuture<Result<(), StoreError>>;

    fn handle(&mut self, _: Delete, _: &mut Self::Context) -> Self::Result {
        self.must_open = true;
        let (turn, files) = (self.turn(&self.small_files), Arc::clone(&self.files));
        let (topic, shared) = (self.topic.clone(), Arc::clone(&self.shared));
        Box::pin(async move {
            let turn = turn.await;
            let (name, of_topic) = (topic.clone(), Arc::clone(&shared));
            let retire = move || {
                let _until_done = turn;
                retire(&files, &name, &of_topic)
            };
            let retired = actix_rt::task::spawn_blocking(retire).await;
            // Not before: calls that were under way may have failed meanwhile.
            shared.health.forget(&topic);
            // The topic is gone; nobody waits for its space to be free as well.
            if let Some(retired) = retired.unwrap_or(Err(StoreError::NotOpen))? {
                remove_later(&shared, retired);
            }
            Ok(())
        })
    }
}

/// Takes the topic from the disk, if that has not been done: another one of its name may be there then.
fn retire(
    files: &Files,
    topic: &TopicName,
    shared: &Shared,
) -> Result<Option<PathBuf>, StoreError> {
    let _nothing_is_removed = files.removing.lock().unwrap_or_else(PoisonError::into_inner);
    let mut log = files.log.lock().unwrap_or_else(PoisonError::into_inner);
    *log = None;
    files.deleted.store(true, Ordering::Relaxed);
    if files.retired.load(Ordering::Relaxed) {
        return Ok(None);
    }
    let retired = shared.data.retire_topic(topic)?;
    files.retired.store(true, Ordering::Relaxed);
    Ok(retired)
}

/// Deletes what is left of a topic that could not be deleted, and is not there any more; harmless if there is nothing.
pub async fn delete_rest(topic: TopicName, shared: Arc<Shared>) -> Result<(), StoreError> {
    let data = Arc::clone(&shared);
    let retire = actix_rt::task::spawn_blocking(move || data.data.finish_retiring(&topic));
    let retired = retire.await.map_err(|_panicked| StoreError::NotOpen)?;
    if let Some(retired) = retired? {
        remove_later(&shared, retired);
    }
    Ok(())
}

/// Gives the space of a topic's files back, one topic after the other.
fn remove_later(shared: &Arc<Shared>, retired: PathBuf) {
    let data = Arc::clone(shared);
    let remove = move || {
        if let Err(error) = data.data.remove_retired(&retired) {
            log::warn!("a deleted topic's files will be removed by the next start: {error}");
        }
    };
    drop(shared.removers.run(remove)); // it runs all the same
}

impl Handler<Crash> for DiskQueue {
    type Result = ();

    fn handle(&mut self, crash: Crash, _: &mut Self::Context) {
        crash.now();
    }
}
