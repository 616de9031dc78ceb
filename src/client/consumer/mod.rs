//! Consuming one channel from any number of nsqds.

mod backoff;
mod builder;
mod connection;
mod discovery;
mod line;
mod manager;
mod message;
mod queue;
mod rdy;
mod working;

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{mpsc, watch},
    time::timeout,
};

use self::{backoff::Outcome, line::Line, queue::Queue, rdy::LineId, working::Gate};
pub use self::{
    builder::ConsumerBuilder,
    message::{Delivery, Failure, Message},
};
use crate::protocol::{ChannelName, TopicName};

/// How long a stop waits for handlers whose connections are closed already.
const LATE_HANDLERS_TIMEOUT: Duration = Duration::from_secs(1);

/// What the manager of a consumer is told.
enum Event {
    /// nsqlookupds know these addresses.
    Found(Vec<String>),
    /// A connection stands; the largest RDY of its nsqd.
    Joined(Arc<Line>, i64),
    /// A connection, or the attempt at one, has ended; why, unless it was told to.
    Left(LineId, Option<String>),
    /// It is time to connect there again.
    Retry(String),
    /// A message has been handled.
    Outcome(Outcome),
    SetMaxInFlight(u32),
    Stop,
    Abort,
}

/// The connections that stand.
#[derive(Default)]
struct Lines {
    all: Mutex<Vec<Arc<Line>>>,
    /// What connections that are gone have come to.
    past: Mutex<Counts>,
}

impl Lines {
    fn add(&self, line: Arc<Line>) {
        self.all().push(line);
    }

    fn remove(&self, id: LineId) {
        let mut all = self.all();
        if let Some(at) = all.iter().position(|line| line.id == id) {
            let line = all.swap_remove(at);
            self.past.lock().unwrap_or_else(PoisonError::into_inner).add(&line);
        }
    }

    fn all(&self) -> MutexGuard<'_, Vec<Arc<Line>>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn counts(&self) -> Counts {
        let all = self.all();
        let mut counts = *self.past.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().for_each(|line| counts.add(line));
        counts
    }
}

#[derive(Clone, Copy, Default)]
struct Counts {
    received: u64,
    finished: u64,
    requeued: u64,
}

impl Counts {
    fn add(&mut self, line: &Line) {
        let answered = line.answered();
        self.received += line.received_count();
        self.finished += answered.finished;
        self.requeued += answered.requeued;
    }
}

/// What a consumer has done so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConsumerStats {
    /// Messages that have come.
    pub received: u64,
    /// Messages that were answered with FIN.
    pub finished: u64,
    /// Messages that were given back.
    pub requeued: u64,
    /// Connections that stand.
    pub connections: usize,
}

/// A running consumer. Clones are the same consumer; when the last one is gone, its connections are closed at once and
/// nsqd delivers to others what was in flight. [`Consumer::stop`] ends it gracefully.
#[derive(Clone)]
pub struct Consumer {
    handle: Arc<Handle>,
    /// Ends with the manager and the last handler.
    alive: watch::Receiver<()>,
}

struct Handle {
    events: mpsc::UnboundedSender<Event>,
    lines: Arc<Lines>,
    stop_timeout: Duration,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.tell(Event::Abort);
    }
}

impl Handle {
    fn tell(&self, event: Event) {
        let _ = self.events.send(event); // it may have ended by itself
    }
}

impl Consumer {
    /// Begins to describe a consumer of that channel.
    pub fn builder(topic: TopicName, channel: ChannelName) -> ConsumerBuilder {
        ConsumerBuilder::new(topic, channel)
    }

    /// Takes no more messages, waits until those in flight are answered and closes the connections; handlers have then
    /// ended, too. After [`ConsumerBuilder::stop_timeout`] the connections are closed anyway, and a second later this
    /// returns, though a handler may still be at work. A stream must be read on meanwhile: it gives what has come, and
    /// ends.
    pub async fn stop(&self) {
        self.begin_stop();
        let longest = self.handle.stop_timeout.saturating_add(LATE_HANDLERS_TIMEOUT);
        let _in_time = timeout(longest, self.ended()).await;
    }

    /// The same without waiting.
    pub fn begin_stop(&self) {
        self.handle.tell(Event::Stop);
    }

    /// Waits until the consumer has ended, its handlers included, however long they take.
    pub async fn ended(&self) {
        let mut alive = self.alive.clone();
        while alive.changed().await.is_ok() {}
    }

    /// Changes how many messages are in flight at most; 0 for a rest.
    pub fn set_max_in_flight(&self, max: u32) {
        self.handle.tell(Event::SetMaxInFlight(max));
    }

    /// True if a connection has nearly as many messages without an answer as it may have (85 % of its RDY), so that
    /// answers should not be put off any longer.
    pub fn is_starved(&self) -> bool {
        self.handle.lines.all().iter().any(|line| line.is_starved())
    }

    /// What it has done so far.
    pub fn stats(&self) -> ConsumerStats {
        let Counts { received, finished, requeued } = self.handle.lines.counts();
        let connections = self.handle.lines.all().len();
        ConsumerStats { received, finished, requeued, connections }
    }
}

impl fmt::Debug for Consumer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Consumer").field("stats", &self.stats()).finish_non_exhaustive()
    }
}

/// The messages of a consumer, to be taken one by one and answered by whoever takes them.
///
/// When it is dropped, the consumer stops: what nobody has taken goes back to nsqd, what was taken can be answered as long
/// as a [`Consumer`] lives.
pub struct Messages {
    consumer: Consumer,
    queue: Arc<Queue>,
    gate: Gate,
}

impl Messages {
    /// Waits for a message; `None` when the consumer has ended. Nothing is lost when the future is dropped.
    pub async fn next(&mut self) -> Option<Delivery> {
        loop {
            let delivery = self.queue.next().await?;
            if let Some(delivery) = self.gate.admit(delivery).await {
                return Some(delivery);
            }
        }
    }

    /// Waits for a message and takes what else has come, up to `limit` in all; empty when the consumer has ended.
    pub async fn next_many(&mut self, limit: usize) -> Vec<Delivery> {
        let Some(first) = self.next().await else { return Vec::new() };
        let mut taken = vec![first];
        self.queue.take(limit.saturating_sub(1), &mut taken);
        if taken.iter().any(|delivery| !self.gate.is_open_for(delivery)) {
            let mut admitted = Vec::with_capacity(taken.len());
            for delivery in taken {
                admitted.extend(self.gate.admit(delivery).await);
            }
            return admitted;
        }
        taken
    }

    /// To stop it, or to see how it goes, from elsewhere.
    pub fn consumer(&self) -> &Consumer {
        &self.consumer
    }
}

impl Drop for Messages {
    fn drop(&mut self) {
        self.consumer.begin_stop();
        self.queue.abandon();
    }
}

impl fmt::Debug for Messages {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Messages").field("consumer", &self.consumer).finish_non_exhaustive()
    }
}
