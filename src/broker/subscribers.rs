//! The consumers of a channel and their credit.

use std::{collections::VecDeque, fmt, time::Duration};

use hashbrown::HashMap;

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

/// Why a subscription is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SubscribeError {
    /// `--max-channel-consumers` is reached.
    #[error("the limit of {0} consumers is reached")]
    TooManyConsumers(usize),
}

/// What a consumer agreed on with IDENTIFY.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// A delivered message is taken back after this time.
    pub msg_timeout: Duration,
    /// Percentage of messages wanted, 1 to 99; 0 for all.
    pub sample_rate: u8,
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

/// All consumers of a channel; those with credit take turns.
#[derive(Debug, Default)]
pub struct Subscribers {
    slots: Vec<Option<Subscriber>>,
    by_client: HashMap<ClientId, SubscriberKey>,
    turns: VecDeque<SubscriberKey>,
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
        self.turns.retain(|&turn| turn != key);
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
            self.turns.push_back(key);
        }
    }

    /// Every key in use.
    pub fn keys(&self) -> impl Iterator<Item = SubscriberKey> + '_ {
        self.by_client.values().copied()
    }

    /// Notes that a consumer was handed a message as a frame of `bytes`; returns its message timeout.
    pub fn handed(&mut self, key: SubscriberKey, bytes: usize) -> Option<Duration> {
        let subscriber = self.slots.get_mut(key.0 as usize)?.as_mut()?;
        subscriber.in_flight += 1;
        subscriber.message_count += 1;
        subscriber.unsent_bytes += bytes;
        Some(subscriber.terms.msg_timeout)
    }

    /// Notes bytes that left through a consumer's socket.
    pub fn sent(&mut self, key: SubscriberKey, bytes: usize) {
        self.update(key, |subscriber| {
            subscriber.unsent_bytes = subscriber.unsent_bytes.saturating_sub(bytes);
        });
    }

    /// Whose turn it is among those with credit; it stays theirs until [`Subscribers::pass`].
    pub fn whose_turn(&mut self) -> Option<SubscriberKey> {
        while let Some(&key) = self.turns.front() {
            let subscriber = self.slots[key.0 as usize].as_mut()?;
            if subscriber.has_credit() {
                return Some(key);
            }
            subscriber.queued = false;
            self.turns.pop_front();
        }
        None
    }

    /// Ends the turn of the consumer in front.
    pub fn pass(&mut self) {
        if self.turns.len() > 1 {
            self.turns.rotate_left(1);
        }
    }
}
