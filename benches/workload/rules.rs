//! A channel with one consumer, a topic without a log, an answer of an auth server.

use std::time::Duration;

use nsq_actors::{
    broker::{
        Access, AckSet, ChannelRules, ClientId, Grant, IdGenerator, Moment, Proximity, Settings,
        SubscriberKey, Terms, TopicRules,
        channel::{Counters, Source},
    },
    protocol::{MessageId, frame},
    storage::LogPosition,
};

use super::BODY_BYTES;

const NOW: Moment = Moment(1_795_367_506_000_000_000);
const MSG_TIMEOUT: Duration = Duration::from_secs(60);
/// Messages that the actor hands over, and answers that it takes, before it looks at the deadlines.
const TURN: usize = 256;
/// Messages that are published together.
const BATCH: u32 = 200;
const FRAME_BYTES: usize = frame::message_frame_bytes(BODY_BYTES);

/// Where a body is; as large as what the actor keeps.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    _position: LogPosition,
    _timestamp_ns: i64,
    _bytes: u32,
}

const PLACE: Place = Place { _position: LogPosition::START, _timestamp_ns: 1, _bytes: 204 };

/// A channel whose consumer takes any number of messages.
pub struct Served {
    channel: ChannelRules<Place>,
    consumer: SubscriberKey,
    /// Of the messages from 1 on.
    ids: Vec<MessageId>,
}

impl Served {
    /// So many messages wait.
    pub fn waiting(count: u64) -> Self {
        let settings = Settings {
            max_msg_timeout: Duration::from_secs(900),
            consumers_max: 0,
            requeue_on_disconnect: true,
            depth_max: None,
        };
        let finished = AckSet::starting_at(1);
        let mut channel = ChannelRules::new(settings, finished, false, Counters::default());
        let terms =
            Terms { msg_timeout: MSG_TIMEOUT, sample_rate: 0, proximity: Proximity::default() };
        let consumer = channel.subscribe(ClientId(1), terms).expect("there is room");
        channel.ready(consumer, u32::MAX);
        channel.released(count + 1, count);
        Self { channel, consumer, ids: ids(count) }
    }

    /// So many messages are in flight.
    pub fn in_flight(count: u64) -> Self {
        let mut served = Self::waiting(count);
        served.deliver();
        served
    }

    /// Hands over what waits, fresh or not; returns how many messages that were.
    pub fn deliver(&mut self) -> u64 {
        let before = self.channel.counters().delivered_count;
        while self.deliver_turn() {
            self.channel.sent(self.consumer, TURN * FRAME_BYTES);
            self.channel.next_wake();
        }
        self.channel.counters().delivered_count - before
    }

    fn deliver_turn(&mut self) -> bool {
        for _ in 0..TURN {
            let Some(consumer) = self.channel.whose_turn() else { return false };
            let fresh = self.channel.next_fresh();
            match (self.channel.source(fresh.is_some()), fresh) {
                (Some(Source::Fresh), Some(seq)) => {
                    let id = self.id(seq);
                    self.channel.deliver_fresh(consumer, id, 0, PLACE, FRAME_BYTES, NOW);
                }
                (Some(Source::Again), _) => self.deliver_again(consumer),
                _ => return false,
            }
            self.channel.pass();
        }
        true
    }

    fn deliver_again(&mut self, consumer: SubscriberKey) {
        let Some(pending) = self.channel.pop_again() else { return };
        let id = self.id(pending.seq);
        self.channel.deliver_again(consumer, id, pending, FRAME_BYTES, NOW);
    }

    /// The consumer finishes messages, which are counted from 0.
    pub fn finish(&mut self, order: impl Iterator<Item = u64>) {
        for (answers, index) in (1..).zip(order) {
            let id = self.id(index + 1);
            self.channel.finish(self.consumer, id).expect("is in flight");
            if answers % TURN == 0 {
                self.channel.next_wake();
            }
        }
    }

    /// The consumer gives every message back.
    pub fn requeue(&mut self, delay: Duration) {
        for (answers, &id) in (1..).zip(&self.ids) {
            self.channel.requeue(self.consumer, id, delay, NOW).expect("is in flight");
            if answers % TURN == 0 {
                self.channel.next_wake();
            }
        }
    }

    /// The time of every message is over.
    pub fn time_out(&mut self) {
        self.channel.expire(NOW + MSG_TIMEOUT);
        assert_eq!(self.channel.in_flight_count(), 0);
    }

    fn id(&self, seq: u64) -> MessageId {
        self.ids[seq as usize - 1]
    }
}

/// Ids of messages that were published in batches.
fn ids(count: u64) -> Vec<MessageId> {
    let mut topic = topic();
    let firsts = (0..count.div_ceil(u64::from(BATCH))).map(|_| topic.stamp(BATCH, NOW_NS).1);
    let ids = firsts.flat_map(|first| (0..u64::from(BATCH)).map(move |index| first.0 + index));
    ids.map(MessageId).take(count as usize).collect()
}

const NOW_NS: i64 = NOW.0 as i64;

/// A topic that hands its messages on.
pub fn topic() -> TopicRules {
    let mut topic = TopicRules::new(IdGenerator::new(1, None), 1, None, false);
    topic.set_has_channels(true);
    topic
}

/// Publishes so many times, `messages` at once; returns where the channels may read to.
pub fn publish(topic: &mut TopicRules, times: u64, messages: u32) -> u64 {
    for _ in 0..times {
        topic.stamp(messages, NOW_NS);
        topic.committed(topic.next_seq());
    }
    topic.released()
}

/// What an auth server allows who may use this many topics, each by a pattern of its own.
pub fn grant(topics: usize) -> Grant {
    let entries: Vec<_> = (0..topics).map(|topic| {
        format!(r#"{{"topic":"^orders-{topic}$","channels":[".*"],"permissions":["publish","subscribe"]}}"#)
    }).collect();
    let answer = format!(r#"{{"ttl":60,"authorizations":[{}]}}"#, entries.join(","));
    Grant::parse(answer.as_bytes()).expect("an answer")
}

/// Asks so many times for a topic that only the last of a grant's patterns allows.
pub fn ask(grant: &Grant, times: u64) {
    let topic = format!("orders-{}", grant.permission_count() - 1);
    for _ in 0..times {
        assert!(std::hint::black_box(grant).allows(Access::Subscribe(&topic, "audit")));
    }
}
