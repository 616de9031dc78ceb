//! What a message costs: the broker against a bare tokio socket loop, in the same run.
//!
//! `cargo bench --bench broker [-- --case mpub --runs 5 --nsqd PATH --json FILE]`
//!
//! The server is a child process, the load generator is this one. CPU time is the server's own, as
//! the operating system counts it; it reads `/proc` and so runs on Linux only.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a bench talks to a terminal")]

mod backlog;
mod cases;
mod certificate;
mod durability;
mod http;
mod latency;
mod library;
mod memory;
mod report;
mod scrape;
mod server;
mod store;
mod upgraded;

use std::{error::Error, fs, path::PathBuf, process::ExitCode, time::Duration};

use clap::Parser;
use nsq_actors::bench::usage;

use crate::{
    cases::Case,
    report::{Measured, Report},
    server::Program,
};

/// No run takes longer than this; one that does is an error.
pub const RUN_LIMIT: Duration = Duration::from_secs(180);

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// Measures the broker's cost per message, its latency and its memory.
#[derive(Debug, Parser)]
struct Arguments {
    /// Another program to measure, which takes nsqd's flags (default: this package's nsq)
    #[arg(long, value_name = "PATH")]
    nsqd: Option<PathBuf>,

    /// One more flag for nsqd, such as --mem-queue-size=1000000; may be repeated
    #[arg(long = "arg", value_name = "FLAG", allow_hyphen_values = true)]
    args: Vec<String>,

    /// Measured pairs of runs (bare loop, nsqd), after one pair to warm up
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    runs: u32,

    /// What to measure; may be repeated (default: everything but backlog)
    #[arg(long = "case", value_name = "NAME")]
    cases: Vec<Case>,

    /// Of durability, only the ways to store whose names contain this
    #[arg(long, value_name = "TEXT")]
    rows: Option<String>,

    /// Multiplies the number of messages of a run; below 1 for a quick look
    #[arg(long, default_value_t = 1.0)]
    scale: f64,

    /// Where the data paths are made, and removed (default: below the target directory)
    #[arg(long, value_name = "DIR", default_value = env!("CARGO_TARGET_TMPDIR"))]
    dir: PathBuf,

    /// Writes every single run to this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,

    /// Fails when a bar is missed
    #[arg(long)]
    strict: bool,

    /// What `cargo bench` adds
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> ExitCode {
    if let Some(ended) = store::nsqd_asked_for() {
        return ended;
    }
    match measure(&Arguments::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("bench failed: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Runs the cases and says whether the exit code is that of success.
fn measure(arguments: &Arguments) -> Result<bool> {
    if cfg!(debug_assertions) {
        // `cargo test --all-targets` comes by here.
        println!("a debug build says nothing about speed: use cargo bench");
        return Ok(true);
    }
    usage::allow_many_files()?;
    fs::create_dir_all(&arguments.dir)?;
    let program = Program::new(arguments.nsqd.as_deref(), &arguments.args, &arguments.dir);
    let mut report = Report::new(&program, arguments.runs);
    let mut failures = 0;
    println!("{}", report.heading());
    for case in cases::chosen(&arguments.cases) {
        match run(case, &program, arguments) {
            Ok(measured) => {
                println!("{}", measured.table());
                report.add(measured);
            }
            // The other cases have still something to say.
            Err(error) => {
                eprintln!("{} failed: {error}\n", case.name());
                failures += 1;
            }
        }
    }
    println!("{}", report.bars());
    if let Some(path) = &arguments.json {
        fs::write(path, report.json()?)?;
    }
    Ok(failures == 0 && (!arguments.strict || report.passed()))
}

fn run(case: Case, program: &Program, arguments: &Arguments) -> Result<Measured> {
    let runs = arguments.runs;
    match case {
        Case::Latency => latency::measure(program, runs).map(Measured::Latency),
        Case::Durability => {
            let rows = arguments.rows.as_deref().unwrap_or_default();
            durability::measure(program, &arguments.dir, runs, rows).map(Measured::Durability)
        }
        Case::LogCost => store::measure(program, runs, arguments.scale).map(Measured::LogCost),
        Case::Memory => memory::of_connections(program, runs).map(Measured::Memory),
        Case::MemoryTopics => memory::of_topics(program, runs).map(Measured::Memory),
        Case::StatsScrape => scrape::measure(program, runs).map(Measured::Scrape),
        Case::Upgrades => upgraded::measure(program, runs, arguments.scale).map(Measured::Upgraded),
        Case::Backlog => {
            backlog::measure(program, arguments.scale).map(Box::new).map(Measured::Backlog)
        }
        Case::Library => library::measure(program, runs, arguments.scale).map(Measured::Library),
        Case::Mpub | Case::SubDrain | Case::PubWait => {
            cases::compare(&case.load().scaled(arguments.scale), program, runs)
                .map(Measured::Throughput)
        }
    }
}
