//! Resident memory of the server for each idle connection, and for each idle topic.

use std::{
    io::Write,
    net::{SocketAddr, TcpStream},
    ops::Range,
    thread,
    time::Duration,
};

use serde::Serialize;

use crate::{
    Result,
    http::Http,
    server::{Program, Server},
    wire::{self, Frame, Inbox},
};

const CONNECTIONS: [usize; 2] = [1_000, 5_000];
const TOPICS: usize = 1_000;
const RUNS_MAX: u32 = 3;
/// What is there before the first reading, so that pages of code and first buffers are not counted.
const CONNECTIONS_BEFORE: usize = 100;
const TOPICS_BEFORE: usize = 20;
const IDENTIFY: &str = r#"{"heartbeat_interval":60000}"#;

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

/// A server at rest.
struct Reading {
    bytes: f64,
    cpu_percent: f64,
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

    fn add(&mut self, before: &Reading, after: &Reading) {
        self.bytes_each.push((after.bytes - before.bytes) / self.count as f64);
        self.idle_cpu_percent.push(after.cpu_percent);
    }
}

impl Reading {
    fn of(server: &Server) -> Result<Self> {
        // What was just asked for is first brought to its end, and then time passes.
        thread::sleep(REST / 2);
        let cpu = server.cpu()?;
        thread::sleep(REST);
        let busy = server.cpu()?.saturating_sub(cpu);
        let cpu_percent = 100.0 * busy.as_secs_f64() / REST.as_secs_f64();
        Ok(Self { bytes: server.resident_bytes()? as f64, cpu_percent })
    }
}

fn measure_connections(program: &Program, growths: &mut [Growth]) -> Result<()> {
    let server = program.start()?;
    let mut open = Vec::new();
    open_until(CONNECTIONS_BEFORE, &mut open, server.tcp())?;
    let before = Reading::of(&server)?;
    for growth in growths {
        open_until(CONNECTIONS_BEFORE + growth.count, &mut open, server.tcp())?;
        growth.add(&before, &Reading::of(&server)?);
    }
    drop(open);
    server.stop()
}

fn measure_topics(program: &Program, growth: &mut Growth) -> Result<()> {
    let server = program.start()?;
    let mut http = Http::connect(server.http()?)?;
    make_topics(0..TOPICS_BEFORE, &mut http)?;
    let before = Reading::of(&server)?;
    make_topics(TOPICS_BEFORE..TOPICS_BEFORE + growth.count, &mut http)?;
    growth.add(&before, &Reading::of(&server)?);
    drop(http);
    server.stop()
}

fn open_until(count: usize, open: &mut Vec<TcpStream>, address: SocketAddr) -> Result<()> {
    let hello = [wire::MAGIC, &wire::identify(IDENTIFY)].concat();
    while open.len() < count {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        stream.write_all(&hello)?;
        let mut inbox = Inbox::with_capacity(64);
        inbox.fill_from(&mut stream)?;
        match inbox.next_frame()? {
            Some(Frame::Ok) => open.push(stream),
            other => return Err(format!("IDENTIFY was answered {other:?}").into()),
        }
    }
    Ok(())
}

fn make_topics(numbers: Range<usize>, http: &mut Http) -> Result<()> {
    for number in numbers {
        let topic = format!("idle-topic-{number:05}");
        http.post(&format!("/topic/create?topic={topic}"))?;
        for channel in ["first", "second"] {
            http.post(&format!("/channel/create?topic={topic}&channel={channel}"))?;
        }
    }
    Ok(())
}
