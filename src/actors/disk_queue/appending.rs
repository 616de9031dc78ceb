//! Writing to a log.

use std::{sync::Arc, time::Instant};

use actix::{AsyncContext, Context, Handler, ResponseFuture, WeakRecipient};
use tokio::sync::oneshot;

use super::{
    Append, Appended, DiskQueue, Files, Probe, StoreError, SyncItself,
    syncing::{LeaveToSync, sync_surplus},
};
use crate::{
    actors::{
        disk_threads::{DiskThreads, Sizes},
        full_disk::check_room,
        journal::Reply,
        meters::{DiskCall, DiskGauges},
        shared::Shared,
    },
    protocol::TopicName,
};

/// A larger write takes so long that others should not wait for it, and a thread of its own is cheap.
const SMALL_WRITE_BYTES_MAX: usize = 64 * 1024;
/// Threads that writes may hang on at the same moment.
const WRITERS_MAX: usize = 512;

/// The threads for small writes to logs: one does for all, unless it hangs.
pub fn writers() -> DiskThreads {
    DiskThreads::new("disk-write", Sizes { enough: 1, max: WRITERS_MAX })
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
        let is_small = append.bytes() <= SMALL_WRITE_BYTES_MAX;
        match if append.with_sync { self.leave_to_sync() } else { None } {
            Some(leave) if is_small && leave.journal_is_worth_it() => {
                self.append_with_journal(append, leave, ctx)
            }
            leave => self.append_alone(append, leave),
        }
    }
}

impl DiskQueue {
    /// Written, and with `leave` synced, by itself.
    fn append_alone(
        &self,
        append: Append,
        leave: Option<LeaveToSync>,
    ) -> ResponseFuture<Result<Appended, StoreError>> {
        let is_large = append.bytes() > SMALL_WRITE_BYTES_MAX;
        let syncs = leave.is_some();
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

    /// Written like any other, and made durable with what other logs have to be made so.
    fn append_with_journal(
        &self,
        append: Append,
        leave: LeaveToSync,
        ctx: &Context<Self>,
    ) -> ResponseFuture<Result<Appended, StoreError>> {
        let (shared, gauges) = (Arc::clone(&self.shared), Arc::clone(&self.gauges));
        let (topic, itself) = (self.topic.clone(), ctx.address().downgrade().recipient());
        let under_way = self.gauges.begin(DiskCall::Sync);
        let (reply, answer) = oneshot::channel();
        let write = move |files: &Files| {
            check_room(&shared)?;
            sync_surplus(files, &topic, &shared)?;
            append_to(files, &append, &shared, &gauges)?;
            give_to_journal(files, &topic, &shared, &itself, reply);
            Ok(())
        };
        let ((turn, call), shared) = (self.call_in(&self.writes, write), Arc::clone(&self.shared));
        Box::pin(async move {
            let turn = turn.await;
            let (written, began) = (shared.writers.run(move || call(turn)), Instant::now());
            // The journal's answer is the only one that wakes this, unless there is none.
            match answer.await {
                Ok(Ok(())) => {
                    shared.meters.logs.syncs.record(began.elapsed());
                    drop((leave, under_way));
                    return Ok(Appended::Durable);
                }
                Ok(Err(_has_failed)) => {}
                Err(_not_asked) => written.await.unwrap_or_else(|not_done| Err(not_done.into()))?,
            }
            // Whoever appends has the log synced by itself, as after any other write.
            Ok(Appended::Written)
        })
    }
}

/// Has everything that is not durable written to the journal, which then answers; if the log has to be synced by itself,
/// there is no answer. It is locked meanwhile, so that a deletion comes before or after.
fn give_to_journal(
    files: &Files,
    topic: &TopicName,
    shared: &Shared,
    itself: &WeakRecipient<SyncItself>,
    reply: Reply,
) {
    let _not_open_any_more = files.with_log(|log| {
        let Some(batches) = log.take_for_journal() else { return Ok(()) };
        if !shared.journal.take(topic, batches, itself, reply) {
            log.give_up_journal();
        }
        Ok(())
    });
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
        if appended.is_ok() && append.durable {
            log.retain(&append.batches);
        }
        gauges.set_size(log);
        appended
    });
    let batches = append.batches.iter().map(|batch| &**batch);
    shared.meters.logs.wrote(batches, started.elapsed(), appended.is_ok());
    appended
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
