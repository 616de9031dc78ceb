//! Messages at a fixed rate, and how long they take from the moment at which they are due.
//!
//! The schedule is fixed and waits for nothing, so a slow server cannot slow its own test down. One thread sends, because
//! its clock is finer than the runtime's one millisecond; answers and messages are read on the runtime.

mod replies;
mod sender;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use serde::Serialize;
use tokio::{net::TcpStream, task::JoinSet};

use self::replies::Replies;
use super::{
    Arrivals, BenchError, Bodies, Command, Consumer, Consumers, Latencies, Ledger, Percentiles,
    Publishing, Result, Schedule, Target, bodies::Number, consumers::joined, request::Request,
    tally::Tally, wire::Inbox,
};

/// From the last preparation to the first message.
const LEAD: Duration = Duration::from_millis(20);

/// Who takes the messages.
#[derive(Debug, Clone)]
pub struct Receiving {
    /// Where they subscribe.
    pub target: Target,
    /// In every topic.
    pub channel: String,
    /// Connections, which take turns with the topics.
    pub consumers: usize,
    /// Credit of each.
    pub rdy: u64,
}

/// What a run at a fixed rate has shown, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Measured {
    /// From the moment at which a message was due to the reading of its OK.
    pub ok: Option<Percentiles>,
    /// To the reading by a consumer.
    pub end_to_end: Option<Percentiles>,
    /// The same from the moment of sending. On a busy machine it tells the two apart.
    pub end_to_end_after_sending: Option<Percentiles>,
    /// How late the generator itself has sent: part of what is counted from the due moment.
    pub lateness: Option<Percentiles>,
}

/// What all parts of a run share.
struct Clock {
    schedule: Schedule,
    base: Instant,
    /// How late each message was sent, in nanoseconds, at most 4 s.
    late_nanos: Box<[AtomicU32]>,
    lateness: Latencies,
    ok: Latencies,
    end_to_end: Latencies,
    after_sending: Latencies,
}

impl Clock {
    fn new(schedule: Schedule) -> Self {
        let late_nanos = (0..schedule.count()).map(|_| AtomicU32::new(0)).collect();
        let base = Instant::now() + LEAD;
        let [lateness, ok, end_to_end, after_sending] = Default::default();
        Self { schedule, base, late_nanos, lateness, ok, end_to_end, after_sending }
    }

    fn sending(&self, index: u64) {
        let late = self.schedule.due(self.base, index).elapsed();
        let nanos = u32::try_from(late.as_nanos()).unwrap_or(u32::MAX);
        self.late_nanos[index as usize].store(nanos, Ordering::Release);
        if index >= self.schedule.warm_up {
            self.lateness.record(late);
        }
    }

    fn accepted(&self, number: Number, now: Instant) {
        let index = self.schedule.index(number);
        if let Some(took) = self.schedule.latency(self.base, index, now) {
            self.ok.record(took);
        }
    }

    fn arrived(&self, number: Number, now: Instant) {
        let index = self.schedule.index(number);
        if let Some(took) = self.schedule.latency(self.base, index, now) {
            let late = self.late_nanos[index as usize].load(Ordering::Acquire);
            self.end_to_end.record(took);
            self.after_sending.record(took.saturating_sub(Duration::from_nanos(late.into())));
        }
    }

    fn measured(&self) -> Measured {
        Measured {
            ok: self.ok.percentiles(),
            end_to_end: self.end_to_end.percentiles(),
            end_to_end_after_sending: self.after_sending.percentiles(),
            lateness: self.lateness.percentiles(),
        }
    }
}

/// Connections that wait for the first message to be due.
pub struct OpenLoop {
    schedule: Schedule,
    publishers: Vec<(TcpStream, Replies)>,
    /// One for each topic.
    requests: Vec<Request>,
    bodies: Bodies,
    topics: Vec<String>,
    channel: String,
    rdy: u64,
    consumers: Vec<Consumer>,
    ledger: Ledger,
}

impl OpenLoop {
    /// Connects everybody. Publishers have no window, and send one message at a time.
    pub async fn connect(
        publishing: &Publishing,
        receiving: Option<&Receiving>,
        schedule: Schedule,
    ) -> Result<Self> {
        if matches!(publishing.command, Command::Mpub(_)) {
            return Err(BenchError::Impossible("a rate goes with single messages".to_owned()));
        }
        let mut publishers = Vec::with_capacity(publishing.connections);
        for _ in 0..publishing.connections {
            publishers.push(Replies::connect(&publishing.door).await?);
        }
        let mut consumers = Vec::new();
        if let Some(Receiving { target, channel, consumers: count, .. }) = receiving {
            for index in 0..*count {
                let inbox = Inbox::for_bodies(publishing.bodies.size());
                let topic = publishing.topic(index);
                consumers.push(Consumer::subscribe(target, topic, channel, inbox).await?);
            }
        }
        let schedule = Schedule { publishers: publishing.connections as u32, ..schedule };
        Ok(Self {
            schedule,
            publishers,
            requests: (0..publishing.topics.len()).map(|topic| publishing.request(topic)).collect(),
            bodies: publishing.bodies.clone(),
            topics: publishing.topics.clone(),
            channel: receiving.map_or_else(String::new, |receiving| receiving.channel.clone()),
            rdy: receiving.map_or(0, |receiving| receiving.rdy),
            consumers,
            ledger: publishing.ledger(),
        })
    }

    /// What they have sent.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Sends on schedule, until everything has its OK and has come.
    pub async fn run(self, patience: Duration) -> Result<Measured> {
        let clock = Arc::new(Clock::new(self.schedule));
        let consumers = self.consumers.into_iter().enumerate();
        let channels: Vec<_> = self
            .topics
            .iter()
            .enumerate()
            .map(|(topic, name)| {
                let tally = Tally::of_published(self.bodies.clone(), self.ledger.clone(), topic);
                let watching = Arc::clone(&clock);
                let arrivals = Arrivals::new(name, &self.channel, tally);
                Arc::new(arrivals.watched(move |number, now| watching.arrived(number, now)))
            })
            .collect();
        let consumers = consumers
            .map(|(index, consumer)| (consumer, Arc::clone(&channels[index % channels.len()])))
            .collect();
        let consumers = Consumers::start(consumers, self.rdy);
        let publishing = publish(self.publishers, self.requests, self.ledger, &clock);
        consumers.finish(publishing, patience).await?;
        Ok(clock.measured())
    }
}

/// Sends everything and waits for the answers.
async fn publish(
    publishers: Vec<(TcpStream, Replies)>,
    requests: Vec<Request>,
    ledger: Ledger,
    clock: &Arc<Clock>,
) -> Result<()> {
    let (mut reading, mut streams) = (JoinSet::new(), Vec::with_capacity(publishers.len()));
    for (publisher, (stream, replies)) in publishers.into_iter().enumerate() {
        let stream = Arc::new(stream);
        streams.push(Arc::clone(&stream));
        reading.spawn(replies.count(stream, publisher as u32, Arc::clone(clock)));
    }
    let sending = sender::send(streams, requests, ledger, Arc::clone(clock));
    tokio::try_join!(sending, joined(&mut reading)).map(drop)
}
