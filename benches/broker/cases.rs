//! The cases, and how a pair of servers is compared: bare loop, nsqd, bare loop, nsqd, …

use std::time::{Duration, Instant};

use clap::ValueEnum;
use serde::Serialize;
use tokio::runtime;

use crate::{
    Result,
    link::Target,
    load::{Consumer, Publishers, Tally},
    report::Comparison,
    server::{self, Program, Server},
    usage,
    wire::Request,
};

/// Bytes of every body.
pub const BODY_SIZE: usize = 200;
/// Credit of the draining consumer: upstream's largest.
pub const RDY: u64 = 2500;
/// Messages of one MPUB.
pub const BATCH: u32 = 200;
pub const TOPIC: &str = "bench";
pub const CHANNEL: &str = "bench";

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Case {
    Mpub,
    SubDrain,
    PubWait,
    Durability,
    LogCost,
    Latency,
    Memory,
    MemoryTopics,
    StatsScrape,
    Upgrades,
    Backlog,
    Library,
}

impl Case {
    pub fn name(self) -> &'static str {
        match self {
            Self::Mpub => "mpub",
            Self::SubDrain => "sub-drain",
            Self::PubWait => "pub-wait",
            Self::Durability => "durability",
            Self::LogCost => "log-cost",
            Self::Latency => "latency",
            Self::Memory => "memory",
            Self::MemoryTopics => "memory-topics",
            Self::StatsScrape => "stats-scrape",
            Self::Upgrades => "upgrades",
            Self::Backlog => "backlog",
            Self::Library => "library",
        }
    }

    /// What a throughput case does. A run of the broker takes a second or two.
    pub fn load(self) -> Load {
        let publish = |connections, window, batch| Work::Publish { connections, window, batch };
        let (messages, bare_factor, limit, work) = match self {
            Self::Mpub => (4_000_000, 4, 8.0, publish(4, 4, Some(BATCH))),
            Self::SubDrain => (2_000_000, 8, 5.0, Work::Drain),
            Self::PubWait => (150_000, 1, 1.5, publish(100, 1, None)),
            Self::Durability
            | Self::LogCost
            | Self::Latency
            | Self::Memory
            | Self::MemoryTopics
            | Self::StatsScrape
            | Self::Upgrades
            | Self::Backlog
            | Self::Library => (0, 0, 0.0, Work::Drain),
        };
        Load { name: self.name(), messages, bare_factor, limit, work }
    }
}

pub fn chosen(cases: &[Case]) -> Vec<Case> {
    let all = Case::value_variants().iter().copied();
    // A backlog takes minutes and gigabytes: only who asks for it gets it.
    if cases.is_empty() {
        all.filter(|case| *case != Case::Backlog).collect()
    } else {
        cases.to_vec()
    }
}

/// One throughput case.
#[derive(Debug, Clone, Serialize)]
pub struct Load {
    pub name: &'static str,
    pub messages: u64,
    /// How many times as many the bare loop gets, so that its runs are no shorter.
    pub bare_factor: u64,
    /// The bar: server CPU per message, as a multiple of the bare loop's.
    pub limit: f64,
    pub work: Work,
}

#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Work {
    /// MPUBs of `batch` messages, or single PUBs; nobody consumes.
    Publish { connections: usize, window: u64, batch: Option<u32> },
    /// One consumer takes what was published before and finishes every message.
    Drain,
}

impl Load {
    pub fn scaled(mut self, scale: f64) -> Self {
        self.messages = ((self.messages as f64 * scale) as u64).max(10_000);
        self
    }

    pub fn description(&self) -> String {
        let messages = format!("{} messages a run (bare × {})", self.messages, self.bare_factor);
        match self.work {
            Work::Publish { connections, window, batch: Some(batch) } => format!(
                "MPUB of {batch} × {BODY_SIZE} B, {connections} connections, {window} unanswered \
                 on each, {messages}, no consumer"
            ),
            Work::Publish { connections, batch: None, .. } => format!(
                "PUB of {BODY_SIZE} B, {connections} connections, each waits for its OK, \
                 {messages}, no consumer"
            ),
            Work::Drain => format!(
                "SUB with RDY {RDY}, 1 connection, {messages} of {BODY_SIZE} B queued before, one \
                 FIN each, those of one read in one write"
            ),
        }
    }

