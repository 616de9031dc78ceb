//! The few HTTP requests a bench makes between its runs, over one connection that is kept.

use std::{net::SocketAddr, time::Duration};

use nsq_actors::bench::{Result, http, within};
use tokio::runtime::{Builder, Runtime};

/// For an answer.
const PATIENCE: Duration = Duration::from_secs(10);

pub struct Http {
    runtime: Runtime,
    http: http::Http,
}

impl Http {
    pub fn connect(address: SocketAddr) -> Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let http = runtime.block_on(http::Http::connect(address))?;
        Ok(Self { runtime, http })
    }

    /// Posts nothing to `target`; an answer other than 200 is an error.
    pub fn post(&mut self, target: &str) -> Result<()> {
        self.runtime.block_on(within(PATIENCE, "an answer", self.http.post(target)))
    }

    /// Gets `target`; an answer other than 200 is an error.
    pub fn get(&mut self, target: &str) -> Result<Vec<u8>> {
        self.runtime.block_on(within(PATIENCE, "an answer", self.http.get(target)))
    }

    /// Creates topics with their channels.
    pub fn create(&mut self, topics: &[String], channels: &[String]) -> Result<()> {
        self.runtime.block_on(nsq_actors::bench::idle::create(&mut self.http, topics, channels))
    }
}
