//! The consumers of a channel and their credit.

use std::{collections::VecDeque, fmt, time::Duration};

use hashbrown::HashMap;

use super::{Proximity, locality::RANKS};

/// Identifies a client connection within the process; never on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientId(pub u64);

impl fmt::Display for ClientId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// A subscriber's place in its channel's table, short enough to stand in every message in flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SubscriberKey(pub u32);

/// Unsent bytes a consumer may have before it gets no more: its connection's output is bounded by
/// this and one message.
pub const UNSENT_BYTES_MAX: usize = 512 * 1024;

/// Messages that a consumer is handed in a turn at most.
const TURN_MAX: u64 = 32;
/// A consumer's share of the messages that wait is spread over as many turns at least, so that nobody has much more than others.
const TURNS_PER_SHARE_MIN: u64 = 16;

/// Why a subscription is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SubscribeError {
    /// `--max-channel-consumers` is reached.
    #[error("the limit of {0} consumers is reached")]
    TooManyConsumers(usize),
    /// The channel is about to end.
    #[error("exiting")]
    Exiting,
}

/// What a consumer agreed on with IDENTIFY.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// A delivered message is taken back after this time.
    pub msg_timeout: Duration,
    /// Percentage of messages wanted, 1 to 99; 0 for all.
    pub sample_rate: u8,
    /// How near it is to the node.
    pub proximity: Proximity,
}

impl Terms {
    /// True if a message that was delivered `attempts` times before is in the consumer's sample;
    /// what was delivered once stays in it. `draw` gives a number from 0 to 99, each as likely.
    pub fn sample_has(&self, attempts: u16, draw: impl FnOnce() -> u8) -> bool {
        self.sample_rate == 0 || attempts > 0 || draw() < self.sample_rate
    }
}

/// One consumer of a channel.
#[derive(Debug)]
pub struct Subscriber {
    /// Its connection.
    pub client: ClientId,
    /// What it agreed on.
    pub terms: Terms,
    /// RDY.
    pub ready: u32,
    /// Messages handed over and not answered.
    pub in_flight: u32,
    /// CLS was sent: it gets nothing more.
    pub closing: bool,
    /// Messages ever handed over.
    pub message_count: u64,
    /// FINs.
    pub finish_count: u64,
    /// REQs.
    pub requeue_count: u64,
    unsent_bytes: usize,
    queued: bool,
}

impl Subscriber {
    /// May be handed a message now.
    pub fn has_credit(&self) -> bool {
        self.in_flight < self.ready && !self.closing && self.unsent_bytes < UNSENT_BYTES_MAX
    }
}

/// All consumers of a channel; those with credit take turns, of each rank among themselves.
#[derive(Debug, Default)]
pub struct Subscribers {
    slots: Vec<Option<Subscriber>>,
    by_client: HashMap<ClientId, SubscriberKey>,
    /// By rank; a rank has its turns when nobody of a lower one has credit.
    turns: [VecDeque<SubscriberKey>; RANKS],
    /// The rank whose turn it is.
    rank: usize,
    /// Messages that whose turn it is may have before it ends, beyond the next one.
    turn_left: u64,
}

