//! Messages that are not in the window: from the topic's memory, else from its log.

use std::sync::Arc;

use actix::{ActorFutureExt, AsyncContext, Context, MailboxError, WrapFuture};

use super::{Body, Channel, body::offset_of, delivering::WINDOW_BYTES_MAX};
use crate::{
    actors::{
        disk_queue::{RETRY_PAUSE, Read, StoreError},
        topic::ReadCached,
        turn::TurnExt,
    },
    storage::{Batch, LogPosition},
};

/// About how much one read brings.
const READ_BYTES: usize = WINDOW_BYTES_MAX / 2;

impl Channel {
    /// Reads on when consumers wait for what is not in memory.
    pub(super) fn read_ahead(&mut self, ctx: &mut Context<Self>) {
        if self.reading || self.rules.whose_turn().is_none() || !self.resuming.is_empty() {
            return;
        }
        if let Some(pending) = self.rules.next_to_fetch() {
            let (seq, position) = (pending.seq, pending.body.position());
            return self.fetch(seq, position, ctx);
        }
        let Some(next) = self.rules.next_fresh() else { return };
        let from = self.window.end_seq().unwrap_or(next);
        if from < self.rules.end() && self.window.bytes() < READ_BYTES {
            self.read(from, ctx);
        }
    }

    fn read(&mut self, seq: u64, ctx: &mut Context<Self>) {
        self.reading = true;
        let in_memory = self.is_in_memory();
        let read = ReadCached { seq, bytes_max: READ_BYTES, or_later: in_memory };
        let cached = self.parent.cache.send(read);
        let disk = self.disk.clone();
        let batches = async move {
            match (cached.await, disk) {
                (Ok(Some(batches)), _) => Ok(batches),
                (Ok(None), None) => Ok(Vec::new()),
                (Ok(None), Some(disk)) => {
                    let read = Read { seq, hint: None, bytes_max: READ_BYTES };
                    disk.send(read).await.unwrap_or(Err(StoreError::NotOpen))
                }
                (Err(MailboxError::Closed | MailboxError::Timeout), _) => Err(StoreError::NotOpen),
            }
        };
        let read = batches.into_actor(self).map(move |result, channel, ctx| match result {
            Ok(batches) => channel.read_done(seq, batches),
            Err(error) => channel.read_failed(&error, ctx),
        });
        ctx.spawn(read.ending_turn());
    }

    fn read_done(&mut self, seq: u64, batches: Vec<Arc<Batch>>) {
        self.reading = false;
        if batches.is_empty() {
            // Released, yet neither in memory nor in the log.
            return self.lose(seq, self.rules.end());
        }
        batches.into_iter().for_each(|batch| self.window.push(batch));
    }

    /// The log's actor may be restarting, or the disk failing: tries again after a pause.
    fn read_failed(&mut self, error: &StoreError, ctx: &mut Context<Self>) {
        let (topic, channel) = (&self.topic, &self.name);
        log::warn!("topic={topic} channel={channel} reading failed: {error}; trying again");
        let pause = actix_rt::time::sleep(RETRY_PAUSE).into_actor(self);
        let again = pause.map(|(), channel, _: &mut Context<Self>| {
            channel.reading = false;
            channel.rules.fetch_failed();
        });
        ctx.spawn(again.ending_turn());
    }

    /// Reads the body of a message that is to be delivered again.
    fn fetch(&mut self, seq: u64, hint: Option<LogPosition>, ctx: &mut Context<Self>) {
        let Some(disk) = self.disk.clone() else { return self.rules.unfetchable(seq) };
        self.reading = true;
        let read = disk.send(Read { seq, hint, bytes_max: 1 });
        let fetched = read.into_actor(self).map(move |result, channel, ctx| match result {
            Ok(Ok(batches)) => channel.fetched(seq, &batches),
            Ok(Err(error)) => channel.read_failed(&error, ctx),
            Err(_) => channel.read_failed(&StoreError::NotOpen, ctx),
        });
        ctx.spawn(fetched.ending_turn());
    }

    /// One read often serves several messages: neighbours were requeued together.
    fn fetched(&mut self, seq: u64, batches: &[Arc<Batch>]) {
        self.reading = false;
        for wanted in self.rules.fetching_seqs() {
            let holds =
                |batch: &&Arc<Batch>| (batch.first_seq()..batch.end_seq()).contains(&wanted);
            match batches.iter().find(holds) {
                Some(batch) => {
                    if let Some(offset) = offset_of(batch, wanted) {
                        self.rules.fetched(wanted, Body::kept(batch, offset));
                    }
                }
                None if wanted == seq => {
                    let (topic, channel) = (&self.topic, &self.name);
                    log::error!("topic={topic} channel={channel} message {seq} is not in the log");
                    self.rules.unfetchable(seq);
                }
                None => {}
            }
        }
    }
}
