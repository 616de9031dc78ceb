//! `nsq bench consume`.

use std::sync::Arc;

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
    /// How many messages are published before
    #[arg(long, default_value = "100000", value_parser = options::messages)]
    messages: u64,
    /// Connections that consume, spread over the topics
    #[arg(long, default_value = "1", value_parser = options::connections)]
    connections: usize,
    /// Credit of each; nsqd allows 2500 by default
    #[arg(long, default_value = "2500", value_parser = options::rdy)]
    rdy: u64,
}

impl Consume {
    pub(super) fn check(&self) -> std::result::Result<(), String> {
        reach(self.connections, self.payload.topics)?;
        options::consumers_fit(self.connections, self.payload.size)
    }

    pub(super) async fn run(&self, session: &Session) -> Result<Outcome> {
        let channels = match session.bare {
            true => vec![Arc::new(Arrivals::new("bench", CHANNEL, Tally::of_any(self.messages)))],
            false => self.fill(session).await?,
        };
        let mut consumers = Vec::new();
        for index in 0..self.connections {
            let arrivals = &channels[index % channels.len()];
            let consumer = session.subscribe(arrivals, self.payload.size).await?;
            consumers.push((consumer, Arc::clone(arrivals)));
        }
        let meters = session.meters().await?;
        Consumers::start(consumers, self.rdy).finish(async { Ok(()) }, session.patience).await?;
        let expense = meters.stop()?;
        let messages = channels.iter().map(|channel| channel.distinct()).sum();
        let check = (!session.bare).then(|| Check::of(&channels));
        let outcome = Outcome::of_messages("consume", messages, self.payload.size, expense);
        Ok(outcome.doing(self.describe(), self.parameters()).checked(check))
    }

    /// Publishes what is to be taken, into channels that are there already: a subscription has made them.
    async fn fill(&self, session: &Session) -> Result<Vec<Arc<Arrivals>>> {
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
        Ok(channels)
    }

    fn describe(&self) -> String {
        let Self { connections, rdy, payload: Payload { size, topics }, .. } = self;
        format!(
            "SUB, {connections} consuming with RDY {rdy}, of {size} B each, {topics} topics filled before"
        )
    }

    fn parameters(&self) -> serde_json::Value {
        let Self { connections, rdy, payload: Payload { size, topics }, .. } = self;
        json!({ "connections": connections, "rdy": rdy, "size": size, "topics": topics })
    }
}

/// Every topic needs a consumer.
pub(super) fn reach(consumers: usize, topics: usize) -> std::result::Result<(), String> {
    if consumers < topics {
        return Err(format!("{consumers} consumers cannot take from {topics} topics"));
    }
    Ok(())
}
