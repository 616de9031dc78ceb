//! Reading a log while it is being appended to.

use std::{
    collections::VecDeque,
    io,
    sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, Weak},
};

use crate::storage::{
    batch::Batch,
    damage::Damage,
    disk::Disk,
    log::LogError,
    position::LogPosition,
    scan::{Extent, Scanned, SegmentScan},
    segment::Segment,
};

const WINDOW_BYTES_MIN: usize = 4 << 10;
const WINDOW_BYTES_MAX: usize = 16 << 20;
const WALK_WINDOW_BYTES: usize = 256 << 10;
/// Segments that a log's readers keep open. Messages that wait in thousands of segments must not cost
/// as many descriptors.
const OPEN_SEGMENTS_MAX: usize = 8;

/// What one call of [`LogReader::read`] brought.
#[derive(Debug)]
pub struct ReadChunk {
    /// In order; empty only at the end of the log.
    pub batches: Vec<Arc<Batch>>,
    /// Where to read on.
    pub next: LogPosition,
    /// What was skipped on the way. Any sequence number that a reader expected below the first one
    /// of a batch it got is gone.
    pub damaged: Vec<Damage>,
}

impl ReadChunk {
    fn take(&mut self, scan: &SegmentScan, scanned: Scanned) {
        match scanned {
            Scanned::Damage(damage) => {
                self.next = damage.positions.end;
                self.damaged.push(damage);
            }
            Scanned::Record(header) => {
                let batch = Batch::from_verified(header, scan.record(&header));
                self.next = batch.end_position();
                self.batches.push(Arc::new(batch));
            }
        }
    }
}

/// Reads a log from any thread, up to what has been appended in full. Cheap to clone.
#[derive(Debug, Clone)]
pub struct LogReader {
    shared: Arc<Shared>,
}

impl LogReader {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Reads on from a record's position: about `bytes_max` bytes, at least one batch if there is
    /// one. A position that has been trimmed away means the oldest record.
    pub fn read(&self, from: LogPosition, bytes_max: usize) -> Result<ReadChunk, LogError> {
        let mut chunk = ReadChunk { batches: Vec::new(), next: from, damaged: Vec::new() };
        while chunk.batches.is_empty() {
            let Some(extent) = self.shared.view().extent_at(chunk.next)? else { break };
            self.read_extent(extent, bytes_max, &mut chunk)?;
        }
        Ok(chunk)
    }

    /// Reads the one batch that stands at a position.
    pub fn read_batch(&self, at: LogPosition) -> Result<Arc<Batch>, LogError> {
        let extent = self.shared.view().extent_at(at)?.filter(|extent| extent.from == at);
        let extent = extent.ok_or(LogError::NoRecord { position: at })?;
        let segment = Arc::clone(&extent.segment);
        let mut scan = self.shared.scan(extent, WINDOW_BYTES_MIN)?;
        let header = scan
            .verify_at(at)
            .map_err(|source| LogError::io("read", segment.path(), source))?
            .map_err(|source| LogError::Unreadable { position: at, source })?;
        Ok(Arc::new(Batch::from_verified(header, scan.record(&header))))
    }

    /// Reads on from the batch that holds `seq`, or the first one after it. A `hint` of a batch at or
    /// before it saves the walk over the segment; a wrong one does no harm. Damage is told where it
    /// has cost `seq`, or what comes after it.
    pub fn read_from(
        &self,
        seq: u64,
        hint: Option<LogPosition>,
        bytes_max: usize,
    ) -> Result<ReadChunk, LogError> {
        if let Some(hint) = hint.filter(|hint| *hint < self.end().0) {
            let mut chunk = self.read(hint, bytes_max)?;
            let begins = chunk.batches.first().filter(|_| chunk.damaged.is_empty());
            if begins.is_some_and(|first| first.first_seq() <= seq) {
                chunk.batches.retain(|batch| batch.end_seq() > seq);
            } else {
                chunk.batches.clear();
            }
            if !chunk.batches.is_empty() {
                return Ok(chunk);
            }
        }
        let (position, lost) = self.locate(seq, hint)?;
        let mut chunk = self.read(position, bytes_max)?;
        chunk.damaged.splice(..0, lost);
        Ok(chunk)
    }

