//! From the moment a message should have been sent to the moment its consumer has read it.

use std::{net::SocketAddr, thread, time::Duration};

use nsq_actors::bench::{
    Bodies, Command, Door, Publishing, Schedule, Target,
    open_loop::{Measured, OpenLoop, Receiving},
    within,
};
use serde::Serialize;
use tokio::runtime;

use crate::{RUN_LIMIT, Result, server::Program};

const SCHEDULE: Schedule = schedule(Duration::from_millis(10), 100, 1_000);
const RDY: u64 = 100;
const BODY_SIZE: usize = 200;
const RUNS_MAX: u32 = 3;
const TOPIC: &str = "latency";
/// A silence this long is an error.
const PATIENCE: Duration = Duration::from_secs(5);

/// One publisher's.
pub const fn schedule(interval: Duration, warm_up: u64, measured: u64) -> Schedule {
    Schedule { interval, warm_up, measured, publishers: 1 }
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

impl Percentiles {
    fn of(measured: &Measured) -> Option<Self> {
        let [all, lateness, after] =
            [measured.end_to_end?, measured.lateness?, measured.end_to_end_after_sending?];
        Some(Self {
            p50: all.p50,
            p90: all.p90,
            p99: all.p99,
            max: all.max,
            send_lateness_p99: lateness.p99,
            after_send_p99: after.p99,
        })
    }
}

pub fn description() -> String {
    let Schedule { interval, warm_up, measured, .. } = SCHEDULE;
    format!(
        "PUB of {BODY_SIZE} B every {interval:?} whatever happens, 1 publisher, 1 consumer with RDY \
         {RDY}, no wishes in IDENTIFY, {measured} messages a run after {warm_up}"
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
    let target = Target::plain(address);
    let publishing = Publishing {
        door: Door::Tcp(target.clone()),
        connections: 1,
        window: 1,
        command: Command::Pub,
        bodies: Bodies::new(BODY_SIZE, 1),
        topics: vec![topic.to_owned()],
    };
    let receiving = Receiving { target, channel: topic.to_owned(), consumers: 1, rdy: RDY };
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    let run = async {
        let open_loop = OpenLoop::connect(&publishing, Some(&receiving), schedule).await?;
        open_loop.run(PATIENCE).await
    };
    let measured = runtime.block_on(within(RUN_LIMIT, "the run", run))?;
    Percentiles::of(&measured).ok_or_else(|| "nothing was measured".into())
}

pub fn join<T>(thread: thread::ScopedJoinHandle<'_, Result<T>>) -> Result<T> {
    thread.join().map_err(|_panic| "a thread of the load generator panicked")?
}
