//! Old unfinished messages are carried forward, so that the log before them can be removed.
//!
//! In this order: they are appended again, that is synced, the channel takes the copies for the
//! messages, the cursor is saved, and after that the topic may remove what lies before them. Copies of
//! which no cursor knows are passed over by everybody: whatever a crash interrupts, the old messages
//! are still there.

use std::{iter::Peekable, ops::Range, vec};

use actix::{
    ActorFutureExt, Addr, Context, Handler, MessageResult, ResponseActFuture, WrapFuture, fut,
};

use super::{Body, CarryForward, Channel, MeasureUnfinished, body::offsets};
use crate::{
    actors::{
        clock,
        disk_queue::{DiskQueue, Read, StoreError, Sync},
        topic::{CarriedMessage, CarriedRange, Carry, CopiesEnd, PublishError},
    },
    broker::{
        channel::{Carried, Pending},
        stragglers::Unfinished,
    },
    protocol::ChannelName,
    storage::{Batch, BatchBuilder, LogPosition, RECORD_HEADER_BYTES},
};

/// Messages that are carried forward with one append at most, and about how much of their bodies.
const STEP_MESSAGES_MAX: usize = 16 * 1024;
const STEP_BYTES_MAX: usize = 4 << 20;
/// Unfinished messages of which the size is looked at, to judge what carrying forward costs: a
/// millisecond's work.
const MEASURED_MAX: usize = 50_000;
/// About how much one read brings.
const READ_BYTES: usize = 64 * 1024;

type Step = ResponseActFuture<Channel, Result<(), StoreError>>;

/// Unfinished messages, read from the log.
#[derive(Default)]
struct Gathered {
    /// Each with its number and what its record says of it.
    found: Vec<(u64, CarriedMessage)>,
    /// Their records are meant for others, or are copies that no cursor knows of.
    foreign: Vec<u64>,
    missing: Vec<u64>,
    bytes: usize,
}

/// An unfinished message that is looked for.
struct Wanted {
    seq: u64,
    /// The channel has taken it from the log, and this is where it was.
    position: Option<LogPosition>,
}

impl Channel {
    /// Carries forward all that is unfinished below `below`, step by step.
    fn carry(&mut self, below: u64) -> Step {
        let seqs = self.rules.unfinished_below(below, STEP_MESSAGES_MAX);
        let Some(disk) = self.disk.clone().filter(|_| !seqs.is_empty()) else {
            return Box::pin(fut::ready(Ok(())));
        };
        let known = self.rules.known_of(&seqs);
        let position = |seq| known.get(&seq).map(|known| known.body.position());
        let wanted: Vec<_> =
            seqs.into_iter().map(|seq| Wanted { seq, position: position(seq) }).collect();
        let gathered = gather(disk, self.name.clone(), wanted).into_actor(self);
        let appended = gathered.then(|gathered, channel, _| match gathered {
            Ok(gathered) => channel.append_again(gathered),
            Err(error) => Box::pin(fut::ready(Err(error))),
        });
        Box::pin(appended.then(move |appended, channel, _| match appended {
            Ok(()) => channel.carry(below),
            Err(error) => Box::pin(fut::ready(Err(error))),
        }))
    }

    /// Appends what was found and is still wanted.
    fn append_again(&mut self, gathered: Gathered) -> Step {
        gathered.foreign.into_iter().for_each(|seq| self.rules.pass_over(seq..seq + 1));
        for seq in gathered.missing {
            let (topic, channel) = (&self.topic, &self.name);
            log::error!("topic={topic} channel={channel} message {seq} is not in the log");
            self.rules.lose_unfinished(seq);
        }
        let (olds, messages) = self.still_wanted(gathered.found);
        let Some(disk) = self.disk.clone().filter(|_| !messages.is_empty()) else {
            return Box::pin(fut::ready(Ok(())));
        };
        let appended = self.parent.carry.send(Carry(messages));
        let stored = async move {
            let appended = appended.await.unwrap_or(Err(StoreError::NotOpen.into()));
            let appended = appended.map_err(|error| not_carried(&error))?;
            // Before a cursor says that the old ones are finished, the copies must be on the disk.
            disk.send(Sync).await.unwrap_or(Err(StoreError::NotOpen))?;
            Ok::<_, StoreError>(appended)
        };
        Box::pin(stored.into_actor(self).map(move |stored, channel, _| {
            channel.carried(olds, stored?);
            Ok(())
        }))
    }

