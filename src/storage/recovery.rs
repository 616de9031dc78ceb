//! Opening a log: finding its segments, judging them, and cutting off a torn tail.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{
    protocol::message_id::MessageId,
    storage::{
        damage::{Damage, DamageKind},
        disk::Disk,
        file_name,
        log::{LogError, LogOptions},
        log_reader::{View, open_scan},
        position::LogPosition,
        scan::{Extent, Scanned, base_from_records},
        segment::{self, SEGMENT_HEADER_BYTES, Segment, SegmentHeader},
    },
};

const WINDOW_BYTES: usize = 1 << 20;

/// What was found when a log was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovery {
    /// Sequence number of the next message.
    pub next_seq: u64,
    /// Oldest sequence number that may still be on disk; `next_seq` if there is none.
    pub first_seq: u64,
    /// Position of the next record.
    pub next_position: LogPosition,
    /// Position of the oldest record on disk.
    pub first_position: LogPosition,
    /// The last id given out, as far as the disk knows.
    pub last_id: Option<MessageId>,
    /// Bytes behind the last good record, which have been cut off.
    pub torn_bytes: u64,
    /// What else could not be read. Sealed segments are only looked into where they do not fit
    /// together.
    pub damaged: Vec<Damage>,
}

/// A log as recovery leaves it.
#[derive(Debug)]
pub(super) struct Recovered {
    pub view: View,
    /// The last segment can take more records.
    pub last_is_open: bool,
    pub last_id: MessageId,
    pub torn_bytes: u64,
    pub damaged: Vec<Damage>,
}

impl Recovered {
    pub fn summary(&self) -> Recovery {
        let (first_position, first_seq) = self.view.start();
        Recovery {
            next_seq: self.view.next_seq,
            first_seq,
            next_position: self.view.end,
            first_position,
            last_id: (self.last_id.0 > 0).then_some(self.last_id),
            torn_bytes: self.torn_bytes,
            damaged: self.damaged.clone(),
        }
    }
}

/// Reads a log's directory. Changes nothing but temporary files and the torn tail.
pub(super) fn recover(dir: &Path, options: &LogOptions) -> Result<Recovered, LogError> {
    let mut recovered = Recovered {
        view: View { segments: Vec::new(), end: LogPosition::START, next_seq: 1 },
        last_is_open: false,
        last_id: MessageId(0),
        torn_bytes: 0,
        damaged: Vec::new(),
    };
    let mut files = Vec::new();
    for first_seq in list_segments(dir, &*options.disk)? {
        files.push(SegmentFile::inspect(dir, first_seq, options)?);
    }
    remove_torn_files(&mut files, &mut recovered, options)?;
    let files = place(files, &mut recovered.damaged);
    report_gaps(&files, &mut recovered.damaged, options)?;
    if let Some(last) = files.last() {
        recover_last(last, &mut recovered, options)?;
    }
    recovered.view.segments = files.into_iter().map(|file| file.segment).collect();
    Ok(recovered)
}

/// The segments by name, in order. Removes temporary files and leaves alone what is not ours.
fn list_segments(dir: &Path, disk: &dyn Disk) -> Result<Vec<u64>, LogError> {
    let names = disk.list(dir).map_err(|source| LogError::io("list", dir, source))?;
    let mut segments = Vec::new();
    for name in names {
        let Some(name) = name.to_str() else { continue };
        if let Some(first_seq) = segment::parse_file_name(name) {
            segments.push(first_seq);
        } else if file_name::is_temporary(name) {
            let path = dir.join(name);
            disk.remove(&path).map_err(|source| LogError::io("remove", &path, source))?;
        }
    }
    segments.sort_unstable();
    Ok(segments)
}

/// A segment's file as it was found.
#[derive(Debug)]
struct SegmentFile {
    path: PathBuf,
    first_seq: u64,
    len: u64,
    /// `None` if damaged.
    header: Option<SegmentHeader>,
    /// From the header or else from a record; `None` if neither is there.
    base: Option<LogPosition>,
}

impl SegmentFile {
    fn inspect(dir: &Path, first_seq: u64, options: &LogOptions) -> Result<Self, LogError> {
        let path = dir.join(segment::file_name(first_seq));
        let failed = |source| LogError::io("read", &path, source);
        let file = options.disk.open(&path).map_err(failed)?;
        let len = file.size().map_err(failed)?;
        let header = segment::read_header(&*file).map_err(failed)?;
        let header = header.filter(|header| header.first_seq == first_seq);
        let base = match header {
            Some(header) => Some(header.base),
            None => base_from_records(file, WINDOW_BYTES).map_err(failed)?,
        };
        Ok(Self { path, first_seq, len, header, base })
    }
}

/// Last segments without header and records never held anything that was acknowledged and synced:
/// they are part of the torn tail.
fn remove_torn_files(
    files: &mut Vec<SegmentFile>,
    recovered: &mut Recovered,
    options: &LogOptions,
) -> Result<(), LogError> {
    while let Some(file) = files.pop_if(|file| file.base.is_none()) {
        options
            .disk
            .remove(&file.path)
            .map_err(|source| LogError::io("remove", &file.path, source))?;
        recovered.torn_bytes += file.len;
        recovered.view.next_seq = recovered.view.next_seq.max(file.first_seq);
    }
    Ok(())
}

/// A segment with its place in the log.
#[derive(Debug)]
struct PlacedSegment {
    segment: Arc<Segment>,
    /// The end of the file, as a position.
    file_end: LogPosition,
    /// The last id before it, if its header is whole.
    last_id: Option<MessageId>,
}

