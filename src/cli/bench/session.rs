//! What a run has at its server: addresses, topics of its own, the process that is measured.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use tokio::net::lookup_host;

use super::{
    options::{RDY_MAX, Server, credit},
    outcome::Check,
};
use crate::bench::{
    Arrivals, BenchError, Bodies, Consumer, Consumers, Cost, Ledger, Meter, Result, Tally, Target,
    http::Http,
    idle,
    usage::{self, Memory, MemoryMeter},
    wire::Inbox,
    within,
};

/// How long the server may have something of its own to do before a run.
const QUIET_LIMIT: Duration = Duration::from_secs(120);
/// How long topics may take to go.
const CLEANING_LIMIT: Duration = Duration::from_secs(120);
/// Consumers that check what has come, at once.
const CHECKING: usize = 16;

/// A run at its server.
#[derive(Debug)]
pub(super) struct Session {
    /// Where NSQ's protocol is spoken.
    pub(super) tcp: SocketAddr,
    /// Where HTTP is spoken.
    pub(super) http: Option<SocketAddr>,
    /// The server's process.
    pub(super) pid: Option<u32>,
    /// How long nothing may come.
    pub(super) patience: Duration,
    /// The server stores nothing.
    pub(super) bare: bool,
    /// The topics of this run.
    pub(super) topics: Vec<String>,
    keeps_topics: bool,
}

/// What a piece of work has cost.
#[derive(Debug, Clone, Copy)]
pub(super) struct Expense {
    pub(super) cost: Cost,
    pub(super) memory: Option<Memory>,
}

/// Runs while the work is done.
pub(super) struct Meters {
    time: Meter,
    memory: Option<MemoryMeter>,
}

impl Meters {
    pub(super) fn stop(&self) -> Result<Expense> {
        let cost = self.time.stop()?;
        let memory = self.memory.as_ref().map(MemoryMeter::stop).transpose()?;
        Ok(Expense { cost, memory })
    }
}

impl Session {
    /// Resolves the addresses and names the topics.
    pub(super) async fn open(server: &Server, topics: usize) -> Result<Self> {
        let suffix = format!("{:016x}", fastrand::u64(..));
        let http = match &server.nsqd_http_address {
            Some(address) => Some(resolved(address).await?),
            None => None,
        };
        if let Some(pid) = server.pid {
            usage::resident_bytes(pid)?;
        }
        Ok(Self {
            tcp: resolved(&server.nsqd_tcp_address).await?,
            http,
            pid: server.pid,
            patience: server.patience,
            bare: server.bare,
            topics: (0..topics).map(|number| format!("bench_{suffix}_{number}")).collect(),
            keeps_topics: server.keep,
        })
    }

    /// The way in for consumers.
    pub(super) fn target(&self) -> Target {
        Target::plain(self.tcp)
    }

    /// A connection for what is not measured.
    pub(super) async fn api(&self) -> Result<Http> {
        let unknown = || BenchError::Impossible("there is no --nsqd-http-address".to_owned());
        Http::connect(self.http.ok_or_else(unknown)?).await
    }

    /// Creates all topics with these channels.
    pub(super) async fn create(&self, channels: &[String]) -> Result<()> {
        idle::create(&mut self.api().await?, &self.topics, channels).await
    }

    /// Begins to measure once the server has nothing to do.
    pub(super) async fn meters(&self) -> Result<Meters> {
        if let Some(pid) = self.pid {
            usage::until_quiet(pid, QUIET_LIMIT).await?;
        }
        let memory = self.pid.map(MemoryMeter::start).transpose()?;
        Ok(Meters { time: Meter::start(self.pid)?, memory })
    }

    /// Who counts what comes in that channel of each topic.
    pub(super) fn arrivals(
        &self,
        channel: &str,
        bodies: &Bodies,
        ledger: &Ledger,
    ) -> Vec<Arc<Arrivals>> {
        let topics = self.topics.iter().enumerate();
        let arrivals = topics.map(|(number, topic)| {
            let tally = Tally::of_published(bodies.clone(), ledger.clone(), number);
            Arc::new(Arrivals::new(topic, channel, tally))
        });
        arrivals.collect()
    }

    /// Subscribes a consumer of what `arrivals` counts.
    pub(super) async fn subscribe(&self, arrivals: &Arrivals, size: usize) -> Result<Consumer> {
        let (topic, channel) = (arrivals.topic(), arrivals.channel());
        Consumer::subscribe(&self.target(), topic, channel, Inbox::for_bodies(size)).await
    }

    /// Takes everything that was published out of these channels of every topic. Returns what came.
    pub(super) async fn check(
        &self,
        channels: &[String],
        bodies: &Bodies,
        ledger: &Ledger,
        patience: Duration,
    ) -> Result<Check> {
        let mut all = Vec::new();
        for channel in channels {
            all.extend(self.arrivals(channel, bodies, ledger));
        }
        for some in all.chunks(CHECKING) {
            let mut consumers = Vec::new();
            for arrivals in some {
                let consumer = self.subscribe(arrivals, bodies.size()).await?;
                consumers.push((consumer, Arc::clone(arrivals)));
            }
            let consumers = Consumers::start(consumers, credit(RDY_MAX, bodies.size()));
            consumers.finish(async { Ok(()) }, patience).await?;
        }
        Ok(Check::of(&all))
    }

    /// Deletes the topics, of which some may never have come to be.
    pub(super) async fn clean_up(&self) -> Result<()> {
        if self.keeps_topics || self.bare || self.topics.is_empty() {
            return Ok(());
        }
        within(CLEANING_LIMIT, "deleting the topics", self.delete()).await
    }

    async fn delete(&self) -> Result<()> {
        let mut api = self.api().await?;
        for topic in &self.topics {
            match api.post(&format!("/topic/delete?topic={topic}")).await {
                Ok(()) | Err(BenchError::HttpRefused { status: 404, .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

async fn resolved(address: &str) -> Result<SocketAddr> {
    let unknown = |why: String| BenchError::Impossible(format!("address {address}: {why}"));
    let mut found = lookup_host(address).await.map_err(|error| unknown(error.to_string()))?;
    found.next().ok_or_else(|| unknown("no such host".to_owned()))
}
