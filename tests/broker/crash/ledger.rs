//! What must be true of a broker that is killed while topics and channels come and go.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use crate::support::{NsqMessage, body_of, key_of};

/// Two processes convert between the clock on the wall and one that only runs forward.
const CLOCKS_DIFFER_BY: Duration = Duration::from_millis(2);

/// A channel by the names of its topic and its own.
pub type Name = (&'static str, &'static str);

/// One life of a channel, from the answer to its creation until its deletion is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Life(u64);

/// A message that was sent.
#[derive(Debug)]
struct Sent {
    topic: &'static str,
    /// Not to be delivered before.
    due: Option<Instant>,
}

/// The latest delivery of a message on a channel.
#[derive(Debug, Clone, Copy)]
struct Delivered {
    attempts: u16,
    round: usize,
    noted: Instant,
    /// Given back, and not to be delivered before by the process that was told so.
    due: Option<Instant>,
}

#[derive(Debug, Default)]
struct Book {
    sent: HashMap<String, Sent>,
    lives: HashMap<Name, Life>,
    next_life: u64,
    /// What each channel must be given, from the OK until it is delivered.
    owed: HashMap<Life, HashSet<String>>,
    /// What each channel was owed in this life, delivered or not.
    given: HashMap<Life, HashSet<String>>,
    /// Messages of channels whose deletion was answered, with the round of that answer.
    buried: HashMap<Name, HashMap<String, usize>>,
    deliveries: HashMap<Name, HashMap<String, Delivered>>,
    /// What a round's process had delivered before this moment is in the channel's cursor file.
    checkpoints: HashMap<(Name, usize), Instant>,
}

/// The rounds' common book. Everything is noted before the bytes that may make it true are sent.
#[derive(Debug, Default)]
pub struct Ledger {
    book: Mutex<Book>,
    acknowledged: AtomicUsize,
    delayed: AtomicUsize,
    again: AtomicUsize,
    deletions: AtomicUsize,
}

impl Ledger {
    /// A message is about to be sent, to be delivered after `delay`. The channels that are there.
    pub fn sends(&self, topic: &'static str, keys: &[String], delay: Duration) -> Vec<Life> {
        let mut book = self.book.lock().unwrap();
        let due = (!delay.is_zero()).then(|| Instant::now() + delay);
        for key in keys {
            book.sent.insert(key.clone(), Sent { topic, due });
        }
        let there = book.lives.iter().filter(|((of, _), _)| *of == topic);
        there.map(|(_, life)| *life).collect()
    }

    /// OK: every channel that was there before, and whose deletion nobody has asked for since, must be
    /// given the messages.
    pub fn acknowledged(&self, lives: &[Life], keys: &[String], is_delayed: bool) {
        self.acknowledged.fetch_add(keys.len(), Ordering::Relaxed);
        self.delayed.fetch_add(if is_delayed { keys.len() } else { 0 }, Ordering::Relaxed);
        let mut book = self.book.lock().unwrap();
        let living: Vec<(Name, Life)> =
            book.lives.iter().map(|(name, life)| (*name, *life)).collect();
        for (name, life) in living.into_iter().filter(|(_, life)| lives.contains(life)) {
            let is_new = |key: &&String| {
                book.deliveries.get(&name).is_none_or(|delivered| !delivered.contains_key(*key))
            };
            let owed: Vec<_> = keys.iter().filter(is_new).cloned().collect();
            book.owed.entry(life).or_default().extend(owed);
            book.given.entry(life).or_default().extend(keys.iter().cloned());
        }
    }

    /// A channel's creation was answered.
    pub fn created(&self, name: Name) {
        let mut book = self.book.lock().unwrap();
        let life = Life(book.next_life);
        book.next_life += 1;
        book.lives.entry(name).or_insert(life);
    }

    /// True from the answer to its creation until its deletion is asked for.
    pub fn lives(&self, name: Name) -> bool {
        self.book.lock().unwrap().lives.contains_key(&name)
    }

    /// The deletion of channels is about to be asked for: nothing is owed to them any more.
    pub fn deletes(&self, names: &[Name]) -> Vec<(Name, HashSet<String>)> {
        let mut book = self.book.lock().unwrap();
        let mut gone = Vec::new();
        for name in names {
            book.checkpoints.retain(|(of, _), _| of != name);
            if let Some(life) = book.lives.remove(name) {
                book.owed.remove(&life);
                gone.push((*name, book.given.remove(&life).unwrap_or_default()));
            }
        }
        gone
    }

