//! Publishes on their way into the log: gathered, stamped, written, answered.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use actix::{ActorFutureExt, AsyncContext, Context, WrapFuture};
use tokio::sync::oneshot;

use super::{Batches, CarriedMessage, CopiesEnd, Publish, PublishError, Released, Topic};
use crate::{
    actors::{
        clock,
        disk_queue::{Append, Appended, Probe, StoreError},
        turn::TurnExt,
    },
    broker::{Moment, topic::MESSAGES_PER_STAMP},
    protocol::MessageId,
    storage::{Batch, BatchBuilder, LogPosition, Recovery, Stamp, reserve::PROBE_PAUSE},
};

/// Whoever waits for messages to be stored.
#[derive(Debug)]
enum Reply {
    Published(oneshot::Sender<Result<(), PublishError>>),
    Carried(oneshot::Sender<Result<CopiesEnd, PublishError>>),
}

impl Reply {
    /// `appended` is where the messages are, if they are stored.
    fn answer(self, result: Result<CopiesEnd, PublishError>) {
        // Who asked may have gone.
        match self {
            Self::Published(reply) => _ = reply.send(result.map(|_| ())),
            Self::Carried(reply) => _ = reply.send(result),
        }
    }
}

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
    /// What a message keeps that has been in the log before.
    carried: Option<Kept>,
    replies: Vec<Reply>,
    /// As many publishes as these replies are for.
    commands: u32,
}

/// What a message keeps when it is appended again.
#[derive(Debug, Clone, Copy)]
struct Kept {
    id: MessageId,
    timestamp_ns: i64,
    attempts: u16,
    due_ns: i64,
}

impl Unstamped {
    fn takes(&self, builder: &BatchBuilder, delay: Duration) -> bool {
        self.carried.is_none()
            && self.delay.is_zero()
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
        let (end_seq, end_position) = (self.batch.end_seq(), self.batch.end_position());
        for reply in self.replies {
            reply.answer(result.clone().map(|()| CopiesEnd { end_seq, end_position }));
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
            self.gather(std::mem::replace(&mut builder, next), publish.delay, None, 0);
        }
        let reply = Reply::Published(publish.reply);
        self.gather(builder, publish.delay, Some(reply), publish.commands);
    }

    /// Takes messages to be appended again. They get consecutive numbers; the answer says which.
    pub(super) fn add_carried(
        &mut self,
        messages: Vec<CarriedMessage>,
        reply: oneshot::Sender<Result<CopiesEnd, PublishError>>,
    ) {
        if let Some(refusal) = &self.refusal {
            return Reply::Carried(reply).answer(Err(refusal.clone()));
        }
        for CarriedMessage { builder, id, timestamp_ns, attempts, due_ns } in messages {
            let carried = Some(Kept { id, timestamp_ns, attempts, due_ns });
            let (delay, replies) = (Duration::ZERO, Vec::new());
            self.gathered.push_back(Unstamped { builder, delay, carried, replies, commands: 0 });
        }
        if let Some(last) = self.gathered.back_mut() {
            last.commands += 1;
            last.replies.push(Reply::Carried(reply));
        }
    }

    fn gather(
        &mut self,
        builder: BatchBuilder,
        delay: Duration,
        reply: Option<Reply>,
        commands: u32,
    ) {
        match self.gathered.back_mut() {
            Some(last) if last.takes(&builder, delay) => {
                last.builder.append(&builder);
                last.replies.extend(reply);
                last.commands += commands;
            }
            _ => {
                let replies = reply.into_iter().collect();
                let carried = None;
                self.gathered.push_back(Unstamped { builder, delay, carried, replies, commands });
            }
        }
    }

    /// Publishes that wait for a write to begin.
    pub(super) fn waiting_count(&self) -> usize {
        self.gathered.iter().map(|unstamped| unstamped.commands as usize).sum()
    }

    /// Drops every publish that waits; whoever waits for an answer is told by that.
    pub(super) fn abandon(&mut self) {
        *self = Self::default();
    }

    /// Refuses every publish that waits for its number, and all that come, if told to.
    pub(super) fn refuse(&mut self, refusal: &PublishError) {
        for unstamped in self.gathered.drain(..) {
            for reply in unstamped.replies {
                reply.answer(Err(refusal.clone()));
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
            let Unstamped { mut builder, delay, carried, replies, .. } = unstamped;
            self.drop_surplus(&mut builder);
            if builder.is_empty() {
                let end_seq = self.rules.next_seq();
                let nowhere = CopiesEnd { end_seq, end_position: self.appending.position };
                replies.into_iter().for_each(|reply| reply.answer(Ok(nowhere)));
                continue;
            }
            let batch = match carried {
                Some(kept) => self.stamp_carried(builder, kept),
                None => self.stamp(builder, delay, now, wall_ns),
            };
            self.appending.position = batch.end_position();
            self.appending.writing.push(Writing { batch: Arc::new(batch), replies });
        }
    }

    fn stamp(
        &mut self,
        builder: BatchBuilder,
        delay: Duration,
        now: Moment,
        wall_ns: i64,
    ) -> Batch {
        let (first_seq, first_id) = self.rules.stamp(builder.count(), wall_ns);
        let due_ns = if delay.is_zero() { 0 } else { clock::wall_of(now + delay) };
        let position = self.appending.position;
        builder.seal(Stamp { first_seq, first_id, timestamp_ns: wall_ns, due_ns, position })
    }

    fn stamp_carried(&mut self, builder: BatchBuilder, kept: Kept) -> Batch {
        let Kept { id: first_id, timestamp_ns, attempts, due_ns } = kept;
        let first_seq = self.rules.number(builder.count());
        let position = self.appending.position;
        builder
            .seal_delivered(Stamp { first_seq, first_id, timestamp_ns, due_ns, position }, attempts)
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
        let (durable, with_sync) = (self.waits_for_sync(), self.syncs_with_write());
        let append = Append { batches: batches.collect(), durable, with_sync };
        let appended = disk.send(append);
        self.appending.write_number += 1;
        let number = self.appending.write_number;
        let appended = appended.into_actor(self).map(move |result, topic, ctx| match result {
            _ if number != topic.appending.write_number => {} // the log was opened anew meanwhile
            Ok(Ok(appended)) => {
                topic.shared().health.recovered(&topic.name);
                match appended {
                    Appended::Written => topic.written(ctx),
                    Appended::Durable => {
                        let durable = std::mem::take(&mut topic.appending.writing);
                        topic.stored(durable);
                    }
                }
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
        self.forget_finished();
        let mut batches = Vec::with_capacity(stored.len());
        let mut end = self.rules.committed_end();
        for writing in stored {
            let batch = Arc::clone(&writing.batch);
            end = batch.end_seq();
            if batch.has_audience() {
                self.note_carried(&batch); // it has been counted before
            } else {
                self.message_count += u64::from(batch.count());
                self.message_bytes += batch.body_bytes() as u64;
            }
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
        self.failed(reason);
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
    pub(super) fn tell_released(&mut self, batches: Arc<[Arc<Batch>]>) {
        let end = self.rules.released();
        let carried = self.take_carried(end);
        let released = Released { end, batches, carried };
        for channel in self.channels.values() {
            channel.addr.do_send(released.clone());
        }
    }
}
