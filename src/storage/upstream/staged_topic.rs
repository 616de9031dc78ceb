//! One topic of upstream's as a topic of ours: its log, its cursors, its state.

use std::{collections::BTreeMap, ops::Range, path::Path};

use super::{
    TakeOver,
    error::TakeOverError,
    file_names::{OldFiles, QueueFiles, data_file, positions_file, queue_name},
    positions::Positions,
    queue_file::QueueFile,
    staged_log::StagedLog,
    topology::OldTopic,
};
use crate::{
    protocol::{ChannelName, MessageId},
    storage::{
        Cursor, CursorError, LogError, LogPosition, StoredTopic as OurTopic, TopicMetadata,
        copies_for, file_name, segment::SegmentHeader, stored_topic,
    },
};

/// The messages of one queue.
struct Section {
    /// `None` for the topic's own queue: they belong to every channel.
    channel: Option<ChannelName>,
    seqs: Range<u64>,
}

/// A topic that is being built.
pub(super) struct StagedTopic<'a> {
    topic: &'a OldTopic,
    /// The topic of the same name that is here already.
    ours: Ours,
    sections: Vec<Section>,
}

/// What the topic's directory holds before the import.
struct Ours {
    header: SegmentHeader,
    first_seq: u64,
    /// Messages from here on wait in the topic.
    held_from: Option<u64>,
    metadata: TopicMetadata,
    cursors: BTreeMap<ChannelName, Cursor>,
}

impl<'a> StagedTopic<'a> {
    /// Builds the topic below `staging`, on the disk for good, and tells how many messages it got.
    pub fn build(
        take_over: &mut TakeOver<'_, '_>,
        topic: &'a OldTopic,
        old: &OldFiles,
        staging: &Path,
    ) -> Result<u64, TakeOverError> {
        let ours = Ours::load(take_over, topic)?;
        let dir = staging.join(file_name::encode(topic.name.as_str()));
        take_over.create_dir(&dir)?;
        let mut log = StagedLog::create(take_over, &dir, ours.header)?;
        let mut staged = Self { topic, ours, sections: Vec::new() };
        // What waits for a channel is older than what waits for all of them.
        for channel in topic.channels.keys().map(Some).chain([None]) {
            let first = log.seq();
            staged.read_queue(take_over, old, channel, &mut log)?;
            staged.sections.push(Section { channel: channel.cloned(), seqs: log.since(first) });
        }
        log.sync()?;
        staged.save(take_over, &dir)?;
        Ok(log.seq() - staged.ours.header.first_seq)
    }

    fn read_queue(
        &self,
        take_over: &mut TakeOver<'_, '_>,
        old: &OldFiles,
        channel: Option<&ChannelName>,
        log: &mut StagedLog,
    ) -> Result<(), TakeOverError> {
        let queue = queue_name(&self.topic.name, channel);
        let files = old.queue(&queue);
        let positions = positions(take_over, &queue, &files)?;
        let first = log.seq();
        for &number in &files.numbers {
            let from = positions.filter(|positions| positions.read.file == number);
            let from = from.map_or(0, |positions| positions.read.offset);
            read_file(take_over, &data_file(&queue, number), from, log)?;
        }
        let (messages, count) = (log.seq() - first, files.numbers.len());
        take_over.observer.info(format_args!(
            "queue={queue} {messages} messages imported from {count} files{}",
            positions.map_or(String::new(), |positions| format!(", depth was {}", positions.depth))
        ));
        Ok(())
    }

    fn save(&self, take_over: &TakeOver<'_, '_>, dir: &Path) -> Result<(), TakeOverError> {
        let added =
            self.topic.channels.keys().filter(|name| !self.ours.cursors.contains_key(*name));
        for channel in self.ours.cursors.keys().chain(added) {
            self.cursor(channel).save(take_over.disk(), dir, channel, true)?;
        }
        let durability = self.ours.metadata.durability;
        let metadata = TopicMetadata::new(self.topic.paused, self.held_from(), durability)
            .awaiting_channels(self.ours.metadata.awaits_channels);
        Ok(metadata.save(take_over.disk(), dir, true)?)
    }

    /// Where the channel is: what belongs to other channels alone is as good as finished.
    fn cursor(&self, channel: &ChannelName) -> Cursor {
        let ours = self.ours.cursors.get(channel).cloned();
        let mut cursor = ours.unwrap_or_else(|| self.ours.cursor_of_new_channel());
        if let Some(&paused) = self.topic.channels.get(channel) {
            cursor.paused = paused;
        }
        for section in self.sections.iter().filter(|section| !section.is_for(channel)) {
            match cursor.finished.last_mut() {
                Some(last) if last.end == section.seqs.start => last.end = section.seqs.end,
                _ => cursor.finished.push(section.seqs.clone()),
            }
        }
        cursor.finished.retain(|range| !range.is_empty());
        cursor
    }

    fn held_from(&self) -> Option<u64> {
        let has_channels = !self.topic.channels.is_empty() || !self.ours.cursors.is_empty();
        if has_channels && !self.topic.paused {
            return None;
        }
        let topic_queue = self.sections.last().map(|section| section.seqs.start);
        self.ours.held_from.or(topic_queue)
    }
}

