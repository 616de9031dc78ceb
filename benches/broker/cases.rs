//! The cases, and how a pair of servers is compared: bare loop, nsqd, bare loop, nsqd, …

use std::{sync::Arc, time::Duration};

use clap::ValueEnum;
use nsq_actors::bench::{
    Arrivals, Bodies, Command, Consumer, Consumers, Door, Extent, Meter, Publishers, Publishing,
    Tally, Target, wire::Inbox, within,
};
use serde::Serialize;
use tokio::runtime;

use crate::{
    RUN_LIMIT, Result,
    report::Comparison,
    server::{self, Program, Server},
};

/// Bytes of every body.
pub const BODY_SIZE: usize = 200;
/// Credit of the draining consumer: upstream's largest.
pub const RDY: u64 = 2500;
/// Messages of one MPUB.
pub const BATCH: u32 = 200;
pub const TOPIC: &str = "bench";
pub const CHANNEL: &str = "bench";
/// A silence this long of a server that is to deliver is an error.
pub const PATIENCE: Duration = Duration::from_secs(30);

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

    fn publishing(&self, server: &Server) -> Publishing {
        let target = Target::plain(server.tcp());
        match self.work {
            Work::Publish { connections, window, batch } => {
                publishing(&target, TOPIC, connections, window, batch)
            }
            Work::Drain => publishing(&target, TOPIC, 4, 4, Some(BATCH)),
        }
    }
}

/// Publishers of bodies of [`BODY_SIZE`] to one topic.
pub fn publishing(
    target: &Target,
    topic: &str,
    connections: usize,
    window: u64,
    batch: Option<u32>,
) -> Publishing {
    let command = batch.map_or(Command::Pub, Command::Mpub);
    Publishing {
        door: Door::Tcp(target.clone()),
        connections,
        window,
        command,
        bodies: Bodies::new(BODY_SIZE, command.batch()),
        topics: vec![topic.to_owned()],
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
        Work::Publish { .. } => runtime.block_on(publish(&server, load)),
        Work::Drain => runtime.block_on(drain(&server, load)),
    }?;
    drop(runtime);
    server.stop()?;
    Ok(sample)
}

async fn publish(server: &Server, load: &Load) -> Result<Sample> {
    let mut publishers = Publishers::connect(&load.publishing(server)).await?;
    publish_all(&mut publishers, load.messages / 20).await?;
    server.wait_until_quiet()?;
    let meter = Meter::start(Some(server.pid()))?;
    let published = publish_all(&mut publishers, load.messages).await?;
    Sample::of(&meter, published, published)
}

/// Publishes, and returns how many messages there were: `messages`, less what fills no request.
pub async fn publish_all(publishers: &mut Publishers, messages: u64) -> Result<u64> {
    let publish = publishers.publish(Extent::Messages(messages));
    Ok(within(RUN_LIMIT, "publishing", publish).await?.messages)
}

async fn drain(server: &Server, load: &Load) -> Result<Sample> {
    let publishing = load.publishing(server);
    let tally = if server.is_broker() {
        // The first subscription makes the channel in which the messages then wait.
        drop(subscribe(&Target::plain(server.tcp()), TOPIC, CHANNEL).await?);
        let mut publishers = Publishers::connect(&publishing).await?;
        publish_all(&mut publishers, load.messages).await?;
        Tally::of_published(publishing.bodies, publishers.ledger().clone(), 0)
    } else {
        Tally::of_any(load.messages)
    };
    let messages = tally.expected();
    let consumer = subscribe(&Target::plain(server.tcp()), TOPIC, CHANNEL).await?;
    server.wait_until_quiet()?;
    let meter = Meter::start(Some(server.pid()))?;
    let received = take_all(consumer, tally).await?;
    Sample::of(&meter, messages, received)
}

pub async fn subscribe(target: &Target, topic: &str, channel: &str) -> Result<Consumer> {
    Ok(Consumer::subscribe(target, topic, channel, Inbox::for_bodies(BODY_SIZE)).await?)
}

/// Finishes every message until the tally is complete; how many deliveries there were.
pub async fn take_all(consumer: Consumer, tally: Tally) -> Result<u64> {
    Ok(within(RUN_LIMIT, "draining", take_all_without_limit(consumer, RDY, tally)).await?)
}

/// The same, however long it takes.
pub async fn take_all_without_limit(
    consumer: Consumer,
    rdy: u64,
    tally: Tally,
) -> nsq_actors::bench::Result<u64> {
    let arrivals = Arc::new(Arrivals::new(TOPIC, CHANNEL, tally));
    let consumers = Consumers::start(vec![(consumer, Arc::clone(&arrivals))], rdy);
    consumers.finish(async { Ok(()) }, PATIENCE).await?;
    Ok(arrivals.received())
}

impl Sample {
    /// What has happened since the meter was started.
    pub fn of(meter: &Meter, messages: u64, received: u64) -> Result<Self> {
        let cost = meter.stop()?;
        Ok(Self {
            messages,
            received,
            seconds: cost.seconds,
            server_cpu_seconds: cost.server_cpu_seconds.unwrap_or_default(),
            load_cpu_seconds: cost.generator_cpu_seconds,
        })
    }
}
