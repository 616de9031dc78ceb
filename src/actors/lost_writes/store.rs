//! What a topic, its log and its channels do with their files, without actors.

use std::{
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
    sync::Arc,
};

use super::{
    history::{Action, CHANNELS},
    ledger::Ledger,
    node::Node,
};
use crate::{
    broker::{AckSet, IdGenerator, TopicRules},
    config::Durability,
    protocol::{ChannelName, TopicName},
    storage::{
        Batch, BatchBuilder, Cursor, Log, LogOptions, LogPosition, PendingMessage, Stamp,
        StoredTopic, TopicMetadata,
        journal::{Coverage, Entry, EntryKind},
        lossy_disk::LossyDisk,
        stored_topic,
    },
};

pub type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

/// So small that most histories roll and trim.
const SEGMENT_BYTES_MAX: u64 = 1500;

/// The topic of this number.
pub fn topic_name(number: usize) -> TopicName {
    TopicName::parse(format!("t{number}")).unwrap()
}

pub fn channel_name(name: &str) -> ChannelName {
    ChannelName::parse(name).unwrap()
}

pub fn options(disk: &LossyDisk) -> LogOptions {
    LogOptions {
        segment_bytes_max: SEGMENT_BYTES_MAX,
        disk: Arc::new(disk.clone()),
        ..LogOptions::default()
    }
}

/// A topic, or the place for one.
pub struct Store {
    node: Rc<Node>,
    name: TopicName,
    topic: Option<Topic>,
}

struct Topic {
    log: Log,
    rules: TopicRules,
    channels: BTreeMap<&'static str, Channel>,
}

struct Channel {
    finished: AckSet,
    /// Unfinished messages that were carried forward.
    copies: BTreeSet<u64>,
    /// Of the cursor that was saved last.
    saved_floor: u64,
}

impl Store {
    pub fn open(node: &Rc<Node>, name: TopicName) -> Outcome<Self> {
        let is_there = node.data.topics()?.contains(&name);
        let mut store = Self { node: Rc::clone(node), name, topic: None };
        if is_there {
            store.open_topic()?;
        }
        Ok(store)
    }

    fn is_durable(&self) -> bool {
        self.node.durability == Durability::Power
    }

    /// The log by itself.
    fn sync_log(&mut self) -> Outcome {
        let log = &mut self.topic().log;
        log.sync()?;
        let synced_to = log.synced_to().expect("it has been synced");
        let Self { node, name, .. } = self;
        node.coverage(|coverage| coverage.synced(name, synced_to));
        Ok(())
    }

    /// What the journal is to take instead, if it can.
    fn entry(&mut self) -> Option<Entry> {
        let (name, node) = (self.name.clone(), Rc::clone(&self.node));
        node.coverage(|_| ())?; // there is a journal
        let kind = EntryKind::Records(self.topic().log.take_for_journal()?);
        let entry = Entry { topic: name, kind };
        let has_room = node.coverage(|coverage| coverage.has_room_for(entry.encoded_len() as u64));
        if has_room == Some(false) {
            self.topic().log.give_up_journal();
            return None;
        }
        Some(entry)
    }

    fn make_durable(&mut self) -> Outcome {
        match self.entry() {
            Some(entry) => self.node.write(&[entry]),
            None => self.sync_log(),
        }
    }

    /// Lets go of a full file of the journal that has something of this topic.
    pub fn drain(&mut self, ledger: &mut Ledger) -> Outcome {
        let is_wanted =
            |coverage: &mut Coverage| coverage.wanted(false).any(|topic| *topic == self.name);
        if self.topic.is_some() && self.node.coverage(is_wanted) == Some(true) {
            self.sync_log()?;
            ledger.synced();
        }
        Ok(())
    }