impl Subscribers {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.by_client.len()
    }

    /// True when there is none.
    pub fn is_empty(&self) -> bool {
        self.by_client.is_empty()
    }

    /// The key of a client's subscription.
    pub fn key(&self, client: ClientId) -> Option<SubscriberKey> {
        self.by_client.get(&client).copied()
    }

    /// Adds a consumer with no credit.
    pub fn add(&mut self, client: ClientId, terms: Terms) -> SubscriberKey {
        let subscriber = Subscriber {
            client,
            terms,
            ready: 0,
            in_flight: 0,
            closing: false,
            message_count: 0,
            finish_count: 0,
            requeue_count: 0,
            unsent_bytes: 0,
            queued: false,
        };
        let free = self.slots.iter().position(Option::is_none);
        let index = free.unwrap_or_else(|| {
            self.slots.push(None);
            self.slots.len() - 1
        });
        self.slots[index] = Some(subscriber);
        let key = SubscriberKey(u32::try_from(index).expect("fewer consumers than a u32 counts"));
        self.by_client.insert(client, key);
        key
    }

    /// Takes a consumer out.
    pub fn remove(&mut self, client: ClientId) -> Option<SubscriberKey> {
        let key = self.by_client.remove(&client)?;
        self.slots[key.0 as usize] = None;
        self.turns.iter_mut().for_each(|turns| turns.retain(|&turn| turn != key));
        Some(key)
    }

    /// The consumer of a key.
    pub fn get(&self, key: SubscriberKey) -> Option<&Subscriber> {
        self.slots.get(key.0 as usize)?.as_ref()
    }

    /// Every consumer.
    pub fn iter(&self) -> impl Iterator<Item = &Subscriber> {
        self.slots.iter().flatten()
    }

    /// Changes a consumer, who then takes turns if that gave it credit.
    pub fn update(&mut self, key: SubscriberKey, change: impl FnOnce(&mut Subscriber)) {
        let Some(subscriber) = self.slots.get_mut(key.0 as usize).and_then(Option::as_mut) else {
            return;
        };
        change(subscriber);
        if subscriber.has_credit() && !subscriber.queued {
            subscriber.queued = true;
            self.turns[rank_of(subscriber)].push_back(key);
        }
    }

    /// Every key in use.
    pub fn keys(&self) -> impl Iterator<Item = SubscriberKey> + '_ {
        self.by_client.values().copied()
    }

    /// Notes that a consumer was handed a message as a frame of `bytes`; returns its terms.
    pub fn handed(&mut self, key: SubscriberKey, bytes: usize) -> Option<&Terms> {
        let subscriber = self.slots.get_mut(key.0 as usize)?.as_mut()?;
        subscriber.in_flight += 1;
        subscriber.message_count += 1;
        subscriber.unsent_bytes += bytes;
        Some(&subscriber.terms)
    }

    /// Notes bytes that left through a consumer's socket.
    pub fn sent(&mut self, key: SubscriberKey, bytes: usize) {
        self.update(key, |subscriber| {
            subscriber.unsent_bytes = subscriber.unsent_bytes.saturating_sub(bytes);
        });
    }

    /// Whose turn it is among those with credit; it stays theirs until [`Subscribers::pass`], unless
    /// somebody nearer is given credit.
    pub fn whose_turn(&mut self) -> Option<SubscriberKey> {
        for (rank, turns) in self.turns.iter_mut().enumerate() {
            while let Some(&key) = turns.front() {
                let subscriber = self.slots[key.0 as usize].as_mut()?;
                if subscriber.has_credit() {
                    self.rank = rank;
                    return Some(key);
                }
                subscriber.queued = false;
                turns.pop_front();
                self.turn_left = 0;
            }
        }
        None
    }

    /// Ends the turn of the consumer that [`Subscribers::whose_turn`] named, unless so many messages wait that it may have more at a
    /// time: what one consumer has finished then lies together.
    pub fn pass(&mut self, waiting: u64) {
        let turns = &mut self.turns[self.rank];
        if turns.len() <= 1 {
            return;
        }
        if let Some(left) = self.turn_left.checked_sub(1) {
            self.turn_left = left;
            return;
        }
        turns.rotate_left(1);
        let share = waiting / turns.len() as u64;
        self.turn_left = (share / TURNS_PER_SHARE_MIN).min(TURN_MAX).saturating_sub(1);
    }

    /// Messages that the consumers would take at once.
    pub fn credit(&self) -> u64 {
        let with_credit = self.iter().filter(|subscriber| subscriber.has_credit());
        with_credit.map(|subscriber| u64::from(subscriber.ready - subscriber.in_flight)).sum()
    }
}

