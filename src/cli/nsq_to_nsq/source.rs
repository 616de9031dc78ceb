//! One source topic: its messages are looked at, published together and answered for.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use bytes::Bytes;
use tokio::task::JoinSet;

use super::{
    batches::{Batch, Limits, batches},
    dropped::Dropped,
    json_filter::{JsonFilter, Verdict},
    publishing::Publisher,
};
use crate::{
    cli::{progress::Progress, relay::touching::touching},
    client::{Delivery, Messages},
    protocol::TopicName,
};

/// Far below what an nsqd takes in one command unless it is told otherwise (5 MiB).
const BATCH: Limits = Limits { messages: 256, bytes: 512 * 1024 };

/// A topic on its way to another.
pub(super) struct Source {
    pub(super) topic: TopicName,
    pub(super) destination: TopicName,
    pub(super) messages: Messages,
}

impl Source {
    /// Until its consumer has ended. What has come is published together, while what was published before waits for its
    /// answer; there is no more of it than is in flight.
    pub(super) async fn pass_on(mut self, passing: Arc<Passing>) {
        let mut tasks = JoinSet::new();
        loop {
            let messages = self.messages.next_many(BATCH.messages).await;
            if messages.is_empty() {
                break;
            }
            let Looked { passed, invalid } = passing.look_at(messages, &self.topic);
            for batch in batches(passed, BATCH) {
                tasks.spawn(Arc::clone(&passing).publish(self.destination.clone(), batch));
            }
            if let Some(topic) = &passing.invalid_topic {
                for batch in batches(invalid, BATCH) {
                    tasks.spawn(Arc::clone(&passing).publish(topic.clone(), batch));
                }
            }
            while tasks.try_join_next().is_some() {}
        }
    }
}

/// What all source topics have in common.
pub(super) struct Passing {
    pub(super) publisher: Publisher,
    pub(super) filter: Option<JsonFilter>,
    pub(super) invalid_topic: Option<TopicName>,
    pub(super) progress: Progress,
    pub(super) dropped: Mutex<Dropped>,
}

/// Messages and what is to be published of them.
#[derive(Default)]
struct Looked {
    passed: Vec<(Delivery, Bytes)>,
    invalid: Vec<(Delivery, Bytes)>,
}

impl Passing {
    /// Finishes what is not to be published.
    fn look_at(&self, messages: Vec<Delivery>, topic: &TopicName) -> Looked {
        let mut looked = Looked::default();
        for message in messages {
            let body = message.body().clone();
            let verdict = match &self.filter {
                Some(filter) => filter.judge(&body),
                None => Verdict::Pass(body.clone()),
            };
            match verdict {
                Verdict::Pass(body) => looked.passed.push((message, body)),
                Verdict::NoObject(_) if self.invalid_topic.is_some() => {
                    looked.invalid.push((message, body));
                }
                Verdict::NoObject(reason) => self.drop_invalid(message, topic, &reason),
                Verdict::Drop => {
                    message.finish();
                }
            }
        }
        looked
    }

    fn drop_invalid(&self, message: Delivery, topic: &TopicName, reason: &str) {
        let told = lock(&self.dropped).add(Instant::now());
        if let Some(count) = told {
            let id = message.id();
            log::error!(
                "ERROR: Unable to decode json: topic={topic} id={id}: {reason}; dropped {count} such since the last line"
            );
        }
        message.finish();
    }

    async fn publish(self: Arc<Self>, topic: TopicName, batch: Batch<Delivery>) {
        let Batch { messages, bodies } = batch;
        let touched = messages.iter().map(|message| &**message);
        let results = touching(touched, self.publisher.publish(&topic, &bodies)).await;
        let (mut count, mut bytes) = (0, 0);
        for ((message, body), result) in messages.into_iter().zip(&bodies).zip(results) {
            match result {
                Ok(()) => {
                    message.finish();
                    count += 1;
                    bytes += body.len();
                }
                Err(rejection) => {
                    message.fail(rejection);
                }
            }
        }
        self.progress.add(count, bytes);
    }

    /// Says how many messages were dropped that are no JSON, if any were.
    pub(super) fn tell_dropped(&self) {
        let count = lock(&self.dropped).count();
        if count > 0 {
            log::warn!("dropped {count} messages that are no JSON object");
        }
    }
}

fn lock<T>(value: &Mutex<T>) -> MutexGuard<'_, T> {
    value.lock().unwrap_or_else(PoisonError::into_inner)
}
