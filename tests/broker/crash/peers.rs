//! Publishers, consumers and an operator, until the broker is killed under them.

use std::{
    net::SocketAddr,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use super::ledger::{Ledger, Name};
use crate::support::{
    Client, DEADLINE, Frame, Gone, NsqMessage, Random, body_of, commands,
    http::{self, Response},
};

pub const TOPICS: [&str; 3] = ["orders", "returns", "audits"];
pub const CHANNELS: [&str; 2] = ["billing", "stock"];
/// The longest delay of a DPUB: some are still waiting when the process is killed.
const DPUB_DELAY_MS_MAX: usize = 1500;
const REQ_DELAY_MS_MAX: usize = 300;
/// Between an operator's requests.
const PAUSE: Duration = Duration::from_millis(5);
/// How often a consumer looks whether it should stop.
const GLANCE: Duration = Duration::from_millis(50);

/// One process of the broker, as its peers know it.
#[derive(Clone, Copy)]
pub struct Process<'a> {
    pub tcp: SocketAddr,
    pub http: SocketAddr,
    pub round: usize,
    pub ledger: &'a Ledger,
}

/// The process has been killed.
struct Killed;

pub fn names() -> impl Iterator<Item = Name> {
    TOPICS.into_iter().flat_map(|topic| CHANNELS.map(|channel| (topic, channel)))
}

