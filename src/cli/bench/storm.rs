//! `nsq bench storm`.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use serde_json::json;
use tokio::task::JoinSet;

use super::{
    options::{self, Server},
    outcome::Outcome,
    session::Session,
};
use crate::bench::{BenchError, Consumer, Latencies, Result, Target, wire::Inbox};

/// Frames to somebody who leaves at once are short.
const INBOX: usize = 512;

/// Who comes and goes.
#[derive(Debug, clap::Args)]
pub struct Storm {
    #[command(flatten)]
    pub(super) server: Server,
    /// How many come and go, one after the other, at the same time
    #[arg(long, default_value = "10", value_parser = options::connections)]
    connections: usize,
    /// How many come in all
    #[arg(long, default_value = "10000", value_parser = options::messages, conflicts_with = "duration")]
    count: u64,
    /// How long they come, instead of how many
    #[arg(long, value_parser = options::duration)]
    duration: Option<Duration>,
}

/// What all of them share.
struct Visits {
    target: Target,
    topic: String,
    left: AtomicU64,
    until: Option<Instant>,
    latencies: Latencies,
}

impl Storm {
    pub(super) async fn run(&self, session: &Session) -> Result<Outcome> {
        let meters = session.meters().await?;
        let visits = Arc::new(Visits {
            target: session.target(),
            topic: session.topics.first().cloned().unwrap_or_default(),
            left: AtomicU64::new(self.duration.map_or(self.count, |_| u64::MAX)),
            until: self.duration.map(|duration| Instant::now() + duration),
            latencies: Latencies::default(),
        });
        let mut running: JoinSet<Result<u64>> =
            (0..self.connections).map(|_| Arc::clone(&visits).make()).collect();
        let mut made = 0;
        while let Some(ended) = running.join_next().await {
            made += ended.map_err(std::io::Error::from)??;
        }
        let expense = meters.stop()?;
        let work =
            format!("connect, IDENTIFY, SUB, CLS, close; {} at the same time", self.connections);
        Ok(Outcome::new("storm", "connection", made, expense)
            .with_ok(visits.latencies.percentiles())
            .doing(work, json!({ "connections": self.connections })))
    }
}

impl Visits {
    async fn make(self: Arc<Self>) -> Result<u64> {
        let mut made = 0;
        while self.goes_on() {
            let began = Instant::now();
            self.one().await?;
            self.latencies.record(began.elapsed());
            made += 1;
        }
        Ok(made)
    }

    fn goes_on(&self) -> bool {
        let in_time = self.until.is_none_or(|until| Instant::now() < until);
        let less = |left: u64| left.checked_sub(1);
        in_time && self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok()
    }

    async fn one(&self) -> Result<()> {
        let inbox = Inbox::with_capacity(INBOX);
        let consumer = Consumer::subscribe(&self.target, &self.topic, "bench", inbox).await;
        let consumer = consumer.map_err(|error| match error {
            BenchError::NotConnected { error, .. }
                if error.kind() == std::io::ErrorKind::AddrNotAvailable =>
            {
                let text = "this machine has no ports left: fewer connections a second";
                BenchError::Impossible(text.to_owned())
            }
            error => error,
        })?;
        consumer.leave().await
    }
}
