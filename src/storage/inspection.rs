//! Looking at all that the disk holds of a topic, without changing any of it.

use std::{path::Path, sync::Arc};

use crate::{
    protocol::names::ChannelName,
    storage::{
        batch::Batch,
        cursor::{Cursor, CursorError},
        damage::{Damage, DamageKind},
        log::{LogError, LogOptions},
        read_only_disk::ReadOnlyDisk,
        stored_topic::{StoredTopic, StoredTopicError, is_wanted, wanted_from},
    },
};

const READ_BYTES: usize = 1 << 20;

/// A channel and what its cursor file says.
pub type FoundCursor = (ChannelName, Result<Cursor, CursorError>);

/// A topic, every byte of it read.
#[derive(Debug)]
pub struct Inspection {
    /// The topic as a broker would find it. Its log must not be appended to.
    pub stored: StoredTopic,
    /// The channels with what their cursor files say.
    pub cursors: Vec<FoundCursor>,
    /// Records that can be read.
    pub records: u64,
    /// Messages in them.
    pub messages: u64,
    /// What cannot be read and is still wanted by a channel or the topic.
    pub damaged: Vec<Damage>,
}

impl Inspection {
    /// Reads the topic in `dir` from beginning to end.
    pub fn read(dir: &Path) -> Result<Self, StoredTopicError> {
        let stored = StoredTopic::open(dir, read_only())?;
        let cursors = load_cursors(dir, &stored.channels)?;
        let damaged = stored.recovery.damaged.clone();
        let (mut records, mut messages, mut unreadable) = (0, 0, Vec::new());
        for_each_batch(&stored, |read| {
            match read {
                Ok(batch) => {
                    records += 1;
                    messages += u64::from(batch.count());
                }
                Err(damage) => unreadable.push(damage),
            }
            Ok::<_, LogError>(())
        })?;
        let mut inspection = Self { stored, cursors, records, messages, damaged };
        unreadable.into_iter().for_each(|damage| inspection.add(damage));
        Ok(inspection)
    }

    /// Unless recovery has seen it already, or nobody wants what was there.
    fn add(&mut self, damage: Damage) {
        let is_same = |known: &Damage| {
            known.kind == DamageKind::Records && known.positions.start == damage.positions.start
        };
        if !self.damaged.iter().any(is_same) && is_wanted(&damage, self.wanted_from()) {
            self.damaged.push(damage);
        }
    }

    /// True if a start would report nothing and keep every byte.
    pub fn is_clean(&self) -> bool {
        self.is_whole() && self.stored.recovery.torn_bytes == 0
    }

    /// True but for what may stand behind the last record.
    pub fn is_whole(&self) -> bool {
        self.damaged.is_empty()
            && self.stored.metadata_damage.is_none()
            && self.cursors.iter().all(|(_, cursor)| cursor.is_ok())
    }

    fn wanted_from(&self) -> u64 {
        let cursors: Vec<_> =
            self.cursors.iter().map(|(_, cursor)| cursor.as_ref().ok().cloned()).collect();
        wanted_from(&cursors, &self.stored.metadata)
    }
}

/// Reads a log from beginning to end: batches, and what is damaged between them.
pub fn for_each_batch<E: From<LogError>>(
    stored: &StoredTopic,
    mut visit: impl FnMut(Result<Arc<Batch>, Damage>) -> Result<(), E>,
) -> Result<(), E> {
    let reader = stored.log.reader();
    let mut next = reader.start().0;
    loop {
        let chunk = reader.read(next, READ_BYTES)?;
        // A chunk that ends in damage has read on until the next batch, or to the end.
        let mut damaged = chunk.damaged.into_iter().peekable();
        next = chunk.next;
        let is_end = chunk.batches.is_empty();
        for batch in chunk.batches {
            while let Some(damage) =
                damaged.next_if(|damage| damage.positions.start < batch.position())
            {
                visit(Err(damage))?;
            }
            visit(Ok(batch))?;
        }
        damaged.try_for_each(|damage| visit(Err(damage)))?;
        if is_end {
            return Ok(());
        }
    }
}

/// Options to open a log with, without changing it.
pub fn read_only() -> LogOptions {
    LogOptions { disk: Arc::new(ReadOnlyDisk), ..LogOptions::default() }
}

fn load_cursors(dir: &Path, channels: &[ChannelName]) -> Result<Vec<FoundCursor>, CursorError> {
    let load = |channel: &ChannelName| match Cursor::load(&ReadOnlyDisk, dir, channel) {
        Err(error @ CursorError::Io { .. }) => Err(error),
        Err(damaged) => Ok((channel.clone(), Err(damaged))),
        Ok(cursor) => Ok((channel.clone(), Ok(cursor.unwrap_or_default()))),
    };
    channels.iter().map(load).collect()
}
