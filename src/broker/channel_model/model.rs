//! A channel as the promises describe it: one state per message, no cleverness.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
    time::Duration,
};

use super::commands::CLIENTS;
use crate::broker::{
    Locality, Moment, Proximity, channel::Counters, subscribers::UNSENT_BYTES_MAX,
};

/// Where a message is: exactly one of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// In the log, never taken from it; to be delivered once it is released.
    Fresh,
    /// To be delivered again.
    Again {
        attempts: u16,
    },
    /// The same, while its body is read.
    Fetching {
        attempts: u16,
    },
    Deferred {
        attempts: u16,
        due: Moment,
    },
    InFlight {
        client: Option<usize>,
        attempts: u16,
        delivered: Moment,
        deadline: Moment,
    },
    /// Answered with FIN, or dropped, or lost.
    Finished,
}

/// A consumer as the channel should see it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Client {
    pub subscribed: bool,
    pub ready: u32,
    pub closing: bool,
    pub unsent: usize,
}

/// All messages and consumers of one channel.
#[derive(Debug, Clone, Default)]
pub struct Model {
    pub states: BTreeMap<u64, State>,
    /// Due times of messages that were published with a delay.
    pub delays: BTreeMap<u64, Moment>,
    /// Messages that stand in the log for this channel alone.
    pub carried: BTreeSet<u64>,
    /// The number of the topic's next message, and of the first that is not released.
    pub published: u64,
    pub end: u64,
    pub clients: [Client; CLIENTS],
    pub paused: bool,
    pub counters: Counters,
}

/// Each consumer agreed on another timeout; the last one's is above the maximum.
pub const TIMEOUTS: [u64; CLIENTS] = [5, 10, 10, 40];
pub const TIMEOUT_MAX: u64 = 25;
/// Where consumers are, when the node prefers those that are near.
pub const PROXIMITIES: [Proximity; CLIENTS] = [
    Proximity { locality: Locality::Zone, rank: 0 },
    Proximity { locality: Locality::Region, rank: 1 },
    Proximity { locality: Locality::Region, rank: 1 },
    Proximity { locality: Locality::Global, rank: 2 },
];
/// What each consumer wants of a hundred messages; 0 for all.
pub const SAMPLE_RATES: [u8; CLIENTS] = [0, 0, 30, 0];

impl Model {
    pub fn new() -> Self {
        Self { published: 1, end: 1, ..Self::default() }
    }

    // What happens.

    /// Releases everything that was published; messages with a delay wait for it.
    pub fn release(&mut self, count_new: u64, depth_max: Option<u64>) {
        if self.published <= self.end {
            return;
        }
        for (seq, &due) in self.delays.range(self.end..self.published) {
            if self.states[seq] == State::Fresh {
                self.states.insert(*seq, State::Deferred { attempts: 0, due });
            }
        }
        self.end = self.published;
        self.counters.message_count += count_new;
        let taken = if self.paused { 0 } else { self.credit() };
        let surplus = depth_max.map_or(0, |max| self.depth().saturating_sub(max + taken));
        let fresh: Vec<u64> = self.fresh().rev().take(surplus as usize).collect();
        self.counters.dropped_count += fresh.len() as u64;
        fresh.into_iter().for_each(|seq| self.set(seq, State::Finished));
    }

    pub fn deliver(
        &mut self,
        seq: u64,
        (client, locality): (usize, Locality),
        bytes: usize,
        now: Moment,
    ) -> u16 {
        let attempts = self.states[&seq].attempts() + 1;
        self.put_in_flight(seq, client, attempts, now);
        self.clients[client].unsent += bytes;
        self.counters.delivered_count += 1;
        match locality {
            Locality::Zone => self.counters.zone_local_count += 1,
            Locality::Region => self.counters.region_local_count += 1,
            Locality::Global => {}
        }
        attempts
    }

