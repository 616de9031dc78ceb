//! Publishing to one nsqd.

mod error;
mod queue;
mod task;

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use tokio::sync::oneshot;

pub use self::error::PublishError;
use self::{
    queue::{Queue, Shared},
    task::Task,
};
use super::{
    dial::Settings,
    error::{ConnectError, Lost, SetupError},
    options::Options,
};
use crate::protocol::{
    TopicName,
    outgoing::{framed_bytes, put_publish, put_publish_deferred, put_publish_multi},
};

/// Line and sizes of a publish command come to no more.
const COMMAND_OVERHEAD_BYTES: usize = 128;

/// What a producer may hold, and how long it waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProducerLimits {
    /// Bytes of commands without an answer; whoever wants to publish more waits for room. Each command counts for 128
    /// bytes more than its messages.
    pub outstanding_bytes: u32,
    /// How long a publish waits for a connection where there is none. Zero fails it with the first attempt that fails.
    pub connect_patience: Duration,
    /// The longest pause between two attempts to connect; pauses grow from a tenth of a second.
    pub reconnect_delay_max: Duration,
    /// How long nsqd may take for an answer before the connection is given up.
    pub answer_timeout: Duration,
    /// How long [`Producer::stop`] waits for answers.
    pub stop_timeout: Duration,
    /// A lost connection fails everything that was enqueued, sent or not, and all that is enqueued until
    /// [`Producer::resume`]: whoever publishes it again can keep the order. Otherwise what was not sent goes out with the
    /// next connection.
    pub keeps_order: bool,
}

impl Default for ProducerLimits {
    /// 8 MiB without an answer, a second for a connection, a minute for an answer, half a minute for a stop.
    fn default() -> Self {
        Self {
            outstanding_bytes: 8 << 20,
            connect_patience: Duration::from_secs(1),
            reconnect_delay_max: Duration::from_secs(10),
            answer_timeout: Duration::from_secs(60),
            stop_timeout: Duration::from_secs(30),
            keeps_order: false,
        }
    }
}

/// Publishes to one nsqd. Clones share one connection, which is made when the first message is published and made anew
/// when it was lost.
///
/// Any number of publishes may be on their way at once. With [`Producer::publish`] a task waits for its own answer; with
/// [`Producer::enqueue`] it can go on and wait later.
///
/// When the last clone is dropped, what was enqueued is still sent and the connection is then closed, as long as the
/// runtime lives; [`Producer::stop`] waits for that.
#[derive(Clone)]
pub struct Producer {
    handle: Arc<Handle>,
}

/// Stops the task when the last producer is gone.
struct Handle {
    shared: Arc<Shared>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.begin_stop();
    }
}

impl Producer {
    /// A producer for the nsqd at `address`, `host:port`. Reads the files that the options name; connects nowhere yet.
    pub fn new(address: impl Into<String>, options: &Options) -> Result<Self, SetupError> {
        Self::with_limits(address, options, ProducerLimits::default())
    }

    /// The same with limits of one's own.
    pub fn with_limits(
        address: impl Into<String>,
        options: &Options,
        limits: ProducerLimits,
    ) -> Result<Self, SetupError> {
        let settings = Settings::new(options)?;
        let shared = Arc::new(Shared::new(address.into(), settings, limits));
        Ok(Self { handle: Arc::new(Handle { shared }) })
    }

    /// Where it publishes.
    pub fn address(&self) -> &str {
        &self.shared().address
    }

    /// Connects if there is no connection, to find out early whether one can be had: an attempt that fails is an error at
    /// once, whatever [`ProducerLimits::connect_patience`] says.
    pub async fn connect(&self) -> Result<(), ConnectError> {
        let answer = match self.enqueue_command(0, |_| {}).await {
            Ok(receipt) => receipt.await,
            Err(error) => Err(error),
        };
        match answer {
            Ok(()) => Ok(()),
            Err(PublishError::NotConnected(error)) => Err(error),
            Err(PublishError::Lost(lost)) => Err(lost.into()),
            Err(_stopped) => Err(Lost::ClosedHere.into()),
        }
    }

