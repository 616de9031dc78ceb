//! A log in a temporary directory, beside the list of what must be in it.

use std::{path::PathBuf, sync::Arc};

use tempfile::TempDir;

use crate::{
    protocol::message_id::MessageId,
    storage::{
        batch::{Batch, BatchBuilder, Stamp},
        damage::Damage,
        failing_disk::FailingDisk,
        log::{Log, LogError, LogOptions},
        log_reader::LogReader,
        position::LogPosition,
        recovery::Recovery,
    },
};

pub(super) struct TestLog {
    pub dir: TempDir,
    pub disk: FailingDisk,
    pub log: Log,
    pub recovery: Recovery,
    /// What has been appended and not trimmed.
    pub model: Vec<Arc<Batch>>,
    segment_bytes_max: u64,
}

impl TestLog {
    pub fn new(segment_bytes_max: u64) -> Self {
        let (dir, disk) = (tempfile::tempdir().unwrap(), FailingDisk::default());
        let options = options(segment_bytes_max, &disk);
        let (log, recovery) = Log::open(dir.path(), options).unwrap();
        Self { dir, disk, log, recovery, model: Vec::new(), segment_bytes_max }
    }

    /// Batches that follow the end of the log, one per list of bodies.
    pub fn next_batches(&self, batches: &[Vec<Vec<u8>>]) -> Vec<Arc<Batch>> {
        let (mut position, mut seq) = self.log.reader().end();
        let mut sealed = Vec::new();
        for bodies in batches {
            let batch = Arc::new(batch(seq, position, bodies));
            (position, seq) = (batch.end_position(), batch.end_seq());
            sealed.push(batch);
        }
        sealed
    }

    pub fn try_append(&mut self, batches: &[Vec<Vec<u8>>]) -> Result<(), LogError> {
        let batches = self.next_batches(batches);
        self.log.append(&batches)?;
        self.model.extend(batches);
        Ok(())
    }

    /// One batch per body, in one call.
    pub fn append(&mut self, bodies: &[&str]) {
        let batches: Vec<_> = bodies.iter().map(|body| vec![body.as_bytes().to_vec()]).collect();
        self.try_append(&batches).unwrap();
    }

    pub fn reopen(&mut self) {
        let options = options(self.segment_bytes_max, &self.disk);
        (self.log, self.recovery) = Log::open(self.dir.path(), options).unwrap();
    }

    /// The files of the segments, oldest first.
    pub fn segment_files(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.dir.path()).unwrap();
        let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        files.retain(|path| path.extension().is_some_and(|extension| extension == "log"));
        files.sort();
        files
    }

    #[track_caller]
    pub fn assert_holds(&self, expected: &[Arc<Batch>]) {
        let (batches, damaged) = read_all(&self.log.reader(), 200);
        assert_eq!(batches, expected);
        assert_eq!(damaged, []);
    }
}

/// Everything from the oldest record on.
pub(super) fn read_all(reader: &LogReader, bytes_max: usize) -> (Vec<Arc<Batch>>, Vec<Damage>) {
    let (mut batches, mut damaged) = (Vec::new(), Vec::new());
    let mut next = reader.start().0;
    loop {
        let chunk = reader.read(next, bytes_max).unwrap();
        damaged.extend(chunk.damaged);
        next = chunk.next;
        if chunk.batches.is_empty() {
            return (batches, damaged);
        }
        batches.extend(chunk.batches);
    }
}

pub(super) fn options(segment_bytes_max: u64, disk: &FailingDisk) -> LogOptions {
    LogOptions { segment_bytes_max, batch_bytes_max: 1 << 20, disk: Arc::new(disk.clone()) }
}

/// Ids run ahead of the sequence numbers by 1000.
pub(super) fn batch(seq: u64, position: LogPosition, bodies: &[Vec<u8>]) -> Batch {
    let mut builder = BatchBuilder::new();
    for body in bodies {
        let size = u32::try_from(body.len()).unwrap().to_be_bytes();
        builder.push_framed(&[&size, body.as_slice()].concat(), 1);
    }
    let first_id = MessageId(seq + 1000);
    builder.seal(Stamp { first_seq: seq, first_id, timestamp_ns: 1, due_ns: 0, position })
}
