//! What TLS and compression cost: the same work over a plain connection and over each upgrade, and
//! the memory of connections that do nothing.

use std::{thread, time::Duration};

use nsq_actors::bench::{Link, Meter, Publishers, Tally, Target, Upgrade, wire::Inbox};
use serde::Serialize;
use tokio::runtime;

use crate::{
    Result,
    cases::{self, BATCH, BODY_SIZE, CHANNEL, RDY, Sample, TOPIC},
    certificate::Certificate,
    server::{Program, Server},
};

const MESSAGES: f64 = 1_000_000.0;
const CONNECTIONS: usize = 4;
const WINDOW: u64 = 4;
const RUNS_MAX: u32 = 3;
/// Idle connections, after the first few.
const IDLE: usize = 500;
const IDLE_BEFORE: usize = 50;
const REST: Duration = Duration::from_secs(2);

/// The runs over one upgrade; those of one index followed those of the other upgrades.
#[derive(Debug, Serialize)]
pub struct Upgraded {
    pub upgrade: Upgrade,
    pub publish: Vec<Sample>,
    pub drain: Vec<Sample>,
    /// Resident memory of the server for each idle connection.
    pub idle_bytes: f64,
}

pub fn description() -> String {
    format!(
        "MPUB of {BATCH} × {BODY_SIZE} B of words, {CONNECTIONS} connections, {WINDOW} unanswered on \
         each; then SUB with RDY {RDY} on 1 connection; {MESSAGES:.0} messages a run; memory of \
         {IDLE} idle connections"
    )
}

/// Runs every upgrade in turn; the first round only warms up.
pub fn measure(program: &Program, runs: u32, scale: f64) -> Result<Vec<Upgraded>> {
    let certificate = Certificate::new(program.dir())?;
    let mut all = Vec::new();
    for upgrade in Upgrade::ALL {
        let idle_bytes = idle_bytes(program, &certificate, upgrade)?;
        all.push(Upgraded { upgrade, publish: Vec::new(), drain: Vec::new(), idle_bytes });
    }
    let messages = (MESSAGES * scale) as u64;
    for run in 0..=runs.min(RUNS_MAX) {
        for upgraded in &mut all {
            let (publish, drain) = run_on(program, &certificate, upgraded.upgrade, messages)?;
            if run > 0 {
                upgraded.publish.push(publish);
                upgraded.drain.push(drain);
            }
        }
    }
    Ok(all)
}

fn run_on(
    program: &Program,
    certificate: &Certificate,
    upgrade: Upgrade,
    messages: u64,
) -> Result<(Sample, Sample)> {
    let server = program.start_with(&certificate.flags())?;
    let target = target(&server, certificate, upgrade);
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    let samples = runtime.block_on(publish_and_drain(&server, &target, messages))?;
    drop(runtime);
    server.stop()?;
    Ok(samples)
}

fn target(server: &Server, certificate: &Certificate, upgrade: Upgrade) -> Target {
    Target { address: server.tcp(), upgrade, tls: Some(certificate.client()) }
}

async fn publish_and_drain(
    server: &Server,
    target: &Target,
    messages: u64,
) -> Result<(Sample, Sample)> {
    let consumer = cases::subscribe(target, TOPIC, CHANNEL).await?;
    let publishing = cases::publishing(target, TOPIC, CONNECTIONS, WINDOW, Some(BATCH));
    let mut publishers = Publishers::connect(&publishing).await?;
    server.wait_until_quiet()?;
    let meter = Meter::start(Some(server.pid()))?;
    let published = cases::publish_all(&mut publishers, messages).await?;
    let publish = Sample::of(&meter, published, published)?;

    server.wait_until_quiet()?;
    let tally = Tally::of_published(publishing.bodies, publishers.ledger().clone(), 0);
    let meter = Meter::start(Some(server.pid()))?;
    let received = cases::take_all(consumer, tally).await?;
    Ok((publish, Sample::of(&meter, published, received)?))
}

fn idle_bytes(program: &Program, certificate: &Certificate, upgrade: Upgrade) -> Result<f64> {
    let server = program.start_with(&certificate.flags())?;
    let target = target(&server, certificate, upgrade);
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    let mut open = runtime.block_on(connect(&target, IDLE_BEFORE))?;
    thread::sleep(REST);
    let before = server.resident_bytes()?;
    open.extend(runtime.block_on(connect(&target, IDLE))?);
    thread::sleep(REST);
    let growth = server.resident_bytes()? as f64 - before as f64;
    drop((open, runtime));
    server.stop()?;
    Ok(growth / IDLE as f64)
}

async fn connect(target: &Target, count: usize) -> Result<Vec<Link>> {
    let mut links = Vec::with_capacity(count);
    for _ in 0..count {
        links.push(Link::connect(target, Inbox::with_capacity(4096)).await?);
    }
    Ok(links)
}
