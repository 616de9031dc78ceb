//! What a piece of work costs the server, and this process.

use std::time::{Duration, Instant};

use serde::Serialize;

use super::{Result, usage};

/// Runs while the work is done.
#[derive(Debug)]
pub struct Meter {
    server: Option<(u32, Duration)>,
    own: Duration,
    started: Instant,
}

/// Time, and CPU time of all threads in user and in kernel mode.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Cost {
    /// On the wall.
    pub seconds: f64,
    /// CPU of the server, if its process is known.
    pub server_cpu_seconds: Option<f64>,
    /// CPU of this process.
    pub generator_cpu_seconds: f64,
}

impl Meter {
    /// Begins to measure; the server's cost only if its process is known.
    pub fn start(server: Option<u32>) -> Result<Self> {
        let server = server.map(|pid| Result::Ok((pid, usage::cpu_of(pid)?))).transpose()?;
        Ok(Self { server, own: usage::own_cpu(), started: Instant::now() })
    }

    /// What it has cost until now.
    pub fn stop(&self) -> Result<Cost> {
        let seconds = self.started.elapsed().as_secs_f64();
        let server_cpu_seconds = match self.server {
            Some((pid, before)) => Some((usage::cpu_of(pid)? - before).as_secs_f64()),
            None => None,
        };
        let generator_cpu_seconds = (usage::own_cpu() - self.own).as_secs_f64();
        Ok(Cost { seconds, server_cpu_seconds, generator_cpu_seconds })
    }
}
