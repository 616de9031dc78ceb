//! Making a log durable: one sync of a log at a time, and not too many over all logs.

use std::{
    sync::{Arc, PoisonError},
    time::Instant,
};

use actix::{ActorFutureExt, AsyncContext, Context, Handler, ResponseFuture, WrapFuture};

use tokio::sync::OwnedMutexGuard;

use super::{DiskQueue, Files, StoreError, Sync, SyncItself};
use crate::{
    actors::{
        disk_threads::{DiskThreads, Sizes},
        journal::{Journal, Waiting},
        meters::{DiskCall, DiskGauges},
        shared::Shared,
    },
    protocol::TopicName,
    storage::{Log, LogError},
};

/// Syncs that run at the same moment over all logs. Those of one moment share the disk's commits, so
/// that many cost little more than one (docs/adr/0004); each holds a thread.
const SYNCS_MAX: usize = 64;

/// The threads that syncs wait on.
pub fn syncers() -> DiskThreads {
    DiskThreads::new("disk-sync", Sizes { enough: SYNCS_MAX, max: SYNCS_MAX })
}

impl DiskQueue {
    /// Syncs within `--sync-timeout`, unless that is on its way already.
    pub(super) fn schedule_sync(&mut self, ctx: &mut Context<Self>) {
        if !std::mem::replace(&mut self.sync_scheduled, true) {
            ctx.run_later(self.shared.options.sync_timeout, |actor, ctx| {
                actor.sync_scheduled = false;
                ctx.spawn(actor.sync().into_actor(actor).map(|result, actor, ctx| {
                    // The log could not even be asked to sync: it may be able to the next time.
                    let was_failing = std::mem::take(&mut actor.sync_fails);
                    match result {
                        Err(StoreError::Disk(reason)) if !actor.must_open => {
                            actor.sync_fails = true;
                            actor.shared.health.failed(&actor.topic, &reason);
                            actor.schedule_sync(ctx);
                        }
                        Ok(()) if was_failing => actor.shared.health.recovered(&actor.topic),
                        _ => {}
                    }
                }));
            });
        }
    }

    /// Makes durable what has been appended when the sync begins. Appends go on meanwhile.
    pub(super) fn sync(&self) -> ResponseFuture<Result<(), StoreError>> {
        if self.must_open {
            return Box::pin(async { Err(StoreError::NotOpen) });
        }
        let (files, shared) = (Arc::clone(&self.files), Arc::clone(&self.shared));
        let (topic, turn) = (self.topic.clone(), self.turn(&self.syncs));
        Box::pin(async move {
            let (turn, threads) = (turn.await, shared.syncers.clone());
            let synced = threads.run(move || {
                let _until_done = turn;
                sync_files(&files, &topic, &shared)
            });
            synced.await.unwrap_or_else(|not_done| Err(not_done.into()))
        })
    }

    /// Leave to sync at once, as part of another call.
    pub(super) fn leave_to_sync(&self) -> Option<LeaveToSync> {
        let turn = Arc::clone(&self.syncs.turn).try_lock_owned().ok()?;
        let (journal, waiting) = (self.shared.journal.clone(), self.shared.journal.wait());
        Some(LeaveToSync { journal, _until_done: (turn, waiting) })
    }
}

/// No other sync of the log is under way.
pub(super) struct LeaveToSync {
    journal: Journal,
    _until_done: (OwnedMutexGuard<()>, Waiting),
}

impl LeaveToSync {
    /// So many logs wait for the disk that the journal had better take this one too.
    pub fn journal_is_worth_it(&self) -> bool {
        self.journal.is_worth_it()
    }

    /// True if everything that was appended is durable. Otherwise the next sync tells why.
    pub fn sync(
        self,
        files: &Files,
        topic: &TopicName,
        shared: &Shared,
        gauges: &DiskGauges,
    ) -> bool {
        gauges.during(DiskCall::Sync, || sync_files(files, topic, shared)).is_ok()
    }
}

/// A log that the disk has failed stays so until the process ends: what was written may be lost, and
/// the operating system would report success the next time.
fn sync_files(files: &Files, topic: &TopicName, shared: &Shared) -> Result<(), StoreError> {
    files.check_not_deleted()?;
    let mut unsynced = files.with_log(Log::begin_sync)?;
    let (is_needed, started) = (!unsynced.is_empty(), Instant::now());
    let result = unsynced.sync();
    if is_needed {
        shared.meters.logs.syncs.record(started.elapsed());
    }
    if files.check_not_deleted().is_err() {
        return Ok(()); // nothing of it is wanted any more
    }
    files.with_log(|log| {
        let result = log.end_sync(unsynced, result);
        if let Some(synced_to) = log.synced_to() {
            shared.journal.synced(topic, synced_to);
        }
        Ok(files.judge(log, result, topic, shared))
    })?
}

/// Before a write: syncs segments that must not wait for the next sync, each with a descriptor. The
/// log is locked meanwhile, so that no other sync can take it for done.
pub(super) fn sync_surplus(
    files: &Files,
    topic: &TopicName,
    shared: &Shared,
) -> Result<(), StoreError> {
    files.with_log(|log| {
        let result = log.sync_surplus();
        Ok(files.judge(log, result, topic, shared))
    })?
}

impl Files {
    /// What a sync has said of `log`, which is locked: what is said of a topic's health is said before
    /// the topic is deleted.
    fn judge(
        &self,
        log: &Log,
        synced: Result<(), LogError>,
        topic: &TopicName,
        shared: &Shared,
    ) -> Result<(), StoreError> {
        let Err(error) = synced else { return Ok(()) };
        if log.poisoned().is_none() {
            return Err(error.into());
        }
        let reason = error.to_string();
        shared.health.failed_for_good(topic, &reason);
        self.poison(reason.clone());
        Err(StoreError::Poisoned(reason))
    }

    /// Keeps the reason for every log that is opened here later.
    fn poison(&self, reason: String) {
        let mut poison = self.poison.lock().unwrap_or_else(PoisonError::into_inner);
        poison.get_or_insert(reason);
    }

    pub(super) fn poisoned(&self) -> Option<String> {
        self.poison.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Handler<SyncItself> for DiskQueue {
    type Result = ();

    fn handle(&mut self, _: SyncItself, ctx: &mut Self::Context) {
        ctx.spawn(self.sync().into_actor(self).map(|synced, actor, ctx| {
            if matches!(synced, Err(StoreError::Disk(_))) {
                actor.schedule_sync(ctx); // the log could not even be asked to
            }
        }));
    }
}

impl Handler<Sync> for DiskQueue {
    type Result = ResponseFuture<Result<(), StoreError>>;

    fn handle(&mut self, _: Sync, _: &mut Self::Context) -> Self::Result {
        self.sync()
    }
}
