//! What was measured, as a table to read, as JSON, and against the bars.

use std::fmt::Write;

use nsq_actors::bench::{Spread, rounded, usage};
use serde::Serialize;

use crate::{
    Result,
    backlog::Backlog,
    cases::{Load, Sample},
    durability::{self, Row},
    latency::{self, Percentiles},
    library,
    memory::{self, Growth},
    scrape::{self, Round},
    server::Program,
    store::LogCost,
    upgraded::{self, Upgraded},
};

/// 99th percentile from the due moment of sending to the reading by the consumer.
const LATENCY_MICROS_MAX: f64 = 2_000.0;
/// What a log may cost, `--durability=process`.
const LOG_COST_MAX: f64 = 1.25;
const CONNECTION_BYTES_MAX: f64 = 6_000.0;
const TOPIC_BYTES_MAX: f64 = 16_000.0;
const METRICS_MILLIS_MAX: f64 = 50.0;
const BACKLOG_MEGABYTES_MAX: f64 = 64.0;
const BACKLOG_START_MAX: f64 = 5.0;

#[derive(Debug, Serialize)]
pub struct Report {
    machine: String,
    server: String,
    runs: u32,
    measured: Vec<Measured>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Measured {
    Throughput(Comparison),
    Durability(Vec<Row>),
    LogCost(Vec<LogCost>),
    Latency(Vec<Percentiles>),
    Memory(Vec<Growth>),
    Scrape(Vec<Round>),
    Upgraded(Vec<Upgraded>),
    Backlog(Box<Backlog>),
    Library(Vec<library::Row>),
}

/// The runs of one throughput case; those of one index followed each other.
#[derive(Debug, Serialize)]
pub struct Comparison {
    pub load: Load,
    pub bare: Vec<Sample>,
    pub nsqd: Vec<Sample>,
}

/// A limit and what was found.
struct Bar {
    name: String,
    limit: f64,
    found: f64,
    unit: &'static str,
}

impl Report {
    pub fn new(program: &Program, runs: u32) -> Self {
        let (machine, server) = (usage::machine(), program.title());
        Self { machine, server, runs, measured: Vec::new() }
    }

    pub fn heading(&self) -> String {
        let Self { machine, server, runs, .. } = self;
        format!(
            "nsqd is `{server}`, the limit a bare tokio socket loop on one thread\n\
             {machine}\n\
             medians (min–max) of {runs} alternating pairs of runs after one to warm up; CPU time \
             is the server process's own\n"
        )
    }

    pub fn add(&mut self, measured: Measured) {
        self.measured.push(measured);
    }

    pub fn passed(&self) -> bool {
        self.all_bars().all(|bar| bar.passed())
    }

    pub fn bars(&self) -> String {
        self.all_bars().fold(String::new(), |text, bar| text + &bar.line())
    }

    pub fn json(&self) -> Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }

    fn all_bars(&self) -> impl Iterator<Item = Bar> {
        self.measured.iter().flat_map(Measured::bars)
    }
}

impl Measured {
    pub fn table(&self) -> String {
        match self {
            Self::Throughput(comparison) => comparison.table(),
            Self::Durability(rows) => durability_table(rows),
            Self::LogCost(costs) => costs.iter().map(LogCost::table).collect(),
            Self::Latency(runs) => latency_table(runs),
            Self::Memory(growths) => memory_table(growths),
            Self::Scrape(rounds) => scrape::table(rounds),
            Self::Upgraded(all) => upgraded_table(all),
            Self::Backlog(backlog) => backlog.table(),
            Self::Library(rows) => library_table(rows),
        }
    }

    fn bars(&self) -> Vec<Bar> {
        match self {
            Self::Throughput(comparison) => vec![comparison.bar()],
            Self::Durability(rows) => durability_bars(rows),
            Self::LogCost(costs) => costs.iter().map(LogCost::bar).collect(),
            Self::Latency(runs) => vec![latency_bar(runs)],
            Self::Memory(growths) => growths.iter().map(memory_bar).collect(),
            Self::Scrape(rounds) => scrape_bars(rounds),
            Self::Backlog(backlog) => backlog_bars(backlog),
            Self::Upgraded(_) | Self::Library(_) => Vec::new(),
        }
    }
}

impl Bar {
    fn passed(&self) -> bool {
        self.found <= self.limit
    }

    fn line(&self) -> String {
        let Self { name, limit, found, unit } = self;
        let verdict = if self.passed() { "pass" } else { "MISS" };
        format!("{verdict}  {name:<58} {:>9} of {:>7} {unit}\n", rounded(*found), rounded(*limit))
    }
}

