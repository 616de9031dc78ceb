//! What an answer tells together with the one before it: rates, and since when a consumer is stuck.

use std::{collections::HashMap, sync::Arc};

use super::{ChannelEntry, Client, Gauges, Name, NodeSnapshot, Rate, Rates, TopicEntry};
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
        let at = self.at;
        let mut earlier = Earlier::new(&before.topics, |topic| &topic.name);
        for topic in &mut self.topics {
            let before = earlier.find(&topic.name);
            topic.follow(before, step, with_clients.then_some(at));
        }
        if !with_clients {
            self.producers = Arc::clone(&before.producers);
        }
    }

    /// The topic of that name.
    pub fn topic(&self, name: &str) -> Option<&TopicEntry> {
        let at = self.topics.binary_search_by(|topic| (*topic.name).cmp(name)).ok()?;
        self.topics.get(at)
    }
}

impl TopicEntry {
    /// The channel of that name.
    pub fn channel(&self, name: &str) -> Option<&ChannelEntry> {
        let at = self.channels.binary_search_by(|channel| (*channel.name).cmp(name)).ok()?;
        self.channels.get(at)
    }

    fn follow(&mut self, before: Option<&Self>, step: Step, told: Option<Moment>) {
        self.rates = step.rates(before.map(|before| &before.gauges), &self.gauges);
        // A topic's own queue has no consumers: what leaves it is in its channels.
        (self.rates.output, self.rates.requeues, self.rates.timeouts) =
            (Rate::ZERO, Rate::ZERO, Rate::ZERO);
        let channels = before.map_or(&[][..], |before| &before.channels);
        let mut earlier = Earlier::new(channels, |channel| &channel.name);
        for channel in &mut self.channels {
            let before = earlier.find(&channel.name);
            channel.rates = step.rates(before.map(|before| &before.gauges), &channel.gauges);
            match (told, before) {
                (Some(at), before) => {
                    follow_clients(&mut channel.clients, before, at, step.is_new_life);
                }
                (None, Some(before)) => channel.clients = Arc::clone(&before.clients),
                (None, None) => {}
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
                input: of(now.messages),
                output: of(u64::try_from(now.done()).unwrap_or(0)),
                requeues: of(now.requeues),
                timeouts: of(now.timeouts),
            };
        };
        let of = |before, now| Rate::of_counter(before, now, self.seconds);
        let input = of(before.messages, now.messages);
        Rates {
            input,
            output: input.known().map_or(Rate::UNKNOWN, |_| self.output(before, now)),
            requeues: of(before.requeues, now.requeues),
            timeouts: of(before.timeouts, now.timeouts),
        }
    }

    /// A node reads its counters one after the other while messages pass, so that the difference may be a little less
    /// than nothing.
    fn output(self, before: &Gauges, now: &Gauges) -> Rate {
        let done = now.done().saturating_sub(before.done()).max(0);
        Rate::of_counter(0, done.unsigned_abs(), self.seconds)
    }
}

fn follow_clients(
    clients: &mut Arc<[Client]>,
    before: Option<&ChannelEntry>,
    at: Moment,
    is_new_life: bool,
) {
    if clients.is_empty() {
        return;
    }
    let known = before.filter(|_| !is_new_life).map_or(&[][..], |before| &before.clients);
    let known: HashMap<&str, &Client> =
        known.iter().map(|client| (&*client.remote_address, client)).collect();
    // They were made a moment ago, so that nobody shares them yet.
    for client in Arc::make_mut(clients) {
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
