//! Messages that are not in the window: from the topic's memory, else from its log.

use std::{future::Future, sync::Arc};

use actix::{ActorFutureExt, AsyncContext, Context, WrapFuture};

use super::{Body, Channel, body::offsets, delivering::WINDOW_BYTES_MAX};
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
/// About how much is read for a message that is delivered again, and for its neighbours.
const FETCH_BYTES: usize = 64 * 1024;

impl Channel {
    /// Reads on when consumers wait for what is not in memory. What must be in memory is read
    /// whether they wait for it or not: it is no more than may wait.
    pub(super) fn read_ahead(&mut self, ctx: &mut Context<Self>) {
        if self.reading || !self.resuming.is_empty() {
            return;
        }
        if self.keeps_bodies
            && let Some(seq) = self.unread()
        {
            return self.read(seq, ctx);
        }
        if self.rules.whose_turn().is_none() {
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
        let batches = self.batches(seq, self.window.position_of(seq), READ_BYTES);
        let read = batches.into_actor(self).map(move |result, channel, ctx| match result {
            Ok(batches) => channel.read_done(seq, batches),
            Err(error) => channel.read_failed(&error, ctx),
        });
        ctx.spawn(read.ending_turn());
    }

    /// Batches from message `seq` on, from memory or the log.
    fn batches(
        &mut self,
        seq: u64,
        hint: Option<LogPosition>,
        bytes_max: usize,
    ) -> impl Future<Output = Result<Vec<Arc<Batch>>, StoreError>> + use<> {
        self.reading = true;
        let disk = self.disk.clone();
        let cached =
            self.parent.cache.send(ReadCached { seq, bytes_max, or_later: disk.is_none() });
        async move {
            match (cached.await, disk) {
                (Ok(Some(batches)), _) => Ok(batches),
                (Ok(None), None) => Ok(Vec::new()),
                (Ok(None), Some(disk)) => {
                    let read = disk.send(Read { seq, hint, bytes_max });
                    read.await.unwrap_or(Err(StoreError::NotOpen))
                }
                (Err(_), _) => Err(StoreError::NotOpen),
            }
        }
    }

    fn read_done(&mut self, seq: u64, batches: Vec<Arc<Batch>>) {
        self.reading = false;
        if self.keeps_bodies {
            return self.keep_read(seq, &batches);
        }
        let Some(next) = self.rules.next_fresh() else { return };
        if batches.is_empty() && seq <= next {
            // Released, yet neither in memory nor in the log.
            return self.lose(seq, self.rules.end());
        }
        self.window.push_read(seq, next, batches);
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
    fn fetch(&mut self, seq: u64, position: LogPosition, ctx: &mut Context<Self>) {
        let hint = (position != LogPosition::START).then_some(position);
        let batches = self.batches(seq, hint, FETCH_BYTES);
        let fetched = batches.into_actor(self).map(move |result, channel, ctx| match result {
            Ok(batches) => channel.fetched(seq, &batches),
            Err(error) => channel.read_failed(&error, ctx),
        });
        ctx.spawn(fetched.ending_turn());
    }

    /// One read often serves several messages: neighbours were requeued, or are due, together.
    fn fetched(&mut self, seq: u64, batches: &[Arc<Batch>]) {
        self.reading = false;
        let mut found = Vec::new();
        for batch in batches {
            let mut offsets = offsets(batch);
            for wanted in self.rules.fetching_within(batch.first_seq()..batch.end_seq()) {
                let offset = offsets.find(|(seq, _)| *seq == wanted).map(|(_, offset)| offset);
                found.extend(offset.map(|offset| (wanted, Body::kept(batch, offset))));
            }
        }
        // Each goes before those that are there: the last one first keeps the order of the log.
        for (seq, body) in found.into_iter().rev() {
            self.rules.fetched(seq, body);
        }
        if !self.rules.fetching_within(seq..seq + 1).is_empty() {
            let (topic, channel) = (&self.topic, &self.name);
            log::error!("topic={topic} channel={channel} message {seq} is not in the log");
            self.rules.unfetchable(seq);
        }
    }
}
