//! Publishers and consumers that keep book, for tests in which the broker breaks.

use std::{
    collections::{HashMap, HashSet},
    io,
    net::SocketAddr,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use super::{
    client::{Client, Gone},
    commands,
    frame::{Frame, NsqMessage},
    nsqd::Nsqd,
    random::Random,
    wait::{DEADLINE, Pace},
};

/// Time to deliver all that a long test has left over.
const DRAIN_DEADLINE: Duration = Duration::from_secs(60);
/// How often a consumer looks whether it should stop.
const GLANCE: Duration = Duration::from_millis(50);

/// What was sent to a topic, what the broker has answered for, and what its channels were given.
pub struct Ledger {
    topic: &'static str,
    channels: Vec<(&'static str, Mutex<HashSet<String>>)>,
    sent: Mutex<HashSet<String>>,
    acknowledged: Mutex<HashSet<String>>,
    acknowledged_count: AtomicUsize,
    deliveries: AtomicU64,
}

impl Ledger {
    pub fn new(topic: &'static str, channels: &[&'static str]) -> Self {
        Self {
            topic,
            channels: channels.iter().map(|&name| (name, Mutex::default())).collect(),
            sent: Mutex::default(),
            acknowledged: Mutex::default(),
            acknowledged_count: AtomicUsize::new(0),
            deliveries: AtomicU64::new(0),
        }
    }

    /// Creates the topic and the channels, so that every message belongs to all of them.
    #[track_caller]
    pub fn create(&self, nsqd: &Nsqd) {
        nsqd.post(&format!("/topic/create?topic={}", self.topic), b"");
        for (channel, _) in &self.channels {
            nsqd.post(&format!("/channel/create?topic={}&channel={channel}", self.topic), b"");
        }
    }

    pub fn channels(&self) -> impl Iterator<Item = &'static str> {
        self.channels.iter().map(|(name, _)| *name)
    }

    /// How many messages were answered with OK.
    pub fn acknowledged(&self) -> usize {
        self.acknowledged_count.load(Ordering::Relaxed)
    }

    /// Waits until that many were; false when they are not in time.
    pub fn reaches(&self, acknowledged: usize) -> bool {
        let mut pace = Pace::until(DEADLINE);
        while self.acknowledged() < acknowledged {
            if !pace.again() {
                return false;
            }
        }
        true
    }

    fn note_sent(&self, keys: &[String]) {
        self.sent.lock().unwrap().extend(keys.iter().cloned());
    }

    fn note_acknowledged(&self, keys: Vec<String>) {
        self.acknowledged_count.fetch_add(keys.len(), Ordering::Relaxed);
        self.acknowledged.lock().unwrap().extend(keys);
    }

    #[track_caller]
    fn note_delivered(&self, channel: &str, message: &NsqMessage) {
        let key = key_of(&message.body);
        assert!(self.sent.lock().unwrap().contains(&key), "never published: {key:?}");
        assert_eq!(message.body, body_of(&key), "not as it was published: {key}");
        self.deliveries.fetch_add(1, Ordering::Relaxed);
        self.delivered(channel).lock().unwrap().insert(key);
    }

    fn delivered(&self, channel: &str) -> &Mutex<HashSet<String>> {
        let mut same = self.channels.iter().filter(|(name, _)| *name == channel);
        &same.next().expect("a channel of the ledger").1
    }

    fn missing(&self) -> HashMap<&'static str, Vec<String>> {
        let acknowledged = self.acknowledged.lock().unwrap();
        let missing = self.channels.iter().map(|(name, delivered)| {
            (*name, acknowledged.difference(&delivered.lock().unwrap()).cloned().collect())
        });
        missing.filter(|(_, keys): &(_, Vec<String>)| !keys.is_empty()).collect()
    }
}

