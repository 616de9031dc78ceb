//! What publishers, consumers and operators were told, held against what is found after a crash.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use super::{
    End,
    history::CHANNELS,
    store::{channel_name, options},
};
use crate::{
    config::Durability,
    protocol::TopicName,
    storage::{
        Cursor, Damage, DamageKind, DataDir, Disk, LogPosition, LogReader, StoredTopic,
        lossy_disk::LossyDisk, stored_topic,
    },
};

/// A promise, and what it rests on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Told {
    /// Somebody was told that it is so.
    told: bool,
    /// It was synced.
    synced: bool,
}

#[derive(Debug, Default)]
pub struct Ledger {
    topic: Option<Told>,
    messages: BTreeMap<u64, Message>,
    channels: BTreeMap<&'static str, Channel>,
    /// Messages from here on have been given to no channel.
    released: u64,
    /// `None` while that is being changed.
    paused: Option<bool>,
    /// Segments below this number were allowed to go.
    trimmed: u64,
    bodies: u64,
}

#[derive(Debug)]
struct Message {
    body: Vec<u8>,
    stored: Told,
}

#[derive(Debug)]
struct Channel {
    start: u64,
    /// What was said of its existence, or of its end.
    told: Told,
    is_deleted: bool,
    finished: BTreeSet<u64>,
    /// Messages that were carried forward, and their new numbers, since the last life.
    moved: BTreeMap<u64, u64>,
}

/// What is heard while the store lives.
impl Ledger {
    pub fn topic_creating(&mut self) {
        self.topic = Some(Told::default());
        self.paused = Some(false);
        self.released = 1;
    }

    pub fn topic_created(&mut self, durable: bool) {
        self.topic = Some(Told { told: true, synced: durable });
    }

    /// All of it or nothing from here on.
    pub fn topic_deleting(&mut self) {
        self.topic = Some(Told::default());
    }

    pub fn topic_deleted(&mut self) {
        *self = Self { bodies: self.bodies, ..Self::default() };
    }

    /// The body for a new message: no two are alike.
    pub fn publishing(&mut self, seq: u64, size: usize) -> Vec<u8> {
        self.bodies += 1;
        let mut body = format!("message {} ", self.bodies).into_bytes();
        body.resize(size.max(body.len()), b'x');
        self.messages.insert(seq, Message { body: body.clone(), stored: Told::default() });
        body
    }

    pub fn acknowledged(&mut self, end: u64) {
        self.messages.range_mut(..end).for_each(|(_, message)| message.stored.told = true);
    }

    /// All of the log, and the way to it.
    pub fn synced(&mut self) {
        self.messages.values_mut().for_each(|message| message.stored.synced = message.stored.told);
        self.topic.iter_mut().for_each(|topic| topic.synced = true);
        // The log's directory is that of the cursors, whose contents may still be missing.
    }

    pub fn released(&mut self, end: u64) {
        self.released = end;
    }

    pub fn channel_creating(&mut self, name: &'static str, start: u64) {
        let (told, finished, moved) = (Told::default(), BTreeSet::new(), BTreeMap::new());
        let channel = Channel { start, told, is_deleted: false, finished, moved };
        self.channels.insert(name, channel);
    }

    pub fn channel_created(&mut self, name: &'static str, durable: bool) {
        self.channel(name).told = Told { told: true, synced: durable };
    }

    pub fn channel_deleting(&mut self, name: &'static str) {
        let channel = self.channel(name);
        (channel.told, channel.is_deleted) = (Told::default(), true);
    }

    pub fn channel_deleted(&mut self, name: &'static str, durable: bool) {
        self.channel(name).told = Told { told: true, synced: durable };
    }

    pub fn finished(&mut self, name: &'static str, seq: u64) {
        self.channel(name).finished.insert(seq);
    }

    /// `new` is to be a copy of `old` for this channel; for any other it is nothing.
    pub fn carrying(&mut self, name: &'static str, old: u64, new: u64) {
        let body = self.messages[&old].body.clone();
        self.messages.insert(new, Message { body, stored: Told::default() });
        for (other, channel) in &mut self.channels {
            if *other == name {
                channel.moved.insert(old, new);
            } else {
                channel.finished.insert(new);
            }
        }
    }

    /// Saved for good, if there is a way to its directory.
    pub fn cursor_saved(&mut self, name: &'static str) {
        let synced = self.topic.is_some_and(|topic| topic.synced);
        self.channel(name).told = Told { told: true, synced };
    }

    pub fn trimming(&mut self, floor: u64) {
        self.trimmed = self.trimmed.max(floor);
    }

    pub fn pausing(&mut self) {
        self.paused = None;
    }

    pub fn paused(&mut self, paused: bool) {
        self.paused = Some(paused);
    }

    fn channel(&mut self, name: &'static str) -> &mut Channel {
        self.channels.get_mut(name).expect("the channel was created")
    }
}

/// The contract.
#[derive(Debug, Clone, Copy)]
pub struct Contract {
    pub durability: Durability,
    pub end: End,
}

