//! A new topic that waits for the channels that nsqlookupd knows of: they must see its first message.
//!
//! Publishes are stored and answered meanwhile. Nothing is handed to any channel before all are there,
//! so that every one of them begins at the log's beginning. `topic.meta` says that the topic waits: a
//! process that is killed meanwhile asks again after its restart.

use actix::{ActorFutureExt, AsyncContext, Context, WrapFuture};
use actix_rt::time::sleep;

use super::{PublishError, Topic};
use crate::{
    actors::{discovery::KnownChannels, disk_queue::RETRY_PAUSE},
    broker::TopicRules,
    protocol::ChannelName,
};

/// How often registries are asked if whoever asks them fails over it, and how often channels are tried
/// that cannot be stored. After that messages must not wait any longer.
const ATTEMPTS_MAX: u32 = 3;

/// Channels that are to be made.
struct Joining {
    names: Vec<ChannelName>,
    /// Those that could not be stored.
    failed: Vec<ChannelName>,
    attempt: u32,
}

impl Topic {
    /// Begins to wait, or goes on with it after a restart.
    pub(super) fn await_channels(&mut self, ctx: &mut Context<Self>) {
        if !self.awaits_channels {
            return;
        }
        // Before the mailbox is read on: a restart must know of it by the time anything is acknowledged.
        let saved = self.save_metadata();
        ctx.wait(saved.map(|saved, topic, ctx| {
            if let Err(error) = saved {
                log::warn!("topic={} not stored that it waits for channels: {error}", topic.name);
            }
            topic.ask_for_channels(ctx);
        }));
    }

    fn ask_for_channels(&self, ctx: &mut Context<Self>) {
        let (registries, name) = (self.place.known_channels.clone(), self.name.clone());
        let known = async move {
            let Some(registries) = registries else { return Vec::new() };
            for _ in 0..ATTEMPTS_MAX {
                if let Ok(known) = registries.send(KnownChannels(name.clone())).await {
                    return known;
                }
                sleep(RETRY_PAUSE).await;
            }
            Vec::new()
        };
        ctx.spawn(known.into_actor(self).map(|names, topic, ctx| {
            topic.join(Joining { names, failed: Vec::new(), attempt: 1 }, ctx);
        }));
    }

    /// Makes one channel after the other, then lets messages go out.
    fn join(&mut self, mut joining: Joining, ctx: &mut Context<Self>) {
        if matches!(self.appending.refusal, Some(PublishError::Exiting)) {
            return;
        }
        while let Some(name) = joining.names.pop() {
            if self.channels.contains_key(&name) {
                continue;
            }
            let made = self.make_channel(name.clone());
            ctx.wait(made.map(move |made, topic, ctx| {
                if let Err(error) = made {
                    let topic = &topic.name;
                    log::warn!("topic={topic} channel={name} not created in advance: {error}");
                    joining.failed.push(name);
                }
                topic.join(joining, ctx);
            }));
            return;
        }
        if joining.failed.is_empty() || joining.attempt == ATTEMPTS_MAX {
            return self.all_joined(ctx);
        }
        let (names, attempt) = (joining.failed, joining.attempt + 1);
        ctx.run_later(RETRY_PAUSE, move |topic, ctx| {
            topic.join(Joining { names, failed: Vec::new(), attempt }, ctx);
        });
    }

    fn all_joined(&mut self, ctx: &mut Context<Self>) {
        self.awaits_channels = false;
        self.hand_on_after(|rules| rules.set_awaits_channels(false));
        self.save_that_all_joined(ctx);
    }

    /// Until it succeeds: a restart would wait again, and show new channels what was handed on long ago.
    fn save_that_all_joined(&self, ctx: &mut Context<Self>) {
        ctx.spawn(self.save_metadata().map(|saved, topic, ctx| {
            let Err(error) = saved else { return };
            if topic.is_exiting() {
                return;
            }
            log::warn!("topic={} not stored that its channels are there: {error}", topic.name);
            ctx.run_later(RETRY_PAUSE, |topic, ctx| topic.save_that_all_joined(ctx));
        }));
    }

    /// Changes the rules by something after which messages may go out that the topic has held.
    pub(super) fn hand_on_after(&mut self, change: impl FnOnce(&mut TopicRules) -> bool) {
        let held_from = self.rules.released();
        if change(&mut self.rules) {
            let all = self.channels.keys().any(ChannelName::is_ephemeral) || self.disk.is_none();
            self.tell_released(self.held_batches(held_from..self.rules.released(), all));
        }
    }
}
