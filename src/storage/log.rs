//! The log of a topic: records in segments, appended at the end, removed from the front.

use std::{
    io::{self, IoSlice},
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{
    protocol::message_id::MessageId,
    storage::{
        batch::Batch,
        disk::{Disk, RealDisk, write_all_at},
        file_name,
        log_reader::{LogReader, Shared},
        position::LogPosition,
        record::{BATCH_BYTES_CEILING, BATCH_MESSAGES_MAX, RecordError},
        recovery::{Recovery, recover},
        retained::Retained,
        segment::{self, SEGMENT_HEADER_BYTES, Segment, SegmentHeader},
        trimming::Finished,
        unsynced::{Tail, Unsynced, can_be_repeated},
    },
};

/// Segments that may wait for a sync: each holds a descriptor until then.
pub(super) const UNSYNCED_SEGMENTS_MAX: usize = 64;
/// More than a file system keeps in what it has of a file anyway.
const PROBE_BYTES: usize = 8 << 10;

/// How a log is kept.
#[derive(Debug, Clone)]
pub struct LogOptions {
    /// A segment is sealed before it would grow beyond this; a larger batch gets one of its own.
    pub segment_bytes_max: u64,
    /// No larger batch is appended, header included. What is on disk is read whatever its size, up
    /// to [`BATCH_BYTES_CEILING`]: lowering a limit must not lose messages.
    pub batch_bytes_max: usize,
    /// Where the files are.
    pub disk: Arc<dyn Disk>,
}

impl Default for LogOptions {
    fn default() -> Self {
        Self {
            segment_bytes_max: 64 << 20,
            batch_bytes_max: BATCH_BYTES_CEILING,
            disk: Arc::new(RealDisk),
        }
    }
}

/// Why the log did not do as asked.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The file system refused.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file or directory.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// What is on the disk is no longer known for sure, so nothing more is promised.
    #[error("log is out of service since an earlier failure: {reason}")]
    Poisoned {
        /// The failure.
        reason: String,
    },
    /// A batch was sealed for another place than the end of the log.
    #[error("batch at {position} from message {seq} does not follow {next_position}, {next_seq}")]
    OutOfOrder {
        /// Position of the batch.
        position: LogPosition,
        /// First sequence number of the batch.
        seq: u64,
        /// Where the log ends.
        next_position: LogPosition,
        /// The lowest sequence number it would take.
        next_seq: u64,
    },
    /// The batch could not be read back.
    #[error("batch is not valid: {0}")]
    InvalidBatch(RecordError),
    /// A position from the future.
    #[error("position {position} is beyond the end of the log at {end}")]
    BeyondEnd {
        /// What was asked for.
        position: LogPosition,
        /// Where the log ends.
        end: LogPosition,
    },
    /// Trimmed away, or the very end.
    #[error("no record at position {position}")]
    NoRecord {
        /// What was asked for.
        position: LogPosition,
    },
    /// The bytes there are not a valid record.
    #[error("cannot read the record at position {position}: {source}")]
    Unreadable {
        /// What was asked for.
        position: LogPosition,
        /// What is wrong with the bytes.
        source: RecordError,
    },
}

impl LogError {
    pub(super) fn io(action: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Io { action, path: path.to_owned(), source }
    }
}

/// The log of one topic. One owner appends; [`LogReader`]s read beside it.
#[derive(Debug)]
pub struct Log {
    dir: PathBuf,
    options: LogOptions,
    shared: Arc<Shared>,
    /// Takes the next records; `None` before the first one and after a damaged header.
    active: Option<Tail>,
    /// Written since the last sync.
    unsynced: Unsynced,
    /// What of that the journal could take.
    retained: Retained,
    last_id: MessageId,
    poisoned: Option<String>,
    /// Bytes of the segments that can be read.
    bytes: u64,
    /// Segments that are no longer part of the log and could not be removed yet.
    finished: Vec<Arc<Segment>>,
}

impl Log {
    /// Opens the log in `dir`, which must exist; without segments it is a fresh one.
    pub fn open(dir: &Path, options: LogOptions) -> Result<(Self, Recovery), LogError> {
        let recovered = recover(dir, &options)?;
        let recovery = recovered.summary();
        let active = match recovered.view.segments.last() {
            Some(last) if recovered.last_is_open => Some(Tail::open(last, &options)?),
            _ => None,
        };
        let log = Self {
            dir: dir.to_owned(),
            bytes: recovered.view.segments.iter().map(|segment| segment.len()).sum(),
            finished: Vec::new(),
            retained: Retained::default(),
            unsynced: inherited(dir, &options, &recovered.view.segments, active.as_ref()),
            shared: Arc::new(Shared::new(Arc::clone(&options.disk), recovered.view)),
            options,
            active,
            last_id: recovered.last_id,
            poisoned: None,
        };
        Ok((log, recovery))
    }