impl Comparison {
    fn table(&self) -> String {
        let mut text = format!("{}: {}\n", self.load.name, self.load.description());
        let _ = writeln!(
            text,
            "  {:<6} {:>28} {:>34} {:>14}",
            "", "server CPU µs / message", "thousand messages / s", "load CPU µs"
        );
        for (name, samples) in [("bare", &self.bare), ("nsqd", &self.nsqd)] {
            let server = spread(samples, Sample::server_cpu_micros);
            let rate = spread(samples, Sample::thousand_per_second);
            let load = spread(samples, Sample::load_cpu_micros);
            let (server, rate) = (server.text(), rate.text());
            let _ = writeln!(text, "  {name:<6} {server:>28} {rate:>34} {:>14.3}", load.median);
        }
        let _ = writeln!(
            text,
            "  CPU per message: ratio of medians {:.2}, of pairs {}",
            self.ratio(),
            self.pair_ratios().text()
        );
        text + &self.repeats()
    }

    /// The ratio of medians: what the bar is held against.
    fn ratio(&self) -> f64 {
        let median = |samples| spread(samples, Sample::server_cpu_micros).median;
        median(&self.nsqd) / median(&self.bare)
    }

    fn pair_ratios(&self) -> Spread {
        let pairs = self.bare.iter().zip(&self.nsqd);
        Spread::new(
            pairs.map(|(bare, nsqd)| nsqd.server_cpu_micros() / bare.server_cpu_micros()).collect(),
        )
    }

    /// Says if messages came more than once, which is allowed, and costs.
    fn repeats(&self) -> String {
        match self.nsqd.iter().map(|sample| sample.received - sample.messages).sum::<u64>() {
            0 => String::new(),
            more => format!("  {more} messages came more than once\n"),
        }
    }

    fn bar(&self) -> Bar {
        let name = format!("{}: server CPU per message", self.load.name);
        Bar { name, limit: self.load.limit, found: self.ratio(), unit: "× the bare loop's" }
    }
}

impl Sample {
    fn server_cpu_micros(&self) -> f64 {
        self.server_cpu_seconds * 1e6 / self.messages as f64
    }

    fn load_cpu_micros(&self) -> f64 {
        self.load_cpu_seconds * 1e6 / self.messages as f64
    }

    fn thousand_per_second(&self) -> f64 {
        self.messages as f64 / self.seconds / 1e3
    }
}

fn latency_table(runs: &[Percentiles]) -> String {
    let mut text = format!("latency: {}\n", latency::description());
    let _ = writeln!(
        text,
        "  {:<6} {:>10} {:>10} {:>10} {:>10} {:>20} {:>18}  (µs)",
        "", "p50", "p90", "p99", "max", "sent late by p99", "after that p99"
    );
    for run in runs {
        let Percentiles { p50, p90, p99, max, send_lateness_p99: late, after_send_p99 } = run;
        let _ = writeln!(
            text,
            "  nsqd   {p50:>10.0} {p90:>10.0} {p99:>10.0} {max:>10.0} {late:>20.0} \
             {after_send_p99:>18.0}"
        );
    }
    text
}

fn library_table(rows: &[library::Row]) -> String {
    let mut text = format!("library: {}\n", library::description());
    let _ = writeln!(
        text,
        "  {:<32} {:>26} {:>26} {:>20}",
        "", "client: CPU µs / message", "nsqd: CPU µs / message", "thousand / s"
    );
    for row in rows {
        let client = spread(&row.runs, Sample::load_cpu_micros).text();
        let server = spread(&row.runs, Sample::server_cpu_micros).text();
        let rate = spread(&row.runs, Sample::thousand_per_second).text();
        let _ = writeln!(text, "  {:<32} {client:>26} {server:>26} {rate:>20}", row.name());
    }
    text
}

fn upgraded_table(all: &[Upgraded]) -> String {
    let mut text = format!("upgrades: {}\n", upgraded::description());
    let _ = writeln!(
        text,
        "  {:<13} {:>24} {:>18} {:>24} {:>18} {:>12}",
        "",
        "MPUB: CPU µs / message",
        "thousand / s",
        "SUB: CPU µs / message",
        "thousand / s",
        "idle bytes"
    );
    for Upgraded { upgrade, publish, drain, idle_bytes } in all {
        let cpu = |samples| spread(samples, Sample::server_cpu_micros).text();
        let rate = |samples| spread(samples, Sample::thousand_per_second).text();
        let _ = writeln!(
            text,
            "  {:<13} {:>24} {:>18} {:>24} {:>18} {idle_bytes:>12.0}",
            upgrade.name(),
            cpu(publish),
            rate(publish),
            cpu(drain),
            rate(drain)
        );
    }
    text
}

fn latency_bar(runs: &[Percentiles]) -> Bar {
    let found = Spread::new(runs.iter().map(|run| run.p99).collect()).median;
    Bar { name: "latency: p99".to_owned(), limit: LATENCY_MICROS_MAX, found, unit: "µs" }
}

