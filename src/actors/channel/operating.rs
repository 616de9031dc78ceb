//! What operators and the topic ask of a channel.

use actix::{ActorContext, ActorFutureExt, Handler, MessageResult, ResponseActFuture, fut};

use super::{Channel, ChannelEmptied, CloseClient, EmptyChannel, PauseChannel, ShutdownChannel};
use crate::actors::{
    clock,
    disk_queue::StoreError,
    snapshot::{ChannelSnapshot, ClientSnapshot, Observe},
    supervisor::Crash,
    topic::Discard,
};

type Saved = ResponseActFuture<Channel, Result<(), StoreError>>;

impl Handler<PauseChannel> for Channel {
    type Result = Saved;

    fn handle(&mut self, pause: PauseChannel, _: &mut Self::Context) -> Self::Result {
        self.rules.set_paused(pause.0);
        self.save()
    }
}

impl Handler<EmptyChannel> for Channel {
    type Result = Saved;

    fn handle(&mut self, _: EmptyChannel, _: &mut Self::Context) -> Self::Result {
        self.rules.empty();
        self.window.clear();
        for outbox in self.outboxes.iter().flatten() {
            outbox.connection.do_send(ChannelEmptied);
        }
        self.save()
    }
}

impl Handler<Discard> for Channel {
    type Result = ResponseActFuture<Self, ()>;

    fn handle(&mut self, discard: Discard, _: &mut Self::Context) -> Self::Result {
        self.rules.discard(discard.0);
        Box::pin(self.save().map(|_, _, _| ()))
    }
}

impl Handler<ShutdownChannel> for Channel {
    type Result = ResponseActFuture<Self, ()>;

    fn handle(&mut self, shutdown: ShutdownChannel, _: &mut Self::Context) -> Self::Result {
        for outbox in self.outboxes.iter().flatten() {
            outbox.connection.do_send(CloseClient);
        }
        let saved: Saved = if shutdown.delete { Box::pin(fut::ready(Ok(()))) } else { self.save() };
        Box::pin(saved.map(|result, channel, ctx| {
            if let Err(error) = result {
                let (topic, name) = (&channel.topic, &channel.name);
                log::error!("topic={topic} channel={name} cursor not saved: {error}");
            }
            ctx.stop();
        }))
    }
}

impl Channel {
    fn observe_clients(&self) -> Vec<ClientSnapshot> {
        let subscribers = self.rules.subscribers();
        let clients = subscribers.iter().filter_map(|subscriber| {
            let key = subscribers.key(subscriber.client)?;
            let outbox = self.outboxes.get(key.0 as usize)?.as_ref()?;
            Some(ClientSnapshot::consumer(&outbox.info, subscriber))
        });
        clients.collect()
    }
}

impl Handler<Observe<ChannelSnapshot>> for Channel {
    type Result = MessageResult<Observe<ChannelSnapshot>>;

    fn handle(&mut self, observe: Observe<ChannelSnapshot>, _: &mut Self::Context) -> Self::Result {
        let with_clients = !observe.scope.without_clients;
        let cached_from = if self.keeps_bodies { 0 } else { observe.cached_from };
        MessageResult(ChannelSnapshot {
            channel_name: self.name.clone(),
            since: self.since,
            depth: self.rules.depth(),
            backend_depth: self.rules.depth_below(cached_from),
            in_flight_count: self.rules.in_flight_count(),
            deferred_count: self.rules.deferred_count(),
            counters: self.rules.counters(),
            client_count: self.rules.subscribers().len(),
            clients: if with_clients { self.observe_clients() } else { Vec::new() },
            paused: self.rules.is_paused(),
            latency: self.latencies.as_mut().map(|latencies| latencies.samples(clock::now())),
        })
    }
}

impl Handler<Crash> for Channel {
    type Result = ();

    fn handle(&mut self, crash: Crash, _: &mut Self::Context) {
        crash.now();
    }
}