/// Gives every segment its place. One that does not know it, and has no record to tell it, holds
/// nothing: it stands before the next one that does, or at the end.
fn place(files: Vec<SegmentFile>, damaged: &mut Vec<Damage>) -> Vec<PlacedSegment> {
    let (mut placed, mut unreadable) = (Vec::<PlacedSegment>::with_capacity(files.len()), vec![]);
    for file in files {
        let base_min = placed.last().map_or(LogPosition::START, |last| last.segment.base());
        let Some(base) = file.base.filter(|base| *base >= base_min) else {
            unreadable.push(file);
            continue;
        };
        if placed.is_empty()
            && let Some(first) = unreadable.first()
        {
            // Between two segments such a gap is seen by its positions.
            damaged.push(records_lost(first, base, file.first_seq));
        }
        placed.extend(unreadable.drain(..).map(|file| PlacedSegment::unreadable(file, base)));
        if file.header.is_none() {
            damaged.push(header_lost(&file, base));
        }
        placed.push(PlacedSegment::new(file, base));
    }
    let end = placed.last().map_or(LogPosition::START, |last| last.file_end);
    damaged.extend(unreadable.iter().map(|file| header_lost(file, end)));
    placed.extend(unreadable.into_iter().map(|file| {
        let file = SegmentFile { header: None, ..file };
        PlacedSegment::new(file, end)
    }));
    placed
}

fn header_lost(file: &SegmentFile, base: LogPosition) -> Damage {
    Damage {
        kind: DamageKind::SegmentHeader,
        segment: file.first_seq,
        positions: base..base,
        first_seq: None,
        end_seq: None,
    }
}

fn records_lost(file: &SegmentFile, end: LogPosition, end_seq: u64) -> Damage {
    let start = LogPosition(end.0.saturating_sub(file.len));
    Damage {
        kind: DamageKind::Records,
        segment: file.first_seq,
        positions: start..end,
        first_seq: Some(file.first_seq),
        end_seq: Some(end_seq),
    }
}

impl PlacedSegment {
    fn new(file: SegmentFile, base: LogPosition) -> Self {
        let file_end = base + file.len.saturating_sub(SEGMENT_HEADER_BYTES);
        let last_id = file.header.map(|header| header.last_id);
        let segment = Arc::new(Segment::known(file.path, file.first_seq, base));
        segment.set_len(file.len);
        Self { segment, file_end, last_id }
    }

    /// One without a record: no position is in it.
    fn unreadable(file: SegmentFile, base: LogPosition) -> Self {
        Self { file_end: base, last_id: None, ..Self::new(file, base) }
    }
}

/// Where a segment ends before the next one begins, walks over it to say exactly what is missing.
fn report_gaps(
    files: &[PlacedSegment],
    damaged: &mut Vec<Damage>,
    options: &LogOptions,
) -> Result<(), LogError> {
    for (index, pair) in files.windows(2).enumerate() {
        let [sealed, next] = pair else { continue };
        let limit = next.segment.base();
        if sealed.file_end >= limit {
            continue;
        }
        let at_limit = files[index + 1..].iter().take_while(|file| file.segment.base() == limit);
        let extent = Extent {
            segment: Arc::clone(&sealed.segment),
            from: sealed.segment.base(),
            limit,
            seq_limit: at_limit.last().map(|file| file.segment.first_seq()),
        };
        walk(extent, options, |scanned| {
            if let Scanned::Damage(damage) = scanned {
                damaged.push(damage);
            }
        })?;
        sealed.segment.close();
    }
    Ok(())
}

/// Reads the last segment in full and cuts off what follows its last good record.
fn recover_last(
    last: &PlacedSegment,
    recovered: &mut Recovered,
    options: &LogOptions,
) -> Result<(), LogError> {
    let extent = Extent {
        segment: Arc::clone(&last.segment),
        from: last.segment.base(),
        limit: last.file_end,
        seq_limit: None,
    };
    let Recovered { view, last_id, damaged, .. } = recovered;
    view.end = last.file_end;
    view.next_seq = view.next_seq.max(last.segment.first_seq());
    *last_id = last.last_id.unwrap_or(MessageId(0));
    walk(extent, options, |scanned| match scanned {
        Scanned::Record(header) => {
            view.next_seq = view.next_seq.max(header.end_seq());
            *last_id = header.last_id().max(*last_id);
        }
        Scanned::Damage(damage) if damage.end_seq.is_some() => damaged.push(damage),
        Scanned::Damage(torn) => view.end = torn.positions.start,
    })?;
    recovered.torn_bytes += last.file_end.bytes_since(recovered.view.end);
    recovered.last_is_open = last.last_id.is_some();
    cut(last, recovered.view.end, options)
}

fn cut(last: &PlacedSegment, end: LogPosition, options: &LogOptions) -> Result<(), LogError> {
    if end == last.file_end {
        return Ok(());
    }
    let len = last.segment.offset_of(end);
    last.segment
        .file(&*options.disk)
        .and_then(|file| {
            file.set_len(len)?;
            // For good: what is cut off must not come back among what is written there next.
            file.sync_data()
        })
        .map_err(|source| LogError::io("cut", last.segment.path(), source))?;
    last.segment.set_len(len);
    Ok(())
}

fn walk(
    extent: Extent,
    options: &LogOptions,
    mut visit: impl FnMut(Scanned),
) -> Result<(), LogError> {
    let segment = Arc::clone(&extent.segment);
    let mut scan = open_scan(&*options.disk, extent, WINDOW_BYTES)?;
    let failed = |source| LogError::io("read", segment.path(), source);
    while let Some(scanned) = scan.step().map_err(failed)? {
        visit(scanned);
    }
    Ok(())
}
