//! Making a damaged topic whole again, without what is damaged.
//!
//! What stands behind the last record is copied aside and cut off. Any other damage has the topic
//! written anew beside the old one, which is then moved aside as a whole.

use std::{
    io::{self, IoSlice},
    path::Path,
    sync::Arc,
};

use crate::{
    protocol::{message_id::MessageId, names::TopicName},
    storage::{
        batch::Batch,
        copies::copies_for,
        cursor::Cursor,
        data_dir::{DataDir, DataDirError},
        disk::{Disk, DiskFile, read_full_at, write_all_at},
        file_name,
        inspection::{Inspection, for_each_batch},
        log::{Log, LogError, LogOptions},
        position::LogPosition,
        segment::{self, Segment, SegmentHeader},
        stored_topic::StoredTopicError,
    },
};

const COPY_BYTES: usize = 1 << 20;
const SYNC_BYTES: usize = 128 << 20;

/// What was done to a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Repaired {
    /// Nothing: it is clean.
    Nothing,
    /// So many bytes were cut off.
    TornTail(u64),
    /// It was written anew.
    Rewritten,
}

/// Why a topic could not be repaired. It is as it was, or whole.
#[derive(Debug, thiserror::Error)]
pub enum RepairError {
    /// It cannot be read.
    #[error(transparent)]
    Topic(#[from] StoredTopicError),
    /// It cannot be written anew.
    #[error(transparent)]
    Log(#[from] LogError),
    /// It cannot be put in its place.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
}

/// Repairs a topic; what is taken out of it goes into the directory `aside`, which is created if it
/// is needed.
pub fn repair(
    data_dir: &DataDir,
    topic: &TopicName,
    options: &LogOptions,
    aside: &Path,
) -> Result<Repaired, RepairError> {
    let dir = data_dir.topic_dir(topic);
    let found = Inspection::read(&dir)?;
    let aside = Aside { disk: &*options.disk, dir: aside };
    if found.is_clean() {
        return Ok(Repaired::Nothing);
    }
    if !found.is_whole() {
        aside.create()?;
        let anew = data_dir.begin_repair(topic)?;
        write_anew(&found, &anew, options)?;
        data_dir.finish_repair(topic, aside.dir)?;
        return Ok(Repaired::Rewritten);
    }
    aside.copy_torn(topic, &dir, &found.stored.log)?;
    let (mut log, recovery) = Log::open(&dir, options.clone())?;
    log.sync()?;
    Ok(Repaired::TornTail(recovery.torn_bytes))
}

/// Writes everything that can be read into the empty directory `dir`, on the disk for good.
fn write_anew(found: &Inspection, dir: &Path, options: &LogOptions) -> Result<(), RepairError> {
    let recovery = &found.stored.recovery;
    let last_id = recovery.last_id.unwrap_or(MessageId(0));
    let header =
        SegmentHeader { first_seq: recovery.first_seq, base: recovery.first_position, last_id };
    create_segment(dir, options, header)?;
    let (mut log, _) = Log::open(dir, options.clone())?;
    copy_records(found, &mut log)?;
    log.sync()?;
    let (base, next_seq) = log.reader().end();
    let reader = log.reader();
    drop(log);
    if next_seq < recovery.next_seq {
        // Numbers that were given out are not given out again.
        let end = SegmentHeader { first_seq: recovery.next_seq, base, last_id };
        create_segment(dir, options, end)?;
        Log::open(dir, options.clone())?.0.sync()?;
    }
    for (channel, cursor) in &found.cursors {
        let cursor = match cursor {
            Ok(cursor) => cursor.clone(),
            Err(_) => Cursor {
                floor: recovery.first_seq,
                pending: copies_for(&reader, channel)?,
                ..Cursor::default()
            },
        };
        cursor.save(&*options.disk, dir, channel, true).map_err(StoredTopicError::from)?;
    }
    let metadata = &found.stored.metadata;
    Ok(metadata.save(&*options.disk, dir, true).map_err(StoredTopicError::from)?)
}

/// Without the gaps that damage leaves between positions.
fn copy_records(found: &Inspection, log: &mut Log) -> Result<(), RepairError> {
    let mut position = log.reader().end().0;
    let mut unsynced = 0;
    for_each_batch(&found.stored, |read| {
        let Ok(batch) = read else { return Ok(()) };
        let batch = moved(&batch, position);
        position = batch.end_position();
        unsynced += batch.encoded_len();
        log.sync_surplus()?;
        log.append(&[Arc::new(batch)])?;
        if unsynced >= SYNC_BYTES {
            unsynced = 0;
            log.sync()?;
        }
        Ok(())
    })
}

fn moved(batch: &Batch, position: LogPosition) -> Batch {
    let mut header = *batch.header();
    header.position = position;
    let mut encoded = batch.encoded().to_vec();
    header.write(&mut encoded);
    Batch::from_verified(header, encoded.into())
}

fn create_segment(dir: &Path, options: &LogOptions, header: SegmentHeader) -> Result<(), LogError> {
    let created = Segment::create(dir, &*options.disk, header);
    created.map(|_| ()).map_err(|source| LogError::io("create a segment in", dir, source))
}

/// Where the removed bytes go.
struct Aside<'a> {
    disk: &'a dyn Disk,
    dir: &'a Path,
}

impl Aside<'_> {
    fn create(&self) -> Result<(), LogError> {
        self.attempt(self.dir, |disk, dir| disk.create_dir(dir))?;
        let parent = self.dir.parent().unwrap_or(self.dir);
        self.attempt(parent, |disk, parent| disk.sync_dir(parent))
    }

    /// Copies what opening the log for good will cut off, into files named after the segments.
    fn copy_torn(&self, topic: &TopicName, dir: &Path, log: &Log) -> Result<(), LogError> {
        self.create()?;
        let to = self.dir.join(file_name::encode(topic.as_str()));
        self.attempt(&to, |disk, to| disk.create_dir(to))?;
        let kept = log.segments();
        for name in self.attempt(dir, |disk, dir| disk.list(dir))? {
            let Some(name) = name.to_str() else { continue };
            let Some(first_seq) = segment::parse_file_name(name) else { continue };
            let kept = kept.iter().find(|(seq, _)| *seq == first_seq).map_or(0, |(_, len)| *len);
            let copy = to.join(format!("{name}.from-{kept}"));
            self.attempt(&dir.join(name), |disk, from| copy_from(disk, from, kept, &copy))?;
        }
        self.attempt(&to, |disk, to| disk.sync_dir(to))?;
        self.attempt(self.dir, |disk, dir| disk.sync_dir(dir))
    }

    fn attempt<T>(
        &self,
        path: &Path,
        step: impl FnOnce(&dyn Disk, &Path) -> io::Result<T>,
    ) -> Result<T, LogError> {
        step(self.disk, path).map_err(|source| LogError::io("keep aside", path, source))
    }
}

/// Copies what a file has from `offset` on, if anything.
fn copy_from(disk: &dyn Disk, from: &Path, mut offset: u64, to: &Path) -> io::Result<()> {
    let from = disk.open(from)?;
    if from.size()? <= offset {
        return Ok(());
    }
    let copy: Arc<dyn DiskFile> = disk.create(to)?;
    let (mut buffer, mut written) = (vec![0; COPY_BYTES], 0);
    loop {
        let read = read_full_at(&*from, &mut buffer, offset)?;
        if read == 0 {
            return copy.sync_data();
        }
        write_all_at(&*copy, &mut [IoSlice::new(&buffer[..read])], written)?;
        (offset, written) = (offset + read as u64, written + read as u64);
    }
}
