//! Resident memory of the server for each idle connection, and for each idle topic.

use std::{
    io::Write,
    net::{SocketAddr, TcpStream},
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

/// Bytes for each of one thing, one figure per run.
#[derive(Debug, Clone, Serialize)]
pub struct Growth {
    pub what: &'static str,
    pub count: usize,
    pub bytes_each: Vec<f64>,
}

pub fn description() -> String {
    format!(
        "resident memory (smaps_rollup) of a fresh server: connections that sent magic and IDENTIFY \
         (heartbeat 60 s) after the first {CONNECTIONS_BEFORE}; topics with 2 channels each, made \
         over HTTP, after the first {TOPICS_BEFORE}"
    )
}

pub fn measure(program: &Program, runs: u32) -> Result<Vec<Growth>> {
    let growth = |what, count| Growth { what, count, bytes_each: Vec::new() };
    let mut found = CONNECTIONS.map(|count| growth("connection", count)).to_vec();
    found.push(growth("topic with 2 channels", TOPICS));
    for _run in 0..runs.min(RUNS_MAX) {
        let mut figures = connections(program)?;
        figures.push(topics(program)?);
        for (growth, figure) in found.iter_mut().zip(figures) {
            growth.bytes_each.push(figure);
        }
    }
    Ok(found)
}

fn connections(program: &Program) -> Result<Vec<f64>> {
    let server = program.start()?;
    let mut open = Vec::new();
    open_until(CONNECTIONS_BEFORE, &mut open, server.tcp())?;
    let before = resting_bytes(&server)?;
    let mut figures = Vec::new();
    for count in CONNECTIONS {
        open_until(CONNECTIONS_BEFORE + count, &mut open, server.tcp())?;
        figures.push((resting_bytes(&server)? - before) / count as f64);
    }
    drop(open);
    server.stop()?;
    Ok(figures)
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

fn topics(program: &Program) -> Result<f64> {
    let server = program.start()?;
    let mut http = Http::connect(server.http()?)?;
    make_topics(0..TOPICS_BEFORE, &mut http)?;
    let before = resting_bytes(&server)?;
    make_topics(TOPICS_BEFORE..TOPICS_BEFORE + TOPICS, &mut http)?;
    let after = resting_bytes(&server)?;
    drop(http);
    server.stop()?;
    Ok((after - before) / TOPICS as f64)
}

fn make_topics(numbers: std::ops::Range<usize>, http: &mut Http) -> Result<()> {
    for number in numbers {
        let topic = format!("idle-topic-{number:05}");
        http.post(&format!("/topic/create?topic={topic}"))?;
        for channel in ["first", "second"] {
            http.post(&format!("/channel/create?topic={topic}&channel={channel}"))?;
        }
    }
    Ok(())
}

fn resting_bytes(server: &Server) -> Result<f64> {
    server.wait_until_quiet()?;
    Ok(server.resident_bytes()? as f64)
}