    /// Writes the batches of a turn at the end, in one system call unless a segment is full. After
    /// an error nothing of the call counts and the log goes on as before, unless it says that it is
    /// poisoned.
    pub fn append(&mut self, batches: &[Arc<Batch>]) -> Result<(), LogError> {
        self.check_usable()?;
        self.check_order(batches)?;
        let mut turn = Vec::new();
        match self.write(batches, &mut turn) {
            Ok(()) => {
                self.commit(turn, batches);
                Ok(())
            }
            Err(error) => Err(self.undo(&turn, error)),
        }
    }

    /// Makes everything appended so far durable. A failure poisons the log: the operating system
    /// may have dropped what it could not write, and would report success the next time.
    pub fn sync(&mut self) -> Result<(), LogError> {
        let mut unsynced = self.begin_sync()?;
        let result = unsynced.sync();
        self.end_sync(unsynced, result)
    }

    /// Makes the contents of the oldest segments durable while more of them wait for a sync than may
    /// hold a descriptor for that. To be called before an append. A failure poisons the log; one that
    /// is poisoned is left alone.
    pub fn sync_surplus(&mut self) -> Result<(), LogError> {
        if self.poisoned.is_some() {
            return Ok(());
        }
        let synced = self.unsynced.sync_contents(UNSYNCED_SEGMENTS_MAX);
        synced.inspect_err(|error| self.poison(error.to_string()))
    }

    /// Hands out what must be synced, so that the log can be appended to meanwhile. One sync at a
    /// time: what the next one finds does not include what this one has not finished.
    pub fn begin_sync(&mut self) -> Result<Unsynced, LogError> {
        self.check_usable()?;
        self.retained.begin_sync(self.reader().end().0);
        Ok(self.unsynced.take())
    }

    /// Takes what [`Unsynced::sync`] has said; a failure poisons the log, unless nothing was tried
    /// for want of a descriptor.
    pub fn end_sync(
        &mut self,
        unsynced: Unsynced,
        result: Result<(), LogError>,
    ) -> Result<(), LogError> {
        self.retained.end_sync(result.is_ok());
        match &result {
            Ok(()) => {}
            Err(error) if can_be_repeated(error) => self.unsynced.put_back(unsynced),
            Err(error) => self.poison(error.to_string()),
        }
        result
    }

    /// Keeps batches that were just appended for the journal.
    pub fn retain(&mut self, batches: &[Arc<Batch>]) {
        self.retained.add(batches);
    }

    /// Hands out everything that is not durable yet, to be made so by the journal; no sync may be under way. `None` if the
    /// log has to be synced by itself: not all of that was retained, or a segment is new. If the journal does not take it,
    /// [`Log::give_up_journal`] must be called.
    pub fn take_for_journal(&mut self) -> Option<Vec<Arc<Batch>>> {
        let active = self.active.as_ref()?;
        let is_usable = self.poisoned.is_none() && self.unsynced.is_within(&active.segment);
        if is_usable { self.retained.take(self.reader().end().0) } else { None }
    }

    /// The journal has not taken what was handed out: only a sync makes it durable.
    pub fn give_up_journal(&mut self) {
        self.retained = Retained::default();
    }

    /// Up to where the log's own files are durable, as far as its syncs have told.
    pub fn synced_to(&self) -> Option<LogPosition> {
        self.retained.synced_to()
    }

    /// Takes nothing more, for this reason: what is on the disk is not known for sure.
    pub fn poison(&mut self, reason: String) {
        self.poisoned.get_or_insert(reason);
    }

    /// True if something was written since the last sync, or may have been by an earlier process.
    pub fn is_dirty(&self) -> bool {
        !self.unsynced.is_empty()
    }

    /// Why nothing can be appended any more, if so.
    pub fn poisoned(&self) -> Option<&str> {
        self.poisoned.as_deref()
    }

    /// A reader of this log, for any thread.
    pub fn reader(&self) -> LogReader {
        LogReader::new(Arc::clone(&self.shared))
    }

