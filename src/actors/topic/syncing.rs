//! `--durability=power`: publishes that are in the log wait here until they are on the disk.
//!
//! While a sync is under way, the next ones gather; large writes go on meanwhile. Channels hear of a message
//! when its publisher does: what a consumer has seen does not vanish with the power.

use actix::{ActorFutureExt, AsyncContext, Context, Handler, ResponseActFuture, WrapFuture, fut};

use super::{PublishError, SetDurability, Topic};
use crate::{
    actors::{
        disk_queue::{RETRY_PAUSE, StoreError, Sync},
        turn::TurnExt,
    },
    config::Durability,
};

/// A larger write takes long enough to be worth going on while the one before it is synced.
const SYNCED_WITH_WRITE_BYTES_MAX: usize = 64 * 1024;

impl Topic {
    /// What `OK` promises here; `None` for an ephemeral topic, which promises nothing.
    pub(super) fn durability(&self) -> Option<Durability> {
        let promised = self.durability.unwrap_or(self.shared().options.durability);
        (!self.name.is_ephemeral()).then_some(promised)
    }

    /// Files that the topic and its channels consist of must outlive a loss of power.
    pub(super) fn is_durable(&self) -> bool {
        self.durability() == Some(Durability::Power)
    }

    /// Publishes are answered after a sync. So are those behind others that wait for one: their order
    /// is kept.
    pub(super) fn waits_for_sync(&self) -> bool {
        self.is_durable() || !self.appending.unsynced.is_empty()
    }

    /// What is being written leaves for the disk in one call with its sync: nothing waits for a sync
    /// before it, and it is written so soon that the next write need not begin meanwhile.
    pub(super) fn syncs_with_write(&self) -> bool {
        let bytes = self.appending.writing.iter().map(|writing| writing.batch.encoded_len());
        self.is_durable()
            && self.appending.unsynced.is_empty()
            && bytes.sum::<usize>() <= SYNCED_WITH_WRITE_BYTES_MAX
    }

    /// Makes durable what waits for that, unless a sync is under way: then it goes with the next one.
    pub(super) fn sync(&mut self, ctx: &mut Context<Self>) {
        let count = self.appending.unsynced.len();
        let Some(disk) = self.disk.as_ref().filter(|_| count > 0) else { return };
        if std::mem::replace(&mut self.appending.sync_under_way, true) {
            return;
        }
        let opening = self.appending.opening;
        let synced = disk.send(Sync).into_actor(self).map(move |result, topic, ctx| {
            if opening == topic.appending.opening {
                topic.appending.sync_under_way = false;
                topic.synced(count, result.unwrap_or(Err(StoreError::NotOpen)), ctx);
            }
        });
        ctx.spawn(synced.ending_turn());
    }

    fn synced(&mut self, count: usize, result: Result<(), StoreError>, ctx: &mut Context<Self>) {
        match result {
            Ok(()) => {
                self.shared().health.recovered(&self.name);
                let durable = self.appending.unsynced.drain(..count).collect();
                self.stored(durable);
                self.sync(ctx);
            }
            Err(StoreError::Poisoned(reason)) => {
                let refusal = Err(PublishError::Store(reason));
                self.appending.unsynced.drain(..).for_each(|writing| writing.answer(&refusal));
            }
            // The disk could not be asked: nothing is lost, the publishers wait on.
            Err(StoreError::Disk(reason)) => {
                self.failed(&reason);
                ctx.run_later(RETRY_PAUSE, Self::sync);
            }
            Err(StoreError::NotOpen) => self.reopen(ctx),
        }
    }

    /// The log was opened anew: whatever a sync of the old one will say, it is asked again.
    pub(super) fn forget_sync(&mut self) {
        self.appending.opening += 1;
        self.appending.sync_under_way = false;
    }
}

impl Handler<SetDurability> for Topic {
    type Result = ResponseActFuture<Self, Result<(), StoreError>>;

    /// Holds for whatever is answered from now on.
    fn handle(&mut self, set: SetDurability, _: &mut Self::Context) -> Self::Result {
        let Some(disk) = self.disk.clone() else { return Box::pin(fut::ready(Ok(()))) };
        self.durability = Some(set.0);
        let saved = self.save_metadata();
        let synced =
            move |saved: Result<(), StoreError>, topic: &mut Self, _: &mut Context<Self>| {
                let durable = topic.is_durable();
                let synced = async move {
                    saved?;
                    // The way to the file must be durable too.
                    if durable {
                        disk.send(Sync).await.unwrap_or(Err(StoreError::NotOpen))
                    } else {
                        Ok(())
                    }
                };
                synced.into_actor(topic)
            };
        Box::pin(saved.then(synced))
    }
}
