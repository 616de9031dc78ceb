//! Drives the rules and the model side by side.

mod answers;
mod topic;

use std::{collections::BTreeMap, time::Duration};

use super::{
    commands::{Answer, CLIENTS, Cached, Command, Restart, Setup, Turn, Who},
    model::{Client, Model, SAMPLE_RATES, State, TIMEOUT_MAX, TIMEOUTS},
};
use crate::{
    broker::{
        AckSet, ChannelRules, ClientId, Moment, Settings, SubscriberKey, Terms,
        channel::{Delivery, Known, Pending, Progress, Source},
        holdings::{Holding, Holdings},
    },
    protocol::MessageId,
};

/// A channel with its surroundings: topic, consumers, cursor file and clock.
pub struct Rig {
    setup: Setup,
    pub(super) rules: ChannelRules<u64>,
    pub(super) model: Model,
    now: Moment,
    holdings: [Holdings; CLIENTS],
    /// Of messages that are not under their first number: that.
    first_numbers: BTreeMap<u64, u64>,
    /// The cursor file, and where messages were when it was written.
    pub(super) saved: (Progress<Saved>, Model),
    /// What was delivered last, fresh or again.
    last_source: Option<Source>,
    /// For each consumer, turns of others since it had credit.
    waited: [usize; CLIENTS],
}

impl Rig {
    /// Runs `commands` and then lets the consumers finish everything.
    pub fn run(setup: Setup, commands: &[Command]) {
        let mut rig = Self::new(setup);
        for &command in commands {
            rig.step(command);
            rig.end_waits();
            rig.check();
        }
        rig.drain();
    }

    fn new(setup: Setup) -> Self {
        let rules = channel(setup, AckSet::starting_at(1), &Model::new());
        Self {
            setup,
            saved: (progress(&rules), Model::new()),
            rules,
            model: Model::new(),
            now: Moment(1000),
            holdings: std::array::from_fn(|_| Holdings::new(1000)),
            first_numbers: BTreeMap::new(),
            last_source: None,
            waited: [0; CLIENTS],
        }
    }

    fn step(&mut self, command: Command) {
        match command {
            Command::Publish { count, deferred, delay } => self.publish(count, deferred, delay),
            Command::Subscribe { client } => self.subscribe(client),
            Command::Ready { client, count } => self.ready(client, count),
            Command::Close { client } => self.close(client),
            Command::Disconnect { client } => self.disconnect(client),
            Command::Sent { client, kilobytes } => self.sent(client, kilobytes << 10),
            Command::Turn(turn) => self.turn(turn),
            Command::Skip => self.skip(),
            Command::Answer { who, pick, answer } => self.answer(who, pick, answer),
            Command::Wait { ticks } => self.now = self.now + Duration::from_nanos(ticks),
            Command::Expire => self.expire(),
            Command::Wake => self.wake(),
            Command::Fetched { pick } => self.fetched(pick),
            Command::Unfetchable { pick } => self.unfetchable(pick),
            Command::FetchFailed => self.fetch_failed(),
            Command::Pause { paused } => self.pause(paused),
            Command::Empty => self.empty(),
            Command::Discard { start, length } => self.discard(start, length),
            Command::Carry { count, released_first } => self.carry(count, released_first),
            Command::Lose { count } => self.lose(count),
            Command::Save => self.save(),
            Command::Restart(restart) => self.restart(restart),
        }
    }

    // Consumers.

    fn subscribe(&mut self, client: usize) {
        let answer = self.rules.subscribe(client_id(client), self.terms(client));
        let (max, consumers) = (self.setup.consumers_max, self.model.subscribed());
        if consumers.contains(&client) {
            assert_eq!(answer.ok(), self.key(client), "subscribed twice");
        } else if max > 0 && consumers.len() >= max {
            assert!(answer.is_err(), "too many consumers");
            self.holdings[client].clear();
        } else {
            let key = answer.expect("there is room");
            self.model.clients[client].subscribed = true;
            self.hold(client, key);
        }
    }

