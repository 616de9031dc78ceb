//! Twenty million messages on the disk for a channel that has no consumer, beside one that keeps up.

use std::{
    fmt::Write as _,
    fs::{self, File},
    io::{BufRead, BufReader},
    net::SocketAddr,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use nsq_actors::bench::{
    Link, Publishers, Schedule, Tally, Target, usage,
    wire::{Frame, Inbox},
};
use rustix::fs::{Advice, fadvise, statvfs};
use serde::Serialize;
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime;

use crate::{
    Result,
    cases::{self, BATCH, BODY_SIZE, RDY},
    http::Http,
    latency::{self, Percentiles, schedule},
    server::{Program, Server},
};

const MESSAGES: f64 = 20e6;
/// Messages between two looks at the memory.
const ROUND: u64 = 500_000;
/// The topic, and its channel that keeps up: probes go there.
const TOPIC: &str = "backlog";
const STALLED: &str = "stalled";
/// Is filled to be emptied, and to be deleted.
const OTHER: &str = "other";
const PROBES: Schedule = schedule(Duration::from_millis(4), 100, 2_000);
const PLAIN_READ_BYTES: usize = 512 << 10;
/// What a message takes on the disk, and what is left free.
const DISK_BYTES_EACH: u64 = 210;
const DISK_BYTES_SPARE: u64 = 2 << 30;
/// Waiting for a state of the server.
const PATIENCE: Duration = Duration::from_secs(120);

/// What was found, in the order in which it was measured.
#[derive(Debug, Serialize)]
pub struct Backlog {
    pub messages: u64,
    pub bytes: u64,
    pub segments: u64,
    pub fill_seconds: f64,
    /// Resident memory of the server: idle, then as the backlog grew.
    pub idle_bytes: u64,
    pub filling_bytes: Vec<(u64, u64)>,
    pub descriptors: usize,
    pub stats_millis: f64,
    pub stop_seconds: f64,
    pub starts: Vec<Start>,
    pub verify_seconds: f64,
    pub verify_peak_bytes: u64,
    pub plain_read_seconds: f64,
    pub drain_seconds: f64,
    pub draining_bytes: u64,
    pub empty_seconds: f64,
    pub delete_seconds: f64,
    /// Of the channel that keeps up.
    pub latencies: Vec<(&'static str, Percentiles)>,
}

/// How long a start took, from the process's beginning.
#[derive(Debug, Serialize)]
pub struct Start {
    pub after: &'static str,
    pub listening_seconds: f64,
    /// `/stats` says the exact depth.
    pub depth_seconds: f64,
    /// A consumer of the backlog has its first message.
    pub message_seconds: f64,
    pub resident_bytes: u64,
}

pub fn measure(program: &Program, scale: f64) -> Result<Backlog> {
    let messages = ((MESSAGES * scale) as u64).max(ROUND) / ROUND * ROUND;
    check_room(program.dir(), messages)?;
    let dir = TempDir::with_prefix_in("bench-backlog-", program.dir())?;
    let mut run = Run { program, dir: dir.path(), latencies: Vec::new() };
    run.measure(messages)
}

/// Says what is needed instead of filling the disk.
fn check_room(dir: &Path, messages: u64) -> Result<()> {
    let disk = statvfs(dir)?;
    let (free, needed) =
        (disk.f_bavail * disk.f_frsize, messages * DISK_BYTES_EACH + DISK_BYTES_SPARE);
    if free < needed {
        let [free, needed] = [free, needed].map(|bytes| bytes as f64 / 1e9);
        let dir = dir.display();
        return Err(format!("{needed:.1} GB needed in {dir}, {free:.1} GB free; see --dir").into());
    }
    Ok(())
}

struct Run<'a> {
    program: &'a Program,
    dir: &'a Path,
    latencies: Vec<(&'static str, Percentiles)>,
}

impl Run<'_> {
    fn measure(&mut self, messages: u64) -> Result<Backlog> {
        let server = self.program.start_on(self.dir)?;
        let mut http = Http::connect(server.http()?)?;
        http.post(&format!("/topic/create?topic={TOPIC}"))?;
        for channel in [TOPIC, STALLED] {
            http.post(&format!("/channel/create?topic={TOPIC}&channel={channel}"))?;
        }
        self.probe("nothing queued", &server)?;
        server.wait_until_quiet()?;
        let idle_bytes = server.resident_bytes()?;
        let began = Instant::now();
        let filling_bytes = fill(&server, TOPIC, messages, true)?;
        expect_depth(&server, TOPIC, TOPIC, 0)?;
        let fill_seconds = began.elapsed().as_secs_f64();
        let depth = messages + PROBES.count();
        expect_depth(&server, TOPIC, STALLED, depth)?;
        server.wait_until_quiet()?;
        self.probe("with the backlog", &server)?;
        let depth = depth + PROBES.count();
        let (stats_millis, descriptors) = (stats_millis(&server)?, server.descriptors()?);
        let began = Instant::now();
        server.stop()?;
        let stop_seconds = began.elapsed().as_secs_f64();
        let (segments, bytes) = segments(self.dir)?;

        let mut starts = Vec::new();
        forget(&segments)?;
        let server = self.start("a stop, nothing in the page cache", depth, &mut starts)?;
        server.kill()?;
        let server = self.start("kill -9", depth, &mut starts)?;
        server.kill()?;
        forget(&segments)?;
        let (verify_seconds, verify_peak_bytes) = self.verify()?;
        forget(&segments)?;
        let plain_read_seconds = read_plainly(&segments)?;
        forget(&segments)?;

        let server = self.program.start_on(self.dir)?;
        expect_depth(&server, TOPIC, STALLED, depth)?;
        let drain = Draining::begin(server.tcp(), TOPIC, STALLED, depth);
        self.probe("while it drains", &server)?;
        let (drain_seconds, draining_bytes) = drain.end(&server)?;
        // Some of what came meanwhile may have been taken as well.
        wait_for_depth(&server, TOPIC, STALLED, |depth| depth <= PROBES.count())?;

        let mut http = Http::connect(server.http()?)?;
        http.post(&format!("/topic/create?topic={OTHER}"))?;
        http.post(&format!("/channel/create?topic={OTHER}&channel={STALLED}"))?;
        fill(&server, OTHER, messages, false)?;
        let began = Instant::now();
        http.post(&format!("/channel/empty?topic={OTHER}&channel={STALLED}"))?;
        let empty_seconds = began.elapsed().as_secs_f64();
        self.probe("while another's log is removed", &server)?;
        fill(&server, OTHER, messages, false)?;
        let began = Instant::now();
        http.post(&format!("/topic/delete?topic={OTHER}"))?;
        let delete_seconds = began.elapsed().as_secs_f64();
        server.stop()?;
        Ok(Backlog {
            messages,
            bytes,
            segments: segments.len() as u64,
            fill_seconds,
            idle_bytes,
            filling_bytes,
            descriptors,
            stats_millis,
            stop_seconds,
            starts,
            verify_seconds,
            verify_peak_bytes,
            plain_read_seconds,
            drain_seconds,
            draining_bytes,
            empty_seconds,
            delete_seconds,
            latencies: std::mem::take(&mut self.latencies),
        })
    }

    /// The latency of the channel that keeps up.
    fn probe(&mut self, when: &'static str, server: &Server) -> Result<()> {
        self.latencies.push((when, latency::of(server.tcp(), TOPIC, PROBES)?));
        Ok(())
    }

    fn start(&self, after: &'static str, depth: u64, starts: &mut Vec<Start>) -> Result<Server> {
        let began = Instant::now();
        let server = self.program.start_on(self.dir)?;
        let listening_seconds = began.elapsed().as_secs_f64();
        expect_depth(&server, TOPIC, STALLED, depth)?;
        let depth_seconds = began.elapsed().as_secs_f64();
        take_one(server.tcp(), TOPIC, STALLED)?;
        let message_seconds = began.elapsed().as_secs_f64();
        let resident_bytes = server.resident_bytes()?;
        starts.push(Start {
            after,
            listening_seconds,
            depth_seconds,
            message_seconds,
            resident_bytes,
        });
        Ok(server)
    }

    /// How long `nsq log verify` takes, and the most memory that it has.
    fn verify(&self) -> Result<(f64, u64)> {
        let began = Instant::now();
        let mut command = Command::new(self.program.path());
        let command = command.args(["log", "verify"]).arg(self.dir).stdout(Stdio::piped());
        let mut child = command.spawn()?;
        let (mut peak, stdout) = (0, child.stdout.take().ok_or("no stdout")?);
        while child.try_wait()?.is_none() {
            peak = usage::resident_bytes(child.id()).unwrap_or(0).max(peak);
            thread::sleep(Duration::from_millis(20));
        }
        let seconds = began.elapsed().as_secs_f64();
        let report: Vec<_> = BufReader::new(stdout).lines().collect::<std::io::Result<_>>()?;
        match child.wait()?.success() {
            true => Ok((seconds, peak)),
            false => Err(format!("not clean: {report:?}").into()),
        }
    }
}

/// Publishes `messages`; with `keeping_up` a consumer of the channel named as the topic takes all.
/// Returns the server's memory by the number of messages published.
fn fill(
    server: &Server,
    topic: &'static str,
    messages: u64,
    keeping_up: bool,
) -> Result<Vec<(u64, u64)>> {
    let target = Target::plain(server.tcp());
    let publishing = cases::publishing(&target, topic, 4, 4, Some(BATCH));
    let keeping_up = keeping_up.then(|| Draining::begin(server.tcp(), topic, topic, messages));
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    let mut resident = Vec::new();
    runtime.block_on(async {
        let mut publishers = Publishers::connect(&publishing).await?;
        let mut published = 0;
        while published < messages {
            published += cases::publish_all(&mut publishers, ROUND).await?;
            resident.push((published, server.resident_bytes()?));
        }
        Result::Ok(())
    })?;
    if let Some(keeping_up) = keeping_up {
        keeping_up.end(server)?;
    }
    Ok(resident)
}

/// A consumer that takes and finishes messages on a thread of its own.
struct Draining {
    began: Instant,
    thread: JoinHandle<Result<f64>>,
}

impl Draining {
    fn begin(address: SocketAddr, topic: &'static str, channel: &'static str, count: u64) -> Self {
        let began = Instant::now();
        let drain = move || {
            drain_in(address, topic, channel, count)?;
            Ok(began.elapsed().as_secs_f64())
        };
        Self { began, thread: thread::spawn(drain) }
    }

    /// Waits for the end: how long it took, and the most memory that the server was seen to have.
    fn end(self, server: &Server) -> Result<(f64, u64)> {
        let mut resident = server.resident_bytes()?;
        while !self.thread.is_finished() && self.began.elapsed() < PATIENCE {
            thread::sleep(Duration::from_millis(200));
            resident = resident.max(server.resident_bytes()?);
        }
        if !self.thread.is_finished() {
            return Err("draining took too long".into());
        }
        let seconds = self.thread.join().map_err(|_panic| "the consumer panicked")??;
        Ok((seconds, resident))
    }
}

fn drain_in(address: SocketAddr, topic: &str, channel: &str, count: u64) -> Result<()> {
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let consumer = cases::subscribe(&Target::plain(address), topic, channel).await?;
        cases::take_all_without_limit(consumer, RDY.min(count), Tally::of_any(count)).await?;
        Ok(())
    })
}

