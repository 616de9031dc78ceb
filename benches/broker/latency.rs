//! From the moment a message should have been sent to the moment its consumer has read it.
//!
//! The schedule is fixed and waits for nothing, so a slow server cannot slow its own test down.
//! Threads that block, because their clock is finer than the runtime's one millisecond.

use std::{
    io::Write,
    net::{SocketAddr, TcpStream},
    thread,
    time::{Duration, Instant},
};

use serde::Serialize;

use crate::{
    Result,
    server::Program,
    wire::{self, Frame, Inbox, Request},
};

const SCHEDULE: Schedule =
    Schedule { interval: Duration::from_millis(10), warm_up: 100, measured: 1_000 };
const RDY: u32 = 100;
const BODY_SIZE: usize = 200;
const RUNS_MAX: u32 = 3;
const TOPIC: &str = "latency";
/// A silence this long is an error.
const PATIENCE: Duration = Duration::from_secs(5);

/// When messages are sent.
#[derive(Debug, Clone, Copy)]
pub struct Schedule {
    pub interval: Duration,
    /// Messages at the beginning that do not count.
    pub warm_up: u64,
    pub measured: u64,
}

impl Schedule {
    pub fn count(&self) -> u64 {
        self.warm_up + self.measured
    }

    fn due(&self, base: Instant, number: u64) -> Instant {
        base + self.interval * number as u32
    }
}

/// Percentiles of one run, in microseconds.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Percentiles {
    pub p50: f64,
    pub p90: f64,
    pub p99: f64,
    pub max: f64,
    /// How late the generator itself was at its 99th percentile: part of the figures above.
    pub send_lateness_p99: f64,
    /// Counted from the moment of sending. On a busy machine it tells the two apart.
    pub after_send_p99: f64,
}

pub fn description() -> String {
    let Schedule { interval, warm_up, measured } = SCHEDULE;
    format!(
        "PUB of {BODY_SIZE} B every {interval:?} whatever happens, 1 publisher, 1 consumer with RDY \
         {RDY}, default IDENTIFY, {measured} messages a run after {warm_up}"
    )
}

pub fn measure(program: &Program, runs: u32) -> Result<Vec<Percentiles>> {
    (0..runs.min(RUNS_MAX)).map(|_run| run(program)).collect()
}

fn run(program: &Program) -> Result<Percentiles> {
    let server = program.start()?;
    let percentiles = of(server.tcp(), TOPIC, SCHEDULE)?;
    server.stop()?;
    Ok(percentiles)
}

/// Sends and receives on a topic, with the channel of the same name, as the schedule says.
pub fn of(address: SocketAddr, topic: &str, schedule: Schedule) -> Result<Percentiles> {
    let (mut stream, inbox) = connect(address)?;
    stream.write_all(format!("SUB {topic} {topic}\nRDY {RDY}\n").as_bytes())?;
    let publisher = connect(address)?;
    let base = Instant::now() + schedule.interval;
    let answers = Answers { stream: publisher.0.try_clone()?, inbox: publisher.1 };
    let (latencies, lateness) = thread::scope(|scope| {
        let consumer = scope.spawn(|| consume(stream, inbox, base, schedule));
        let answers = scope.spawn(|| answers.count(schedule.count()));
        let lateness = publish(publisher.0, topic, base, schedule)?;
        join(answers)?;
        Result::Ok((join(consumer)?, lateness))
    })?;
    Ok(percentiles(&latencies, &lateness, schedule.warm_up))
}

pub fn join<T>(thread: thread::ScopedJoinHandle<'_, Result<T>>) -> Result<T> {
    thread.join().map_err(|_panic| "a thread of the load generator panicked")?
}

/// Connects as a client that has asked for nothing special.
pub fn connect(address: SocketAddr) -> Result<(TcpStream, Inbox)> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.write_all(&[wire::MAGIC, &wire::identify("{}")].concat())?;
    let mut inbox = Inbox::new();
    loop {
        inbox.fill_from(&mut stream)?;
        if let Some(Frame::Ok) = inbox.next_frame()? {
            return Ok((stream, inbox));
        }
    }
}

/// Sends on schedule and returns how late each send was.
fn publish(
    mut stream: TcpStream,
    topic: &str,
    base: Instant,
    schedule: Schedule,
) -> Result<Vec<Duration>> {
    let mut request = Request::publish(topic, BODY_SIZE);
    let mut lateness = Vec::new();
    for number in 0..schedule.count() {
        let due = schedule.due(base, number);
        thread::sleep(due.saturating_duration_since(Instant::now()));
        lateness.push(due.elapsed());
        stream.write_all(request.numbered(number))?;
    }
    Ok(lateness)
}

/// The publisher's other half.
struct Answers {
    stream: TcpStream,
    inbox: Inbox,
}

impl Answers {
    fn count(mut self, messages: u64) -> Result<()> {
        let mut answers = 0;
        while answers < messages {
            self.inbox.fill_from(&mut self.stream)?;
            while let Some(frame) = self.inbox.next_frame()? {
                answers += u64::from(matches!(frame, Frame::Ok));
            }
        }
        Ok(())
    }
}

/// Finishes every message and returns the first delivery's latency of each, in order of sending.
fn consume(
    mut stream: TcpStream,
    mut inbox: Inbox,
    base: Instant,
    schedule: Schedule,
) -> Result<Vec<Duration>> {
    let mut latencies = vec![None; schedule.count() as usize];
    let mut missing = latencies.len();
    while missing > 0 {
        inbox.fill_from(&mut stream)?;
        let now = Instant::now();
        let mut finished = Vec::new();
        while let Some(frame) = inbox.next_frame()? {
            let Frame::Message { id, body } = frame else { continue };
            wire::push_fin(&mut finished, id);
            let number = wire::number_of(body)?;
            let latency = latencies.get_mut(number as usize).ok_or("an unknown message")?;
            missing -= usize::from(latency.is_none());
            latency.get_or_insert(now.saturating_duration_since(schedule.due(base, number)));
        }
        stream.write_all(&finished)?;
    }
    Ok(latencies.into_iter().flatten().collect())
}

fn percentiles(latencies: &[Duration], lateness: &[Duration], warm_up: u64) -> Percentiles {
    let measured = |durations: &[Duration]| measured(&durations[warm_up as usize..]);
    let after_send: Vec<Duration> = latencies
        .iter()
        .zip(lateness)
        .map(|(latency, lateness)| latency.saturating_sub(*lateness))
        .collect();
    let (latencies, lateness) = (measured(latencies), measured(lateness));
    Percentiles {
        p50: percentile(&latencies, 0.5),
        p90: percentile(&latencies, 0.9),
        p99: percentile(&latencies, 0.99),
        max: percentile(&latencies, 1.0),
        send_lateness_p99: percentile(&lateness, 0.99),
        after_send_p99: percentile(&measured(&after_send), 0.99),
    }
}

/// Microseconds in ascending order.
fn measured(durations: &[Duration]) -> Vec<f64> {
    let mut micros: Vec<f64> = durations.iter().map(|one| one.as_secs_f64() * 1e6).collect();
    micros.sort_by(f64::total_cmp);
    micros
}

/// The smallest value that is not exceeded by the given part of them.
fn percentile(sorted: &[f64], part: f64) -> f64 {
    let rank = (sorted.len() as f64 * part).ceil() as usize;
    sorted[rank.clamp(1, sorted.len()) - 1]
}