/// A body that can be checked: the key, and padding whose length the key decides.
pub fn body_of(key: &str) -> Vec<u8> {
    let sum: usize = key.bytes().map(usize::from).sum();
    let padding = if sum.is_multiple_of(50) { 20_000 } else { sum % 200 };
    [key.as_bytes(), b":", &vec![b'x'; padding]].concat()
}

/// The key in a body.
pub fn key_of(body: &[u8]) -> String {
    let key = body.split(|&byte| byte == b':').next().unwrap_or_default();
    String::from_utf8_lossy(key).into_owned()
}

/// The connection ended while publishing, or the publish was refused.
struct Cut;

struct Publisher<'a> {
    ledger: &'a Ledger,
    name: String,
    count: usize,
    random: Random,
}

impl Publisher<'_> {
    fn new_keys(&mut self, count: usize) -> Vec<String> {
        let first = self.count;
        self.count += count;
        (first..self.count).map(|number| format!("{}-{number}", self.name)).collect()
    }

    /// One PUB, several in one write, or an MPUB: the bytes, and the keys that each OK stands for.
    fn compose(&mut self) -> (Vec<u8>, Vec<Vec<String>>) {
        let topic = self.ledger.topic;
        let count = if self.random.one_in(2) { 1 } else { 2 + self.random.below(15) };
        let keys = self.new_keys(count);
        if count > 1 && self.random.one_in(2) {
            let bodies: Vec<_> = keys.iter().map(|key| body_of(key)).collect();
            return (commands::publish_many(topic, &bodies), vec![keys]);
        }
        let commands: Vec<_> =
            keys.iter().map(|key| commands::publish(topic, &body_of(key))).collect();
        (commands.concat(), keys.into_iter().map(|key| vec![key]).collect())
    }

    fn exchange(&mut self, client: &mut Client) -> Result<(), Cut> {
        let (bytes, answers) = self.compose();
        self.ledger.note_sent(&answers.concat());
        client.try_send(&bytes).map_err(|_reset| Cut)?;
        for keys in answers {
            match client.next_frame(DEADLINE) {
                Ok(Frame::Response(text)) if text == "OK" => self.ledger.note_acknowledged(keys),
                Ok(Frame::Error(text)) if is_refusal(&text) => return Err(Cut),
                Err(Gone::Closed) => return Err(Cut),
                other => panic!("a publish was answered with {other:?}"),
            }
        }
        Ok(())
    }
}

fn is_refusal(text: &str) -> bool {
    text.starts_with("E_PUB_FAILED ") || text.starts_with("E_MPUB_FAILED ")
}

/// Publishes on one connection until that breaks.
pub fn publish_until_cut(address: SocketAddr, ledger: &Ledger, name: &str, random: Random) {
    let mut publisher = Publisher { ledger, name: name.to_owned(), count: 0, random };
    let Ok(mut client) = Client::try_connect(address) else { return };
    while publisher.exchange(&mut client).is_ok() {}
}

/// Publishes until told to stop, on a new connection when the last one was closed behind a refusal.
pub fn publish_until_told(
    address: SocketAddr,
    ledger: &Ledger,
    name: &str,
    random: Random,
    stop: &AtomicBool,
) {
    let mut publisher = Publisher { ledger, name: name.to_owned(), count: 0, random };
    while !stop.load(Ordering::Relaxed) {
        let mut client = Client::connect(address);
        while !stop.load(Ordering::Relaxed) && publisher.exchange(&mut client).is_ok() {
            thread::sleep(Duration::from_millis(2)); // Keeps what piles up within bounds.
        }
    }
}

/// Consumes with every kind of answer, and sometimes none, until told to stop or cut off.
pub fn consume(
    mut client: Client,
    ledger: &Ledger,
    channel: &str,
    mut random: Random,
    stop: &AtomicBool,
) -> Result<(), Gone> {
    subscribe(&mut client, ledger.topic, channel)?;
    while !stop.load(Ordering::Relaxed) {
        let Some(message) = next_message(&mut client)? else { continue };
        ledger.note_delivered(channel, &message);
        let answer = match random.below(60) {
            0 => continue,
            1 => commands::requeue(message.id, 0),
            2 => commands::requeue(message.id, 30),
            3 => [commands::touch(message.id), commands::finish(message.id)].concat(),
            _ => commands::finish(message.id),
        };
        client.try_send(&answer).map_err(closed)?;
    }
    Ok(())
}

