//! What `OK` costs by what it promises, next to a bare loop that writes records of the same size to
//! a file, with and without an fdatasync after each.

use std::{
    fs::File,
    os::unix::fs::FileExt,
    path::Path,
    time::{Duration, Instant},
};

use nsq_actors::bench::{Bodies, Command, Connection, Door, Ledger, Request, Target, usage};
use serde::Serialize;
use tempfile::TempDir;
use tokio::{runtime, task::JoinSet, time::sleep_until};

use crate::{Result, server::Program};

const BODY_SIZE: usize = 200;
const BATCH: u32 = 100;
/// Of a record: header, and the size in front of each message.
const RECORD_HEADER: usize = 64;
const MESSAGE_HEADER: usize = 4;
const WARM_UP: Duration = Duration::from_millis(300);
const MEASURED: Duration = Duration::from_millis(1500);
const RUNS_MAX: u32 = 5;

/// Rate and waiting time of one way to store, a run each.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    pub name: String,
    pub messages_per_second: Vec<f64>,
    pub p50_micros: Vec<f64>,
    pub p99_micros: Vec<f64>,
    /// Of the process that stores.
    pub cpu_micros_each: Vec<f64>,
}

/// Who publishes, and how.
#[derive(Debug, Clone, Copy)]
struct Publishing {
    publishers: usize,
    topics: usize,
    batch: Option<u32>,
}

const fn publishing(publishers: usize, topics: usize, batch: Option<u32>) -> Publishing {
    Publishing { publishers, topics, batch }
}

const CASES: [Publishing; 7] = [
    publishing(1, 1, None),
    publishing(10, 1, None),
    publishing(100, 1, None),
    publishing(1, 1, Some(BATCH)),
    publishing(10, 1, Some(BATCH)),
    publishing(100, 1, Some(BATCH)),
    publishing(100, 100, None),
];

pub fn description() -> String {
    format!(
        "PUB, or MPUB of {BATCH}, of {BODY_SIZE} B; each publisher waits for its OK; {MEASURED:?} a \
         run after {WARM_UP:?}, no consumer"
    )
}

/// The name of the row with one fdatasync per message.
pub fn synced_writes() -> String {
    bare_name(true, None)
}

/// The name of the row with 100 publishers to as many topics.
pub fn power(topics: usize) -> String {
    name("power", publishing(100, topics, None))
}

/// The ways to store whose names contain `rows`, all of them in each run.
pub fn measure(program: &Program, dir: &Path, runs: u32, rows: &str) -> Result<Vec<Row>> {
    let mut measured = Vec::new();
    let mut add_if_wanted = |name: String, measure: &dyn Fn() -> Result<Timed>| {
        if name.contains(rows) {
            add(&mut measured, name, &measure()?);
        }
        Result::Ok(())
    };
    for _run in 0..runs.min(RUNS_MAX) {
        for sync in [false, true] {
            for batch in [None, Some(BATCH)] {
                add_if_wanted(bare_name(sync, batch), &|| write(dir, sync, batch))?;
            }
        }
        for durability in ["process", "power"] {
            for case in CASES {
                let name = name(durability, case);
                add_if_wanted(name, &|| publish(program, durability, case))?;
            }
        }
    }
    Ok(measured)
}

fn bare_name(sync: bool, batch: Option<u32>) -> String {
    let call = if sync { "write + fdatasync" } else { "write" };
    let of = batch.map_or_else(String::new, |batch| format!(", {batch} messages"));
    format!("bare {call}{of}")
}

fn name(durability: &str, case: Publishing) -> String {
    let verb = if case.batch.is_some() { "MPUB" } else { "PUB" };
    let to = if case.topics > 1 { format!(" to {} topics", case.topics) } else { String::new() };
    format!("{durability}: {verb}, {} publishers{to}", case.publishers)
}

fn add(rows: &mut Vec<Row>, name: String, timed: &Timed) {
    let index = rows.iter().position(|row| row.name == name).unwrap_or_else(|| {
        let [messages_per_second, p50_micros, p99_micros, cpu_micros_each] = Default::default();
        rows.push(Row { name, messages_per_second, p50_micros, p99_micros, cpu_micros_each });
        rows.len() - 1
    });
    let row = &mut rows[index];
    row.messages_per_second.push(timed.rate());
    row.p50_micros.push(timed.percentile(0.5));
    row.p99_micros.push(timed.percentile(0.99));
    row.cpu_micros_each.push(timed.cpu_micros_each());
}

