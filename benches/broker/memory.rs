//! Resident memory of the server for each idle connection, and for each idle topic.

use std::{net::SocketAddr, time::Duration};

use nsq_actors::bench::{Link, Target, idle::AtRest, wire::Inbox};
use serde::Serialize;
use tokio::runtime::{Builder, Runtime};

use crate::{
    Result,
    http::Http,
    server::{Program, Server},
};

const CONNECTIONS: [usize; 2] = [1_000, 5_000];
const TOPICS: usize = 1_000;
const RUNS_MAX: u32 = 3;
/// What is there before the first reading, so that pages of code and first buffers are not counted.
const CONNECTIONS_BEFORE: usize = 100;
const TOPICS_BEFORE: usize = 20;
/// How long nothing is done before a reading, which is also how long idle CPU is measured.
const REST: Duration = Duration::from_secs(2);

/// What many of one idle thing cost, one figure per run.
#[derive(Debug, Clone, Serialize)]
pub struct Growth {
    pub what: &'static str,
    pub count: usize,
    pub bytes_each: Vec<f64>,
    /// Of one processor, with all of them there and nothing going on.
    pub idle_cpu_percent: Vec<f64>,
}

pub fn description() -> String {
    format!(
        "resident memory (smaps_rollup) of a fresh server: connections that sent magic and IDENTIFY \
         (heartbeat 60 s) after the first {CONNECTIONS_BEFORE}; topics with 2 channels each, made \
         over HTTP, after the first {TOPICS_BEFORE}"
    )
}

pub fn of_connections(program: &Program, runs: u32) -> Result<Vec<Growth>> {
    let mut growths = CONNECTIONS.map(|count| Growth::of("connection", count)).to_vec();
    for _run in 0..runs.min(RUNS_MAX) {
        measure_connections(program, &mut growths)?;
    }
    Ok(growths)
}

pub fn of_topics(program: &Program, runs: u32) -> Result<Vec<Growth>> {
    let mut growth = Growth::of("topic with 2 channels", TOPICS);
    for _run in 0..runs.min(RUNS_MAX) {
        measure_topics(program, &mut growth)?;
    }
    Ok(vec![growth])
}

impl Growth {
    fn of(what: &'static str, count: usize) -> Self {
        Self { what, count, bytes_each: Vec::new(), idle_cpu_percent: Vec::new() }
    }

    fn add(&mut self, before: AtRest, after: AtRest) {
        let growth = after.resident_bytes as f64 - before.resident_bytes as f64;
        self.bytes_each.push(growth / self.count as f64);
        self.idle_cpu_percent.push(after.cpu_percent);
    }
}

fn measure_connections(program: &Program, growths: &mut [Growth]) -> Result<()> {
    let (server, runtime) = (program.start()?, runtime()?);
    let mut open = Vec::new();
    runtime.block_on(open_until(CONNECTIONS_BEFORE, &mut open, server.tcp()))?;
    let before = at_rest(&runtime, &server)?;
    for growth in growths {
        let count = CONNECTIONS_BEFORE + growth.count;
        runtime.block_on(open_until(count, &mut open, server.tcp()))?;
        growth.add(before, at_rest(&runtime, &server)?);
    }
    drop(open);
    server.stop()
}

fn measure_topics(program: &Program, growth: &mut Growth) -> Result<()> {
    let (server, runtime) = (program.start()?, runtime()?);
    let mut http = Http::connect(server.http()?)?;
    let topics: Vec<_> =
        (0..TOPICS_BEFORE + growth.count).map(|n| format!("idle-topic-{n:05}")).collect();
    let channels = ["first", "second"].map(str::to_owned);
    http.create(&topics[..TOPICS_BEFORE], &channels)?;
    let before = at_rest(&runtime, &server)?;
    http.create(&topics[TOPICS_BEFORE..], &channels)?;
    growth.add(before, at_rest(&runtime, &server)?);
    drop(http);
    server.stop()
}

fn runtime() -> Result<Runtime> {
    Ok(Builder::new_current_thread().enable_all().build()?)
}

fn at_rest(runtime: &Runtime, server: &Server) -> Result<AtRest> {
    Ok(runtime.block_on(AtRest::of(server.pid(), REST))?)
}

async fn open_until(count: usize, open: &mut Vec<Link>, address: SocketAddr) -> Result<()> {
    while open.len() < count {
        open.push(Link::connect(&Target::plain(address), Inbox::with_capacity(64)).await?);
    }
    Ok(())
}
