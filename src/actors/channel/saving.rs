//! The channel's cursor, written when it has changed.

use actix::{ActorFutureExt, AsyncContext, Context, ResponseActFuture, WrapFuture, fut};

use super::Channel;
use crate::{
    actors::{
        clock,
        disk_queue::{SaveCursor, StoreError},
        topic::ChannelProgress,
        turn::TurnExt,
    },
    broker::channel::Progress,
    storage::{Cursor, LogPosition, PendingMessage},
};

impl Channel {
    /// Saves the cursor within `--sync-timeout` of a change. An idle channel has no timer.
    pub(super) fn schedule_save(&mut self, ctx: &mut Context<Self>) {
        if self.save_scheduled || !self.rules.is_changed() {
            return;
        }
        self.save_scheduled = true;
        ctx.run_later(self.shared.options.sync_timeout, |channel, ctx| {
            let saved = channel.save().map(|result, channel, _: &mut Context<Self>| {
                channel.save_scheduled = false;
                if let Err(error) = result {
                    let (topic, name) = (&channel.topic, &channel.name);
                    log::error!("topic={topic} channel={name} cursor not saved: {error}");
                }
            });
            ctx.spawn(saved.ending_turn());
        });
    }

    /// Saves the cursor now, then tells the topic what is finished.
    pub(super) fn save(&mut self) -> ResponseActFuture<Self, Result<(), StoreError>> {
        let Some(progress) = self.rules.progress_if_changed() else {
            return Box::pin(fut::ready(Ok(())));
        };
        let floor = self.needed_from();
        let disk = self.disk.clone().filter(|_| self.has_cursor());
        let cursor = self.cursor(progress);
        let channel = self.name.clone();
        let saved = async move {
            let Some(disk) = disk else { return Ok(()) };
            let saved = disk.send(SaveCursor { channel, cursor, durable: true });
            saved.await.unwrap_or(Err(StoreError::NotOpen))
        };
        Box::pin(saved.into_actor(self).map(move |result, channel, _| {
            if result.is_err() {
                channel.rules.mark_changed();
            }
            // Also when the cursor could not be saved: on a full disk only the removal of finished
            // segments makes room for it. What they held is finished, whatever the old cursor says.
            let name = channel.name.clone();
            channel.parent.progress.do_send(ChannelProgress { channel: name, floor });
            result
        }))
    }

    fn cursor(&self, progress: Progress<super::Body>) -> Cursor {
        let pending = progress.pending.into_iter().map(|(pending, due)| PendingMessage {
            seq: pending.seq,
            position: pending.body.position(),
            attempts: pending.attempts,
            due_ns: due.map_or(0, clock::wall_of),
        });
        Cursor {
            floor: progress.floor,
            floor_position: LogPosition(0),
            finished: progress.finished,
            pending: pending.collect(),
            paused: self.rules.is_paused(),
        }
    }
}