    /// As the actors of a topic and its log open it.
    fn open_topic(&mut self) -> Outcome {
        let dir = self.node.data.create_topic(&self.name)?;
        let disk = &self.node.disk;
        let stored = StoredTopic::open(&dir, self.node.log_options())?;
        let StoredTopic { mut log, recovery, metadata, channels: names, .. } = stored;
        if self.node.durability == Durability::Power {
            log.sync()?;
        }
        let held_from = stored_topic::held_from(&metadata, !names.is_empty(), &recovery);
        let ids = IdGenerator::new(1, recovery.last_id);
        let mut rules = TopicRules::new(ids, recovery.next_seq, held_from, metadata.paused);
        let mut channels = BTreeMap::new();
        for name in CHANNELS.into_iter().filter(|name| names.contains(&channel_name(name))) {
            let cursor = Cursor::load(disk, &dir, &channel_name(name)).ok().flatten();
            let floor = cursor.as_ref().map_or(recovery.first_seq, |cursor| cursor.floor);
            let pending = cursor.as_ref().map(|cursor| cursor.pending.clone());
            let mut finished = AckSet::starting_at(floor);
            let ranges = cursor.into_iter().flat_map(|cursor| cursor.finished);
            ranges.for_each(|range| finished.finish_range(range));
            let copies = copies(&log, name, pending.as_deref(), &mut finished)?;
            channels.insert(name, Channel { finished, copies, saved_floor: floor });
        }
        rules.set_has_channels(!channels.is_empty());
        self.topic = Some(Topic { log, rules, channels });
        Ok(())
    }

    fn ensure_topic(&mut self, ledger: &mut Ledger) -> Outcome {
        if self.topic.is_none() {
            self.node.end_earlier(&self.name)?;
            ledger.topic_creating();
            self.open_topic()?;
            ledger.topic_created(self.is_durable());
        }
        Ok(())
    }

    pub fn act(&mut self, action: &Action, ledger: &mut Ledger) -> Outcome {
        self.ensure_topic(ledger)?;
        match action {
            Action::Publish(turns) => self.publish(turns, ledger),
            Action::Sync => self.sync(ledger),
            Action::CreateChannel(name) => self.create_channel(name, ledger),
            Action::DeleteChannel(name) => self.delete_channel(name, ledger),
            Action::Finish(name, remainder) => {
                self.finish(name, *remainder, ledger);
                Ok(())
            }
            Action::Carry(name, count) => self.carry(name, *count, ledger),
            Action::Save(name) => self.save(name, ledger),
            Action::Pause(paused) => self.pause(*paused, ledger),
            Action::DeleteTopic => {
                self.topic = None;
                ledger.topic_deleting();
                self.node.data.remove_topic(&self.name)?;
                self.node.coverage(|coverage| coverage.forget(&self.name));
                ledger.topic_deleted();
                Ok(())
            }
            Action::Restart => self.restart(ledger),
        }
    }

    fn topic(&mut self) -> &mut Topic {
        self.topic.as_mut().expect("there is a topic while something is done with it")
    }

    fn publish(&mut self, turns: &[Vec<usize>], ledger: &mut Ledger) -> Outcome {
        let durable = self.is_durable();
        let first = self.topic().rules.next_seq();
        self.write(turns, ledger)?;
        if durable {
            self.make_durable()?;
            self.answer(ledger);
        }
        assert!(self.topic().rules.committed_end() > first);
        Ok(())
    }

    /// What was published is durable: whoever did is answered.
    fn answer(&mut self, ledger: &mut Ledger) {
        self.topic().committed(ledger);
        ledger.synced();
    }

    /// Publishes to all topics; with a journal, one round of it makes everything durable.
    pub fn publish_to_all(stores: &mut [Self], ledgers: &mut [Ledger], sizes: &[usize]) -> Outcome {
        let (mut entries, mut waiting) = (Vec::new(), Vec::new());
        for (number, (store, ledger)) in stores.iter_mut().zip(&mut *ledgers).enumerate() {
            store.ensure_topic(ledger)?;
            store.write(&[sizes.to_vec()], ledger)?;
            if !store.is_durable() {
                continue;
            }
            if let Some(entry) = store.entry() {
                entries.push(entry);
                waiting.push(number);
            } else {
                store.sync_log()?;
                store.answer(ledger);
            }
        }
        let Some(first) = stores.first().filter(|_| !entries.is_empty()) else { return Ok(()) };
        first.node.write(&entries)?;
        waiting.into_iter().for_each(|number| stores[number].answer(&mut ledgers[number]));
        Ok(())
    }

    fn write(&mut self, turns: &[Vec<usize>], ledger: &mut Ledger) -> Outcome {
        let durable = self.is_durable();
        let topic = self.topic();
        for sizes in turns {
            let batches: Vec<_> = {
                let mut position = topic.log.reader().end().0;
                let mut batch = |&size| topic.next_batch(size, &mut position, ledger);
                sizes.iter().map(&mut batch).collect()
            };
            topic.log.append(&batches)?;
            if durable {
                topic.log.retain(&batches);
            } else {
                topic.committed(ledger);
            }
        }
        Ok(())
    }

