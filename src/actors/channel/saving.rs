//! The channel's cursor, written when it has changed.

use std::time::Duration;

use actix::{ActorFutureExt, AsyncContext, Context, Handler, ResponseActFuture, WrapFuture, fut};

use super::{Body, Channel, ConfirmCursor};
use crate::{
    actors::{
        clock,
        disk_queue::{SaveCursor, StoreError},
        topic::ChannelProgress,
        turn::TurnExt,
    },
    broker::channel::{Known, Progress},
    storage::{Cursor, LogPosition, PendingMessage},
};

/// Entries that a channel's cursor may write per second, over time: about 1.3 MB.
const SAVED_PER_SECOND: u32 = 50_000;

impl Channel {
    /// Saves the cursor within `--sync-timeout` of a change, or as much later as a large one demands.
    /// An idle channel has no timer.
    pub(super) fn schedule_save(&mut self, ctx: &mut Context<Self>) {
        if self.save_scheduled || !self.rules.is_changed() {
            return;
        }
        self.save_scheduled = true;
        let pause = self.shared.options.sync_timeout.max(pause_after(self.cursor_entries));
        ctx.run_later(pause, |channel, ctx| {
            let saved = channel.save().map(|_noted, channel, _: &mut Context<Self>| {
                channel.save_scheduled = false;
            });
            ctx.spawn(saved.ending_turn());
        });
    }

    /// Saves the cursor now, then tells the topic what is finished.
    pub(super) fn save(&mut self) -> ResponseActFuture<Self, Result<(), StoreError>> {
        let Some(progress) = self.rules.progress_if_changed(|known| pending(&known)) else {
            return Box::pin(fut::ready(Ok(())));
        };
        let floor = self.needed_from();
        let disk = self.disk.clone().filter(|_| self.has_cursor());
        self.cursor_entries = progress.finished.len() + progress.pending.len();
        let cursor = self.cursor(progress);
        let channel = self.name.clone();
        let saved = async move {
            let Some(disk) = disk else { return Ok(()) };
            let saved = disk.send(SaveCursor { channel, cursor, durable: true, is_new: false });
            saved.await.unwrap_or(Err(StoreError::NotOpen))
        };
        Box::pin(saved.into_actor(self).map(move |result, channel, _| {
            channel.note_saved(&result);
            // Not before the cursor is saved: a segment that is gone must be finished for whoever
            // reads the cursor next.
            if result.is_ok() {
                let name = channel.name.clone();
                channel.parent.progress.do_send(ChannelProgress { channel: name, floor });
            }
            result
        }))
    }

    /// Says once that the cursor cannot be saved, and once that it can.
    fn note_saved(&mut self, result: &Result<(), StoreError>) {
        let was_unsaved = std::mem::replace(&mut self.is_unsaved, result.is_err());
        let (topic, name) = (&self.topic, &self.name);
        match result {
            Ok(()) if was_unsaved => log::info!("topic={topic} channel={name} cursor saved again"),
            Ok(()) => {}
            Err(error) => {
                self.rules.mark_changed();
                if !was_unsaved {
                    let pause = self.shared.options.sync_timeout;
                    log::error!(
                        "topic={topic} channel={name} cursor not saved: {error}; trying again \
                         every {pause:?}"
                    );
                }
            }
        }
    }

    fn cursor(&self, progress: Progress<PendingMessage>) -> Cursor {
        let Progress { floor, at_floor, finished, pending } = progress;
        let floor_position = match at_floor.map(|pending| pending.position) {
            Some(position) if position != LogPosition::START => position,
            _ => self.window.position_of(floor).unwrap_or(LogPosition::START),
        };
        Cursor { floor, floor_position, finished, pending, paused: self.rules.is_paused() }
    }
}

impl Handler<ConfirmCursor> for Channel {
    type Result = ();

    fn handle(&mut self, _: ConfirmCursor, _: &mut Self::Context) {
        self.rules.mark_changed();
    }
}

/// What the cursor says of a message.
fn pending(known: &Known<'_, Body>) -> PendingMessage {
    PendingMessage {
        seq: known.seq,
        position: known.body.position(),
        attempts: known.attempts,
        due_ns: known.due.map_or(0, clock::wall_of),
    }
}

/// How long a cursor is left as it is that had so many entries when it was saved last: the whole file
/// is written each time.
fn pause_after(entries: usize) -> Duration {
    Duration::from_secs(entries as u64) / SAVED_PER_SECOND
}