impl Contract {
    /// What was told must hold.
    fn holds(self, said: Told) -> bool {
        match (self.end, self.durability) {
            (End::Kill, _) | (_, Durability::Power) => said.told,
            (End::Power(_), Durability::Process) => said.synced,
        }
    }

    /// What is there is on the disk for good as soon as the store is open.
    fn is_synced_after(self) -> bool {
        self.end != End::Kill || self.durability == Durability::Power
    }
}

/// What is found afterwards.
struct Found {
    stored: StoredTopic,
    cursors: BTreeMap<&'static str, Option<Cursor>>,
    /// By sequence number.
    messages: BTreeMap<u64, Vec<u8>>,
    damage: Vec<Damage>,
}

impl Ledger {
    /// Opens what is there, holds it against what was told, and takes it for the truth from then on.
    pub fn judge(
        &mut self,
        topic: &TopicName,
        data: &DataDir,
        disk: &LossyDisk,
        contract: Contract,
    ) {
        if !data.topics().unwrap().contains(topic) {
            let was_sure = self.topic.is_some_and(|topic| contract.holds(topic));
            assert!(!was_sure, "the topic is gone");
            return self.topic_deleted();
        }
        assert!(self.topic.is_some(), "a deleted topic has come back");
        let found = Found::open(&data.topic_dir(topic), disk);
        self.judge_messages(&found, contract);
        self.judge_reports(&found, contract);
        self.judge_channels(&found, contract);
        self.judge_border(&found, contract);
        self.accept(found, contract);
    }

    fn judge_messages(&self, found: &Found, contract: Contract) {
        for (seq, body) in &found.messages {
            let published =
                self.messages.get(seq).expect("nothing is found that was not published");
            assert!(*body == published.body, "message {seq} is another one");
        }
        for (seq, message) in &self.messages {
            let is_there = found.messages.contains_key(seq) || *seq < self.trimmed;
            assert!(is_there || !contract.holds(message.stored), "message {seq} is lost");
        }
    }

    /// Every gap is reported, and nothing else.
    fn judge_reports(&self, found: &Found, contract: Contract) {
        let mut reported = BTreeSet::new();
        for damage in found.damage.iter().filter(|damage| damage.kind == DamageKind::Records) {
            // A walk that begins behind a record does not know where the gap begins: one that was
            // there when the log was opened has been reported in full by then.
            reported.extend(damage.seqs().into_iter().flatten());
        }
        assert!(contract.end != End::Kill || reported.is_empty(), "{reported:?} after a kill");
        for seq in &reported {
            assert!(!found.messages.contains_key(seq), "message {seq} is there, reported as lost");
        }
        let first = found.stored.recovery.first_seq;
        let last = found.messages.last_key_value().map_or(first, |(last, _)| *last);
        for seq in self.messages.range(first..last).map(|(seq, _)| seq) {
            let is_known = found.messages.contains_key(seq) || reported.contains(seq);
            let is_unwanted = *seq < self.trimmed.max(found.wanted_from());
            assert!(is_known || is_unwanted, "message {seq} is missing, not reported");
        }
    }

    fn judge_channels(&self, found: &Found, contract: Contract) {
        for (name, channel) in &self.channels {
            let cursor = found.cursors.get(name);
            if contract.holds(channel.told) {
                assert_eq!(cursor.is_none(), channel.is_deleted, "channel {name}");
                assert_ne!(cursor, Some(&None), "the cursor of channel {name} is damaged");
            }
            let Some(Some(cursor)) = cursor else { continue };
            for seq in found.messages.keys() {
                assert!(channel.has_or_finished(*seq, cursor, found), "channel {name} skips {seq}");
            }
            for seq in channel.moved.keys() {
                let is_kept = channel.has_or_finished(*seq, cursor, found);
                assert!(is_kept, "channel {name} has neither {seq} nor its copy");
            }
        }
        for name in found.cursors.keys() {
            assert!(self.channels.contains_key(name), "channel {name} was never created");
        }
    }

    /// What was given to no channel waits for the first one; what comes next is not skipped.
    fn judge_border(&self, found: &Found, contract: Contract) {
        let StoredTopic { recovery, metadata, .. } = &found.stored;
        let has_channels = !found.cursors.is_empty();
        let held_from = stored_topic::held_from(metadata, has_channels, recovery);
        if !has_channels {
            let waiting = found.messages.range(self.released..).next();
            let first = waiting.map_or(recovery.next_seq, |(seq, _)| *seq);
            assert!(
                held_from.is_none_or(|held| held <= first),
                "{first} is skipped: {held_from:?}"
            );
        }
        let known = found.cursors.values().flatten().map(Cursor::known_end).max().unwrap_or(0);
        assert!(known <= recovery.next_seq, "numbers below {known} are given out again");
        let keeps_pauses = contract.end == End::Kill || contract.durability == Durability::Power;
        if let Some(paused) = self.paused.filter(|_| keeps_pauses) {
            assert_eq!(metadata.paused, paused, "paused");
        }
    }