fn durability_table(rows: &[Row]) -> String {
    let mut text = format!("durability: {}\n", durability::description());
    let _ = writeln!(
        text,
        "  {:<42} {:>26} {:>10} {:>10} {:>18}",
        "", "messages / s", "p50 µs", "p99 µs", "CPU µs / message"
    );
    for row in rows {
        let rate = Spread::new(row.messages_per_second.clone()).text();
        let [p50, p99, cpu] = [&row.p50_micros, &row.p99_micros, &row.cpu_micros_each]
            .map(|micros| Spread::new(micros.clone()).median);
        let cpu = rounded(cpu);
        let _ = writeln!(text, "  {:<42} {rate:>26} {p50:>10.0} {p99:>10.0} {cpu:>18}", row.name);
    }
    text
}

/// One sync serves many publishers, and one round of syncs many topics.
fn durability_bars(rows: &[Row]) -> Vec<Bar> {
    let rate = |name: &str| {
        let row = rows.iter().find(|row| row.name == name);
        row.map_or(f64::NAN, |row| Spread::new(row.messages_per_second.clone()).median)
    };
    let [one, many] = [1, 100].map(|topics| rate(&durability::power(topics)));
    let bar = |name: &str, limit, found, unit| Bar { name: name.to_owned(), limit, found, unit };
    vec![
        bar(
            "durability: an fdatasync per message",
            1.0 / 20.0,
            rate(&durability::synced_writes()) / one,
            "× power's rate with 100 publishers",
        ),
        bar("durability: power to one topic", 2.0, one / many, "× its rate to 100 topics"),
    ]
}

impl LogCost {
    fn table(&self) -> String {
        let mut text = format!("log-cost: {}\n", self.load.description());
        for (name, samples) in [("no store", &self.nowhere), ("disk", &self.disk)] {
            let server = spread(samples, Sample::server_cpu_micros).text();
            let rate = spread(samples, Sample::thousand_per_second).text();
            let _ = writeln!(text, "  {name:<9} {server:>28} µs / message {rate:>30} thousand / s");
        }
        text
    }

    fn bar(&self) -> Bar {
        let median = |samples| spread(samples, Sample::server_cpu_micros).median;
        let name = format!("log-cost: server CPU per message of {}", self.load.name);
        let found = median(&self.disk) / median(&self.nowhere);
        Bar { name, limit: LOG_COST_MAX, found, unit: "× without a store" }
    }
}

fn memory_table(growths: &[Growth]) -> String {
    let mut text = format!("memory: {}\n", memory::description());
    for growth in growths {
        let bytes = Spread::new(growth.bytes_each.clone()).text();
        let cpu = Spread::new(growth.idle_cpu_percent.clone()).text();
        let of = format!("{} × {}", growth.count, growth.what);
        let _ = writeln!(text, "  {of:<30} {bytes:>26} bytes each, idle CPU {cpu} %");
    }
    text
}

fn memory_bar(growth: &Growth) -> Bar {
    let name = format!("memory: idle {}, {} of them", growth.what, growth.count);
    let is_topic = growth.what.starts_with("topic");
    let limit = if is_topic { TOPIC_BYTES_MAX } else { CONNECTION_BYTES_MAX };
    Bar { name, limit, found: Spread::new(growth.bytes_each.clone()).median, unit: "bytes" }
}

fn scrape_bars(rounds: &[Round]) -> Vec<Bar> {
    let median =
        |figure: fn(&Round) -> f64| Spread::new(rounds.iter().map(figure).collect()).median;
    let p99 = |name: &str, figure| Bar {
        name: format!("stats-scrape: p99 while {name} is read"),
        limit: 2.0,
        found: median(figure),
        unit: "× without",
    };
    let metrics = Bar {
        name: "stats-scrape: time for /metrics".to_owned(),
        limit: METRICS_MILLIS_MAX,
        found: median(|round| round.metrics.scrape_millis),
        unit: "ms",
    };
    vec![
        p99("/stats", |round| round.stats.latency.p99 / round.quiet.latency.p99),
        p99("/metrics", |round| round.metrics.latency.p99 / round.quiet.latency.p99),
        metrics,
    ]
}

/// Of what does not depend on how many processors the load generator leaves to the broker.
fn backlog_bars(backlog: &Backlog) -> Vec<Bar> {
    let bar = |name: &str, limit, found, unit| Bar { name: name.to_owned(), limit, found, unit };
    let growth = backlog.growth_bytes() as f64 / 1e6;
    vec![
        bar("backlog: memory over that of an idle broker", BACKLOG_MEGABYTES_MAX, growth, "MB"),
        bar("backlog: slowest start", BACKLOG_START_MAX, backlog.slowest_start(), "s"),
    ]
}

fn spread(samples: &[Sample], figure: fn(&Sample) -> f64) -> Spread {
    Spread::new(samples.iter().map(figure).collect())
}
