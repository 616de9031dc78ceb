//! Connections, topics and channels that do nothing, and a server at rest.

use std::time::Duration;

use serde::Serialize;
use tokio::{task::JoinSet, time::sleep};

use super::{
    BenchError, Result, consumers::Consumer, http::Http, link::Target, usage, wire::Inbox,
};

/// Frames to an idle connection are short and there can be many.
const INBOX: usize = 512;

/// Consumers without messages. Their heartbeats are answered.
#[derive(Debug, Default)]
pub struct IdleConsumers {
    running: JoinSet<Result<()>>,
}

impl IdleConsumers {
    /// Subscribes one more, with a credit of 1.
    pub async fn add(&mut self, target: &Target, topic: &str, channel: &str) -> Result<()> {
        let inbox = Inbox::with_capacity(INBOX);
        let consumer = Consumer::subscribe(target, topic, channel, inbox).await?;
        self.running.spawn(consumer.idle());
        Ok(())
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.running.len()
    }

    /// True if there are none.
    pub fn is_empty(&self) -> bool {
        self.running.is_empty()
    }

    /// An error if one of them has been closed, or got a message.
    pub fn check(&mut self) -> Result<()> {
        match self.running.try_join_next() {
            None => Ok(()),
            Some(Ok(Err(error))) => Err(error),
            Some(_) => Err(BenchError::Protocol("an idle consumer ended".to_owned())),
        }
    }
}

/// Creates topics, each with these channels. Those that are there already stay.
pub async fn create(http: &mut Http, topics: &[String], channels: &[String]) -> Result<()> {
    for topic in topics {
        http.post(&format!("/topic/create?topic={topic}")).await?;
        for channel in channels {
            http.post(&format!("/channel/create?topic={topic}&channel={channel}")).await?;
        }
    }
    Ok(())
}

/// A server with nothing to do.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct AtRest {
    /// Resident memory.
    pub resident_bytes: u64,
    /// Of one processor.
    pub cpu_percent: f64,
}

impl AtRest {
    /// What was just asked for is first brought to its end, for half of `rest`; then so long is measured.
    pub async fn of(pid: u32, rest: Duration) -> Result<Self> {
        sleep(rest / 2).await;
        let cpu = usage::cpu_of(pid)?;
        sleep(rest).await;
        let busy = usage::cpu_of(pid)?.saturating_sub(cpu);
        let cpu_percent = 100.0 * busy.as_secs_f64() / rest.as_secs_f64();
        Ok(Self { resident_bytes: usage::resident_bytes(pid)?, cpu_percent })
    }
}