/// Waits for the first message, and leaves it where it was.
fn take_one(address: SocketAddr, topic: &str, channel: &str) -> Result<()> {
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let inbox = Inbox::for_bodies(BODY_SIZE);
        let mut link = Link::connect(&Target::plain(address), inbox).await?;
        link.send(format!("SUB {topic} {channel}\n").as_bytes()).await?;
        link.expect_ok().await?;
        link.send(b"RDY 1\n").await?;
        loop {
            match link.inbox.next_frame()? {
                Some(Frame::Message { .. }) => return Ok(()),
                Some(_) => {}
                None => link.read().await?,
            }
        }
    })
}

/// Waits until `/stats` says that so many messages are not finished.
fn expect_depth(server: &Server, topic: &str, channel: &str, depth: u64) -> Result<()> {
    wait_for_depth(server, topic, channel, |found| found == depth)
        .map_err(|error| format!("{error}, not {depth}").into())
}

fn wait_for_depth(
    server: &Server,
    topic: &str,
    channel: &str,
    is_right: impl Fn(u64) -> bool,
) -> Result<()> {
    let began = Instant::now();
    let mut http = Http::connect(server.http()?)?;
    loop {
        let found = depth_of(&mut http, topic, channel)?;
        if found.is_some_and(&is_right) {
            return Ok(());
        }
        if began.elapsed() > PATIENCE {
            return Err(format!("{topic}/{channel} has {found:?} messages").into());
        }
        thread::sleep(Duration::from_millis(10));
    }
}