    /// A consumer says that it holds a message; whoever was handed it last is believed.
    pub fn hold(&mut self, seq: u64, client: usize, attempts: u16, now: Moment) {
        let later = match self.states.get(&seq) {
            Some(State::Finished) => true,
            Some(
                State::InFlight { attempts: known, .. } | State::Deferred { attempts: known, .. },
            ) => *known >= attempts,
            Some(state) => state.attempts() > attempts,
            None => false,
        };
        if !later {
            self.put_in_flight(seq, client, attempts, now);
        }
    }

    fn put_in_flight(&mut self, seq: u64, client: usize, attempts: u16, now: Moment) {
        let deadline = now + Duration::from_nanos(TIMEOUTS[client]);
        let client = Some(client);
        self.set(seq, State::InFlight { client, attempts, delivered: now, deadline });
    }

    pub fn disconnect(&mut self, client: usize, requeue: bool) {
        self.clients[client] = Client::default();
        for state in self.states.values_mut() {
            match state {
                State::InFlight { client: holder, attempts, .. } if *holder == Some(client) => {
                    if requeue {
                        *state = State::Again { attempts: *attempts };
                    } else {
                        *holder = None;
                    }
                }
                _ => {}
            }
        }
    }

    pub fn touch(&mut self, seq: u64, now: Moment) {
        if let Some(State::InFlight { client: Some(client), delivered, deadline, .. }) =
            self.states.get_mut(&seq)
        {
            *deadline = (now + Duration::from_nanos(TIMEOUTS[*client]))
                .min(*delivered + Duration::from_nanos(TIMEOUT_MAX));
        }
    }

    pub fn expire(&mut self, now: Moment) {
        for state in self.states.values_mut().filter(|state| state.wake() <= now) {
            if matches!(state, State::InFlight { .. }) {
                self.counters.timeout_count += 1;
            }
            *state = State::Again { attempts: state.attempts() };
        }
    }

    pub fn fetch_failed(&mut self) {
        for state in self.states.values_mut() {
            if let State::Fetching { attempts } = *state {
                *state = State::Again { attempts };
            }
        }
    }

    /// The topic drops what it has not released; what the channel has of its own stays.
    pub fn discard(&mut self, range: Range<u64>) {
        let is_known = |seq: &u64| self.states.get(seq).is_some_and(|state| *state != State::Fresh);
        let dropped: Vec<u64> = range.filter(|seq| !is_known(seq)).collect();
        dropped.into_iter().for_each(|seq| self.set(seq, State::Finished));
    }

    /// Released messages that are not finished.
    pub fn unfinished(&self) -> Vec<u64> {
        let released = self.states.range(..self.end);
        released.filter(|(_, state)| **state != State::Finished).map(|(&seq, _)| seq).collect()
    }

    /// A message has another number from now on.
    pub fn carry(&mut self, old: u64, new: u64) {
        let state = match self.states[&old] {
            State::Fresh => State::Again { attempts: 0 },
            state => state,
        };
        self.set(old, State::Finished);
        self.set(new, state);
        self.carried.insert(new);
    }

    /// The log can no longer give what is fresh below `end`.
    pub fn lose(&mut self, end: u64) {
        let lost: Vec<u64> = self.fresh().filter(|&seq| seq < end).collect();
        self.counters.lost_count += lost.len() as u64;
        lost.into_iter().for_each(|seq| self.set(seq, State::Finished));
    }

    /// Everything the channel knows of goes; what is not released stays.
    pub fn empty(&mut self) {
        let end = self.end;
        for (&seq, state) in &mut self.states {
            if seq < end || *state != State::Fresh {
                *state = State::Finished;
            }
        }
    }

    /// The channel comes back knowing only what a cursor file said when messages were in `saved`.
    pub fn restart(&mut self, saved: &BTreeMap<u64, State>) {
        let known = saved.iter();
        let known =
            known.map(|(seq, state)| (*seq, state.after_restart(self.carried.contains(seq))));
        self.states = (1..self.published).map(|seq| (seq, State::Fresh)).chain(known).collect();
        self.end = self.floor();
        self.clients = Default::default();
    }

    /// Copies of which the cursor file knows nothing: the messages have their old numbers again.
    pub fn unknown_copies(&self) -> Vec<u64> {
        let is_fresh = |seq: &&u64| self.states.get(seq) == Some(&State::Fresh);
        self.carried.iter().filter(is_fresh).copied().collect()
    }