    /// The position of the batch that holds `seq`, or of the first one after it; the end of the log
    /// if there is neither. `hint` as in [`LogReader::read_from`].
    pub fn find(&self, seq: u64, hint: Option<LogPosition>) -> Result<LogPosition, LogError> {
        Ok(self.locate(seq, hint)?.0)
    }

    /// The same, with the damage that `seq` may have been in.
    fn locate(
        &self,
        seq: u64,
        hint: Option<LogPosition>,
    ) -> Result<(LogPosition, Vec<Damage>), LogError> {
        let (start, end) = {
            let view = self.shared.view();
            match view.walk_start(seq) {
                Some(start) => (start, view.end),
                None => return Ok((view.end, Vec::new())),
            }
        };
        if let Some(hint) = hint.filter(|hint| (start..end).contains(hint))
            && let Ok(batch) = self.read_batch(hint)
            && batch.first_seq() <= seq
        {
            let holds_it = seq < batch.end_seq();
            let found_at_once = Ok((hint, Vec::new()));
            return if holds_it { found_at_once } else { self.walk(seq, batch.end_position()) };
        }
        self.walk(seq, start)
    }

    /// The end of what has been appended: position and sequence number of the next batch.
    pub fn end(&self) -> (LogPosition, u64) {
        let view = self.shared.view();
        (view.end, view.next_seq)
    }

    /// Position and first sequence number of the oldest segment; the end of a log without one.
    pub fn start(&self) -> (LogPosition, u64) {
        self.shared.view().start()
    }

    fn read_extent(
        &self,
        extent: Extent,
        bytes_max: usize,
        chunk: &mut ReadChunk,
    ) -> Result<(), LogError> {
        let segment = Arc::clone(&extent.segment);
        let start = extent.from;
        let sealed = self.shared.view().is_sealed(&segment);
        let window_bytes = bytes_max.clamp(WINDOW_BYTES_MIN, WINDOW_BYTES_MAX);
        let mut scan = self.shared.scan(extent, window_bytes)?;
        let failed = |source| LogError::io("read", segment.path(), source);
        while let Some(scanned) = scan.step().map_err(failed)? {
            chunk.take(&scan, scanned);
            let bytes = chunk.next.bytes_since(start);
            let fits = |len: usize| bytes + len as u64 <= bytes_max as u64;
            if !chunk.batches.is_empty() && !scan.buffered_len().is_some_and(fits) {
                break;
            }
        }
        if sealed && scan.is_at_limit() {
            segment.close();
        }
        Ok(())
    }

    /// Walks on from `at` to the first record that ends above `seq`. Tells what is damaged on the way,
    /// but for what ends at or below `seq`.
    fn walk(&self, seq: u64, mut at: LogPosition) -> Result<(LogPosition, Vec<Damage>), LogError> {
        let mut lost = Vec::new();
        loop {
            let Some(extent) = self.shared.view().extent_at(at)? else { return Ok((at, lost)) };
            at = extent.limit;
            let segment = Arc::clone(&extent.segment);
            let mut scan = self.shared.scan(extent, WALK_WINDOW_BYTES)?;
            let failed = |source| LogError::io("read", segment.path(), source);
            while let Some(scanned) = scan.step().map_err(failed)? {
                match scanned {
                    Scanned::Record(header) if header.end_seq() > seq => {
                        return Ok((header.position, lost));
                    }
                    Scanned::Damage(damage) if damage.end_seq.is_none_or(|end| end > seq) => {
                        lost.push(damage);
                    }
                    Scanned::Record(_) | Scanned::Damage(_) => {}
                }
            }
        }
    }
}