    fn sync(&mut self, ledger: &mut Ledger) -> Outcome {
        self.sync_log()?;
        ledger.synced();
        Ok(())
    }

    fn create_channel(&mut self, name: &'static str, ledger: &mut Ledger) -> Outcome {
        let durable = self.is_durable();
        let floor = self.topic().rules.released();
        if self.topic().channels.contains_key(name) {
            return Ok(());
        }
        ledger.channel_creating(name, floor);
        cursor(&AckSet::starting_at(floor), &BTreeSet::new()).save(
            &self.node.disk,
            &self.node.data.topic_dir(&self.name),
            &channel_name(name),
            durable,
        )?;
        ledger.channel_created(name, durable);
        let (finished, copies) = (AckSet::starting_at(floor), BTreeSet::new());
        let channel = Channel { finished, copies, saved_floor: floor };
        let topic = self.topic();
        topic.channels.insert(name, channel);
        topic.rules.set_has_channels(true);
        ledger.released(topic.rules.released());
        Ok(())
    }

    fn delete_channel(&mut self, name: &'static str, ledger: &mut Ledger) -> Outcome {
        let durable = self.is_durable();
        let topic = self.topic();
        if topic.channels.remove(name).is_none() {
            return Ok(());
        }
        topic.rules.set_has_channels(!topic.channels.is_empty());
        ledger.channel_deleting(name);
        if self.topic().channels.is_empty() {
            self.save_metadata()?;
        }
        let dir = self.node.data.topic_dir(&self.name);
        Cursor::remove(&self.node.disk, &dir, &channel_name(name), durable)?;
        ledger.channel_deleted(name, durable);
        self.trim(ledger)
    }

    fn finish(&mut self, name: &'static str, remainder: u64, ledger: &mut Ledger) {
        let topic = self.topic();
        let end = topic.rules.released();
        let Some(channel) = topic.channels.get_mut(name) else { return };
        for seq in channel.finished.floor()..end {
            // Now and then everything, so that segments can go.
            let is_meant = remainder == 3 || seq % 3 == remainder;
            if is_meant && !channel.finished.contains(seq) {
                channel.finished.finish(seq);
                channel.copies.remove(&seq);
                ledger.finished(name, seq);
            }
        }
    }

    fn save(&mut self, name: &'static str, ledger: &mut Ledger) -> Outcome {
        let Some(channel) = self.topic().channels.get(name) else { return Ok(()) };
        let (finished, copies) = (channel.finished.clone(), channel.copies.clone());
        let dir = self.node.data.topic_dir(&self.name);
        cursor(&finished, &copies).save(&self.node.disk, &dir, &channel_name(name), true)?;
        ledger.cursor_saved(name);
        if let Some(channel) = self.topic().channels.get_mut(name) {
            channel.saved_floor = finished.floor();
        }
        self.trim(ledger)
    }

    /// As topic, log and channel do it together: written, synced, taken by the channel, its cursor
    /// saved, the log trimmed.
    fn carry(&mut self, name: &'static str, count: usize, ledger: &mut Ledger) -> Outcome {
        let topic = self.topic();
        let end = topic.rules.released();
        let Some(channel) = topic.channels.get(name).filter(|_| !topic.rules.is_paused()) else {
            return Ok(());
        };
        let olds: Vec<u64> = channel.finished.unfinished(end).flatten().take(count).collect();
        let mut position = topic.log.reader().end().0;
        let mut batches = Vec::new();
        for &old in &olds {
            let Some(batch) = topic.copy(name, old, &mut position)? else { return Ok(()) };
            batches.push(batch);
        }
        for (&old, batch) in olds.iter().zip(&batches) {
            ledger.carrying(name, old, batch.first_seq());
        }
        topic.log.append(&batches)?;
        self.sync_log()?;
        self.answer(ledger);
        let topic = self.topic();
        for (old, batch) in olds.into_iter().zip(batches) {
            topic.take_copy(name, old, batch.first_seq());
        }
        self.save(name, ledger)
    }

    fn trim(&mut self, ledger: &mut Ledger) -> Outcome {
        let topic = self.topic();
        let floors = topic.channels.values().map(|channel| channel.saved_floor);
        if let Some(floor) = floors.min() {
            ledger.trimming(floor);
            topic.log.trim(floor)?;
        }
        Ok(())
    }

