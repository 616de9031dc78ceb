//! Publishing batches to the destinations.

use bytes::Bytes;

use crate::{
    cli::relay::destinations::{Destinations, Rejection},
    client::{Producer, PublishError},
    protocol::TopicName,
};

/// Over new connections to the same destination.
const TRIES_MAX: usize = 3;

/// The destinations and how to reach each, by number.
#[derive(Debug)]
pub(super) struct Publisher {
    pub(super) destinations: Destinations,
    pub(super) producers: Vec<Producer>,
}

impl Publisher {
    /// Publishes all of `bodies` to one destination. Where none takes them together because of one of them, each goes by
    /// itself. The result for each, in order.
    pub(super) async fn publish(
        &self,
        topic: &TopicName,
        bodies: &[Bytes],
    ) -> Vec<Result<(), Rejection>> {
        match self.publish_together(topic, bodies).await {
            Err(rejection) if bodies.len() > 1 && !rejection.blames_host => {
                let mut results = Vec::with_capacity(bodies.len());
                for body in bodies {
                    results.push(self.publish_together(topic, std::slice::from_ref(body)).await);
                }
                results
            }
            result => vec![result; bodies.len()],
        }
    }

    async fn publish_together(&self, topic: &TopicName, bodies: &[Bytes]) -> Result<(), Rejection> {
        let send = |host: usize| async move {
            let sent = publish_to(&self.producers[host], topic, bodies).await;
            sent.map_err(|error| rejection(&error))
        };
        self.destinations.deliver(bodies.len(), send).await
    }
}

/// Once more where the connection is lost, which need not be the destination's end: nsqd also closes it behind a message
/// that it refuses, whatever else is on its way.
async fn publish_to(
    producer: &Producer,
    topic: &TopicName,
    bodies: &[Bytes],
) -> Result<(), PublishError> {
    let mut tries = 1;
    loop {
        let published = match bodies {
            [body] => producer.publish(topic, body).await,
            bodies => producer.publish_multi(topic, bodies).await,
        };
        match published {
            Err(PublishError::Lost(_)) if tries < TRIES_MAX => tries += 1,
            published => return published,
        }
    }
}

fn rejection(error: &PublishError) -> Rejection {
    let is_bad_message = match error {
        PublishError::Refused(refused) => refused.code().starts_with("E_BAD_"),
        PublishError::TooLarge { .. } | PublishError::Empty => true,
        PublishError::NotConnected(_) | PublishError::Lost(_) | PublishError::Stopped => false,
    };
    match is_bad_message {
        true => Rejection::of_message(error),
        false => Rejection::of_host(error),
    }
}
