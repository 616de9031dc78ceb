//! Connections that publish: requests made beforehand, one task per connection, every answer counted.

use std::{collections::VecDeque, io, sync::Arc, time::Instant};

use tokio::task::JoinSet;

use super::{
    BenchError, Result,
    backlog::Backlog,
    bodies::Bodies,
    connection::{Connection, Door},
    consumers::Arrivals,
    latencies::Latencies,
    request::{Command, Request},
    tally::Ledger,
};

/// Requests that are sent at the same moment leave in writes of about so many bytes.
const BURST: usize = 32 << 10;

/// Who publishes what, and where.
#[derive(Debug, Clone)]
pub struct Publishing {
    /// The way to the server.
    pub door: Door,
    /// How many publish at once.
    pub connections: usize,
    /// Requests of one connection without an answer; 1 over HTTP.
    pub window: u64,
    /// One request.
    pub command: Command,
    /// The messages.
    pub bodies: Bodies,
    /// Connections take turns with these; there is at least one. Where there are more topics than connections, each of
    /// those that wait for answers takes turns with several.
    pub topics: Vec<String>,
}

impl Publishing {
    /// The topic of a connection.
    pub fn topic(&self, connection: usize) -> &str {
        &self.topics[connection % self.topics.len()]
    }

    /// Nothing sent over any of the connections.
    pub fn ledger(&self) -> Ledger {
        Ledger::new(self.numbers(), self.topics.len())
    }

    /// A connection has a number in the ledger for each of its topics.
    fn numbers(&self) -> usize {
        self.connections.max(self.topics.len())
    }

    fn turns(&self, connection: usize) -> Vec<(usize, Request)> {
        let numbers = (connection..self.numbers()).step_by(self.connections);
        numbers.map(|number| (number, self.request(number))).collect()
    }

    pub(super) fn request(&self, connection: usize) -> Request {
        self.door.request(self.command, self.topic(connection), &self.bodies)
    }
}

/// How much is published.
#[derive(Debug, Clone)]
pub enum Extent {
    /// So many messages, as far as they fill requests.
    Messages(u64),
    /// As many as go until then.
    Until(Instant),
    /// Until then, as many as are taken, and those that fill the windows of all connections.
    Keeping {
        /// How many messages wait in all topics together.
        depth: u64,
        /// The only channel of each topic, in turn.
        channels: Vec<Arc<Arrivals>>,
        /// When nothing more is published.
        until: Instant,
    },
}

/// What was published.
#[derive(Debug)]
pub struct Published {
    /// Messages, all of which were accepted.
    pub messages: u64,
    /// From the sending of each request to the reading of its answer. Whoever waits for answers sends less to a slow
    /// server, so this is no answer to how long a user would wait: that is [`super::open_loop`]'s.
    pub ok: Arc<Latencies>,
}

/// Connections that publish, each with at most so many requests waiting for their answer.
#[derive(Debug)]
pub struct Publishers {
    idle: Vec<Publisher>,
    ledger: Ledger,
}

impl Publishers {
    /// Connects all of them.
    pub async fn connect(publishing: &Publishing) -> Result<Self> {
        let ledger = publishing.ledger();
        let mut idle = Vec::with_capacity(publishing.connections);
        for index in 0..publishing.connections {
            idle.push(Publisher {
                connection: publishing.door.connect().await?,
                index,
                window: publishing.window,
                turns: publishing.turns(index),
                turn: 0,
                batch: u64::from(publishing.command.batch()),
                ledger: ledger.clone(),
                burst: Vec::new(),
                waiting: VecDeque::new(),
                unanswered: 0,
            });
        }
        Ok(Self { idle, ledger })
    }

    /// What they have sent.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Publishes messages, shared out evenly, until the last one has its answer.
    pub async fn publish(&mut self, extent: Extent) -> Result<Published> {
        let (before, ok) = (self.ledger.sent(), Arc::new(Latencies::default()));
        let (mut running, count) = (JoinSet::new(), self.idle.len() as u64);
        for publisher in self.idle.drain(..) {
            let end = publisher.end(&extent, count);
            running.spawn(publisher.run(end, Arc::clone(&ok)));
        }
        while let Some(publisher) = running.join_next().await {
            self.idle.push(publisher.map_err(io::Error::from)??);
        }
        self.idle.sort_by_key(|publisher| publisher.index);
        Ok(Published { messages: self.ledger.sent() - before, ok })
    }
}