    /// What the channel knows of a message counts, not what its record says.
    fn still_wanted(&self, found: Vec<(u64, CarriedMessage)>) -> (Vec<Old>, Vec<CarriedMessage>) {
        let seqs: Vec<_> = found.iter().map(|(seq, _)| *seq).collect();
        let known = self.rules.known_of(&seqs);
        let wanted = found.into_iter().filter(|(seq, _)| !self.rules.is_finished(*seq));
        let wanted = wanted.map(|(seq, mut message)| {
            if let Some(known) = known.get(&seq) {
                message.attempts = known.attempts;
                message.due_ns = known.due.map_or(0, clock::wall_of);
            }
            let (bytes, due_ns) = (message.builder.encoded_len() as u64, message.due_ns);
            let (attempts, timestamp_ns) = (message.attempts, message.timestamp_ns);
            (Old { seq, bytes, attempts, timestamp_ns, due_ns }, message)
        });
        wanted.unzip()
    }

    /// The copies of `olds` end at `appended`.
    fn carried(&mut self, olds: Vec<Old>, appended: CopiesEnd) {
        let mut seq = appended.end_seq - olds.len() as u64;
        let bytes: u64 = olds.iter().map(|old| old.bytes).sum();
        let mut position = LogPosition(appended.end_position.0 - bytes);
        let (now_ns, overhead) = (clock::wall_ns(), copy_overhead(&self.name));
        let carried = olds.into_iter().map(|old| {
            let bytes = u32::try_from(old.bytes - overhead).unwrap_or(0);
            let body = Body::Logged { position, bytes, timestamp_ns: old.timestamp_ns };
            let new = Pending { seq, attempts: old.attempts, body };
            (seq, position) = (seq + 1, position + old.bytes);
            let due = (old.due_ns > now_ns).then(|| clock::moment_of(old.due_ns));
            Carried { old: old.seq, new, due }
        });
        let carried: Vec<_> = carried.collect();
        self.rules.carried(&carried);
    }

    /// Hears of records for one channel only: they are delivered by nobody because they are there.
    pub(super) fn hear_of_carried(&mut self, carried: &[CarriedRange]) {
        for CarriedRange { audience, seqs } in carried {
            if self.carrying && *audience == self.name.as_str() {
                self.rules.expect_carried(seqs.clone());
            } else {
                self.rules.pass_over(seqs.clone());
            }
        }
    }

    /// Passes over the batch at the window's place if it has an audience.
    pub(super) fn pass_over_here(&mut self) -> bool {
        let Some((batch, _)) = self.window.here().filter(|(batch, _)| batch.has_audience()) else {
            return false;
        };
        self.rules.pass_over(batch.first_seq()..batch.end_seq());
        true
    }
}

/// A message that has been appended again, as it was before.
struct Old {
    seq: u64,
    /// Length of the new record.
    bytes: u64,
    attempts: u16,
    timestamp_ns: i64,
    due_ns: i64,
}

fn not_carried(error: &PublishError) -> StoreError {
    StoreError::Disk(error.to_string())
}

/// Reads messages from the log, as many as one step may take.
async fn gather(
    disk: Addr<DiskQueue>,
    channel: ChannelName,
    wanted: Vec<Wanted>,
) -> Result<Gathered, StoreError> {
    let mut gathered = Gathered::default();
    let mut wanted = wanted.into_iter().peekable();
    while let Some(Wanted { seq, position }) = wanted.peek()
        && gathered.bytes < STEP_BYTES_MAX
    {
        let hint = position.filter(|position| *position != LogPosition::START);
        let read = Read { seq: *seq, hint, bytes_max: READ_BYTES };
        let batches = disk.send(read).await.unwrap_or(Err(StoreError::NotOpen))?;
        if batches.is_empty() {
            gathered.missing.extend(wanted.by_ref().map(|wanted| wanted.seq));
        }
        batches.iter().for_each(|batch| gathered.take(batch, &mut wanted, &channel));
    }
    Ok(gathered)
}