fn depth_of(http: &mut Http, topic: &str, channel: &str) -> Result<Option<u64>> {
    let answer = http.get(&format!("/stats?format=json&topic={topic}&channel={channel}"))?;
    let stats: Value = serde_json::from_slice(&answer)?;
    let channel = &stats["topics"][0]["channels"][0];
    let [depth, in_flight] = ["depth", "in_flight_count"].map(|name| channel[name].as_u64());
    Ok(depth.zip(in_flight).map(|(depth, in_flight)| depth + in_flight))
}

fn stats_millis(server: &Server) -> Result<f64> {
    let mut http = Http::connect(server.http()?)?;
    let mut millis = Vec::new();
    for _ in 0..21 {
        let began = Instant::now();
        http.get("/stats?format=json")?;
        millis.push(began.elapsed().as_secs_f64() * 1e3);
    }
    millis.sort_by(f64::total_cmp);
    Ok(millis[millis.len() / 2])
}

/// The segments of the topic, oldest first, and their bytes.
fn segments(dir: &Path) -> Result<(Vec<PathBuf>, u64)> {
    let (mut segments, mut bytes) = (Vec::new(), 0);
    for entry in fs::read_dir(dir.join("topics").join(TOPIC))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "log") {
            bytes += path.metadata()?.len();
            segments.push(path);
        }
    }
    segments.sort();
    Ok((segments, bytes))
}