    fn terms(&self, client: usize) -> Terms {
        Terms {
            msg_timeout: Duration::from_nanos(TIMEOUTS[client]),
            sample_rate: SAMPLE_RATES[client],
            proximity: self.setup.proximity(client),
        }
    }

    /// A consumer that comes back to a restarted channel says what it holds.
    fn hold(&mut self, client: usize, key: SubscriberKey) {
        for &Holding { id, seq, attempts } in self.holdings[client].held() {
            self.rules.hold(key, id, Pending { seq, attempts, body: body(seq) }, self.now);
            self.model.hold(seq, client, attempts, self.now);
        }
    }

    fn key(&self, client: usize) -> Option<SubscriberKey> {
        self.rules.subscribers().key(client_id(client))
    }

    fn ready(&mut self, client: usize, count: u32) {
        if let Some(key) = self.key(client) {
            self.rules.ready(key, count);
            let client = &mut self.model.clients[client];
            client.ready = if client.closing { 0 } else { count };
        }
    }

    fn close(&mut self, client: usize) {
        if let Some(key) = self.key(client) {
            self.rules.close(key);
            let client = &mut self.model.clients[client];
            (client.ready, client.closing) = (0, true);
        }
    }

    fn disconnect(&mut self, client: usize) {
        let key = self.key(client);
        assert_eq!(self.rules.client_closed(client_id(client)), key);
        self.model.disconnect(client, self.setup.requeue_on_disconnect);
        self.waited = [0; CLIENTS];
        self.holdings[client].clear();
    }

    fn sent(&mut self, client: usize, bytes: usize) {
        if let Some(key) = self.key(client) {
            self.rules.sent(key, bytes);
            let unsent = &mut self.model.clients[client].unsent;
            *unsent = unsent.saturating_sub(bytes);
        }
    }

    // Deliveries.

    fn turn(&mut self, turn: Turn) {
        for _ in 0..turn.limit {
            let Some((key, client)) = self.whose_turn() else { return };
            let fresh = self.next_fresh();
            let fresh_at_hand = turn.cached.fresh && fresh.is_some();
            let again_at_hand = self.model.again_count() > 0;
            let source = self.rules.source(fresh_at_hand);
            self.check_source(source, fresh_at_hand, again_at_hand);
            match (source, fresh) {
                (Some(Source::Fresh), Some(seq)) => self.fresh(key, client, seq, turn),
                (Some(Source::Again), _) => self.again(key, client, turn),
                _ => return,
            }
            self.pass(client);
        }
    }

    fn fresh(&mut self, key: SubscriberKey, client: usize, seq: u64, turn: Turn) {
        if self.terms(client).sample_has(0, || turn.draw) {
            self.deliver_fresh(key, client, seq, turn.kilobytes << 10);
        } else {
            self.skip();
        }
    }

    /// Nobody with credit waits for more than one turn of each other consumer of its rank.
    fn pass(&mut self, client: usize) {
        self.rules.pass();
        let rank = self.setup.proximity(client).rank;
        let mut consumers = self.model.subscribed();
        consumers.retain(|&other| self.setup.proximity(other).rank == rank);
        for &other in &consumers {
            self.waited[other] = if other == client { 0 } else { self.waited[other] + 1 };
        }
        self.end_waits();
        for &other in &consumers {
            assert!(self.waited[other] < consumers.len(), "client {other} is passed over");
        }
    }

    /// Who has no credit waits for nothing, and starts again at the end of the line.
    fn end_waits(&mut self) {
        for client in (0..CLIENTS).filter(|&client| !self.model.has_credit(client)) {
            self.waited[client] = 0;
        }
    }

    fn whose_turn(&mut self) -> Option<(SubscriberKey, usize)> {
        let credited: Vec<usize> =
            (0..CLIENTS).filter(|&client| self.model.has_credit(client)).collect();
        let turn = self.rules.whose_turn().map(|key| (key, self.client_of(key)));
        let expected = !self.model.paused && !credited.is_empty();
        assert_eq!(turn.is_some(), expected, "somebody has credit: {credited:?}");
        if let Some((_, client)) = turn {
            assert!(credited.contains(&client), "client {client} has no credit");
            let rank = |client: usize| self.setup.proximity(client).rank;
            let first = credited.iter().map(|&client| rank(client)).min();
            assert_eq!(Some(rank(client)), first, "somebody nearer has credit: {credited:?}");
        }
        turn
    }