    /// Never gives out a sequence number below `seq` from now on. To be called before the first
    /// append when a cursor knows of later messages than the log, which can be after a loss of
    /// power: their numbers must not come back with other messages.
    pub fn resume_at(&mut self, seq: u64) {
        let mut view = self.shared.view_mut();
        view.next_seq = view.next_seq.max(seq);
    }

    /// Finds out whether a file can be written beside the log, and leaves nothing behind.
    pub fn check_writable(&self) -> Result<(), LogError> {
        self.check_usable()?;
        let (disk, path) = (&*self.options.disk, self.dir.join(file_name::temporary("probe")));
        let written = disk
            .create(&path)
            .and_then(|file| write_all_at(&*file, &mut [IoSlice::new(&[0; PROBE_BYTES])], 0));
        let _ = disk.remove(&path); // at the next start, if not now
        written.map_err(|source| LogError::io("write", &path, source))
    }

    /// Removes whole segments with nothing at or above `floor_seq`, and tells how many. The last one
    /// stays.
    pub fn trim(&mut self, floor_seq: u64) -> Result<u64, LogError> {
        let mut finished = self.begin_trim(floor_seq);
        let removed = finished.remove();
        self.end_trim(finished);
        removed
    }

    /// Takes them out of the log, so that it can be appended to while [`Finished::remove`] removes
    /// the files, which can be slow. One at a time, and not while the log is opened anew.
    pub fn begin_trim(&mut self, floor_seq: u64) -> Finished {
        let mut view = self.shared.view_mut();
        let sealed = view.segments.windows(2);
        let count = sealed.take_while(|pair| pair[1].first_seq() <= floor_seq).count();
        for segment in view.segments.drain(..count) {
            self.unsynced.forget(&segment);
            self.bytes -= segment.len();
            self.finished.push(segment);
        }
        Finished::new(Arc::clone(&self.options.disk), std::mem::take(&mut self.finished))
    }

    /// Takes back what could not be removed: the next call tries it again.
    pub fn end_trim(&mut self, finished: Finished) {
        self.finished = finished.left();
    }

    /// Bytes of all segments that can be read.
    pub fn bytes_on_disk(&self) -> u64 {
        self.bytes
    }

    /// Every segment's first sequence number and size, oldest first.
    pub fn segments(&self) -> Vec<(u64, u64)> {
        let view = self.shared.view();
        view.segments.iter().map(|segment| (segment.first_seq(), segment.len())).collect()
    }

    /// Number of segments.
    pub fn segment_count(&self) -> usize {
        self.shared.view().segments.len()
    }

    fn check_usable(&self) -> Result<(), LogError> {
        match &self.poisoned {
            Some(reason) => Err(LogError::Poisoned { reason: reason.clone() }),
            None => Ok(()),
        }
    }

    fn check_order(&self, batches: &[Arc<Batch>]) -> Result<(), LogError> {
        let (mut next_position, mut next_seq) = self.reader().end();
        for batch in batches {
            if batch.count() == 0 || batch.count() > BATCH_MESSAGES_MAX {
                return Err(LogError::InvalidBatch(RecordError::BadCount));
            }
            if batch.encoded_len() > self.options.batch_bytes_max.min(BATCH_BYTES_CEILING) {
                return Err(LogError::InvalidBatch(RecordError::BadLength));
            }
            let (position, seq) = (batch.position(), batch.first_seq());
            if position != next_position || seq < next_seq {
                return Err(LogError::OutOfOrder { position, seq, next_position, next_seq });
            }
            (next_position, next_seq) = (batch.end_position(), batch.end_seq());
        }
        Ok(())
    }

    /// Writes to the open segment and then to new ones; every file it has touched is in `turn`.
    fn write(&self, mut batches: &[Arc<Batch>], turn: &mut Vec<Written>) -> Result<(), LogError> {
        let mut last_id = self.last_id;
        while let Some(first) = batches.first() {
            let mut part = match &self.active {
                Some(tail) if turn.is_empty() && self.has_room(&tail.segment, first) => {
                    Written::to_open(tail.clone())
                }
                _ => Written::to_new(self.create_segment(first, last_id)?),
            };
            let (now, later) = batches.split_at(self.fitting(part.len, batches));
            let result = part.write(now);
            turn.push(part);
            result?;
            last_id = last_id_of(now).max(last_id);
            batches = later;
        }
        Ok(())
    }

    fn has_room(&self, segment: &Segment, batch: &Batch) -> bool {
        let len = segment.len() + batch.encoded_len() as u64;
        segment.is_empty() || len <= self.options.segment_bytes_max
    }

