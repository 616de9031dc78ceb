//! What reading the statistics of a large node does to the latency of its messages.

use std::{
    fmt::Write as _,
    net::SocketAddr,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use nsq_actors::bench::{Link, Schedule, Target, wire::Inbox};
use serde::Serialize;
use tokio::runtime::{Builder, Runtime};

use crate::{
    Result,
    http::Http,
    latency::{self, Percentiles, schedule},
    server::{Program, Server},
};

const TOPICS: usize = 1_000;
const CHANNELS: [&str; 2] = ["first", "second"];
const CLIENTS: usize = 2;
const ROUNDS_MAX: u32 = 5;
/// Much more often than anybody asks: the 99th percentile is then about the messages that met one.
const SCRAPE_EVERY: Duration = Duration::from_millis(250);
const PROBES: Schedule = schedule(Duration::from_millis(4), 100, 2_000);
/// Goes on beside the probes, on a topic of its own.
const TRAFFIC: Schedule = schedule(Duration::from_millis(1), 0, 8_000);

/// What is read meanwhile.
const STATS: &str = "/stats?format=json";
const METRICS: &str = "/metrics";

/// Three phases that followed each other on one server.
#[derive(Debug, Serialize)]
pub struct Round {
    pub quiet: Phase,
    pub stats: Phase,
    pub metrics: Phase,
}

/// Latencies while something was read again and again, or nothing.
#[derive(Debug, Serialize)]
pub struct Phase {
    pub latency: Percentiles,
    /// Of one answer, the median.
    pub scrape_millis: f64,
    pub scrape_bytes: usize,
    /// Of the server in the whole phase.
    pub server_cpu_seconds: f64,
    pub scrapes: usize,
}

fn description() -> String {
    let Schedule { interval, measured, .. } = PROBES;
    format!(
        "{TOPICS} topics × {} channels × {CLIENTS} clients; PUB every {interval:?} to one more topic, \
         {measured} messages a phase, and PUB every {:?} to another; the answer is asked for every \
         {SCRAPE_EVERY:?}",
        CHANNELS.len(),
        TRAFFIC.interval
    )
}

pub fn table(rounds: &[Round]) -> String {
    let mut text = format!("stats-scrape: {}\n", description());
    let _ = writeln!(
        text,
        "  {:<9} {:>8} {:>8} {:>8} {:>8} {:>14} {:>10} {:>16}",
        "", "p50 µs", "p90", "p99", "max", "ms an answer", "kB", "CPU ms in phase"
    );
    for round in rounds {
        let phases =
            [("quiet", &round.quiet), ("/stats", &round.stats), ("/metrics", &round.metrics)];
        for (name, phase) in phases {
            let Percentiles { p50, p90, p99, max, .. } = phase.latency;
            let (millis, kilobytes) = (phase.scrape_millis, phase.scrape_bytes / 1000);
            let cpu = phase.server_cpu_seconds * 1e3;
            let _ = writeln!(
                text,
                "  {name:<9} {p50:>8.0} {p90:>8.0} {p99:>8.0} {max:>8.0} {millis:>14.1} \
                 {kilobytes:>10} {cpu:>16.0}"
            );
        }
    }
    text
}

pub fn measure(program: &Program, runs: u32) -> Result<Vec<Round>> {
    let server = program.start()?;
    let clients = connect_all(server.tcp())?;
    server.wait_until_quiet()?;
    let rounds = (0..runs.min(ROUNDS_MAX)).map(|_round| measure_round(&server)).collect();
    drop(clients);
    server.stop()?;
    rounds
}

fn measure_round(server: &Server) -> Result<Round> {
    Ok(Round {
        quiet: measure_phase(server, None)?,
        stats: measure_phase(server, Some(STATS))?,
        metrics: measure_phase(server, Some(METRICS))?,
    })
}

fn measure_phase(server: &Server, target: Option<&str>) -> Result<Phase> {
    let (address, http, done) = (server.tcp(), server.http()?, AtomicBool::new(false));
    let cpu = server.cpu()?;
    thread::scope(|scope| {
        let traffic = scope.spawn(|| latency::of(address, "traffic", TRAFFIC));
        let scraper = scope.spawn(|| scrape(http, target, &done));
        let latency = latency::of(address, "probes", PROBES);
        done.store(true, Ordering::Relaxed);
        let mut answers = latency::join(scraper)?;
        latency::join(traffic)?;
        answers.sort_by_key(|(took, _)| *took);
        let (took, scrape_bytes) = answers.get(answers.len() / 2).copied().unwrap_or_default();
        Ok(Phase {
            latency: latency?,
            scrape_millis: took.as_secs_f64() * 1e3,
            scrape_bytes,
            server_cpu_seconds: (server.cpu()? - cpu).as_secs_f64(),
            scrapes: answers.len(),
        })
    })
}

/// Reads `target` again and again; how long each answer took, and its size.
fn scrape(
    address: SocketAddr,
    target: Option<&str>,
    done: &AtomicBool,
) -> Result<Vec<(Duration, usize)>> {
    let (mut http, mut answers) = (Http::connect(address)?, Vec::new());
    while !done.load(Ordering::Relaxed) {
        let start = Instant::now();
        if let Some(target) = target {
            let answer = http.get(target)?;
            answers.push((start.elapsed(), answer.len()));
        }
        thread::sleep(SCRAPE_EVERY.saturating_sub(start.elapsed()));
    }
    Ok(answers)
}

/// Every topic with its channels and their consumers, and the runtime that they belong to.
fn connect_all(address: SocketAddr) -> Result<(Runtime, Vec<Link>)> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let clients = runtime.block_on(async {
        let mut clients = Vec::new();
        for number in 0..TOPICS {
            for channel in CHANNELS {
                for _client in 0..CLIENTS {
                    let subscribe = format!("SUB topic-{number:04} {channel}\nRDY 1\n");
                    let inbox = Inbox::with_capacity(256);
                    let mut client = Link::connect(&Target::plain(address), inbox).await?;
                    client.send(subscribe.as_bytes()).await?;
                    client.expect_ok().await?;
                    clients.push(client);
                }
            }
        }
        Result::Ok(clients)
    })?;
    Ok((runtime, clients))
}