    fn client_of(&self, key: SubscriberKey) -> usize {
        self.rules.subscribers().get(key).expect("a consumer").client.0 as usize
    }

    fn next_fresh(&mut self) -> Option<u64> {
        let fresh = self.rules.next_fresh();
        assert_eq!(fresh, self.model.fresh().next(), "next fresh");
        fresh
    }

    /// Something is delivered if there is something; fresh and again alternate if there are both.
    fn check_source(&self, source: Option<Source>, fresh: bool, again: bool) {
        assert_eq!(source.is_some(), fresh || again, "source");
        if fresh && again {
            assert_ne!(source, self.last_source, "fresh and again do not alternate");
        }
    }

    fn deliver_fresh(&mut self, key: SubscriberKey, client: usize, seq: u64, bytes: usize) {
        let id = self.id(seq);
        let delivery = self.rules.deliver_fresh(key, id, 0, body(seq), bytes, self.now);
        self.delivered(delivery, seq, client, bytes);
        self.last_source = Some(Source::Fresh);
    }

    fn again(&mut self, key: SubscriberKey, client: usize, turn: Turn) {
        let pending = self.rules.pop_again().expect("source says again");
        let Pending { seq, attempts, .. } = pending;
        assert_eq!(self.model.states[&seq], State::Again { attempts }, "message {seq}");
        if !turn.cached.again {
            self.rules.fetch(pending);
            return self.model.set(seq, State::Fetching { attempts });
        }
        self.last_source = Some(Source::Again);
        if self.terms(client).sample_has(attempts, || turn.draw) {
            let bytes = turn.kilobytes << 10;
            let id = self.id(seq);
            let delivery = self.rules.deliver_again(key, id, pending, bytes, self.now);
            self.delivered(delivery, seq, client, bytes);
        } else {
            self.rules.skip_again(&pending);
            self.model.set(seq, State::Finished);
        }
    }

    fn delivered(&mut self, delivery: Delivery, seq: u64, client: usize, bytes: usize) {
        let locality = self.setup.proximity(client).locality;
        let attempts = self.model.deliver(seq, (client, locality), bytes, self.now);
        assert_eq!(delivery, Delivery { seq, attempts });
        let id = self.id(seq);
        self.holdings[client].delivered(&[Holding { id, seq, attempts }]);
    }

    /// A message keeps its id, whatever number it has.
    pub(super) fn id(&self, seq: u64) -> MessageId {
        MessageId(self.first_numbers.get(&seq).unwrap_or(&seq) + 9000)
    }

    fn skip(&mut self) {
        if let Some(seq) = self.next_fresh() {
            self.rules.skip_fresh();
            self.model.set(seq, State::Finished);
            self.last_source = Some(Source::Fresh);
        }
    }

    fn fetched(&mut self, pick: usize) {
        if let Some(&seq) = self.model.fetching().get(pick) {
            self.rules.fetched(seq, body(seq));
            self.model.set(seq, State::Again { attempts: self.model.states[&seq].attempts() });
        } else {
            self.rules.fetched(0, body(7000));
        }
    }

    fn unfetchable(&mut self, pick: usize) {
        if let Some(&seq) = self.model.fetching().get(pick) {
            self.rules.unfetchable(seq);
            self.model.set(seq, State::Finished);
            self.model.counters.lost_count += 1;
        }
    }

    fn fetch_failed(&mut self) {
        self.rules.fetch_failed();
        self.model.fetch_failed();
    }

    // Time and operators.

    fn expire(&mut self) {
        self.rules.expire(self.now);
        self.model.expire(self.now);
        assert!(self.rules.next_wake().is_none_or(|wake| wake > self.now), "wakes for nothing");
    }

    fn wake(&mut self) {
        if let Some(wake) = self.rules.next_wake() {
            self.now = self.now.max(wake);
            self.expire();
        }
    }

