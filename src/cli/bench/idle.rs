//! `nsq bench idle`.

use std::time::Duration;

use serde_json::json;

use super::{
    options::{self, Server},
    outcome::{IdleCost, Outcome},
    session::{Meters, Session},
};
use crate::bench::{
    BenchError, Result,
    idle::{AtRest, IdleConsumers, create},
};

/// What is there before the first reading, so that pages of code and first buffers are not counted.
const CONNECTIONS_BEFORE: usize = 100;
const TOPICS_BEFORE: usize = 20;

/// What does nothing.
#[derive(Debug, clap::Args)]
pub struct Idle {
    #[command(flatten)]
    pub(super) server: Server,
    /// Consumers with a credit of 1, in the topics and channels in turn. Without --topics, to one topic
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=60_000))]
    connections: u32,
    /// Topics, made over HTTP
    #[arg(long, value_parser = options::topics)]
    topics: Option<usize>,
    /// Channels of each topic, made over HTTP
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u16).range(0..=1_000))]
    channels: u16,
    /// Over what time the CPU of the server is measured, when half of it has passed
    #[arg(long, default_value = "4s", value_parser = options::duration)]
    rest: Duration,
}

impl Idle {
    pub(super) fn check(&self) -> std::result::Result<(), String> {
        if self.server.pid.is_none() {
            return Err(
                "what is idle is measured at the server's process: --pid is needed".to_owned()
            );
        }
        if self.connections > 0 && self.channels == 0 {
            return Err("consumers need --channels".to_owned());
        }
        if self.connections == 0 && self.topics.is_none() {
            return Err("nothing to keep: --connections or --topics is needed".to_owned());
        }
        match self.topics {
            Some(_) => self.server.needs_http("--topics"),
            None => Ok(()),
        }
    }

    /// Some topics are there before the others.
    pub(super) fn topics_made(&self) -> usize {
        self.topics.map_or(1, |topics| topics + TOPICS_BEFORE)
    }

    /// Counts the connections, or else the topics. The time is that of making them.
    pub(super) async fn run(&self, session: &Session) -> Result<Outcome> {
        let pid = session.pid.ok_or_else(|| BenchError::Impossible("no --pid".to_owned()))?;
        let channels: Vec<_> = (0..self.channels).map(|number| format!("bench_{number}")).collect();
        let (mut consumers, connections) = (IdleConsumers::default(), self.connections as usize);
        let (first, rest) = session.topics.split_at(TOPICS_BEFORE.min(session.topics.len()));
        if self.topics.is_some() {
            create(&mut session.api().await?, first, &channels).await?;
        }
        let few = CONNECTIONS_BEFORE.min(connections);
        fill(&mut consumers, few, session, &channels).await?;
        let before = AtRest::of(pid, self.rest).await?;
        let meters: Meters = session.meters().await?;
        if self.topics.is_some() {
            create(&mut session.api().await?, rest, &channels).await?;
        }
        fill(&mut consumers, few + connections, session, &channels).await?;
        let expense = meters.stop()?;
        let after = AtRest::of(pid, self.rest).await?;
        consumers.check()?;
        let (unit, count) = match (connections, self.topics) {
            (0, Some(topics)) => ("topic", topics),
            _ => ("connection", connections),
        };
        let growth = after.resident_bytes as f64 - before.resident_bytes as f64;
        let idle = IdleCost {
            bytes_before: before.resident_bytes,
            bytes_after: after.resident_bytes,
            bytes_each: growth / count as f64,
            cpu_percent: after.cpu_percent,
        };
        Ok(Outcome::new("idle", unit, count as u64, expense)
            .doing(self.describe(), self.parameters())
            .idle(idle))
    }

    fn describe(&self) -> String {
        let (connections, channels) = (self.connections, self.channels);
        let topics = self.topics.unwrap_or_default();
        format!(
            "{connections} consumers, {topics} topics with {channels} channels each, nothing published"
        )
    }

    fn parameters(&self) -> serde_json::Value {
        json!({
            "connections": self.connections,
            "topics": self.topics,
            "channels": self.channels,
            "rest_seconds": self.rest.as_secs_f64(),
        })
    }
}

/// Subscribes until there are so many, in topics and channels in turn.
async fn fill(
    consumers: &mut IdleConsumers,
    count: usize,
    session: &Session,
    channels: &[String],
) -> Result<()> {
    while consumers.len() < count {
        let turn = consumers.len();
        let topic = &session.topics[turn / channels.len() % session.topics.len()];
        consumers.add(&session.target(), topic, &channels[turn % channels.len()]).await?;
    }
    Ok(())
}