/// Has the operating system drop what it keeps of these files.
fn forget(files: &[PathBuf]) -> Result<()> {
    for path in files {
        let file = File::open(path)?;
        file.sync_all()?;
        fadvise(&file, 0, None, Advice::DontNeed)?;
    }
    Ok(())
}

/// The same files, read from beginning to end by one thread that does nothing else.
fn read_plainly(files: &[PathBuf]) -> Result<f64> {
    let began = Instant::now();
    let mut buffer = vec![0; PLAIN_READ_BYTES];
    for path in files {
        let (file, mut at) = (File::open(path)?, 0);
        loop {
            let read = file.read_at(&mut buffer, at)?;
            if read == 0 {
                break;
            }
            at += read as u64;
        }
    }
    Ok(began.elapsed().as_secs_f64())
}

impl Backlog {
    /// Growth of the server's memory over that of an idle one.
    pub fn growth_bytes(&self) -> u64 {
        let filling = self.filling_bytes.iter().map(|(_, bytes)| *bytes).max();
        filling.unwrap_or(0).max(self.draining_bytes).saturating_sub(self.idle_bytes)
    }

    pub fn slowest_start(&self) -> f64 {
        self.starts.iter().map(|start| start.message_seconds).fold(0.0, f64::max)
    }

    pub fn table(&self) -> String {
        let gigabytes = self.bytes as f64 / 1e9;
        let mut text = format!(
            "backlog: {} messages of {BODY_SIZE} B for a channel without consumers, {gigabytes:.1} GB \
             in {} segments, another channel keeps up\n",
            self.messages, self.segments
        );
        self.say(&mut text);
        for Start { after, listening_seconds, depth_seconds, message_seconds, resident_bytes } in
            &self.starts
        {
            let _ = writeln!(
                text,
                "  start after {after}: listens after {listening_seconds:.2} s, exact depth \
                 {depth_seconds:.2} s, first message {message_seconds:.2} s, {:.0} MB",
                megabytes(*resident_bytes)
            );
        }
        for (when, Percentiles { p50, p99, max, after_send_p99, .. }) in &self.latencies {
            let _ = writeln!(
                text,
                "  latency of the other channel, {when}: p50 {p50:.0} µs, p99 {p99:.0} µs (counted \
                 from sending {after_send_p99:.0}), max {max:.0} µs"
            );
        }
        text
    }

    fn say(&self, text: &mut String) {
        let (messages, bytes) = (self.messages as f64, self.bytes as f64);
        let resident: Vec<_> = self.filling_bytes.iter().map(|(_, bytes)| *bytes).collect();
        let fifth = resident.len().div_ceil(5).max(1);
        let over_time: Vec<_> = resident
            .chunks(fifth)
            .map(|part| format!("{:.0}", megabytes(part.iter().copied().max().unwrap_or(0))))
            .collect();
        let lines = [
            format!("filled at {:.0} thousand messages / s", messages / self.fill_seconds / 1e3),
            format!(
                "resident memory: idle {:.0} MB, at most in each fifth of the filling {} MB, at most \
                 while draining {:.0} MB; {} descriptors",
                megabytes(self.idle_bytes),
                over_time.join(", "),
                megabytes(self.draining_bytes),
                self.descriptors
            ),
            format!("/stats {:.1} ms, stop {:.2} s", self.stats_millis, self.stop_seconds),
            format!(
                "drained in {:.1} s: {:.0} thousand messages / s, {:.0} MB / s; a plain read of the \
                 same files {:.1} s, {:.0} MB / s; neither in the page cache",
                self.drain_seconds,
                messages / self.drain_seconds / 1e3,
                bytes / self.drain_seconds / 1e6,
                self.plain_read_seconds,
                bytes / self.plain_read_seconds / 1e6
            ),
            format!(
                "nsq log verify {:.1} s, at most {:.0} MB",
                self.verify_seconds,
                megabytes(self.verify_peak_bytes)
            ),
            format!(
                "as many emptied in {:.3} s, their topic deleted in {:.3} s",
                self.empty_seconds, self.delete_seconds
            ),
        ];
        lines.iter().for_each(|line| _ = writeln!(text, "  {line}"));
    }
}

fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}
