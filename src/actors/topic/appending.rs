//! Publishes on their way into the log: gathered, stamped, written, answered.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use actix::{ActorFutureExt, AsyncContext, Context, WrapFuture};
use tokio::sync::oneshot;

use super::{Batches, Publish, PublishError, Released, Topic};
use crate::{
    actors::{
        clock,
        disk_queue::{Append, Probe, StoreError},
        full_disk::PROBE_PAUSE,
        turn::TurnExt,
    },
    broker::topic::MESSAGES_PER_STAMP,
    storage::{Batch, BatchBuilder, LogPosition, Recovery, Stamp},
};

type Reply = oneshot::Sender<Result<(), PublishError>>;

/// Batches up to this size are joined with others of the same turn: copying them costs less than a
/// record of their own.
const JOIN_BYTES_MAX: usize = 16 * 1024;
/// A joined batch is not made larger than this.
const JOINED_BYTES_MAX: usize = 256 * 1024;

/// Messages that have no number yet.
#[derive(Debug)]
struct Unstamped {
    builder: BatchBuilder,
    delay: Duration,
    replies: Vec<Reply>,
}

impl Unstamped {
    fn takes(&self, builder: &BatchBuilder, delay: Duration) -> bool {
        self.delay.is_zero()
            && delay.is_zero()
            && builder.payload_bytes() <= JOIN_BYTES_MAX
            && self.builder.payload_bytes() + builder.payload_bytes() <= JOINED_BYTES_MAX
            && self.builder.count() + builder.count() <= MESSAGES_PER_STAMP
    }
}

/// Messages on their way to the disk.
#[derive(Debug)]
pub(super) struct Writing {
    pub(super) batch: Arc<Batch>,
    replies: Vec<Reply>,
}

impl Writing {
    fn is_before(&self, end: u64) -> bool {
        self.batch.end_seq() <= end
    }

    pub(super) fn answer(self, result: &Result<(), PublishError>) {
        for reply in self.replies {
            let _ = reply.send(result.clone()); // the publisher may have gone
        }
    }
}

/// All publishes that wait for an answer.
#[derive(Debug, Default)]
pub(super) struct Appending {
    gathered: VecDeque<Unstamped>,
    /// One write at a time: what comes meanwhile leaves together with the next one.
    pub(super) writing: Vec<Writing>,
    /// Counts writes: the answer to an earlier one says nothing about the one under way.
    write_number: u64,
    /// In the log, and waiting for a sync: see [`super::syncing`].
    pub(super) unsynced: Vec<Writing>,
    pub(super) sync_under_way: bool,
    /// Counts openings of the log: what is said about an earlier one is of no interest.
    pub(super) opening: u64,
    /// Where the log ends once `writing` is in it.
    pub(super) position: LogPosition,
    /// The topic stops, or its log cannot be opened: publishes are refused.
    pub(super) refusal: Option<PublishError>,
    /// Somebody asks whether the log can be written again.
    is_probing: bool,
}

impl Appending {
    pub(super) fn add(&mut self, publish: Publish) {
        if let Some(refusal) = &self.refusal {
            let _ = publish.reply.send(Err(refusal.clone()));
            return;
        }
        let Batches { first, rest } = publish.batches;
        let mut builder = first;
        for next in rest {
            self.gather(std::mem::replace(&mut builder, next), publish.delay, None);
        }
        self.gather(builder, publish.delay, Some(publish.reply));
    }

    fn gather(&mut self, builder: BatchBuilder, delay: Duration, reply: Option<Reply>) {
        match self.gathered.back_mut() {
            Some(last) if last.takes(&builder, delay) => {
                last.builder.append(&builder);
                last.replies.extend(reply);
            }
            _ => {
                let replies = reply.into_iter().collect();
                self.gathered.push_back(Unstamped { builder, delay, replies });
            }
        }
    }

    /// Publishes that wait for a write to begin.
    pub(super) fn waiting_count(&self) -> usize {
        self.gathered.iter().map(|unstamped| unstamped.replies.len()).sum()
    }

    /// Drops every publish that waits; whoever waits for an answer is told by that.
    pub(super) fn abandon(&mut self) {
        *self = Self::default();
    }

    /// Refuses every publish that waits for its number, and all that come, if told to.
    pub(super) fn refuse(&mut self, refusal: &PublishError) {
        for unstamped in self.gathered.drain(..) {
            for reply in unstamped.replies {
                let _ = reply.send(Err(refusal.clone()));
            }
        }
    }
}

impl Topic {
    /// Sends what was gathered to the log, unless a write is under way.
    pub(super) fn append(&mut self, ctx: &mut Context<Self>) {
        if self.appending.gathered.is_empty() || !self.appending.writing.is_empty() {
            return;
        }
        self.stamp_gathered();
        self.write(ctx);
    }

    fn stamp_gathered(&mut self) {
        let (now, wall_ns) = (clock::now(), clock::wall_ns());
        for unstamped in std::mem::take(&mut self.appending.gathered) {
            let Unstamped { mut builder, delay, replies } = unstamped;
            self.drop_surplus(&mut builder);
            if builder.is_empty() {
                replies.into_iter().for_each(|reply| _ = reply.send(Ok(()))); // who may have gone
                continue;
            }
            let (first_seq, first_id) = self.rules.stamp(builder.count(), wall_ns);
            let due_ns = if delay.is_zero() { 0 } else { clock::wall_of(now + delay) };
            let position = self.appending.position;
            let stamp = Stamp { first_seq, first_id, timestamp_ns: wall_ns, due_ns, position };
            let batch = Arc::new(builder.seal(stamp));
            self.appending.position = batch.end_position();
            self.appending.writing.push(Writing { batch, replies });
        }
    }