    /// How many batches a segment of length `len` takes, at least one.
    fn fitting(&self, mut len: u64, batches: &[Arc<Batch>]) -> usize {
        let fits = |batch: &&Arc<Batch>| {
            len += batch.encoded_len() as u64;
            len <= self.options.segment_bytes_max
        };
        batches.iter().take_while(fits).count().max(1)
    }

    fn create_segment(&self, first: &Batch, last_id: MessageId) -> Result<Tail, LogError> {
        let header =
            SegmentHeader { first_seq: first.first_seq(), base: first.position(), last_id };
        let segment = Segment::create(&self.dir, &*self.options.disk, header)
            .map_err(|source| LogError::io("create a segment in", &self.dir, source))?;
        Tail::open(&Arc::new(segment), &self.options).inspect_err(|_| {
            // An empty segment is harmless, should it stay.
            let _ = self.options.disk.remove(&self.dir.join(segment::file_name(header.first_seq)));
        })
    }

    /// Makes a turn that is written in full visible to readers.
    fn commit(&mut self, turn: Vec<Written>, batches: &[Arc<Batch>]) {
        let Some(last) = batches.last() else { return };
        let mut view = self.shared.view_mut();
        for part in turn {
            self.bytes += part.len - if part.is_new { 0 } else { part.tail.segment.len() };
            part.tail.segment.set_len(part.len);
            if part.is_new {
                if let Some(sealed) = view.segments.last() {
                    sealed.close();
                }
                view.segments.push(Arc::clone(&part.tail.segment));
                self.unsynced.add_dir(self.dir.clone());
            }
            self.unsynced.add_tail(&part.tail);
            self.active = Some(part.tail);
        }
        self.last_id = last_id_of(batches).max(self.last_id);
        view.end = last.end_position();
        view.next_seq = last.end_seq();
    }

    /// Takes back what a failed turn has written. The log cannot go on if that fails as well: half
    /// a record would stand before the next one.
    fn undo(&mut self, turn: &[Written], error: LogError) -> LogError {
        for part in turn {
            if let Err(source) = part.undo(&*self.options.disk) {
                let failed =
                    LogError::io("take back a failed write to", part.tail.segment.path(), source);
                self.poison(format!("{failed}, after: {error}"));
            }
        }
        error
    }
}

/// What an earlier process wrote, and the new directory, may not be durable yet.
fn inherited(
    dir: &Path,
    options: &LogOptions,
    segments: &[Arc<Segment>],
    active: Option<&Tail>,
) -> Unsynced {
    let mut unsynced = Unsynced::new(Arc::clone(&options.disk));
    let is_active = |segment: &&Arc<Segment>| {
        active.is_some_and(|active| Arc::ptr_eq(&active.segment, segment))
    };
    let sealed = segments.iter().filter(|segment| !is_active(segment));
    sealed.for_each(|segment| unsynced.add_inherited(segment));
    active.into_iter().for_each(|active| unsynced.add_tail(active));
    let dirs = [Some(dir), dir.parent()].into_iter().flatten();
    dirs.for_each(|dir| unsynced.add_dir(dir.to_owned()));
    unsynced
}

fn last_id_of(batches: &[Arc<Batch>]) -> MessageId {
    batches.iter().map(|batch| batch.header().last_id()).max().unwrap_or(MessageId(0))
}

/// What a turn has done to one segment.
#[derive(Debug)]
struct Written {
    tail: Tail,
    is_new: bool,
    /// The length that the file has once the turn counts.
    len: u64,
}

impl Written {
    fn to_open(tail: Tail) -> Self {
        Self { len: tail.segment.len(), is_new: false, tail }
    }

    fn to_new(tail: Tail) -> Self {
        Self { len: SEGMENT_HEADER_BYTES, is_new: true, tail }
    }

    fn write(&mut self, batches: &[Arc<Batch>]) -> Result<(), LogError> {
        let mut records: Vec<_> =
            batches.iter().map(|batch| IoSlice::new(batch.encoded())).collect();
        write_all_at(&*self.tail.file, &mut records, self.len)
            .map_err(|source| LogError::io("write", self.tail.segment.path(), source))?;
        self.len += batches.iter().map(|batch| batch.encoded_len() as u64).sum::<u64>();
        Ok(())
    }

    fn undo(&self, disk: &dyn Disk) -> io::Result<()> {
        if self.is_new {
            disk.remove(self.tail.segment.path())
        } else {
            self.tail.file.set_len(self.tail.segment.len())
        }
    }
}
