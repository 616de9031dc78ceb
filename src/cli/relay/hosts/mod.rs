//! Which of several addresses a message goes to. Time and chance are arguments.

mod averages;
mod liveness;
#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

use self::{averages::Averages, liveness::Liveness};

const EXPLORING_MAX: f64 = 0.3;
const EXPLORING_MIN: f64 = 0.01;
const EXPLORING_DECAY: f64 = 0.9;

/// How addresses are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// One after the other, whatever they answer.
    RoundRobin,
    /// One after the other; those that fail have a rest.
    Hostpool,
    /// Those that answer faster have more; now and then like [`Mode::Hostpool`], to find out about the others.
    EpsilonGreedy,
}

impl Mode {
    /// The mode of that name, if there is one.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "round-robin" => Some(Self::RoundRobin),
            "hostpool" => Some(Self::Hostpool),
            "epsilon-greedy" => Some(Self::EpsilonGreedy),
            _ => None,
        }
    }
}

/// A number from 0 up to but not including 1.
pub type Chance<'a> = &'a mut dyn FnMut() -> f64;

/// Addresses by number, and what is known of them.
#[derive(Debug, Clone)]
pub struct Hosts {
    mode: Mode,
    hosts: Vec<Host>,
    /// Whose turn it is.
    next: usize,
    /// How likely it is that times are not looked at.
    exploring: f64,
}

#[derive(Debug, Clone)]
struct Host {
    liveness: Liveness,
    averages: Averages,
}

impl Hosts {
    /// So many addresses, of which nothing is known yet.
    pub fn new(mode: Mode, count: usize) -> Self {
        let host = Host { liveness: Liveness::Alive, averages: Averages::new() };
        // Upstream's round robin counts before it looks, and so begins with the second.
        let next = if mode == Mode::RoundRobin && count > 1 { 1 } else { 0 };
        Self { mode, hosts: vec![host; count], next, exploring: EXPLORING_MAX }
    }

    /// The address that a message goes to, which was sent to those in `tried` before, without success; none if it was
    /// sent to all of them.
    pub fn choose(&mut self, tried: &[usize], now: Instant, chance: Chance<'_>) -> Option<usize> {
        let host = match self.mode {
            Mode::RoundRobin => self.in_turn(tried, |_| true),
            Mode::Hostpool => self.alive_in_turn(tried, now),
            Mode::EpsilonGreedy => self.by_times(tried, now, chance),
        }?;
        self.hosts[host].liveness.begin_try(now);
        Some(host)
    }

    /// The address has taken a message within that time. True if it had failed before.
    pub fn succeeded(&mut self, host: usize, took: Duration, now: Instant) -> bool {
        self.hosts[host].averages.add(took, now);
        self.hosts[host].liveness.succeeded()
    }

    /// The address has not taken a message. True if it had not failed since it last took one.
    pub fn failed(&mut self, host: usize, now: Instant) -> bool {
        self.hosts[host].liveness.failed(now)
    }

    /// The first from the one on whose turn it is. Second tries do not move the turn: else the neighbour of a dead
    /// address would be skipped as often as that one is tried.
    fn in_turn(&mut self, tried: &[usize], may: impl Fn(&Host) -> bool) -> Option<usize> {
        let count = self.hosts.len();
        let start = tried.last().map_or(self.next, |last| last + 1);
        let host = (start..start + count)
            .map(|host| host % count)
            .find(|host| !tried.contains(host) && may(&self.hosts[*host]))?;
        if tried.is_empty() {
            self.next = (host + 1) % count;
        }
        Some(host)
    }

    /// Where none is alive or due, the one that is due first: the message would else go nowhere.
    fn alive_in_turn(&mut self, tried: &[usize], now: Instant) -> Option<usize> {
        self.in_turn(tried, |host| host.liveness.is_open(now)).or_else(|| {
            let untried = (0..self.hosts.len()).filter(|host| !tried.contains(host));
            untried.min_by_key(|host| self.hosts[*host].liveness.retry_at())
        })
    }

    fn by_times(&mut self, tried: &[usize], now: Instant, chance: Chance<'_>) -> Option<usize> {
        if chance() < self.exploring {
            self.exploring = (self.exploring * EXPLORING_DECAY).max(EXPLORING_MIN);
            return self.alive_in_turn(tried, now);
        }
        let known = self.hosts.iter_mut().enumerate().filter_map(|(number, host)| {
            let may = !tried.contains(&number) && host.liveness.is_open(now);
            let average = host.averages.average(now).filter(|_| may)?;
            Some((number, 1.0 / average))
        });
        let known: Vec<_> = known.collect();
        weighted(&known, chance()).or_else(|| self.alive_in_turn(tried, now))
    }
}

/// Picks by weight.
fn weighted(known: &[(usize, f64)], chance: f64) -> Option<usize> {
    let sum: f64 = known.iter().map(|(_, weight)| weight).sum();
    let mut left = chance * sum;
    for (host, weight) in known {
        left -= weight;
        if left < 0.0 {
            return Some(*host);
        }
    }
    // Sums of fractions are not exact.
    known.last().map(|(host, _)| *host)
}
