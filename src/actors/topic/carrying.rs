//! Stragglers: when they are carried forward, and how they get into the log again.
//!
//! The topic decides, because it knows the log and whom it waits for; each channel carries its own
//! messages forward. Nothing is finished before the copy is on the disk, and nothing is removed before
//! the channel's cursor says so: see `channel/carrying.rs`.

use std::sync::Arc;

use actix::{
    ActorFutureExt, Addr, AsyncContext, Context, Handler, Message, ResponseFuture, WrapFuture,
};
use futures_util::future::join_all;
use tokio::sync::oneshot;

use super::{CarriedRange, Carry, CopiesEnd, PublishError, Topic};
use crate::{
    actors::{
        channel::{CarryForward, Channel, MeasureUnfinished},
        disk_queue::{StoreError, Trim},
        turn::TurnExt,
    },
    broker::stragglers::{Stretch, carry_below},
    protocol::names::NAME_BYTES_MAX,
    storage::{Batch, RECORD_HEADER_BYTES},
};

/// What a copy takes in the log beside its message, with the longest name of a channel.
const COPY_OVERHEAD_MAX: u64 = (RECORD_HEADER_BYTES + NAME_BYTES_MAX) as u64;

impl Topic {
    /// Removes what every channel is done with. A topic without channels keeps everything.
    pub(super) fn trim(&mut self, ctx: &mut Context<Self>) {
        let Some(floor) = self.channels.values().map(|channel| channel.floor).min() else { return };
        self.cache.remove_below(floor);
        let Some(disk) = &self.disk else { return };
        let trimmed = disk.send(Trim { floor }).into_actor(self).map(|result, topic, ctx| {
            if let Ok(Ok(log)) = result {
                topic.look_for_stragglers(log.into(), ctx);
            }
        });
        ctx.spawn(trimmed);
    }

    /// Asks the channels what they have not finished, if the log is large enough to be too large.
    fn look_for_stragglers(&mut self, log: Arc<[Stretch]>, ctx: &mut Context<Self>) {
        let bytes: u64 = log.iter().map(|stretch| stretch.bytes).sum();
        let is_held = self.rules.is_paused() || self.rules.awaits_channels();
        let is_open = !is_held && self.appending.refusal.is_none();
        if self.carrying || !is_open || bytes <= 2 * self.shared().log.segment_bytes_max {
            return;
        }
        self.carrying = true;
        let measured = self.ask_channels(&MeasureUnfinished(Arc::clone(&log)));
        let decided = measured.into_actor(self).map(move |unfinished, topic, ctx| {
            let (end_seq, bytes_max) =
                (topic.rules.next_seq(), topic.shared().log.segment_bytes_max);
            let decide = |unfinished: Vec<_>| {
                carry_below(&log, end_seq, &unfinished, COPY_OVERHEAD_MAX, bytes_max)
            };
            match unfinished.and_then(decide) {
                Some(below) => topic.carry_forward(below, ctx),
                None => topic.carrying = false,
            }
        });
        ctx.spawn(decided);
    }

    fn carry_forward(&mut self, below: u64, ctx: &mut Context<Self>) {
        log::debug!("topic={} carrying unfinished messages below {below} forward", self.name);
        let carried = self.ask_channels(&CarryForward { below });
        let carried = carried.into_actor(self).map(move |results, topic, ctx| {
            topic.carrying = false;
            let failure = results.into_iter().flatten().find_map(Result::err);
            if let Some(error) = failure {
                let name = &topic.name;
                log::warn!("topic={name} unfinished messages not carried forward: {error}");
            } else if topic.channels.values().all(|channel| channel.floor >= below) {
                topic.trim(ctx); // there may be more that is worth it
            }
        });
        ctx.spawn(carried.ending_turn());
    }

    /// Every channel's answer; `None` if one of them gives none.
    fn ask_channels<M>(&self, question: &M) -> impl Future<Output = Option<Vec<M::Result>>> + use<M>
    where
        M: Message + Clone + Send + 'static,
        M::Result: Send,
        Channel: Handler<M>,
    {
        let channels: Vec<Addr<Channel>> =
            self.channels.values().map(|entry| entry.addr.clone()).collect();
        let asked: Vec<_> = channels.iter().map(|channel| channel.send(question.clone())).collect();
        async move { join_all(asked).await.into_iter().map(Result::ok).collect() }
    }

    /// A batch for one channel only has been stored. Channels hear of it with what they are released
    /// next: none of them delivers it because it is there.
    pub(super) fn note_carried(&mut self, batch: &Batch) {
        let Some(audience) = batch.audience() else { return };
        let seqs = batch.first_seq()..batch.end_seq();
        match self.carried.last_mut() {
            Some(last) if last.audience == audience && last.seqs.end == seqs.start => {
                last.seqs.end = seqs.end;
            }
            _ => self.carried.push(CarriedRange { audience: audience.to_owned(), seqs }),
        }
    }

    /// What channels must know of records for one of them below `end`.
    pub(super) fn take_carried(&mut self, end: u64) -> Option<Arc<[CarriedRange]>> {
        if self.carried.is_empty() {
            return None;
        }
        Some(self.carried.extract_if(.., |carried| carried.seqs.end <= end).collect())
    }

    /// Messages that have an audience among those that the topic holds.
    pub(super) fn carried_depth(&self) -> u64 {
        let from = self.rules.released();
        let held = self.carried.iter().filter(|carried| carried.seqs.start >= from);
        held.map(|carried| carried.seqs.end - carried.seqs.start).sum()
    }
}

impl Handler<Carry> for Topic {
    type Result = ResponseFuture<Result<CopiesEnd, PublishError>>;

    fn handle(&mut self, carry: Carry, _: &mut Self::Context) -> Self::Result {
        let (reply, answer) = oneshot::channel();
        self.appending.add_carried(carry.0, reply);
        Box::pin(async move {
            let lost = || PublishError::from(StoreError::NotOpen);
            answer.await.unwrap_or_else(|_| Err(lost()))
        })
    }
}
