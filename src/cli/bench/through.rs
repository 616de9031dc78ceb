//! `nsq bench both` and `nsq bench fan-out`.

use std::sync::Arc;

use serde_json::json;

use super::{
    consume::reach,
    options::{self, Amount, Payload, Server},
    outcome::{Check, Outcome},
    session::Session,
};
use crate::bench::{Consumers, Publishers, Result};

/// Who publishes and consumes what.
#[derive(Debug, clap::Args)]
pub struct Through {
    #[command(flatten)]
    pub(super) server: Server,
    #[command(flatten)]
    publishers: options::Publishers,
    #[command(flatten)]
    pub(super) payload: Payload,
    #[command(flatten)]
    amount: Amount,
    /// Connections that consume, in each channel, spread over the topics
    #[arg(long, default_value = "1", value_parser = options::connections)]
    consumers: usize,
    /// Credit of each; nsqd allows 2500 by default
    #[arg(long, default_value = "2500", value_parser = options::rdy)]
    rdy: u64,
}

/// With one channel.
#[derive(Debug, clap::Args)]
pub struct Both {
    #[command(flatten)]
    pub(super) through: Through,
}

/// With many.
#[derive(Debug, clap::Args)]
pub struct FanOut {
    #[command(flatten)]
    pub(super) through: Through,
    /// Channels, each of which gets every message
    #[arg(long, default_value = "10", value_parser = options::channels)]
    channels: usize,
}

impl Both {
    pub(super) async fn run(&self, session: &Session) -> Result<Outcome> {
        self.through.run("both", 1, session).await
    }
}

impl FanOut {
    pub(super) fn check(&self) -> std::result::Result<(), String> {
        let through = &self.through;
        options::consumers_fit(through.consumers * self.channels, through.payload.size)?;
        through.check()
    }

    pub(super) async fn run(&self, session: &Session) -> Result<Outcome> {
        self.through.run("fan-out", self.channels, session).await
    }
}

impl Through {
    pub(super) fn check(&self) -> std::result::Result<(), String> {
        reach(self.consumers, self.payload.topics)?;
        options::consumers_fit(self.consumers, self.payload.size)?;
        self.publishers.check(&self.server, &self.payload)
    }

    /// Counts messages that were published, however many channels they go to.
    async fn run(&self, kind: &'static str, channels: usize, session: &Session) -> Result<Outcome> {
        let size = self.payload.size;
        let publishing = self.publishers.publishing(session, size);
        let mut publishers = Publishers::connect(&publishing).await?;
        let (mut all, mut consumers) = (Vec::new(), Vec::new());
        for channel in 0..channels {
            let channel = format!("bench_{channel}");
            let topics = session.arrivals(&channel, &publishing.bodies, publishers.ledger());
            for index in 0..self.consumers {
                let arrivals = &topics[index % topics.len()];
                let consumer = session.subscribe(arrivals, size).await?;
                consumers.push((consumer, Arc::clone(arrivals)));
            }
            all.extend(topics);
        }
        let patience = session.patience + publishing.command.delay();
        let meters = session.meters().await?;
        let consumers = Consumers::start(consumers, self.rdy);
        let publish = publishers.publish(self.amount.extent());
        let published = consumers.finish(publish, patience).await?;
        let expense = meters.stop()?;
        Ok(Outcome::of_messages(kind, published.messages, size, expense)
            .with_ok(published.ok.percentiles())
            .doing(self.describe(channels), self.parameters(channels))
            .checked(Some(Check::of(&all))))
    }

    fn describe(&self, channels: usize) -> String {
        let Self { publishers, payload: Payload { size, topics }, consumers, rdy, .. } = self;
        let publishers = publishers.describe(*size);
        format!(
            "{publishers}; {consumers} consuming in each of {channels} channels with RDY {rdy}, {topics} topics"
        )
    }

    fn parameters(&self, channels: usize) -> serde_json::Value {
        let Self { publishers, payload: Payload { size, topics }, consumers, rdy, .. } = self;
        json!({
            "connections": publishers.connections,
            "window": publishers.window,
            "http": publishers.http,
            "batch": publishers.command().batch(),
            "size": size,
            "topics": topics,
            "channels": channels,
            "consumers": consumers,
            "rdy": rdy,
        })
    }
}
