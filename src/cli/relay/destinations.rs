//! Getting messages to one of several addresses, or to all of them.

#[cfg(test)]
mod tests;

use std::{
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use super::{
    hosts::{Hosts, Mode},
    statistics::Statistics,
};

/// Which addresses a message goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spread {
    /// To one of them, and to the next one where that fails.
    One(Mode),
    /// To one after the other until one fails.
    All,
}

/// Whose times the statistics are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measured {
    /// What was taken.
    Successes,
    /// What was tried.
    Everything,
}

/// Why an address has not taken a message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Rejection {
    /// Why.
    pub reason: String,
    /// It is the address that is in trouble, not the message: others are better off elsewhere.
    pub blames_host: bool,
}

impl Rejection {
    /// The address is in trouble.
    #[expect(clippy::needless_pass_by_value, reason = "as `map_err` hands it over")]
    pub fn of_host(reason: impl ToString) -> Self {
        Self { reason: reason.to_string(), blames_host: true }
    }

    /// The message is not what the address takes.
    #[expect(clippy::needless_pass_by_value, reason = "as `map_err` hands it over")]
    pub fn of_message(reason: impl ToString) -> Self {
        Self { reason: reason.to_string(), blames_host: false }
    }
}

/// The addresses, what is known of them, and how long they take.
#[derive(Debug)]
pub struct Destinations {
    addresses: Vec<String>,
    spread: Spread,
    measured: Measured,
    known: Mutex<Known>,
    is_stopping: AtomicBool,
}

#[derive(Debug)]
struct Known {
    hosts: Hosts,
    statistics: Statistics,
}

impl Destinations {
    /// Addresses of which nothing is known yet; their times are logged for every `status_every` messages, 0 for never.
    pub fn new(
        addresses: Vec<String>,
        spread: Spread,
        measured: Measured,
        status_every: usize,
    ) -> Self {
        let mode = match spread {
            Spread::One(mode) => mode,
            Spread::All => Mode::RoundRobin,
        };
        let hosts = Hosts::new(mode, addresses.len());
        let statistics = Statistics::new(&addresses, status_every);
        let known = Mutex::new(Known { hosts, statistics });
        Self { addresses, spread, measured, known, is_stopping: AtomicBool::new(false) }
    }

    /// Logs what an operator should know at the start.
    pub fn warn(&self) {
        self.known().statistics.warnings().iter().for_each(|warning| log::warn!("{warning}"));
    }

    /// From now on a message that fails is not sent to the next address: it goes back to its nsqd at once.
    pub fn begin_stop(&self) {
        self.is_stopping.store(true, Ordering::Relaxed);
    }

    /// Sends so many messages together with `send`, which is given the number of the address. Each address is tried once;
    /// the last one's rejection is why they were not taken.
    pub async fn deliver<F>(
        &self,
        messages: usize,
        send: impl Fn(usize) -> F,
    ) -> Result<(), Rejection>
    where
        F: Future<Output = Result<(), Rejection>>,
    {
        let start = Instant::now();
        let delivered = match self.spread {
            Spread::One(_) => self.to_one(messages, send).await,
            Spread::All => self.to_all(messages, send).await,
        };
        if self.counts(&delivered) {
            let took = start.elapsed();
            self.log(messages, |statistics| statistics.add_to_aggregate(took));
        }
        delivered
    }

    async fn to_one<F>(&self, messages: usize, send: impl Fn(usize) -> F) -> Result<(), Rejection>
    where
        F: Future<Output = Result<(), Rejection>>,
    {
        let mut tried = Vec::new();
        let mut last = Err(Rejection::of_message("no address"));
        while let Some(host) = self.choose(&tried) {
            last = self.send(host, messages, &send).await;
            if last.is_ok() || self.is_stopping.load(Ordering::Relaxed) {
                break;
            }
            tried.push(host);
        }
        last
    }

    async fn to_all<F>(&self, messages: usize, send: impl Fn(usize) -> F) -> Result<(), Rejection>
    where
        F: Future<Output = Result<(), Rejection>>,
    {
        for host in 0..self.addresses.len() {
            self.send(host, messages, &send).await?;
        }
        Ok(())
    }

    async fn send<F>(
        &self,
        host: usize,
        messages: usize,
        send: &impl Fn(usize) -> F,
    ) -> Result<(), Rejection>
    where
        F: Future<Output = Result<(), Rejection>>,
    {
        let start = Instant::now();
        let sent = send(host).await;
        let took = start.elapsed();
        self.learn(host, &sent, took);
        if self.counts(&sent) {
            self.log(messages, |statistics| statistics.add(host, took));
        }
        sent
    }

    fn choose(&self, tried: &[usize]) -> Option<usize> {
        self.known().hosts.choose(tried, Instant::now(), &mut fastrand::f64)
    }

    /// Remembers how an address does, and says so when that changes. Where there is no other, the consumer says it.
    fn learn(&self, host: usize, sent: &Result<(), Rejection>, took: Duration) {
        let now = Instant::now();
        let address = &self.addresses[host];
        let has_others = self.spread != Spread::All && self.addresses.len() > 1;
        match sent {
            Ok(()) => {
                let recovers = self.known().hosts.succeeded(host, took, now);
                if recovers && has_others {
                    log::info!("[{address}]: takes messages again");
                }
            }
            Err(Rejection { reason, blames_host: true }) => {
                let is_new = self.known().hosts.failed(host, now);
                if is_new && has_others {
                    log::warn!("[{address}]: takes no messages: {reason}; others are tried");
                }
            }
            Err(_) => {}
        }
    }

    fn counts(&self, result: &Result<(), Rejection>) -> bool {
        result.is_ok() || self.measured == Measured::Everything
    }

    fn log(&self, messages: usize, add: impl Fn(&mut Statistics) -> Option<String>) {
        let lines: Vec<_> = {
            let mut known = self.known();
            (0..messages).filter_map(|_| add(&mut known.statistics)).collect()
        };
        lines.iter().for_each(|line| log::info!("{line}"));
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