impl Gathered {
    /// Takes out of `batch` what is wanted. What is wanted before it is not there.
    fn take(
        &mut self,
        batch: &Batch,
        wanted: &mut Peekable<vec::IntoIter<Wanted>>,
        channel: &ChannelName,
    ) {
        let before = |wanted: &Wanted| wanted.seq < batch.first_seq();
        while let Some(missing) = wanted.next_if(before) {
            self.missing.push(missing.seq);
        }
        for (seq, offset) in offsets(batch) {
            let Some(message) = wanted.next_if(|wanted| wanted.seq == seq) else { continue };
            if batch.has_audience() && message.position.is_none() {
                self.foreign.push(seq);
                continue;
            }
            let builder = BatchBuilder::for_channel(channel, batch.body_at(offset).0);
            self.bytes += builder.encoded_len();
            let message = CarriedMessage {
                builder,
                id: batch.id(seq),
                timestamp_ns: batch.timestamp_ns(),
                attempts: batch.attempts(),
                due_ns: batch.due_ns(),
            };
            self.found.push((seq, message));
        }
    }
}

impl Channel {
    /// What is not finished in each part of the log.
    fn unfinished(&self, borders: &[u64]) -> Vec<Unfinished> {
        let counts = self.rules.unfinished_counts(borders);
        let measured = self.rules.measured(borders, MEASURED_MAX, Body::bytes);
        let parts = counts.into_iter().zip(measured).map(|(count, (measured, measured_bytes))| {
            Unfinished { count, measured, measured_bytes }
        });
        parts.collect()
    }

    /// What a channel that keeps its messages in memory has still to read in each part of the log.
    fn unread_parts(&self, borders: &[u64]) -> Vec<Unfinished> {
        let unread = self.needed_from()..self.rules.end();
        let ends = borders.iter().skip(1).copied().chain([u64::MAX]);
        let within = |part: Range<u64>| {
            part.end.min(unread.end).saturating_sub(part.start.max(unread.start))
        };
        let counts = borders.iter().zip(ends).map(|(&start, end)| within(start..end));
        counts.map(|count| Unfinished { count, ..Unfinished::default() }).collect()
    }
}

impl Handler<MeasureUnfinished> for Channel {
    type Result = MessageResult<MeasureUnfinished>;

    fn handle(&mut self, measure: MeasureUnfinished, _: &mut Self::Context) -> Self::Result {
        let borders: Vec<_> = measure.0.iter().map(|stretch| stretch.first_seq).collect();
        MessageResult(match self.keeps_bodies {
            false => self.unfinished(&borders),
            true => self.unread_parts(&borders),
        })
    }
}

/// What a copy for this channel takes in the log beside its message.
fn copy_overhead(channel: &ChannelName) -> u64 {
    (RECORD_HEADER_BYTES + channel.as_str().len()) as u64
}

impl Handler<CarryForward> for Channel {
    type Result = Step;

    fn handle(&mut self, carry: CarryForward, _: &mut Self::Context) -> Self::Result {
        // Consumers that have not said what they hold could still mean the old messages.
        if self.keeps_bodies || self.carrying || !self.resuming.is_empty() {
            return Box::pin(fut::ready(Ok(())));
        }
        self.carrying = true;
        let carried = self.carry(carry.below);
        let ended = carried.map(|result, channel, _: &mut Context<Self>| {
            channel.carrying = false;
            channel.rules.carrying_ended();
            result
        });
        Box::pin(ended.then(|result, channel, _| {
            channel.save().map(move |saved, _, _: &mut Context<Self>| result.and(saved))
        }))
    }
}