    fn request(&self) -> Request {
        match self.work {
            Work::Publish { batch: None, .. } => Request::publish(TOPIC, BODY_SIZE),
            Work::Publish { batch: Some(batch), .. } => {
                Request::publish_many(TOPIC, BODY_SIZE, batch)
            }
            Work::Drain => Request::publish_many(TOPIC, BODY_SIZE, BATCH),
        }
    }
}

/// What one run cost.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Sample {
    pub messages: u64,
    /// More than `messages` if some came twice.
    pub received: u64,
    pub seconds: f64,
    pub server_cpu_seconds: f64,
    pub load_cpu_seconds: f64,
}

/// Runs the pairs; the first only warms up.
pub fn compare(load: &Load, program: &Program, runs: u32) -> Result<Comparison> {
    let (mut bare, mut nsqd) = (Vec::new(), Vec::new());
    let bare_load = Load { messages: load.messages * load.bare_factor, ..load.clone() };
    for run in 0..=runs {
        let limit = run_on(server::start_bare(bare_load.messages)?, &bare_load)?;
        let broker = run_on(program.start()?, load)?;
        if run > 0 {
            bare.push(limit);
            nsqd.push(broker);
        }
    }
    Ok(Comparison { load: load.clone(), bare, nsqd })
}

/// One run of a load, on a server that is then stopped.
pub fn run_on(server: Server, load: &Load) -> Result<Sample> {
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    let sample = match load.work {
        Work::Publish { connections, window, .. } => {
            runtime.block_on(publish(&server, load, connections, window))
        }
        Work::Drain => runtime.block_on(drain(&server, load)),
    }?;
    drop(runtime);
    server.stop()?;
    Ok(sample)
}

async fn publish(server: &Server, load: &Load, connections: usize, window: u64) -> Result<Sample> {
    let request = load.request();
    let mut publishers =
        Publishers::connect(&Target::plain(server.tcp()), connections, window, &request).await?;
    publishers.publish(load.messages / 20).await?;
    server.wait_until_quiet()?;
    let meter = Meter::start(server)?;
    let published = publishers.publish(load.messages).await?;
    meter.stop(published, published)
}

async fn drain(server: &Server, load: &Load) -> Result<Sample> {
    let mut messages = load.messages;
    if server.is_broker() {
        // The first subscription makes the channel in which the messages then wait.
        drop(Consumer::subscribe(&Target::plain(server.tcp()), TOPIC, CHANNEL).await?);
        messages = fill(server, load).await?;
    }
    let consumer = Consumer::subscribe(&Target::plain(server.tcp()), TOPIC, CHANNEL).await?;
    server.wait_until_quiet()?;
    let tally = Tally::new(messages, !server.is_broker());
    let meter = Meter::start(server)?;
    let tally = consumer.drain(RDY, tally).await?;
    meter.stop(tally.expected(), tally.received())
}

async fn fill(server: &Server, load: &Load) -> Result<u64> {
    let mut publishers =
        Publishers::connect(&Target::plain(server.tcp()), 4, 4, &load.request()).await?;
    publishers.publish(load.messages).await
}

/// Time and CPU used since its start.
pub struct Meter<'a> {
    server: &'a Server,
    started: Instant,
    server_cpu: Duration,
    load_cpu: Duration,
}

impl<'a> Meter<'a> {
    pub fn start(server: &'a Server) -> Result<Self> {
        let (server_cpu, load_cpu) = (server.cpu()?, usage::own_cpu()?);
        Ok(Self { server, started: Instant::now(), server_cpu, load_cpu })
    }

    pub fn stop(self, messages: u64, received: u64) -> Result<Sample> {
        let seconds = self.started.elapsed().as_secs_f64();
        let server_cpu_seconds = (self.server.cpu()? - self.server_cpu).as_secs_f64();
        let load_cpu_seconds = (usage::own_cpu()? - self.load_cpu).as_secs_f64();
        Ok(Sample { messages, received, seconds, server_cpu_seconds, load_cpu_seconds })
    }
}