    fn pause(&mut self, paused: bool) {
        self.rules.set_paused(paused);
        self.model.paused = paused;
    }

    fn empty(&mut self) {
        self.rules.empty();
        self.model.empty();
        self.holdings.iter_mut().for_each(Holdings::clear);
    }

    // Restarts.

    fn save(&mut self) {
        if let Some(mut progress) = self.rules.progress_if_changed(saved) {
            progress.pending.sort_unstable_by_key(|(pending, _)| pending.seq);
            self.saved = (progress, self.model.clone());
        }
    }

    fn restart(&mut self, restart: Restart) {
        let consumers = self.model.clients;
        if !restart.stale {
            self.saved = (progress(&self.rules), self.model.clone());
        }
        self.model.counters = self.rules.counters();
        self.model.restart(&self.saved.1.states);
        self.rules = restored(self.setup, &self.saved.0, &self.model);
        for seq in self.model.unknown_copies() {
            self.rules.pass_over(seq..seq + 1);
            self.model.set(seq, State::Finished);
        }
        self.model.end = self.rules.end();
        (self.last_source, self.waited) = (None, [0; CLIENTS]);
        for client in (0..CLIENTS).filter(|client| restart.rejoin >> client & 1 == 1) {
            self.rejoin(client, consumers[client]);
        }
        if restart.release {
            self.release(0);
        }
    }

    fn rejoin(&mut self, client: usize, before: Client) {
        if before.subscribed {
            self.subscribe(client);
            self.ready(client, before.ready);
            if before.closing {
                self.close(client);
            }
        }
    }

    // The end.

    /// With credit and answers for everything, every message is finished.
    fn drain(&mut self) {
        self.pause(false);
        (0..CLIENTS).for_each(|client| self.disconnect(client));
        self.publish(4, 0, 0);
        self.subscribe(0);
        self.ready(0, 1000);
        while self.model.floor() < self.model.end {
            let before = self.model.states.clone();
            let cached = Cached { fresh: true, again: true };
            self.turn(Turn { limit: u8::MAX, kilobytes: 0, cached, draw: 0 });
            while !self.model.in_flight().is_empty() && self.pick(0).1.is_some() {
                self.answer(Who::Owner, 0, Answer::Finish);
            }
            self.fetch_failed();
            self.wake();
            self.check();
            assert_ne!(before, self.model.states, "nothing moves any more");
        }
        assert_eq!((self.rules.floor(), self.rules.next_wake()), (self.rules.end(), None));
    }
}

/// What a cursor file keeps of a message.
type Saved = (Pending<u64>, Option<Moment>);

/// What a cursor file must say, in order.
pub fn progress(rules: &ChannelRules<u64>) -> Progress<Saved> {
    let mut progress = rules.progress(saved);
    progress.pending.sort_unstable_by_key(|(pending, _)| pending.seq);
    progress
}

fn saved(known: Known<'_, u64>) -> Saved {
    let Known { seq, attempts, due, body } = known;
    (Pending { seq, attempts, body: *body }, due)
}

fn client_id(client: usize) -> ClientId {
    ClientId(client as u64)
}

/// Every message has a body of its own, so that a mix-up shows.
pub fn body(seq: u64) -> u64 {
    seq * 11
}

fn channel(setup: Setup, finished: AckSet, model: &Model) -> ChannelRules<u64> {
    let settings = Settings {
        max_msg_timeout: Duration::from_nanos(TIMEOUT_MAX),
        consumers_max: setup.consumers_max,
        requeue_on_disconnect: setup.requeue_on_disconnect,
        depth_max: setup.depth_max,
    };
    ChannelRules::new(settings, finished, model.paused, model.counters)
}

fn restored(setup: Setup, progress: &Progress<Saved>, model: &Model) -> ChannelRules<u64> {
    let mut finished = AckSet::starting_at(progress.floor);
    progress.finished.iter().for_each(|range| finished.finish_range(range.clone()));
    let mut rules = channel(setup, finished, model);
    for (pending, due) in &progress.pending {
        rules.restore(pending.clone(), *due);
    }
    rules
}