    /// The deletion was answered: what these channels had must not come back with another process.
    pub fn deleted(&self, gone: Vec<(Name, HashSet<String>)>, round: usize) {
        self.deletions.fetch_add(1, Ordering::Relaxed);
        let mut book = self.book.lock().unwrap();
        for (name, keys) in gone {
            let buried = keys.into_iter().map(|key| (key, round));
            book.buried.entry(name).or_default().extend(buried);
        }
    }

    /// A channel's cursor was saved for a request that was sent at this moment.
    pub fn saved(&self, name: Name, asked: Instant, round: usize) {
        self.book.lock().unwrap().checkpoints.insert((name, round), asked);
    }

    /// A message has come.
    #[track_caller]
    pub fn delivered(&self, name: Name, message: &NsqMessage, round: usize) -> String {
        let (noted, key) = (Instant::now(), key_of(&message.body));
        let mut book = self.book.lock().unwrap();
        let sent = book.sent.get(&key).unwrap_or_else(|| panic!("never published: {key:?}"));
        assert_eq!(sent.topic, name.0, "{key}: published to another topic");
        assert_eq!(message.body, body_of(&key), "{key}: not as it was published");
        assert!(
            sent.due.is_none_or(|due| due <= noted + CLOCKS_DIFFER_BY),
            "{key}: delivered before its time"
        );
        let grave = book.buried.get(&name).and_then(|buried| buried.get(&key));
        assert!(grave.is_none_or(|&grave| grave >= round), "{key}: back from a deleted channel");
        self.check_attempts(&book, name, &key, message.attempts, round);
        if let Some(life) = book.lives.get(&name).copied() {
            book.owed.entry(life).or_default().remove(&key);
        }
        let delivered = Delivered { attempts: message.attempts, round, noted, due: None };
        book.deliveries.entry(name).or_default().insert(key.clone(), delivered);
        key
    }

    /// Attempts count on within a process, and over a kill from what the cursor is known to say; a
    /// requeued message keeps its delay within a process.
    #[track_caller]
    fn check_attempts(&self, book: &Book, name: Name, key: &str, attempts: u16, round: usize) {
        assert!(attempts > 0, "{key}: delivered for the 0th time");
        let Some(last) = book.deliveries.get(&name).and_then(|delivered| delivered.get(key)) else {
            return;
        };
        self.again.fetch_add(1, Ordering::Relaxed);
        let saved = book.checkpoints.get(&(name, last.round));
        let is_saved = saved.is_some_and(|saved| last.noted < *saved);
        if last.round == round || is_saved {
            assert!(
                attempts > last.attempts,
                "{key}: attempt {attempts} after {last:?} in round {round}, saved: {is_saved}"
            );
        }
        let is_early = last.round == round && last.due.is_some_and(|due| Instant::now() < due);
        assert!(!is_early, "{key}: delivered again before its time");
    }

    /// A message is about to be given back, to be delivered again after `delay`.
    pub fn requeues(&self, name: Name, key: &str, delay: Duration) {
        let mut book = self.book.lock().unwrap();
        let delivered = book.deliveries.get_mut(&name).and_then(|delivered| delivered.get_mut(key));
        delivered.expect("it was delivered").due = Some(Instant::now() + delay);
    }

    /// How many messages were answered with OK.
    pub fn acknowledged_count(&self) -> usize {
        self.acknowledged.load(Ordering::Relaxed)
    }

    /// What is still owed to a channel, in words.
    pub fn debts(&self) -> Option<String> {
        let book = self.book.lock().unwrap();
        let debts = book.lives.iter().filter_map(|(name, life)| {
            let owed = book.owed.get(life).filter(|owed| !owed.is_empty())?;
            let example = owed.iter().next()?;
            Some(format!("{} missing on {name:?}, such as {example}", owed.len()))
        });
        let debts: Vec<_> = debts.collect();
        (!debts.is_empty()).then(|| debts.join("; "))
    }

    /// What the rounds were about.
    pub fn summary(&self) -> String {
        let [acknowledged, delayed, again, deletions] =
            [&self.acknowledged, &self.delayed, &self.again, &self.deletions]
                .map(|count| count.load(Ordering::Relaxed));
        let owed: usize = self.book.lock().unwrap().given.values().map(HashSet::len).sum();
        format!(
            "{acknowledged} messages acknowledged, {delayed} of them deferred; {again} deliveries \
             again; {deletions} deletions; {owed} messages due to the channels that were left"
        )
    }
}
