//! Which logs the files of the journal are needed for.

use std::collections::{HashMap, VecDeque};

use super::{Entry, EntryKind, entry::FILE_HEADER_BYTES};
use crate::{protocol::names::TopicName, storage::position::LogPosition};

/// Files that there are at most: the one that is written to, and one whose logs are being synced.
const FILES_MAX: usize = 2;

/// What every file of the journal is needed for. Touches no file.
#[derive(Debug)]
pub struct Coverage {
    /// Oldest first; the last one is written to.
    files: VecDeque<Covered>,
    file_bytes_max: u64,
    next_number: u64,
}

#[derive(Debug)]
struct Covered {
    number: u64,
    bytes: u64,
    /// Every topic that the file has something of. With a position it is needed until the topic's log is durable up to
    /// there by itself.
    topics: HashMap<TopicName, Option<LogPosition>>,
}

impl Covered {
    fn is_done(&self) -> bool {
        self.topics.values().all(Option::is_none)
    }

    fn needed_by(&self) -> impl Iterator<Item = &TopicName> {
        self.topics.iter().filter(|(_, need)| need.is_some()).map(|(topic, _)| topic)
    }
}

/// What is to be done with the files, and in which one the entries of a round stand.
#[derive(Debug, PartialEq, Eq)]
pub struct Round {
    /// Files to remove, oldest first.
    pub done: Vec<u64>,
    /// The file to write to.
    pub number: u64,
}

impl Coverage {
    /// No file yet. One that is larger than this is not written to any more.
    pub fn new(file_bytes_max: u64) -> Self {
        Self { files: VecDeque::new(), file_bytes_max, next_number: 1 }
    }

    /// So many bytes more find room.
    pub fn has_room_for(&self, bytes: u64) -> bool {
        let room = |newest: &Covered| newest.bytes.saturating_add(bytes) <= self.file_bytes_max;
        self.files.len() < FILES_MAX || self.files.back().is_none_or(room)
    }

    /// Takes note of entries, before they are written.
    pub fn begin_round(&mut self, entries: &[Entry]) -> Round {
        let done = self.done();
        let left = self.files.len() - done.len();
        let is_full = |newest: &Covered| newest.bytes >= self.file_bytes_max;
        let newest = self.files.back();
        if !entries.is_empty() && newest.is_none_or(|file| is_full(file) && left < FILES_MAX) {
            let (number, bytes) = (self.next_number, FILE_HEADER_BYTES as u64);
            self.files.push_back(Covered { number, bytes, topics: HashMap::new() });
            self.next_number += 1;
        }
        entries.iter().for_each(|entry| self.note(entry));
        Round { done, number: self.next_number - 1 }
    }

    /// Files whose logs are durable without them. One is kept as long as an older one is there: what it says of deleted
    /// topics holds for that. The one that is written to is kept.
    fn done(&self) -> Vec<u64> {
        let sealed = self.files.len().saturating_sub(1);
        let done = self.files.iter().take(sealed).take_while(|file| file.is_done());
        done.map(|file| file.number).collect()
    }

    fn note(&mut self, entry: &Entry) {
        let Some(newest) = self.files.back_mut() else { return };
        newest.bytes += entry.encoded_len() as u64;
        let Some(end) = entry.end() else { return };
        match newest.topics.get_mut(&entry.topic) {
            Some(need) => *need = Some(end),
            None => _ = newest.topics.insert(entry.topic.clone(), Some(end)),
        }
    }

    /// The round has been carried out, with these entries. What it says of deleted topics holds from now on.
    pub fn end_round(&mut self, round: &Round, entries: &[Entry]) {
        self.files.retain(|file| !round.done.contains(&file.number));
        let is_end = |entry: &&Entry| matches!(entry.kind, EntryKind::Ended);
        for ended in entries.iter().filter(is_end) {
            self.files.iter_mut().for_each(|file| _ = file.topics.remove(&ended.topic));
        }
    }

    /// Nothing more will be written, and what is not needed can go: all of the files, or those that no log needs
    /// up to the first one that is needed.
    pub fn last_round(&self) -> Round {
        let done = self.files.iter().take_while(|file| file.is_done());
        Round { done: done.map(|file| file.number).collect(), number: self.next_number - 1 }
    }

    /// There are files.
    pub fn is_used(&self) -> bool {
        !self.files.is_empty()
    }

    /// Something of a topic of this name may be found, deleted or not.
    pub fn names(&self, topic: &TopicName) -> bool {
        self.files.iter().any(|file| file.topics.contains_key(topic))
    }

    /// The topic's log is durable by itself up to there.
    pub fn synced(&mut self, topic: &TopicName, to: LogPosition) {
        self.release(topic, |need| need <= to);
    }

    /// The topic was deleted: nothing of it is needed.
    pub fn forget(&mut self, topic: &TopicName) {
        self.release(topic, |_| true);
    }

    fn release(&mut self, topic: &TopicName, is_met: impl Fn(LogPosition) -> bool) {
        for file in &mut self.files {
            if let Some(need) = file.topics.get_mut(topic) {
                need.take_if(|need| is_met(*need));
            }
        }
    }

    /// A file waits for logs to be synced, or is done.
    pub fn is_sealed(&self) -> bool {
        self.files.len() > 1
    }

    /// The oldest file could be removed.
    pub fn has_done(&self) -> bool {
        !self.done().is_empty()
    }

    /// The topics whose logs must be synced by themselves before files that are not written to any more can be removed;
    /// `all`: the newest one as well.
    pub fn wanted(&self, all: bool) -> impl Iterator<Item = &TopicName> {
        let count = self.files.len().saturating_sub(usize::from(!all));
        self.files.iter().take(count).flat_map(Covered::needed_by)
    }
}
