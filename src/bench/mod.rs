//! A load generator for any NSQ server, and the means to say what a server's work costs: behind `nsq bench` and behind the
//! broker's own bench.
//!
//! It finds frames and writes commands by itself, so that no mistake of the broker's codec is hidden by the same mistake
//! here; only compressed streams are those of [`crate::protocol::upgrade`]. It knows no actor, prints nothing and sets
//! itself no limit of time: whoever runs it does.

mod backlog;
pub mod bare;
mod bodies;
mod connection;
mod consumers;
mod error;
pub mod http;
pub mod idle;
mod latencies;
mod link;
mod meter;
pub mod open_loop;
mod publishers;
mod request;
mod schedule;
mod spread;
mod tally;
pub mod usage;
pub mod wire;

use std::time::Duration;

use tokio::time::timeout;

pub use self::{
    bodies::{BODY_SIZE_MAX, BODY_SIZE_MIN, Bodies, Number},
    connection::{Connection, Door},
    consumers::{Arrivals, Consumer, Consumers},
    error::BenchError,
    latencies::{Latencies, Percentiles},
    link::{Link, Target, Upgrade},
    meter::{Cost, Meter},
    publishers::{Extent, Published, Publishers, Publishing},
    request::{Command, Request},
    schedule::Schedule,
    spread::{Spread, rounded},
    tally::{Ledger, Tally},
};

/// What a run, or a part of it, comes to.
pub type Result<T> = std::result::Result<T, BenchError>;

/// What comes of it within a time.
pub async fn within<T>(
    limit: Duration,
    what: &'static str,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    timeout(limit, work).await.unwrap_or(Err(BenchError::TooLong { what, limit }))
}
