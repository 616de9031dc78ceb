//! What an answer tells together with the one before it: rates, and since when a consumer is stuck.

use std::{collections::HashMap, sync::Arc};

use super::{
    Client, Gauges, Name, NodeSnapshot, Rate, Rates,
    stored::{Span, StoredChannel},
};
use crate::broker::Moment;

/// Counters of two answers and the time between them.
#[derive(Clone, Copy)]
struct Step {
    seconds: f64,
    /// The node was started anew in between: all counters began at 0, at a moment that nobody knows.
    is_new_life: bool,
}

impl NodeSnapshot {
    /// Works out rates from the answer before. `with_clients` says whether this answer told of consumers; those of the
    /// answer before stay otherwise.
    pub fn follow(&mut self, before: &Self, with_clients: bool) {
        let is_new_life = self.started_at_s != before.started_at_s;
        let step = Step { seconds: self.at.since(before.at).as_secs_f64(), is_new_life };
        if !with_clients {
            self.clients = Arc::clone(&before.clients);
            self.producers = Arc::clone(&before.producers);
        }
        let mut consumers = Consumers {
            // They were made a moment ago, so that nobody shares them yet.
            told: with_clients.then(|| Arc::make_mut(&mut self.clients)),
            before: &before.clients,
            at: self.at,
            is_new_life,
        };
        let mut earlier = Earlier::new(&before.topics, |topic| &topic.name);
        for topic in &mut self.topics {
            let known = earlier.find(&topic.name);
            topic.input = step.input(known.map(|known| known.messages), topic.messages);
            let known = known.map_or(&[][..], |known| known.channels.of(&before.channels));
            let mut earlier = Earlier::new(known, |channel| &channel.name);
            for channel in topic.channels.of_mut(&mut self.channels) {
                let known = earlier.find(&channel.name);
                channel.rates = step.rates(known.map(|known| &known.gauges), &channel.gauges);
                consumers.follow(channel, known);
            }
        }
    }
}

impl Step {
    fn rates(self, before: Option<&Gauges>, now: &Gauges) -> Rates {
        if self.is_new_life {
            return Rates::UNKNOWN;
        }
        // What was not there before has been made in between, and everything in it came in between. What it is done
        // with cannot be told, as it may have begun with what its topic held.
        let Some(before) = before else {
            let of = |count| Rate::of_counter(0, count, self.seconds);
            return Rates {
                input: self.input(None, now.messages),
                output: of(u64::try_from(now.done()).unwrap_or(0)),
                requeues: of(now.requeues),
                timeouts: of(now.timeouts),
            };
        };
        let of = |before, now| Rate::of_counter(before, now, self.seconds);
        let input = self.input(Some(before.messages), now.messages);
        Rates {
            input,
            output: input.known().map_or(Rate::UNKNOWN, |_| self.output(before, now)),
            requeues: of(before.requeues, now.requeues),
            timeouts: of(before.timeouts, now.timeouts),
        }
    }

    /// Of messages that ever came; what was not there before began at nothing.
    fn input(self, before: Option<u64>, now: u64) -> Rate {
        if self.is_new_life {
            return Rate::UNKNOWN;
        }
        Rate::of_counter(before.unwrap_or(0), now, self.seconds)
    }

    /// A node reads its counters one after the other while messages pass, so that the difference may be a little less
    /// than nothing.
    fn output(self, before: &Gauges, now: &Gauges) -> Rate {
        let done = now.done().saturating_sub(before.done()).max(0);
        Rate::of_counter(0, done.unsigned_abs(), self.seconds)
    }
}

/// Consumers of two answers.
struct Consumers<'a> {
    /// None if this answer did not tell of them.
    told: Option<&'a mut [Client]>,
    before: &'a [Client],
    at: Moment,
    is_new_life: bool,
}

impl Consumers<'_> {
    fn follow(&mut self, channel: &mut StoredChannel, before: Option<&StoredChannel>) {
        let Some(told) = &mut self.told else {
            channel.clients = before.map_or(Span::default(), |before| before.clients);
            return;
        };
        let known = before.filter(|_| !self.is_new_life);
        let known = known.map_or(&[][..], |before| before.clients.of(self.before));
        follow_clients(channel.clients.of_mut(told), known, self.at);
    }
}

fn follow_clients(clients: &mut [Client], known: &[Client], at: Moment) {
    if clients.is_empty() {
        return;
    }
    let known: HashMap<&str, &Client> =
        known.iter().map(|client| (&*client.remote_address, client)).collect();
    for client in clients {
        let before = known.get(&*client.remote_address).copied();
        // An address may be used again by another client.
        client.follow(
            before.filter(|before| {
                before.connected_at_s == client.connected_at_s && before.finished <= client.finished
            }),
            at,
        );
    }
}

impl Client {
    fn follow(&mut self, before: Option<&Self>, at: Moment) {
        self.seen_at = at;
        let is_same = |of: &&Self| of.finished == self.finished && of.in_flight > 0;
        let unfinished = before.filter(is_same).and_then(|before| before.busy_since);
        self.busy_since = (self.in_flight > 0).then(|| unfinished.unwrap_or(at));
        let closed = before.and_then(|before| before.closed_since);
        self.closed_since = (self.ready == 0).then(|| closed.unwrap_or(at));
        self.finish_rate = before.map_or(Rate::UNKNOWN, |before| {
            let seconds = at.since(before.seen_at).as_secs_f64();
            Rate::of_counter(before.finished, self.finished, seconds)
        });
    }
}

/// Finds in a sorted list what is asked for in order.
struct Earlier<'a, T, N> {
    rest: &'a [T],
    name: N,
}

impl<'a, T, N: Fn(&T) -> &Name> Earlier<'a, T, N> {
    fn new(sorted: &'a [T], name: N) -> Self {
        Self { rest: sorted, name }
    }

    fn find(&mut self, wanted: &Name) -> Option<&'a T> {
        while let Some((first, rest)) = self.rest.split_first() {
            match (self.name)(first).cmp(wanted) {
                std::cmp::Ordering::Less => self.rest = rest,
                std::cmp::Ordering::Equal => {
                    self.rest = rest;
                    return Some(first);
                }
                std::cmp::Ordering::Greater => return None,
            }
        }
        None
    }
}