/// What a log and its readers have in common.
#[derive(Debug)]
pub(super) struct Shared {
    pub disk: Arc<dyn Disk>,
    view: RwLock<View>,
    /// Segments that were read, the latest last; others are closed. One that has been removed is not
    /// kept by this.
    open: Mutex<VecDeque<Weak<Segment>>>,
}

impl Shared {
    pub fn new(disk: Arc<dyn Disk>, view: View) -> Self {
        Self { disk, view: RwLock::new(view), open: Mutex::default() }
    }

    pub fn view(&self) -> RwLockReadGuard<'_, View> {
        self.view.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn view_mut(&self) -> RwLockWriteGuard<'_, View> {
        self.view.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn scan(&self, extent: Extent, window_bytes: usize) -> Result<SegmentScan, LogError> {
        self.note_open(&extent.segment);
        open_scan(&*self.disk, extent, window_bytes)
    }

    fn note_open(&self, segment: &Arc<Segment>) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|known| !std::ptr::eq(known.as_ptr(), Arc::as_ptr(segment)));
        open.push_back(Arc::downgrade(segment));
        if open.len() > OPEN_SEGMENTS_MAX
            && let Some(oldest) = open.pop_front().and_then(|oldest| oldest.upgrade())
        {
            oldest.close();
        }
    }
}

/// Starts a walk; a missing file is damage, not an error.
pub(super) fn open_scan(
    disk: &dyn Disk,
    extent: Extent,
    window_bytes: usize,
) -> Result<SegmentScan, LogError> {
    let segment = Arc::clone(&extent.segment);
    let file = match segment.file(disk) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        result => result.map(Some),
    };
    file.and_then(|file| SegmentScan::new(file, extent, window_bytes))
        .map_err(|source| LogError::io("open", segment.path(), source))
}

/// The log as far as it has been appended in full.
#[derive(Debug)]
pub(super) struct View {
    /// Sorted by first sequence number and by base.
    pub segments: Vec<Arc<Segment>>,
    pub end: LogPosition,
    pub next_seq: u64,
}

impl View {
    pub fn start(&self) -> (LogPosition, u64) {
        let oldest = self.segments.first();
        oldest.map_or((self.end, self.next_seq), |segment| (segment.base(), segment.first_seq()))
    }

    pub fn is_sealed(&self, segment: &Arc<Segment>) -> bool {
        self.segments.last().is_some_and(|last| !Arc::ptr_eq(last, segment))
    }

    /// What can be read from a position on without changing files; `None` at the end.
    fn extent_at(&self, position: LogPosition) -> Result<Option<Extent>, LogError> {
        if position > self.end {
            return Err(LogError::BeyondEnd { position, end: self.end });
        }
        let index = self.segments.partition_point(|segment| segment.base() <= position);
        let index = index.saturating_sub(1);
        let Some(segment) = self.segments.get(index) else { return Ok(None) };
        let limit = self.segments.get(index + 1).map(|next| next.base());
        let extent = Extent {
            from: position.max(segment.base()),
            limit: limit.unwrap_or(self.end),
            seq_limit: Some(limit.map_or(self.next_seq, |limit| self.first_seq_at(limit))),
            segment: Arc::clone(segment),
        };
        Ok((extent.from < extent.limit).then_some(extent))
    }

    /// Of the segment that begins there; those without a record stand at the same place before it.
    fn first_seq_at(&self, base: LogPosition) -> u64 {
        let index = self.segments.partition_point(|segment| segment.base() <= base);
        index.checked_sub(1).map_or(self.next_seq, |index| self.segments[index].first_seq())
    }

    /// Where the segment begins that would hold `seq`; `None` if the log ends before it.
    fn walk_start(&self, seq: u64) -> Option<LogPosition> {
        if seq >= self.next_seq {
            return None;
        }
        let index = self.segments.partition_point(|segment| segment.first_seq() <= seq);
        self.segments.get(index.saturating_sub(1)).map(|segment| segment.base())
    }
}