    fn pause(&mut self, paused: bool, ledger: &mut Ledger) -> Outcome {
        self.topic().rules.set_paused(paused);
        ledger.pausing();
        self.save_metadata()?;
        ledger.paused(paused);
        ledger.released(self.topic().rules.released());
        Ok(())
    }

    fn save_metadata(&mut self) -> Outcome {
        let rules = &self.topic().rules;
        let metadata = TopicMetadata::new(rules.is_paused(), rules.held_from(), None);
        let dir = self.node.data.topic_dir(&self.name);
        Ok(metadata.save(&self.node.disk, &dir, true)?)
    }

    fn restart(&mut self, ledger: &mut Ledger) -> Outcome {
        for name in CHANNELS {
            self.save(name, ledger)?;
        }
        self.sync(ledger)?;
        self.topic = None;
        self.open_topic()
    }
}

fn cursor(finished: &AckSet, copies: &BTreeSet<u64>) -> Cursor {
    let pending = copies.iter().map(|&seq| PendingMessage {
        seq,
        position: LogPosition(0),
        attempts: 0,
        due_ns: 0,
    });
    Cursor {
        floor: finished.floor(),
        floor_position: LogPosition(0),
        finished: finished.ranges().collect(),
        pending: pending.collect(),
        paused: false,
    }
}

/// The copies that count for a channel: those its cursor names, or all of its own without one. All
/// others are passed over.
fn copies(
    log: &Log,
    name: &str,
    pending: Option<&[PendingMessage]>,
    finished: &mut AckSet,
) -> Outcome<BTreeSet<u64>> {
    let (reader, mut copies) = (log.reader(), BTreeSet::new());
    let mut next = reader.start().0;
    loop {
        let chunk = reader.read(next, 1000)?;
        if chunk.batches.is_empty() {
            return Ok(copies);
        }
        next = chunk.next;
        for batch in chunk.batches.iter().filter(|batch| batch.has_audience()) {
            let seq = batch.first_seq();
            let counts = match pending {
                Some(pending) => pending.iter().any(|message| message.seq == seq),
                None => batch.audience() == Some(name),
            };
            if counts {
                copies.insert(seq);
            } else {
                finished.finish(seq);
            }
        }
    }
}

impl Topic {
    /// Message `old`, to be appended again; `None` if the log has lost it.
    fn copy(
        &mut self,
        name: &str,
        old: u64,
        position: &mut LogPosition,
    ) -> Outcome<Option<Arc<Batch>>> {
        let reader = self.log.reader();
        let chunk = reader.read(reader.find(old, None)?, 1)?;
        let Some(batch) = chunk.batches.first() else { return Ok(None) };
        let Some(body) = batch.message(old) else { return Ok(None) };
        let stamp = Stamp {
            first_seq: self.rules.number(1),
            first_id: batch.id(old),
            timestamp_ns: 1,
            due_ns: 0,
            position: *position,
        };
        let copy = BatchBuilder::for_channel(&channel_name(name), body).seal_delivered(stamp, 0);
        *position = copy.end_position();
        Ok(Some(Arc::new(copy)))
    }

    fn take_copy(&mut self, name: &'static str, old: u64, new: u64) {
        for (other, channel) in &mut self.channels {
            if *other == name {
                channel.finished.finish(old);
                channel.copies.remove(&old);
                channel.copies.insert(new);
            } else {
                channel.finished.finish(new);
            }
        }
    }

    fn next_batch(
        &mut self,
        size: usize,
        position: &mut LogPosition,
        ledger: &mut Ledger,
    ) -> Arc<Batch> {
        let (first_seq, first_id) = self.rules.stamp(1, 1);
        let body = ledger.publishing(first_seq, size);
        let mut builder = BatchBuilder::new();
        let size = u32::try_from(body.len()).unwrap().to_be_bytes();
        builder.push_framed(&[&size, body.as_slice()].concat(), 1);
        let stamp = Stamp { first_seq, first_id, timestamp_ns: 1, due_ns: 0, position: *position };
        let batch = builder.seal(stamp);
        *position = batch.end_position();
        Arc::new(batch)
    }

    /// Publishers are answered, channels may go on.
    fn committed(&mut self, ledger: &mut Ledger) {
        self.rules.committed(self.rules.next_seq());
        ledger.acknowledged(self.rules.next_seq());
        ledger.released(self.rules.released());
    }
}