/// When a connection stops sending.
#[derive(Debug)]
enum End {
    After(u64),
    At(Instant),
    Keeping(Backlog),
}

impl End {
    /// How many requests of `batch` messages may be sent, of `wanted`, when so many were sent.
    fn allows(&self, wanted: u64, sent: u64, batch: u64) -> u64 {
        match self {
            Self::After(requests) => wanted.min(requests - sent),
            Self::At(end) if Instant::now() < *end => wanted,
            Self::At(_) => 0,
            Self::Keeping(backlog) => wanted.min(backlog.room() / batch),
        }
    }

    /// Waits until one more request may be sent, if that may come to be.
    async fn allows_more(&self, batch: u64) -> bool {
        match self {
            Self::After(_) | Self::At(_) => false,
            Self::Keeping(backlog) => backlog.has_room(batch).await,
        }
    }
}

#[derive(Debug)]
struct Publisher {
    connection: Connection,
    index: usize,
    window: u64,
    /// By their numbers in the ledger.
    turns: Vec<(usize, Request)>,
    turn: usize,
    batch: u64,
    ledger: Ledger,
    burst: Vec<u8>,
    /// Requests without an answer, by the moment at which they were sent.
    waiting: VecDeque<(Instant, u64)>,
    unanswered: u64,
}

impl Publisher {
    /// When this one of `count` stops.
    fn end(&self, extent: &Extent, count: u64) -> End {
        let (batch, index) = (self.batch, self.index as u64);
        match extent {
            Extent::Until(end) => End::At(*end),
            Extent::Messages(messages) => {
                let requests = messages / batch;
                End::After(requests / count + u64::from(index < requests % count))
            }
            Extent::Keeping { depth, channels, until } => {
                let (topics, topic) = (channels.len() as u64, self.index % channels.len());
                let windows = count.div_ceil(topics) * self.window * batch;
                let (arrivals, ledger) = (Arc::clone(&channels[topic]), self.ledger.clone());
                let depth = depth / topics + windows;
                End::Keeping(Backlog { arrivals, ledger, topic, depth, until: *until })
            }
        }
    }

    async fn run(mut self, end: End, ok: Arc<Latencies>) -> Result<Self> {
        let (mut sent, batch) = (0, self.batch);
        loop {
            let requests = end.allows(self.window - self.unanswered, sent, batch);
            if requests > 0 {
                self.send(requests).await?;
                sent += requests;
            }
            if self.unanswered > 0 {
                let oks = self.connection.read_oks().await?;
                self.answered(oks, &ok)?;
            } else if !end.allows_more(batch).await {
                return Ok(self);
            }
        }
    }

    async fn send(&mut self, requests: u64) -> Result<()> {
        self.waiting.push_back((Instant::now(), requests));
        self.unanswered += requests;
        for _ in 0..requests {
            let (number, request) = &mut self.turns[self.turn];
            let first = self.ledger.begin(*number, self.batch);
            self.burst.extend_from_slice(request.numbered(first));
            self.turn = (self.turn + 1) % self.turns.len();
            if self.burst.len() >= BURST {
                self.flush().await?;
            }
        }
        self.flush().await
    }

    async fn flush(&mut self) -> Result<()> {
        if !self.burst.is_empty() {
            self.connection.send(&self.burst).await?;
            self.burst.clear();
        }
        Ok(())
    }

    fn answered(&mut self, mut oks: u64, ok: &Latencies) -> Result<()> {
        let now = Instant::now();
        while oks > 0 {
            let Some((sent, count)) = self.waiting.front_mut() else {
                return Err(BenchError::Protocol("more answers than publishes".to_owned()));
            };
            let some = oks.min(*count);
            ok.record_many(now - *sent, some);
            (*count, oks, self.unanswered) = (*count - some, oks - some, self.unanswered - some);
            if *count == 0 {
                self.waiting.pop_front();
            }
        }
        Ok(())
    }
}
