//! Who may send how much: the RDY of each connection.

use std::{collections::BTreeMap, time::Duration};

use tokio::time::Instant;

use crate::client::options::Options;

/// A connection, as the rules know it.
pub(crate) type LineId = u64;

/// RDY counts to send, in this order.
pub(crate) type Orders = Vec<(LineId, u32)>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// All get their share.
    Flowing,
    /// Nobody gets anything.
    Paused,
    /// One gets one, to see how it goes.
    Trying,
}

#[derive(Debug)]
struct Line {
    /// What nsqd takes at most.
    max: u32,
    rdy: u32,
    /// When its RDY was last changed.
    set_at: Instant,
    /// When a message last came.
    heard_at: Instant,
}

/// Shares the messages that a consumer takes at once among its connections. RDY counts never add up to more than that,
/// to more than one while the consumer finds out how things go, and to nothing while it backs off.
#[derive(Debug)]
pub(crate) struct Shares {
    max_in_flight: u32,
    idle_timeout: Duration,
    hold_timeout: Duration,
    mode: Mode,
    lines: BTreeMap<LineId, Line>,
}

impl Shares {
    pub(crate) fn new(options: &Options) -> Self {
        Self {
            max_in_flight: options.max_in_flight,
            idle_timeout: options.low_rdy_idle_timeout,
            hold_timeout: options.low_rdy_timeout,
            mode: Mode::Flowing,
            lines: BTreeMap::new(),
        }
    }

    /// A connection has come, with RDY 0. The others make room first.
    pub(crate) fn join(&mut self, id: LineId, max: u32, now: Instant) -> Orders {
        self.lines.insert(id, Line { max, rdy: 0, set_at: now, heard_at: now });
        self.level(now)
    }

    /// A connection is gone; the others share what it had.
    pub(crate) fn leave(&mut self, id: LineId, now: Instant) -> Orders {
        self.lines.remove(&id);
        self.level(now)
    }

    /// A connection has brought messages.
    pub(crate) fn heard(&mut self, id: LineId, at: Instant) {
        if let Some(line) = self.lines.get_mut(&id) {
            line.heard_at = at.max(line.heard_at);
        }
    }

    /// Changes how many messages are taken at once.
    pub(crate) fn set_max_in_flight(&mut self, max: u32, now: Instant) -> Orders {
        self.max_in_flight = max;
        self.level(now)
    }

    /// What each gets where there is enough for all.
    pub(crate) fn share(&self) -> u32 {
        let count = u32::try_from(self.lines.len()).unwrap_or(u32::MAX).max(1);
        (self.max_in_flight / count).max(1).min(self.max_in_flight)
    }

    /// Nobody sends anything from now on.
    pub(crate) fn pause(&mut self, now: Instant) -> Orders {
        self.mode = Mode::Paused;
        self.set_all(|_| 0, now)
    }

    /// One connection, picked by `pick` from their number, may send one message. `None` if there is no connection.
    pub(crate) fn try_one(
        &mut self,
        pick: impl FnOnce(usize) -> usize,
        now: Instant,
    ) -> Option<Orders> {
        if self.lines.is_empty() || self.max_in_flight == 0 {
            return None;
        }
        self.mode = Mode::Trying;
        let picked = *self.lines.keys().nth(pick(self.lines.len()))?;
        Some(self.set(picked, 1, now).into_iter().collect())
    }

    /// All get their share again.
    pub(crate) fn resume(&mut self, now: Instant) -> Orders {
        self.mode = Mode::Flowing;
        self.level(now)
    }

    /// Passes RDY on where there is less of it than connections: who has had none for the longest time comes first.
    pub(crate) fn redistribute(&mut self, now: Instant) -> Orders {
        let budget = match self.mode {
            Mode::Paused => return Orders::new(),
            Mode::Trying => self.max_in_flight.min(1),
            Mode::Flowing => self.max_in_flight,
        };
        if self.lines.len() <= budget as usize {
            return match self.mode {
                Mode::Trying => self.hand_out(budget, now),
                _ => Orders::new(),
            };
        }
        let is_due = |line: &Line| {
            let is_idle = now.saturating_duration_since(line.heard_at) > self.idle_timeout;
            is_idle || now.saturating_duration_since(line.set_at) > self.hold_timeout
        };
        let due: Vec<_> =
            self.lines.iter().filter(|(_, line)| line.rdy > 0 && is_due(line)).collect();
        let due: Vec<_> = due.into_iter().map(|(id, _)| *id).collect();
        let mut orders: Orders = due.into_iter().filter_map(|id| self.set(id, 0, now)).collect();
        orders.extend(self.hand_out(budget, now));
        orders
    }

    /// Gives RDY 1 to those without any, as far as the budget goes.
    fn hand_out(&mut self, budget: u32, now: Instant) -> Orders {
        let mut without: Vec<_> = self.lines.iter().filter(|(_, line)| line.rdy == 0).collect();
        without.sort_by_key(|(_, line)| line.set_at);
        let free = budget.saturating_sub(self.total()) as usize;
        let chosen: Vec<_> = without.into_iter().take(free).map(|(id, _)| *id).collect();
        chosen.into_iter().filter_map(|id| self.set(id, 1, now)).collect()
    }

    /// Brings all to their share: first down, then up as far as it goes.
    fn level(&mut self, now: Instant) -> Orders {
        if self.mode != Mode::Flowing {
            return Orders::new();
        }
        let share = self.share();
        let mut orders = self.set_all(|line| line.rdy.min(share).min(line.max), now);
        orders.extend(self.take_back(now));
        let mut free = self.max_in_flight.saturating_sub(self.total());
        for id in self.lines.keys().copied().collect::<Vec<_>>() {
            let Some(line) = self.lines.get(&id) else { continue };
            let more = share.min(line.max).saturating_sub(line.rdy).min(free);
            free -= more;
            let rdy = line.rdy + more;
            orders.extend(self.set(id, rdy, now));
        }
        orders
    }

    /// Takes RDY from some where all together have too much: there is less of it than connections since it was made less.
    fn take_back(&mut self, now: Instant) -> Orders {
        let mut excess = self.total().saturating_sub(self.max_in_flight);
        let mut orders = Orders::new();
        for id in self.lines.keys().rev().copied().collect::<Vec<_>>() {
            let Some(line) = self.lines.get(&id) else { continue };
            let less = line.rdy.min(excess);
            excess -= less;
            let rdy = line.rdy - less;
            orders.extend(self.set(id, rdy, now));
        }
        orders
    }

    fn set_all(&mut self, rdy: impl Fn(&Line) -> u32, now: Instant) -> Orders {
        let wanted: Vec<_> = self.lines.iter().map(|(id, line)| (*id, rdy(line))).collect();
        wanted.into_iter().filter_map(|(id, rdy)| self.set(id, rdy, now)).collect()
    }

    /// What to send, if it is a change.
    fn set(&mut self, id: LineId, rdy: u32, now: Instant) -> Option<(LineId, u32)> {
        let line = self.lines.get_mut(&id)?;
        if line.rdy == rdy {
            return None;
        }
        (line.rdy, line.set_at) = (rdy, now);
        Some((id, rdy))
    }

    fn total(&self) -> u32 {
        self.lines.values().map(|line| line.rdy).sum()
    }
}

#[cfg(test)]
mod tests;
