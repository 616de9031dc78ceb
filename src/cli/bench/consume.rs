//! `nsq bench consume`.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use indicatif::HumanCount;
use serde_json::json;

use super::{
    options::{self, Payload, Server},
    outcome::{Check, Outcome},
    session::Session,
};
use crate::bench::{
    Arrivals, Bodies, Command, Consumers, Door, Extent, Publishers, Publishing, Result, Tally,
};

/// Bytes of one MPUB that fills the topics.
const FILLING_BYTES: usize = 256 << 10;
const FILLING_BATCH: usize = 200;
const FILLING_WINDOW: u64 = 4;
const CHANNEL: &str = "bench";

/// Who takes what.
#[derive(Debug, clap::Args)]
pub struct Consume {
    #[command(flatten)]
    pub(super) server: Server,
    #[command(flatten)]
    pub(super) payload: Payload,
    /// How many messages are published before; with --duration, from 0
    #[arg(long, default_value = "100000", value_parser = options::backlog)]
    messages: u64,
    /// How long messages are taken, while others publish as many, so that the backlog stays as deep as it is, or falls if
    /// the server accepts fewer. Counts what was taken in that time; what is left is taken afterwards, to see that it is
    /// there. Without it messages are taken until there are none
    #[arg(long, value_parser = options::duration)]
    duration: Option<Duration>,
    /// Connections that consume, spread over the topics
    #[arg(long, default_value = "1", value_parser = options::connections)]
    connections: usize,
    /// Credit of each; nsqd allows 2500 by default
    #[arg(long, default_value = "2500", value_parser = options::rdy)]
    rdy: u64,
}

impl Consume {
    pub(super) fn check(&self) -> std::result::Result<(), String> {
        if self.duration.is_none() && self.messages == 0 {
            return Err("nothing to take: --messages or --duration is needed".to_owned());
        }
        if self.duration.is_some() && self.server.bare {
            return Err("what stores nothing has no backlog: no --duration".to_owned());
        }
        reach(self.connections, self.payload.topics)?;
        options::consumers_fit(self.connections, self.payload.size)
    }

    pub(super) async fn run(&self, session: &Session) -> Result<Outcome> {
        let (kept, channels) = if session.bare {
            (None, vec![self.offered()])
        } else {
            let (publishers, channels) = self.fill(session).await?;
            (self.duration.map(|duration| (duration, publishers)), channels)
        };
        let mut consumers = Vec::new();
        for arrivals in channels.iter().cycle().take(self.connections) {
            let consumer = session.subscribe(arrivals, self.payload.size).await?;
            consumers.push((consumer, Arc::clone(arrivals)));
        }
        let meters = session.meters().await?;
        let consumers = Consumers::start(consumers, self.rdy);
        let (messages, expense) = match kept {
            Some((duration, mut publishers)) => {
                let at_depth = async {
                    publishers.publish(self.as_many_as_are_taken(&channels, duration)).await?;
                    Ok((taken(&channels), meters.stop()?))
                };
                consumers.finish(at_depth, session.patience).await?
            }
            None => {
                consumers.finish(async { Ok(()) }, session.patience).await?;
                (taken(&channels), meters.stop()?)
            }
        };
        let check = (!session.bare).then(|| Check::of(&channels));
        let outcome = Outcome::of_messages("consume", messages, self.payload.size, expense);
        Ok(outcome.doing(self.describe(), self.parameters()).checked(check))
    }

    fn as_many_as_are_taken(&self, channels: &[Arc<Arrivals>], duration: Duration) -> Extent {
        let until = Instant::now() + duration;
        Extent::Keeping { depth: self.messages, channels: channels.to_vec(), until }
    }

    /// What a server that stores nothing sends.
    fn offered(&self) -> Arc<Arrivals> {
        Arc::new(Arrivals::new("bench", CHANNEL, Tally::of_any(self.messages)))
    }

    /// Publishes what is to be taken, into channels that are there already: a subscription has made them.
    async fn fill(&self, session: &Session) -> Result<(Publishers, Vec<Arc<Arrivals>>)> {
        let Payload { size, topics } = self.payload;
        let batch = (FILLING_BYTES / size).clamp(1, FILLING_BATCH) as u32;
        let publishing = Publishing {
            door: Door::Tcp(session.target()),
            connections: topics.max(4).next_multiple_of(topics),
            window: FILLING_WINDOW,
            command: Command::Mpub(batch),
            bodies: Bodies::new(size, batch),
            topics: session.topics.clone(),
        };
        let mut publishers = Publishers::connect(&publishing).await?;
        let channels = session.arrivals(CHANNEL, &publishing.bodies, publishers.ledger());
        for arrivals in &channels {
            session.subscribe(arrivals, size).await?.leave().await?;
        }
        publishers.publish(Extent::Messages(self.messages)).await?;
        Ok((publishers, channels))
    }

    fn describe(&self) -> String {
        let Self { connections, rdy, payload: Payload { size, topics }, messages, .. } = self;
        let backlog = match self.duration {
            None => "filled before".to_owned(),
            Some(_) => format!("kept {} deep", HumanCount(*messages)),
        };
        format!(
            "SUB, {connections} consuming with RDY {rdy}, of {size} B each, {topics} topics {backlog}"
        )
    }

    fn parameters(&self) -> serde_json::Value {
        let Self { connections, rdy, payload: Payload { size, topics }, .. } = self;
        json!({
            "connections": connections,
            "rdy": rdy,
            "size": size,
            "topics": topics,
            "backlog": self.messages,
            "duration_seconds": self.duration.map(|duration| duration.as_secs_f64()),
        })
    }
}

fn taken(channels: &[Arc<Arrivals>]) -> u64 {
    channels.iter().map(|channel| channel.distinct()).sum()
}

/// Every topic needs a consumer.
pub(super) fn reach(consumers: usize, topics: usize) -> std::result::Result<(), String> {
    if consumers < topics {
        return Err(format!("{consumers} consumers cannot take from {topics} topics"));
    }
    Ok(())
}
