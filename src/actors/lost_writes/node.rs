//! What the topics of a node share: the data path, and the journal if there is one.

use std::{cell::RefCell, path::Path, rc::Rc, sync::Arc};

use super::store::{Outcome, options};
use crate::{
    config::Durability,
    protocol::TopicName,
    storage::{
        DataDir, LogOptions,
        journal::{Coverage, Entry, EntryKind, JournalFiles},
        lossy_disk::LossyDisk,
    },
};

/// So large that most of what is published goes into a segment that is there.
const LARGE_SEGMENT_BYTES_MAX: u64 = 6000;
/// So small that it is full after a few rounds.
const JOURNAL_FILE_BYTES: u64 = 3000;

/// What all topics share.
pub struct Node {
    pub disk: LossyDisk,
    pub data: DataDir,
    pub durability: Durability,
    /// `None` where every log is synced by itself.
    journal: Option<RefCell<(Coverage, JournalFiles)>>,
}

impl Node {
    pub fn open(
        path: &Path,
        disk: &LossyDisk,
        durability: Durability,
        with_journal: bool,
    ) -> Outcome<Rc<Self>> {
        let data = DataDir::open(path, Arc::new(disk.clone()))?;
        let files = JournalFiles::new(path, Arc::new(disk.clone()));
        let journal = RefCell::new((Coverage::new(JOURNAL_FILE_BYTES), files));
        let journal = with_journal.then_some(journal);
        Ok(Rc::new(Self { disk: disk.clone(), data, durability, journal }))
    }

    pub fn log_options(&self) -> LogOptions {
        let options = options(&self.disk);
        match &self.journal {
            None => options,
            Some(_) => LogOptions { segment_bytes_max: LARGE_SEGMENT_BYTES_MAX, ..options },
        }
    }

    /// As the thread of the journal does it.
    pub fn write(&self, entries: &[Entry]) -> Outcome {
        let Some(journal) = &self.journal else { return Ok(()) };
        let (coverage, files) = &mut *journal.borrow_mut();
        let round = coverage.begin_round(entries);
        files.carry_out(&round, entries)?;
        coverage.end_round(&round, entries);
        Ok(())
    }

    /// Nothing that the journal has of a deleted topic may come back into the one that is created.
    pub fn end_earlier(&self, topic: &TopicName) -> Outcome {
        if self.coverage(|coverage| coverage.names(topic)) == Some(true) {
            self.write(&[Entry { topic: topic.clone(), kind: EntryKind::Ended }])?;
        }
        Ok(())
    }

    pub fn coverage<T>(&self, ask: impl FnOnce(&mut Coverage) -> T) -> Option<T> {
        self.journal.as_ref().map(|journal| ask(&mut journal.borrow_mut().0))
    }
}