impl Section {
    fn is_for(&self, channel: &ChannelName) -> bool {
        self.seqs.is_empty() || self.channel.as_ref().is_none_or(|own| own == channel)
    }
}

impl Ours {
    fn load(take_over: &TakeOver<'_, '_>, topic: &OldTopic) -> Result<Self, TakeOverError> {
        let dir = take_over.data_dir.topic_dir(&topic.name);
        let name = file_name::encode(topic.name.as_str());
        if !take_over.list(&take_over.data_dir.topics_dir())?.contains(&name) {
            return Ok(Self::nothing());
        }
        let opened = OurTopic::open(&dir, take_over.options.clone())
            .map_err(|source| TakeOverError::Topic { topic: topic.name.to_string(), source })?;
        let mut cursors = BTreeMap::new();
        for channel in &opened.channels {
            let cursor = match Cursor::load(take_over.disk(), &dir, channel) {
                Err(error @ CursorError::Io { .. }) => return Err(error.into()),
                Ok(Some(cursor)) => cursor,
                _ => cursor_at_start(&opened, channel)?,
            };
            cursors.insert(channel.clone(), cursor);
        }
        let OurTopic { recovery, metadata, .. } = opened;
        let header = SegmentHeader {
            first_seq: recovery.next_seq,
            base: recovery.next_position,
            last_id: recovery.last_id.unwrap_or(MessageId(0)),
        };
        let held_from = stored_topic::held_from(&metadata, !cursors.is_empty(), &recovery);
        Ok(Self { header, first_seq: recovery.first_seq, held_from, metadata, cursors })
    }

    fn nothing() -> Self {
        let base = LogPosition::START;
        Self {
            header: SegmentHeader { first_seq: 1, base, last_id: MessageId(0) },
            first_seq: 1,
            held_from: None,
            metadata: TopicMetadata::default(),
            cursors: BTreeMap::new(),
        }
    }

    /// It gets what waits in the topic, and nothing older.
    fn cursor_of_new_channel(&self) -> Cursor {
        let floor = self.held_from.unwrap_or(self.header.first_seq).max(self.first_seq);
        Cursor { floor, ..Cursor::default() }
    }
}

/// A channel whose cursor is lost has everything that the log holds, and all that was carried forward
/// for it.
fn cursor_at_start(topic: &OurTopic, channel: &ChannelName) -> Result<Cursor, LogError> {
    let pending = copies_for(&topic.log.reader(), channel)?;
    Ok(Cursor { floor: topic.recovery.first_seq, pending, ..Cursor::default() })
}

/// Reads the positions of a queue and says what about its files is out of the ordinary.
fn positions(
    take_over: &mut TakeOver<'_, '_>,
    queue: &str,
    files: &QueueFiles,
) -> Result<Option<Positions>, TakeOverError> {
    let file = positions_file(queue);
    let path = take_over.path(&file);
    let loaded = Positions::load(take_over.disk(), &path);
    let positions = loaded.map_err(TakeOverError::io("read", &path))?;
    let Some(found) = positions else {
        if files.has_positions || !files.numbers.is_empty() {
            let state = if files.has_positions { "garbage" } else { "missing" };
            take_over.observer.warn(format_args!(
                "queue={queue} {file} is {state}: all its files are read from the beginning"
            ));
        }
        return Ok(None);
    };
    let range = found.read.file..=found.write.file;
    for number in files.numbers.iter().filter(|number| !range.contains(number)) {
        let name = data_file(queue, *number);
        take_over.observer.warn(format_args!(
            "queue={queue} {name} is not among the files that {file} counts: all of it is read"
        ));
    }
    let missing = found.missing(&files.numbers);
    if missing > 0 {
        take_over.observer.warn(format_args!("queue={queue} {missing} files are missing"));
    }
    Ok(Some(found))
}

/// Appends the messages of one file. What cannot be read is said, and no error.
fn read_file(
    take_over: &mut TakeOver<'_, '_>,
    name: &str,
    from: u64,
    log: &mut StagedLog,
) -> Result<(), TakeOverError> {
    let path = take_over.path(name);
    let read_error = || TakeOverError::io("read", &path);
    let file = take_over.disk().open(&path).map_err(read_error())?;
    let (mut file, fits) = QueueFile::open(file, from).map_err(read_error())?;
    if !fits {
        take_over.observer.warn(format_args!(
            "{name} has no message at {from}, where reading was to go on: all of it is read"
        ));
    } else if from > file.size() {
        let size = file.size();
        take_over.observer.warn(format_args!("{name} was read to {from}, but ends at {size}"));
    }
    while let Some(message) = file.next().map_err(read_error())? {
        match message {
            Ok(message) => {
                if log.push(&message) {
                    log.write()?;
                    take_over.go_on()?;
                }
            }
            Err(lost) => take_over.observer.error(format_args!(
                "{name} is damaged at {}: {}; the last {} bytes of it are lost",
                lost.offset, lost.cause, lost.bytes
            )),
        }
    }
    log.write()
}