    fn accept(&mut self, found: Found, contract: Contract) {
        let synced = contract.is_synced_after();
        let stored = |before: Told| Told { told: true, synced: synced || before.synced };
        // A segment whose removal was not synced may yet come back.
        let may_come_back = |seq: u64| !synced && seq < self.trimmed;
        self.messages.retain(|&seq, _| found.messages.contains_key(&seq) || may_come_back(seq));
        self.messages.values_mut().for_each(|message| message.stored = stored(message.stored));
        self.topic = self.topic.map(stored);
        let StoredTopic { recovery, metadata, .. } = &found.stored;
        let held_from = stored_topic::held_from(metadata, !found.cursors.is_empty(), recovery);
        self.released = held_from.unwrap_or(recovery.next_seq).min(recovery.next_seq);
        self.paused = Some(metadata.paused);
        self.channels.retain(|name, _| !synced || found.cursors.contains_key(name));
        for channel in self.channels.values_mut() {
            // A removal that was not synced may yet be undone.
            (channel.told, channel.is_deleted) = (Told::default(), true);
        }
        for (name, cursor) in found.cursors {
            let channel = self.channel(name);
            channel.is_deleted = false;
            // One whose cursor cannot be read is there, but nobody has written it anew yet.
            if cursor.is_some() {
                channel.told = Told { told: true, synced };
            }
            channel.settle_moved(cursor.as_ref());
            channel.start = cursor.map_or(recovery.first_seq, |_| channel.start);
        }
    }
}

impl Channel {
    /// Nothing that its consumers have not finished is finished for the cursor, but what is there as
    /// a copy of which the cursor knows.
    fn has_or_finished(&self, mut seq: u64, cursor: &Cursor, found: &Found) -> bool {
        loop {
            if seq < self.start || self.finished.contains(&seq) || !says_finished(cursor, seq) {
                return true;
            }
            let Some(&copy) = self.moved.get(&seq) else { return false };
            if cursor.pending.iter().any(|pending| pending.seq == copy) {
                return found.messages.contains_key(&copy);
            }
            seq = copy;
        }
    }

    /// From now on a message has one number: whether the old one or the new one, the cursor says.
    /// Without a cursor it is both.
    fn settle_moved(&mut self, cursor: Option<&Cursor>) {
        let moved = std::mem::take(&mut self.moved);
        let Some(cursor) = cursor else { return };
        for (old, new) in moved {
            let is_known = cursor.pending.iter().any(|pending| pending.seq == new);
            self.finished.insert(if is_known || says_finished(cursor, new) { old } else { new });
        }
    }
}

fn says_finished(cursor: &Cursor, seq: u64) -> bool {
    seq < cursor.floor || cursor.finished.iter().any(|range| range.contains(&seq))
}

impl Found {
    fn open(dir: &Path, disk: &LossyDisk) -> Self {
        let before = log_bytes(dir, disk);
        let stored = StoredTopic::open(dir, options(disk)).expect("the topic can be opened");
        let cut = before - log_bytes(dir, disk);
        assert_eq!(stored.recovery.torn_bytes, cut, "bytes that were cut off");
        let cursor = |name| Cursor::load(disk, dir, &channel_name(name)).ok().flatten();
        let is_there = |name: &&str| stored.channels.contains(&channel_name(name));
        let cursors = CHANNELS.into_iter().filter(is_there).map(|name| (name, cursor(name)));
        let cursors = cursors.collect();
        let (messages, mut damage) = read_all(&stored.log.reader());
        damage.extend(stored.recovery.damaged.iter().cloned());
        Self { stored, cursors, messages, damage }
    }
}

impl Found {
    /// No channel, also none to come, asks for messages below.
    fn wanted_from(&self) -> u64 {
        let floor = |cursor: &Option<Cursor>| cursor.as_ref().map_or(0, |cursor| cursor.floor);
        let floors = self.cursors.values().map(floor);
        floors.min().or(self.stored.metadata.held_from).unwrap_or(0)
    }
}

fn log_bytes(dir: &Path, disk: &LossyDisk) -> u64 {
    let names = disk.list(dir).unwrap().into_iter().map(|name| name.into_string().unwrap());
    let segments = names.filter(|name| name.ends_with(".log"));
    segments.map(|name| disk.open(&dir.join(name)).and_then(|file| file.size()).unwrap()).sum()
}

fn read_all(reader: &LogReader) -> (BTreeMap<u64, Vec<u8>>, Vec<Damage>) {
    let (mut messages, mut damage) = (BTreeMap::new(), Vec::new());
    let mut next: LogPosition = reader.start().0;
    loop {
        let chunk = reader.read(next, 1 << 20).expect("what is there can be read");
        damage.extend(chunk.damaged);
        next = chunk.next;
        if chunk.batches.is_empty() {
            return (messages, damage);
        }
        for batch in chunk.batches {
            for seq in batch.first_seq()..batch.end_seq() {
                messages.insert(seq, batch.message(seq).unwrap().to_vec());
            }
        }
    }
}