fn subscribe(client: &mut Client, topic: &str, channel: &str) -> Result<(), Gone> {
    client.try_send(&commands::sub(topic, channel)).map_err(closed)?;
    match client.next_frame(DEADLINE)? {
        Frame::Response(text) if text == "OK" => {}
        other => panic!("SUB was answered with {other:?}"),
    }
    client.try_send(&commands::rdy(50)).map_err(closed)
}

fn closed(_reset: io::Error) -> Gone {
    Gone::Closed
}

/// A message, unless none comes for a moment. That a message was not in flight any more is no failure:
/// its answer and the end of its time may cross.
fn next_message(client: &mut Client) -> Result<Option<NsqMessage>, Gone> {
    match client.next_frame(GLANCE) {
        Ok(Frame::Message(message)) => Ok(Some(message)),
        Ok(Frame::Error(text)) if is_unsettled(&text) => Ok(None),
        Err(Gone::Silent) => Ok(None),
        Err(Gone::Closed) => Err(Gone::Closed),
        Ok(other) => panic!("a consumer was sent {other:?}"),
    }
}

fn is_unsettled(text: &str) -> bool {
    ["E_FIN_FAILED ", "E_REQ_FAILED ", "E_TOUCH_FAILED "].iter().any(|code| text.starts_with(code))
}

/// Consumes all that is left, and fails unless every channel was given every acknowledged message
/// and the counters are back to nothing.
#[track_caller]
pub fn drain(nsqd: &Nsqd, ledger: &Ledger) {
    let stop = AtomicBool::new(false);
    let drained = thread::scope(|scope| {
        for channel in ledger.channels() {
            let (client, stop) = (nsqd.client(), &stop);
            scope.spawn(move || finish_all(client, ledger, channel, stop));
        }
        let mut pace = Pace::until(DRAIN_DEADLINE);
        let drained = loop {
            match leftovers(nsqd, ledger) {
                None => break Ok(()),
                Some(left) if !pace.again() => break Err(left),
                Some(_) => {}
            }
        };
        stop.store(true, Ordering::Relaxed);
        drained
    });
    if let Err(left) = drained {
        panic!("of {} acknowledged messages: {left}", ledger.acknowledged());
    }
}

fn finish_all(mut client: Client, ledger: &Ledger, channel: &str, stop: &AtomicBool) {
    subscribe(&mut client, ledger.topic, channel).expect("a subscription");
    while !stop.load(Ordering::Relaxed) {
        if let Some(message) = next_message(&mut client).expect("a connection that stands") {
            ledger.note_delivered(channel, &message);
            client.finish(message.id);
        }
    }
}

/// What is still to be delivered or finished, in words.
fn leftovers(nsqd: &Nsqd, ledger: &Ledger) -> Option<String> {
    let missing = ledger.missing();
    if !missing.is_empty() {
        let examples = missing.iter().map(|(channel, keys)| {
            format!("{} missing on {channel}, such as {:?}", keys.len(), &keys[..keys.len().min(5)])
        });
        return Some(examples.collect::<Vec<_>>().join("; "));
    }
    let topic = nsqd.topic(ledger.topic);
    let counted = ["depth", "in_flight_count", "deferred_count"];
    let busy = |channel: &serde_json::Value| counted.iter().any(|&counter| channel[counter] != 0);
    let channels = topic["channels"].as_array()?;
    let at_rest = topic["depth"] == 0
        && channels.len() == ledger.channels.len()
        && !channels.iter().any(busy);
    (!at_rest).then(|| format!("counters are not at rest: {topic}"))
}