impl Process<'_> {
    /// Publishes in every way, on a new connection after a refusal.
    pub fn publish(self, name: &str, mut random: Random) {
        let mut count = 0;
        while let Ok(mut client) = Client::try_connect(self.tcp) {
            let mut is_open = true;
            while is_open {
                let number = 1 + random.below(6);
                let keys = (count..count + number).map(|number| format!("{name}-{number}"));
                count += number;
                is_open = self.exchange(&mut client, keys.collect(), &mut random);
            }
        }
    }

    /// PUB, MPUB or DPUB; false when the connection has ended.
    fn exchange(self, client: &mut Client, mut keys: Vec<String>, random: &mut Random) -> bool {
        let topic = *random.pick(&TOPICS);
        let delay_ms =
            if random.one_in(3) { 1 + random.below(DPUB_DELAY_MS_MAX) as u64 } else { 0 };
        if delay_ms > 0 {
            keys.truncate(1);
        }
        let bodies: Vec<_> = keys.iter().map(|key| body_of(key)).collect();
        let bytes = match bodies.as_slice() {
            [body] if delay_ms > 0 => commands::publish_deferred(topic, delay_ms, body),
            [body] => commands::publish(topic, body),
            _ => commands::publish_many(topic, &bodies),
        };
        let lives = self.ledger.sends(topic, &keys, Duration::from_millis(delay_ms));
        if client.try_send(&bytes).is_err() {
            return false;
        }
        match client.next_frame(DEADLINE) {
            Ok(Frame::Response(text)) if text == "OK" => {
                self.ledger.acknowledged(&lives, &keys, delay_ms > 0);
                true
            }
            Ok(Frame::Error(text)) if text.ends_with("PUB failed exiting") => false,
            Err(Gone::Closed) => false,
            other => panic!("a publish was answered with {other:?}"),
        }
    }

    /// Consumes with every kind of answer and sometimes none, on a new connection when the channel was
    /// deleted.
    pub fn consume(self, name: Name, mut random: Random) {
        let never = AtomicBool::new(false);
        while let Ok(client) = Client::try_connect(self.tcp) {
            self.consume_until(client, name, &never, |message| {
                let key = self.ledger.delivered(name, message, self.round);
                let delay_ms = random.below(REQ_DELAY_MS_MAX);
                match random.below(12) {
                    0 => Vec::new(),
                    1 | 2 => {
                        let delay = Duration::from_millis(delay_ms as u64);
                        self.ledger.requeues(name, &key, delay);
                        commands::requeue(message.id, delay_ms as u64)
                    }
                    3 => [commands::touch(message.id), commands::finish(message.id)].concat(),
                    _ => commands::finish(message.id),
                }
            });
        }
    }

    /// Finishes whatever comes until told to stop.
    pub fn finish(self, name: Name, stop: &AtomicBool) {
        let client = Client::connect(self.tcp);
        self.consume_until(client, name, stop, |message| {
            self.ledger.delivered(name, message, self.round);
            commands::finish(message.id)
        });
    }

    /// Answers every message as `answer` says, until told to stop or cut off.
    fn consume_until(
        self,
        mut client: Client,
        (topic, channel): Name,
        stop: &AtomicBool,
        mut answer: impl FnMut(&NsqMessage) -> Vec<u8>,
    ) {
        let hello = [commands::sub(topic, channel), commands::rdy(20)].concat();
        let mut is_open = client.try_send(&hello).is_ok();
        while is_open && !stop.load(Ordering::Relaxed) {
            is_open = match client.next_frame(GLANCE) {
                Ok(Frame::Message(message)) => client.try_send(&answer(&message)).is_ok(),
                Ok(Frame::Response(text)) if text == "OK" => true,
                Ok(Frame::Error(text)) if text.starts_with("E_SUB_FAILED ") => false,
                Err(Gone::Silent) => true,
                Err(Gone::Closed) => false,
                Ok(other) => panic!("a consumer was sent {other:?}"),
            };
        }
    }

    /// Creates, deletes and pauses until the process is killed.
    pub fn operate(self, mut random: Random) {
        while self.operate_once(&mut random).is_ok() {
            thread::sleep(PAUSE);
        }
    }

    fn operate_once(self, random: &mut Random) -> Result<(), Killed> {
        let (topic, channel) = (*random.pick(&TOPICS), *random.pick(&CHANNELS));
        match random.below(60) {
            0 => self.delete_topic(topic),
            1..=3 => self.delete_channel((topic, channel)),
            4..=30 => self.create_missing(),
            _ => self.save_cursor((topic, channel)),
        }
    }

    /// Brings every topic and channel to life that is not.
    fn create_missing(self) -> Result<(), Killed> {
        for (topic, channel) in names().filter(|&name| !self.ledger.lives(name)) {
            self.post("topic/create", topic, None)?;
            if self.post("channel/create", topic, Some(channel))? {
                self.ledger.created((topic, channel));
            }
        }
        Ok(())
    }

    /// All channels live and deliver, whatever the last process was killed at.
    pub fn begin(self) {
        let begun = self.create_missing().and_then(|()| {
            names().try_for_each(|(topic, channel)| {
                self.post("channel/unpause", topic, Some(channel)).map(drop)
            })
        });
        assert!(begun.is_ok(), "the broker has just started");
    }

    fn delete_topic(self, topic: &'static str) -> Result<(), Killed> {
        let gone = self.ledger.deletes(&CHANNELS.map(|channel| (topic, channel)));
        if self.post("topic/delete", topic, None)? {
            self.ledger.deleted(gone, self.round);
        }
        Ok(())
    }

    fn delete_channel(self, (topic, channel): Name) -> Result<(), Killed> {
        let gone = self.ledger.deletes(&[(topic, channel)]);
        if self.post("channel/delete", topic, Some(channel))? {
            self.ledger.deleted(gone, self.round);
        }
        Ok(())
    }

    /// A pause is answered when the cursor is saved, with all that was delivered before.
    fn save_cursor(self, (topic, channel): Name) -> Result<(), Killed> {
        let asked = Instant::now();
        if self.post("channel/pause", topic, Some(channel))? && self.ledger.lives((topic, channel))
        {
            self.ledger.saved((topic, channel), asked, self.round);
        }
        self.post("channel/unpause", topic, Some(channel)).map(drop)
    }

    /// True when it was done, false when there is no such topic or channel.
    fn post(self, path: &str, topic: &str, channel: Option<&str>) -> Result<bool, Killed> {
        let channel = channel.map(|name| format!("&channel={name}")).unwrap_or_default();
        let path = format!("/{path}?topic={topic}{channel}");
        let answer = http::try_exchange(self.http, &http::request_bytes("POST", &path, b""));
        match answer {
            Some(Response { status: 200, .. }) => Ok(true),
            Some(Response { status: 404, .. }) => Ok(false),
            Some(other) => panic!("POST {path}: {other:?}"),
            None => Err(Killed),
        }
    }
}