    /// An ephemeral topic that cannot hand its messages on keeps `--mem-queue-size` of them. What is
    /// more counts as published all the same.
    fn drop_surplus(&mut self, builder: &mut BatchBuilder) {
        if !self.name.is_ephemeral() {
            return;
        }
        let room = self.rules.room(self.shared().options.mem_queue_size as u64);
        let (count, bytes) = (builder.count(), builder.body_bytes());
        builder.truncate(u32::try_from(room).unwrap_or(u32::MAX));
        self.message_count += u64::from(count - builder.count());
        self.message_bytes += (bytes - builder.body_bytes()) as u64;
    }

    /// Hands what is on its way to the log. An ephemeral topic has none.
    fn write(&mut self, ctx: &mut Context<Self>) {
        let Some(disk) = &self.disk else { return self.written(ctx) };
        let batches = self.appending.writing.iter().map(|writing| Arc::clone(&writing.batch));
        let durable = self.waits_for_sync();
        let appended = disk.send(Append { batches: batches.collect(), durable });
        self.appending.write_number += 1;
        let number = self.appending.write_number;
        let appended = appended.into_actor(self).map(move |result, topic, ctx| match result {
            _ if number != topic.appending.write_number => {} // the log was opened anew meanwhile
            Ok(Ok(())) => {
                topic.shared().health.recovered(&topic.name);
                topic.written(ctx);
            }
            Ok(Err(StoreError::Disk(reason) | StoreError::Poisoned(reason))) => {
                topic.refused(&reason, ctx);
            }
            // The log's actor has been restarted: what is in the log decides what must go again.
            Ok(Err(StoreError::NotOpen)) | Err(_) => topic.reopen(ctx),
        });
        ctx.spawn(appended.ending_turn());
    }

    /// Everything on its way is in the log.
    pub(super) fn written(&mut self, ctx: &mut Context<Self>) {
        let written = std::mem::take(&mut self.appending.writing);
        if self.waits_for_sync() {
            self.appending.unsynced.extend(written);
            self.sync(ctx);
        } else {
            self.stored(written);
        }
    }

    /// These are stored as well as was promised: their publishers are answered, channels hear of them.
    pub(super) fn stored(&mut self, stored: Vec<Writing>) {
        let mut batches = Vec::with_capacity(stored.len());
        let mut end = self.rules.committed_end();
        for writing in stored {
            let batch = Arc::clone(&writing.batch);
            end = batch.end_seq();
            self.message_count += u64::from(batch.count());
            self.message_bytes += batch.body_bytes() as u64;
            self.cache.push(Arc::clone(&batch));
            batches.push(batch);
            writing.answer(&Ok(()));
        }
        if self.rules.committed(end) {
            self.tell_released(batches.into());
        }
    }

    /// The log took nothing of what was on its way: the numbers are used again.
    pub(super) fn refused(&mut self, reason: &str, ctx: &mut Context<Self>) {
        self.shared().health.failed(&self.name, reason);
        self.probe_later(ctx);
        let refusal = PublishError::Store(reason.to_owned());
        if let Some(first) = self.appending.writing.first() {
            self.rules.refused(first.batch.first_seq());
            self.appending.position = first.batch.position();
        }
        for writing in self.appending.writing.drain(..) {
            writing.answer(&Err(refusal.clone()));
        }
    }

    /// Asks until the log can be written again: whoever hears of bad health may publish no more.
    fn probe_later(&mut self, ctx: &mut Context<Self>) {
        if std::mem::replace(&mut self.appending.is_probing, true) {
            return;
        }
        ctx.run_later(PROBE_PAUSE, |topic, ctx| {
            let Some(disk) = &topic.disk else { return };
            ctx.spawn(disk.send(Probe).into_actor(topic).map(|result, topic, ctx| {
                topic.appending.is_probing = false;
                match result {
                    Ok(Ok(())) => topic.shared().health.recovered(&topic.name),
                    Ok(Err(StoreError::Poisoned(_))) => {} // for good
                    Ok(Err(_)) | Err(_) => topic.probe_later(ctx),
                }
            }));
        });
    }

    /// After the log was opened anew: what it already has is answered, the rest is written again.
    pub(super) fn resume_writing(&mut self, recovery: &Recovery, ctx: &mut Context<Self>) {
        self.appending.write_number += 1;
        self.forget_sync();
        let mut on_their_way = std::mem::take(&mut self.appending.unsynced);
        on_their_way.append(&mut self.appending.writing);
        let end = recovery.next_seq;
        let (written, missing): (Vec<_>, Vec<_>) =
            on_their_way.into_iter().partition(|writing| writing.is_before(end));
        self.appending.writing = written;
        self.written(ctx);
        self.appending.writing = missing;
        match self.appending.writing.first().map(|first| first.batch.position()) {
            Some(position) if position == recovery.next_position => return self.write(ctx),
            Some(_) => self.refused("the log does not end where it did", ctx),
            None => {}
        }
        self.appending.position = recovery.next_position;
    }

    /// Tells every channel that it may go on, with the newest batches.
    pub(super) fn tell_released(&self, batches: Arc<[Arc<Batch>]>) {
        let released = Released { end: self.rules.released(), batches };
        for channel in self.channels.values() {
            channel.addr.do_send(released.clone());
        }
    }
}
