//! The way of all messages to one nsqd, in their order.

use std::{
    collections::VecDeque,
    future::pending,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::sync::mpsc;

use super::records::{Batch, RECORD_BYTES_MAX};
use crate::{
    cli::tool::Refusal,
    client::{Options, Producer, ProducerLimits, PublishError, Receipt},
    protocol::TopicName,
};

/// What is on its way to an nsqd without an answer.
const WINDOW_BYTES: usize = 1 << 20;
const WINDOW_BATCHES: usize = 16;
/// Room for the longest message; the window is what limits the others.
const OUTSTANDING_BYTES: u32 = (RECORD_BYTES_MAX + 2 * WINDOW_BYTES) as u32;
/// Errors that one message brings on all that were published with it.
const OF_ONE_MESSAGE: [&str; 2] = ["E_BAD_BODY", "E_BAD_MESSAGE"];

/// Publishes batch after batch, several on their way at once.
pub(super) struct Lane {
    producer: Producer,
    topic: TopicName,
    retry_for: Duration,
    /// Since when nothing has been stored.
    failing_since: Option<Instant>,
    on_their_way: VecDeque<(Arc<Batch>, Receipt)>,
    bytes: usize,
}

impl Lane {
    /// Connects; that there is nobody at the start is an error at once.
    pub async fn connect(
        address: &str,
        topic: TopicName,
        options: &Options,
        retry_for: Duration,
    ) -> Result<Self, Refusal> {
        let limits = ProducerLimits {
            outstanding_bytes: OUTSTANDING_BYTES,
            connect_patience: retry_for,
            reconnect_delay_max: Duration::from_secs(1),
            keeps_order: true,
            ..ProducerLimits::default()
        };
        let producer = Producer::with_limits(address, options, limits)
            .map_err(|error| Refusal(format!("failed to create nsq.Producer - {error}")))?;
        producer.connect().await.map_err(Refusal::new)?;
        let (failing_since, on_their_way, bytes) = (None, VecDeque::new(), 0);
        Ok(Self { producer, topic, retry_for, failing_since, on_their_way, bytes })
    }

    /// Publishes all that comes, and waits for the answers.
    pub async fn run(mut self, mut batches: mpsc::Receiver<Arc<Batch>>) -> Result<(), Refusal> {
        loop {
            tokio::select! {
                batch = batches.recv(), if !self.is_full() => match batch {
                    Some(batch) => self.send(batch).await?,
                    None => break,
                },
                answer = oldest_answer(&mut self.on_their_way) => self.settle(answer).await?,
            }
        }
        while !self.on_their_way.is_empty() {
            self.settle_oldest().await?;
        }
        self.producer.stop().await;
        Ok(())
    }

    fn is_full(&self) -> bool {
        self.on_their_way.len() >= WINDOW_BATCHES || self.bytes >= WINDOW_BYTES
    }

    async fn send(&mut self, batch: Arc<Batch>) -> Result<(), Refusal> {
        loop {
            let messages = batch.messages();
            let sent = match messages[..] {
                [message] => self.producer.enqueue(&self.topic, message).await,
                _ => self.producer.enqueue_multi(&self.topic, &messages).await,
            };
            match sent {
                Ok(receipt) => {
                    self.bytes += batch.bytes();
                    self.on_their_way.push_back((Arc::clone(&batch), receipt));
                    return Ok(());
                }
                // Those before it come first.
                Err(PublishError::Lost(lost)) if !self.on_their_way.is_empty() => {
                    log::warn!("({}) connection lost: {lost}", self.producer.address());
                    self.settle_oldest().await?;
                }
                Err(PublishError::Lost(_)) if self.retries() => self.producer.resume(),
                Err(error) => return Err(Refusal::new(error)),
            }
        }
    }

    async fn settle_oldest(&mut self) -> Result<(), Refusal> {
        let answer = oldest_answer(&mut self.on_their_way).await;
        self.settle(answer).await
    }

    /// Deals with the answer to the oldest batch.
    async fn settle(&mut self, answer: Result<(), PublishError>) -> Result<(), Refusal> {
        let Some((batch, _answered)) = self.on_their_way.pop_front() else { return Ok(()) };
        self.bytes -= batch.bytes();
        match answer {
            Ok(()) => {
                self.failing_since = None;
                Ok(())
            }
            Err(PublishError::Lost(_)) if self.retries() => self.send_again(batch).await,
            Err(PublishError::Refused(error))
                if batch.len() > 1 && OF_ONE_MESSAGE.contains(&error.code()) =>
            {
                self.send_one_by_one(&batch).await
            }
            Err(error) => Err(Refusal::new(error)),
        }
    }

    /// True while there is time for another try.
    fn retries(&mut self) -> bool {
        let since = *self.failing_since.get_or_insert_with(Instant::now);
        since.elapsed() < self.retry_for
    }

    /// After a loss the connection takes nothing until all that was on its way is sent again, in its order. What nsqd had
    /// stored without saying so is there twice.
    async fn send_again(&mut self, first: Arc<Batch>) -> Result<(), Refusal> {
        let rest = std::mem::take(&mut self.on_their_way);
        self.bytes = 0;
        let mut batches = vec![first];
        for (batch, receipt) in rest {
            match receipt.await {
                Ok(()) => {}
                Err(PublishError::Lost(_)) => batches.push(batch),
                Err(error) => return Err(Refusal::new(error)),
            }
        }
        let count: usize = batches.iter().map(|batch| batch.len()).sum();
        log::warn!("({}) publishing {count} messages again", self.producer.address());
        self.producer.resume();
        for batch in batches {
            Box::pin(self.send(batch)).await?;
        }
        Ok(())
    }

    /// So that all messages before the one that nsqd does not take are stored. It closes the connection behind that one, now
    /// and then.
    async fn send_one_by_one(&mut self, batch: &Batch) -> Result<(), Refusal> {
        for message in batch.messages() {
            let mut stored = self.producer.publish(&self.topic, message).await;
            if let Err(PublishError::Lost(_)) = stored {
                self.producer.resume();
                stored = self.producer.publish(&self.topic, message).await;
            }
            stored.map_err(Refusal::new)?;
        }
        Ok(())
    }
}

/// Waits for the answer that comes next; for ever if nothing is on its way.
async fn oldest_answer(
    on_their_way: &mut VecDeque<(Arc<Batch>, Receipt)>,
) -> Result<(), PublishError> {
    match on_their_way.front_mut() {
        Some((_, receipt)) => receipt.await,
        None => pending().await,
    }
}