    /// Publishes a message and waits until nsqd has confirmed it.
    pub async fn publish(
        &self,
        topic: &TopicName,
        body: impl AsRef<[u8]>,
    ) -> Result<(), PublishError> {
        self.enqueue(topic, body).await?.await
    }

    /// Publishes all of `bodies` or none of them, and waits until nsqd has confirmed them.
    pub async fn publish_multi<B: AsRef<[u8]>>(
        &self,
        topic: &TopicName,
        bodies: &[B],
    ) -> Result<(), PublishError> {
        self.enqueue_multi(topic, bodies).await?.await
    }

    /// Publishes a message that is not delivered before `delay` has passed, and waits until nsqd has confirmed it.
    pub async fn publish_deferred(
        &self,
        topic: &TopicName,
        delay: Duration,
        body: impl AsRef<[u8]>,
    ) -> Result<(), PublishError> {
        self.enqueue_deferred(topic, delay, body).await?.await
    }

    /// Puts a message on its way, waiting only for room. Messages enqueued by one task reach nsqd in this order.
    pub async fn enqueue(
        &self,
        topic: &TopicName,
        body: impl AsRef<[u8]>,
    ) -> Result<Receipt, PublishError> {
        let body = not_empty(body.as_ref())?;
        self.enqueue_command(body.len(), |out| put_publish(out, topic, body)).await
    }

    /// Puts many messages on their way as one command.
    pub async fn enqueue_multi<B: AsRef<[u8]>>(
        &self,
        topic: &TopicName,
        bodies: &[B],
    ) -> Result<Receipt, PublishError> {
        if bodies.is_empty() || bodies.iter().any(|body| body.as_ref().is_empty()) {
            return Err(PublishError::Empty);
        }
        let bytes = framed_bytes(bodies);
        self.enqueue_command(bytes, |out| put_publish_multi(out, topic, bodies)).await
    }

    /// Puts a deferred message on its way.
    pub async fn enqueue_deferred(
        &self,
        topic: &TopicName,
        delay: Duration,
        body: impl AsRef<[u8]>,
    ) -> Result<Receipt, PublishError> {
        let body = not_empty(body.as_ref())?;
        let put = |out: &mut Vec<u8>| put_publish_deferred(out, topic, delay, body);
        self.enqueue_command(body.len(), put).await
    }

    /// Goes on behind a loss, with [`ProducerLimits::keeps_order`].
    pub fn resume(&self) {
        self.shared().resume();
    }

    /// Refuses further publishes, waits for the answers to those on their way and closes the connection. What is not
    /// answered within [`ProducerLimits::stop_timeout`] fails.
    pub async fn stop(&self) {
        self.shared().begin_stop();
        self.shared().stopped().await;
    }

    async fn enqueue_command(
        &self,
        message_bytes: usize,
        put: impl FnOnce(&mut Vec<u8>),
    ) -> Result<Receipt, PublishError> {
        let shared = self.shared();
        let cost = shared.make_room(message_bytes.saturating_add(COMMAND_OVERHEAD_BYTES)).await?;
        let (reply, answer) = oneshot::channel();
        let needs_task = shared.push(cost, reply, put)?;
        if needs_task {
            tokio::spawn(Task::new(Arc::clone(shared)).run());
        }
        Ok(Receipt { answer })
    }

    fn shared(&self) -> &Arc<Shared> {
        &self.handle.shared
    }
}

fn not_empty(body: &[u8]) -> Result<&[u8], PublishError> {
    if body.is_empty() { Err(PublishError::Empty) } else { Ok(body) }
}

impl fmt::Debug for Producer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Producer").field("address", &self.address()).finish_non_exhaustive()
    }
}

/// The answer to come to what was enqueued. The message is on its way whether or not anybody waits for this.
#[derive(Debug)]
#[must_use = "only the answer tells whether the message is stored"]
pub struct Receipt {
    answer: oneshot::Receiver<Result<(), PublishError>>,
}

impl Future for Receipt {
    type Output = Result<(), PublishError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let answer = Pin::new(&mut self.answer).poll(cx);
        // The runtime that had the connection has ended.
        answer.map(|answer| answer.unwrap_or(Err(PublishError::Lost(Lost::ClosedHere))))
    }
}