    pub fn set(&mut self, seq: u64, state: State) {
        self.states.insert(seq, state);
    }

    // What should be so.

    fn count(&self, is: impl Fn(&State) -> bool) -> usize {
        self.states.values().filter(|state| is(state)).count()
    }

    /// Released messages that were never taken, ascending.
    pub fn fresh(&self) -> impl DoubleEndedIterator<Item = u64> + '_ {
        let released = self.states.range(..self.end);
        released.filter(|(_, state)| **state == State::Fresh).map(|(&seq, _)| seq)
    }

    pub fn depth(&self) -> u64 {
        let again = |s: &State| matches!(s, State::Again { .. } | State::Fetching { .. });
        (self.fresh().count() + self.count(again)) as u64
    }

    pub fn again_count(&self) -> usize {
        self.count(|state| matches!(state, State::Again { .. }))
    }

    pub fn fetching(&self) -> Vec<u64> {
        let fetching = |state: &State| matches!(state, State::Fetching { .. });
        self.states.iter().filter(|(_, state)| fetching(state)).map(|(&seq, _)| seq).collect()
    }

    pub fn deferred_count(&self) -> usize {
        self.count(|state| matches!(state, State::Deferred { .. }))
    }

    pub fn in_flight(&self) -> Vec<u64> {
        let in_flight = |state: &State| matches!(state, State::InFlight { .. });
        self.states.iter().filter(|(_, state)| in_flight(state)).map(|(&seq, _)| seq).collect()
    }

    pub fn held_by(&self, wanted: usize) -> usize {
        self.count(|s| matches!(s, State::InFlight { client, .. } if *client == Some(wanted)))
    }

    pub fn has_credit(&self, client: usize) -> bool {
        let Client { subscribed, ready, closing, unsent } = self.clients[client];
        let in_flight = self.held_by(client) as u32;
        subscribed && !closing && in_flight < ready && unsent < UNSENT_BYTES_MAX
    }

    /// Messages that consumers would take at once.
    fn credit(&self) -> u64 {
        let with_credit = (0..CLIENTS).filter(|&client| self.has_credit(client));
        let free = |client: usize| self.clients[client].ready as usize - self.held_by(client);
        with_credit.map(free).sum::<usize>() as u64
    }

    pub fn subscribed(&self) -> Vec<usize> {
        (0..CLIENTS).filter(|&client| self.clients[client].subscribed).collect()
    }

    /// The lowest number that is not finished.
    pub fn floor(&self) -> u64 {
        let finished = self.states.iter().zip(1..);
        let finished = finished
            .take_while(|&((&seq, state), place)| seq == place && *state == State::Finished);
        1 + finished.count() as u64
    }

    pub fn finished_above_floor(&self) -> Vec<u64> {
        let above = self.states.range(self.floor()..);
        above.filter(|(_, state)| **state == State::Finished).map(|(&seq, _)| seq).collect()
    }

    /// The earliest moment at which something must happen.
    pub fn next_wake(&self) -> Option<Moment> {
        self.states.values().map(State::wake).min().filter(|&wake| wake < Moment::NEVER)
    }
}

impl State {
    pub fn attempts(&self) -> u16 {
        match *self {
            Self::Fresh | Self::Finished => 0,
            Self::Again { attempts }
            | Self::Fetching { attempts }
            | Self::Deferred { attempts, .. }
            | Self::InFlight { attempts, .. } => attempts,
        }
    }

    /// When it changes by itself.
    fn wake(&self) -> Moment {
        match *self {
            Self::Deferred { due, .. } => due,
            Self::InFlight { deadline, .. } => deadline,
            _ => Moment::NEVER,
        }
    }

    fn after_restart(self, carried: bool) -> Self {
        match self {
            Self::Finished | Self::Fresh => self,
            _ if self.attempts() == 0 && !carried => Self::Fresh,
            Self::Deferred { .. } => self,
            _ => Self::Again { attempts: self.attempts() },
        }
    }
}