/// How long each request took, in microseconds, in ascending order.
struct Timed {
    micros: Vec<f64>,
    messages_each: u32,
    /// What all of them cost.
    cpu: Duration,
}

impl Timed {
    fn new(mut micros: Vec<f64>, batch: Option<u32>, cpu: Duration) -> Result<Self> {
        if micros.is_empty() {
            return Err("nothing was stored in time".into());
        }
        micros.sort_by(f64::total_cmp);
        Ok(Self { micros, messages_each: batch.unwrap_or(1), cpu })
    }

    fn messages(&self) -> f64 {
        self.micros.len() as f64 * f64::from(self.messages_each)
    }

    fn rate(&self) -> f64 {
        self.messages() / MEASURED.as_secs_f64()
    }

    fn cpu_micros_each(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / self.messages()
    }

    fn percentile(&self, part: f64) -> f64 {
        let rank = (self.micros.len() as f64 * part).ceil() as usize;
        self.micros[rank.clamp(1, self.micros.len()) - 1]
    }
}

/// The moments between which requests count.
#[derive(Clone, Copy)]
struct Span {
    start: Instant,
    end: Instant,
}

impl Span {
    fn from_now() -> Self {
        let start = Instant::now() + WARM_UP;
        Self { start, end: start + MEASURED }
    }

    /// Times one request; false when it is over.
    fn count(self, begun: Instant, micros: &mut Vec<f64>) -> bool {
        let now = Instant::now();
        if now < self.end && begun >= self.start {
            micros.push(now.duration_since(begun).as_secs_f64() * 1e6);
        }
        now < self.end
    }
}

fn write(dir: &Path, sync: bool, batch: Option<u32>) -> Result<Timed> {
    let dir = TempDir::with_prefix_in("bench-write-", dir)?;
    let file = File::create(dir.path().join("file"))?;
    let messages = batch.unwrap_or(1) as usize;
    let record = vec![b'x'; RECORD_HEADER + messages * (MESSAGE_HEADER + BODY_SIZE)];
    let (span, mut micros, mut at) = (Span::from_now(), Vec::new(), 0);
    let mut cpu_before = None;
    loop {
        let begun = Instant::now();
        if begun >= span.start && cpu_before.is_none() {
            cpu_before = Some(usage::own_cpu());
        }
        file.write_all_at(&record, at)?;
        if sync {
            file.sync_data()?;
        }
        // A gigabyte round and round: the disk need not hold seconds of a bare loop.
        at = (at + record.len() as u64) % (1 << 30);
        if !span.count(begun, &mut micros) {
            let cpu = usage::own_cpu() - cpu_before.unwrap_or_default();
            return Timed::new(micros, batch, cpu);
        }
    }
}

fn publish(program: &Program, durability: &str, case: Publishing) -> Result<Timed> {
    let server = program.with(&format!("--durability={durability}")).start()?;
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    let (micros, cpu) = runtime.block_on(async {
        let (mut links, door) = (Vec::new(), Door::Tcp(Target::plain(server.tcp())));
        let command = case.batch.map_or(Command::Pub, Command::Mpub);
        let bodies = Bodies::new(BODY_SIZE, command.batch());
        for number in 0..case.publishers {
            let topic = format!("bench{}", number % case.topics);
            links.push((door.connect().await?, door.request(command, &topic, &bodies)));
        }
        let (span, ledger) = (Span::from_now(), Ledger::new(case.publishers, case.topics));
        let mut running = JoinSet::new();
        for (publisher, (link, request)) in links.into_iter().enumerate() {
            running.spawn(publish_over(link, request, publisher, ledger.clone(), span));
        }
        sleep_until(span.start.into()).await;
        let cpu_before = server.cpu()?;
        sleep_until(span.end.into()).await;
        let cpu = server.cpu()? - cpu_before;
        let mut micros = Vec::new();
        while let Some(done) = running.join_next().await {
            micros.extend(done??);
        }
        Result::Ok((micros, cpu))
    })?;
    drop(runtime);
    server.stop()?;
    Timed::new(micros, case.batch, cpu)
}

async fn publish_over(
    mut link: Connection,
    mut request: Request,
    publisher: usize,
    ledger: Ledger,
    span: Span,
) -> Result<Vec<f64>> {
    let mut micros = Vec::new();
    loop {
        let begun = Instant::now();
        link.send(request.numbered(ledger.begin(publisher, request.count()))).await?;
        while link.read_oks().await? == 0 {}
        if !span.count(begun, &mut micros) {
            return Ok(micros);
        }
    }
}