fn rank_of(subscriber: &Subscriber) -> usize {
    usize::from(subscriber.terms.proximity.rank).min(RANKS - 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_sample_of_r_is_r_of_a_hundred() {
        for rate in 0..100u8 {
            let proximity = Proximity::default();
            let terms = Terms { msg_timeout: Duration::ZERO, sample_rate: rate, proximity };
            let hits = (0..100).filter(|&draw| terms.sample_has(0, || draw)).count();
            assert_eq!(hits, if rate == 0 { 100 } else { usize::from(rate) });
            assert!(terms.sample_has(1, || 99), "what was delivered once stays in the sample");
        }
    }

    #[test]
    fn chance_is_asked_only_for_a_sample() {
        let proximity = Proximity::default();
        let all = Terms { msg_timeout: Duration::ZERO, sample_rate: 0, proximity };
        assert!(all.sample_has(0, || unreachable!("everything is wanted")));
    }

    fn consumer(subscribers: &mut Subscribers, client: u64, rank: u8) -> SubscriberKey {
        let proximity = Proximity { rank, ..Proximity::default() };
        let terms = Terms { msg_timeout: Duration::ZERO, sample_rate: 0, proximity };
        let key = subscribers.add(ClientId(client), terms);
        subscribers.update(key, |subscriber| subscriber.ready = 2);
        key
    }

    /// Who is given `count` messages, one after the other.
    fn turns(subscribers: &mut Subscribers, count: usize) -> Vec<SubscriberKey> {
        let turn = |_| {
            let key = subscribers.whose_turn()?;
            subscribers.handed(key, 1);
            subscribers.pass(0);
            Some(key)
        };
        (0..count).map_while(turn).collect()
    }

    #[test]
    fn who_is_nearer_comes_first_and_nobody_waits_while_only_others_have_credit() {
        let mut subscribers = Subscribers::default();
        let far = consumer(&mut subscribers, 1, 2);
        let in_region = consumer(&mut subscribers, 2, 1);
        let in_zone = [consumer(&mut subscribers, 3, 0), consumer(&mut subscribers, 4, 0)];
        let [one, two] = in_zone;
        let expected = [one, two, one, two, in_region, in_region, far, far];
        assert_eq!(turns(&mut subscribers, 9), expected);
        subscribers.update(far, |subscriber| subscriber.in_flight = 0);
        assert_eq!(turns(&mut subscribers, 1), [far]);
        subscribers.update(two, |subscriber| subscriber.in_flight = 1);
        assert_eq!(turns(&mut subscribers, 3), [two, far]);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// However many wait.
        #[test]
        fn consumers_are_handed_nearly_the_same(consumers in 2..20u64, waiting in 1..20_000u64) {
            let mut subscribers = Subscribers::default();
            for client in 0..consumers {
                let key = consumer(&mut subscribers, client, 0);
                subscribers.update(key, |subscriber| subscriber.ready = u32::MAX);
            }
            for left in (0..waiting).rev() {
                let key = subscribers.whose_turn().expect("all have credit");
                subscribers.handed(key, 0);
                subscribers.pass(left);
            }
            let mut counts: Vec<_> = subscribers.iter().map(|it| it.message_count).collect();
            counts.sort_unstable();
            let (least, most) = (counts[0], counts[counts.len() - 1]);
            let share = waiting / consumers;
            prop_assert!(most - least <= (share / 8).clamp(1, TURN_MAX), "{least} and {most} of {waiting}");
        }
    }

    #[test]
    fn while_much_waits_a_consumer_is_handed_several_in_a_row_while_it_has_credit() {
        let mut subscribers = Subscribers::default();
        let (one, two) = (consumer(&mut subscribers, 1, 0), consumer(&mut subscribers, 2, 0));
        subscribers.update(one, |subscriber| subscriber.ready = 100);
        subscribers.update(two, |subscriber| subscriber.ready = 10);
        let mut lengths = Vec::new();
        for _ in 0..100 {
            let key = subscribers.whose_turn().expect("there is credit");
            subscribers.handed(key, 1);
            subscribers.pass(1_000_000);
            match lengths.last_mut() {
                Some((last, length)) if *last == key => *length += 1,
                _ => lengths.push((key, 1)),
            }
        }
        assert_eq!(lengths, [(one, 1), (two, 10), (one, 89)]);
    }

    #[test]
    fn credit_is_what_would_be_taken_at_once() {
        let mut subscribers = Subscribers::default();
        let one = consumer(&mut subscribers, 1, 0);
        let two = consumer(&mut subscribers, 2, 2);
        assert_eq!(subscribers.credit(), 4);
        subscribers.handed(one, 1);
        subscribers.update(two, |subscriber| subscriber.ready = 0);
        assert_eq!(subscribers.credit(), 1);
        subscribers.update(one, |subscriber| subscriber.closing = true);
        assert_eq!(subscribers.credit(), 0);
    }
}
