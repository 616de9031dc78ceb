//! How a topic learns from its log what it holds: at the start, and after any failure.

use std::sync::Arc;

use actix::{
    ActorContext, ActorFutureExt, Addr, AsyncContext, Context, Handler, ResponseActFuture,
    WrapFuture,
};
use futures_util::future::join_all;

use super::{ChannelError, PublishError, ShutdownTopic, Topic, WhenOpen};
use crate::{
    actors::{
        DiskQueue,
        channel::ShutdownChannel,
        disk_queue::{Delete, LogRestarted, Open, Opened, RETRY_PAUSE, StoreError, Sync},
        turn::TurnExt,
    },
    broker::{IdGenerator, TopicRules},
    storage::stored_topic,
};

impl Topic {
    /// Rebuilds the topic from its log. Messages wait in the mailbox until that is done.
    pub(super) fn recover(&mut self, ctx: &mut Context<Self>) {
        if self.name.is_ephemeral() {
            let paused = self.rules.is_paused();
            let ids = super::new_ids(self.shared());
            self.rules = TopicRules::new(ids, self.rules.next_seq(), None, paused);
            self.rules.set_awaits_channels(self.awaits_channels);
            self.tell_has_channels();
            return self.await_channels(ctx);
        }
        if self.disk.is_none() {
            self.disk = Some(self.start_disk_queue(ctx));
        }
        self.open(ctx, Self::rebuild);
    }

    /// Opens the log after its actor was restarted: this actor's own state still holds.
    pub(super) fn reopen(&mut self, ctx: &mut Context<Self>) {
        self.open(ctx, |topic, opened, ctx| topic.resume_writing(&opened.recovery, ctx));
    }

    fn open(&mut self, ctx: &mut Context<Self>, go_on: fn(&mut Self, Opened, &mut Context<Self>)) {
        let Some(disk) = self.disk.clone().filter(|_| !self.is_exiting()) else { return };
        ctx.wait(disk.send(Open).into_actor(self).map(move |result, topic, ctx| {
            match result.unwrap_or(Err(StoreError::NotOpen)) {
                Ok(opened) => {
                    topic.appending.refusal = None;
                    topic.shared().health.recovered(&topic.name);
                    go_on(topic, opened, ctx);
                }
                Err(error) => {
                    topic.not_open(&error);
                    let pause = actix_rt::time::sleep(RETRY_PAUSE).into_actor(topic);
                    ctx.spawn(
                        pause.map(move |(), topic, ctx| topic.open(ctx, go_on)).ending_turn(),
                    );
                }
            }
        }));
    }

    /// True from the moment at which the topic is told to stop: its log may be gone.
    pub(super) fn is_exiting(&self) -> bool {
        matches!(self.appending.refusal, Some(PublishError::Exiting))
    }

    /// Its log cannot be written. Of a topic that stops nobody would ever say that it can be again.
    pub(super) fn failed(&self, reason: &str) {
        if !self.is_exiting() {
            self.shared().health.failed(&self.name, reason);
        }
    }

    /// Publishes are refused with the reason until the log can be opened.
    fn not_open(&mut self, error: &StoreError) {
        self.failed(&error.to_string());
        let refusal = PublishError::from(error.clone());
        self.appending.refuse(&refusal);
        self.appending.refusal = Some(refusal);
    }

    fn rebuild(&mut self, opened: Opened, ctx: &mut Context<Self>) {
        self.report(&opened);
        let Opened { recovery, metadata, channels, .. } = opened;
        self.durability = metadata.durability;
        let ids = IdGenerator::new(self.shared().options.node_id, recovery.last_id);
        let held_from = stored_topic::held_from(&metadata, !channels.is_empty(), &recovery);
        self.rules = TopicRules::new(ids, recovery.next_seq, held_from, metadata.paused);
        self.awaits_channels |= metadata.awaits_channels;
        self.rules.set_awaits_channels(self.awaits_channels);
        self.appending.position = recovery.next_position;
        for name in channels {
            if !self.channels.contains_key(&name) {
                self.start_channel(&name, recovery.first_seq, false, ctx);
            }
        }
        self.tell_has_channels();
        self.await_channels(ctx);
    }

    fn report(&self, opened: &Opened) {
        let (topic, recovery) = (&self.name, &opened.recovery);
        if recovery.torn_bytes > 0 {
            let bytes = recovery.torn_bytes;
            log::warn!("topic={topic} log ended in {bytes} bytes of an unfinished write; cut off");
        }
        if let Some(damage) = &opened.metadata_damage {
            log::error!(
                "topic={topic} {damage}; the topic is taken for not paused, with --durability=power"
            );
        }
        for damage in &recovery.damaged {
            log::error!("topic={topic} log is damaged: {damage}; skipped");
        }
    }

    /// Says to the rules whether there are channels, and to all of them how far they may go.
    pub(super) fn tell_has_channels(&mut self) {
        self.rules.set_has_channels(!self.channels.is_empty());
        self.tell_released(Arc::new([]));
    }
}

impl Handler<LogRestarted> for Topic {
    type Result = ();

    /// Not only the next publish needs the log: channels read from it.
    fn handle(&mut self, _: LogRestarted, ctx: &mut Self::Context) {
        self.reopen(ctx);
    }
}

impl Handler<WhenOpen> for Topic {
    type Result = ResponseActFuture<Self, Result<(), ChannelError>>;

    /// With `--durability=power` the topic would outlive a loss of power by then.
    fn handle(&mut self, _: WhenOpen, _: &mut Self::Context) -> Self::Result {
        let open = self.appending.refusal.clone().map_or(Ok(()), Err);
        let disk = self.disk.clone().filter(|_| self.is_durable());
        let durable = async move {
            open?;
            let Some(disk) = disk else { return Ok(()) };
            Ok(ask(&disk, Sync).await?)
        };
        Box::pin(durable.into_actor(self))
    }
}

impl Handler<ShutdownTopic> for Topic {
    type Result = ResponseActFuture<Self, Result<(), StoreError>>;

    fn handle(&mut self, shutdown: ShutdownTopic, _: &mut Self::Context) -> Self::Result {
        let delete = shutdown.delete;
        self.appending.refuse(&PublishError::Exiting);
        self.appending.refusal = Some(PublishError::Exiting);
        let channels = self.channels.values();
        let channels: Vec<_> =
            channels.map(|channel| channel.addr.send(ShutdownChannel { delete })).collect();
        let (name, disk) = (self.name.clone(), self.disk.clone());
        let stopped = async move {
            join_all(channels).await;
            let Some(disk) = disk else { return Ok(()) };
            let closed = if delete { ask(&disk, Delete).await } else { sync(&disk).await };
            closed.inspect_err(|error| {
                log::error!("topic={name} could not be closed cleanly: {error}");
            })
        };
        Box::pin(stopped.into_actor(self).map(|closed, _, ctx| {
            ctx.stop();
            closed
        }))
    }
}

/// Syncs a log, also one whose actor was restarted and which nobody has used since.
async fn sync(disk: &Addr<DiskQueue>) -> Result<(), StoreError> {
    match ask(disk, Sync).await {
        Err(StoreError::NotOpen) => {
            ask(disk, Open).await?;
            ask(disk, Sync).await
        }
        synced => synced,
    }
}

async fn ask<M, T>(disk: &Addr<DiskQueue>, message: M) -> Result<T, StoreError>
where
    M: actix::Message<Result = Result<T, StoreError>> + Send + 'static,
    T: Send + 'static,
    DiskQueue: Handler<M>,
{
    disk.send(message).await.unwrap_or(Err(StoreError::NotOpen))
}
