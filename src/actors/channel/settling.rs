//! Consumers: how they come, what they answer, how they go.

use actix::{AsyncContext, Context, Handler, MessageResult};

use super::{
    Answer, Body, Channel, ClientClosed, CloseSubscription, Outbox, Ready, Refused, Resume, Settle,
    Subscribe, SubscriptionClosed,
};
use crate::{
    actors::{clock, topic::ChannelAbandoned},
    broker::{
        ClientId, Moment, SubscribeError, SubscriberKey, channel::Pending, channel::SettleError,
    },
    storage::LogPosition,
};

impl Channel {
    fn key(&self, client: ClientId) -> Option<SubscriberKey> {
        self.rules.subscribers().key(client)
    }

    fn seat(&mut self, key: SubscriberKey, outbox: Outbox) {
        let index = key.0 as usize;
        if self.outboxes.len() <= index {
            self.outboxes.resize_with(index + 1, || None);
        }
        self.outboxes[index] = Some(outbox);
    }

    /// An ephemeral channel ends with its last consumer. Who comes meanwhile is sent away: the topic
    /// has been told, and will not ask whether somebody has come.
    fn abandon(&mut self, ctx: &Context<Self>) {
        self.abandoned = true;
        let (name, channel) = (self.name.clone(), ctx.address());
        self.parent.abandoned.do_send(ChannelAbandoned { name, channel });
    }

    /// What was handed out before is in the connection's mailbox before the answer.
    fn close(&mut self, key: SubscriberKey) {
        self.rules.close(key);
        if let Some(Some(outbox)) = self.outboxes.get(key.0 as usize) {
            outbox.connection.do_send(SubscriptionClosed);
        }
    }

    fn settle(
        &mut self,
        key: SubscriberKey,
        answer: Answer,
        now: Moment,
    ) -> Result<Option<Body>, SettleError> {
        match answer {
            Answer::Finish(id) => self.rules.finish(key, id).map(Some),
            Answer::Requeue(id, delay) => self.rules.requeue(key, id, delay, now).map(|()| None),
            Answer::Touch(id) => self.rules.touch(key, id, now).map(|()| None),
        }
    }

    /// Carries out a consumer's answers and returns those that are refused.
    fn settle_all(&mut self, key: SubscriberKey, answers: Vec<Answer>) -> Refused {
        let now = clock::now();
        let wall_ns = if self.latencies.is_some() { clock::wall_ns() } else { 0 };
        let mut refused = Refused::default();
        for answer in answers {
            match (self.settle(key, answer, now), &mut self.latencies) {
                (Err(error), _) => refused.0.push((answer, error)),
                (Ok(Some(finished)), Some(latencies)) => {
                    if let Some(published) = finished.timestamp_ns() {
                        latencies.record(wall_ns.saturating_sub(published), now);
                    }
                }
                (Ok(_), _) => {}
            }
        }
        refused
    }
}

impl Handler<Subscribe> for Channel {
    type Result = MessageResult<Subscribe>;

    fn handle(&mut self, subscribe: Subscribe, ctx: &mut Self::Context) -> Self::Result {
        if self.abandoned {
            self.abandon(ctx); // again, in case that the topic has lost it in a crash
            return MessageResult(Err(SubscribeError::Exiting));
        }
        let consumer = subscribe.0;
        let key = self.rules.subscribe(consumer.client, consumer.terms);
        MessageResult(key.map(|key| self.seat(key, Outbox::new(consumer))))
    }
}

impl Handler<Resume> for Channel {
    type Result = ();

    fn handle(&mut self, resume: Resume, _: &mut Self::Context) {
        let Resume { consumer, ready, closing, held } = resume;
        if !self.resuming.remove(&consumer.client) {
            return; // an answer to an earlier restart
        }
        let now = clock::now();
        let connection = consumer.connection.clone();
        let Ok(key) = self.rules.subscribe(consumer.client, consumer.terms) else {
            return connection.do_send(super::CloseClient);
        };
        self.seat(key, Outbox::new(consumer));
        for holding in held {
            let (seq, attempts) = (holding.seq, holding.attempts);
            let held = Pending { seq, attempts, body: Body::at(LogPosition::START) };
            self.rules.hold(key, holding.id, held, now);
        }
        self.rules.ready(key, ready);
        if closing {
            self.close(key);
        }
    }
}

impl Handler<Ready> for Channel {
    type Result = ();

    fn handle(&mut self, ready: Ready, _: &mut Self::Context) {
        if let Some(key) = self.key(ready.client) {
            self.rules.ready(key, ready.count);
        }
    }
}

impl Handler<CloseSubscription> for Channel {
    type Result = ();

    fn handle(&mut self, close: CloseSubscription, _: &mut Self::Context) {
        if let Some(key) = self.key(close.0) {
            self.close(key);
        }
    }
}

impl Handler<Settle> for Channel {
    type Result = ();

    fn handle(&mut self, settle: Settle, _: &mut Self::Context) {
        // After a restart a consumer's old answers arrive before it has said what it holds; what
        // they were about is then no longer held, or delivered again.
        let Some(key) = self.key(settle.client) else { return };
        self.rules.sent(key, settle.sent_bytes);
        let refused = self.settle_all(key, settle.answers);
        match (settle.refused, self.outboxes.get(key.0 as usize)) {
            (Some(reply), _) => {
                let _ = reply.send(refused); // the connection may have ended
            }
            (None, Some(Some(outbox))) if !refused.0.is_empty() => {
                outbox.connection.do_send(refused);
            }
            _ => {}
        }
    }
}

impl Handler<ClientClosed> for Channel {
    type Result = ();

    fn handle(&mut self, closed: ClientClosed, ctx: &mut Self::Context) {
        let mut has_left = self.resuming.remove(&closed.0);
        if let Some(key) = self.rules.client_closed(closed.0) {
            self.outboxes[key.0 as usize] = None;
            has_left = true;
        }
        if has_left && self.rules.subscribers().is_empty() && self.resuming.is_empty() {
            if !self.keeps_bodies {
                self.window.clear();
            }
            if self.name.is_ephemeral() {
                self.abandon(ctx);
            }
        }
    }
}
