//! The cursor of a channel: what it has finished, and what it knows of the rest.

use std::{io, ops::Range, path::Path};

use crate::{
    protocol::names::ChannelName,
    storage::{
        disk::{Disk, read_file},
        file_name,
        position::LogPosition,
        record::{be_u16, be_u32, be_u64},
        replace::replace_file,
        reserve::is_disk_full,
    },
};

const SUFFIX: &str = ".cursor";
const MAGIC: [u8; 4] = *b"NSQC";
const VERSION: u16 = 1;
const FLAG_PAUSED: u16 = 1;
const HEADER_LEN: usize = 40;
const RANGE_LEN: usize = 16;
const PENDING_LEN: usize = 26;
const FILE_BYTES_MAX: u64 = 1 << 30;

/// How far a channel has come in its topic's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// Every message below is finished.
    pub floor: u64,
    /// Where the batch with the floor stands, or one before it; only a hint, the log's start if that
    /// is not known.
    pub floor_position: LogPosition,
    /// Finished messages above the floor, sorted and disjoint.
    pub finished: Vec<Range<u64>>,
    /// Unfinished messages that have been delivered or deferred.
    pub pending: Vec<PendingMessage>,
    /// The channel delivers nothing.
    pub paused: bool,
}

/// An unfinished message and what its channel knows of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PendingMessage {
    /// Its sequence number.
    pub seq: u64,
    /// Where its batch stands; only a hint.
    pub position: LogPosition,
    /// Deliveries so far.
    pub attempts: u16,
    /// Not to be delivered before, in ns since the epoch; 0 if it is not deferred.
    pub due_ns: i64,
}

/// Why a cursor cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum CursorError {
    /// The file system refused.
    #[error("cannot {action} the cursor of channel {channel}: {source}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// Whose cursor.
        channel: String,
        /// What the operating system said.
        source: io::Error,
    },
    /// The file is not a cursor. To go on from the log's beginning costs duplicates, never
    /// messages.
    #[error("the cursor of channel {channel} is damaged")]
    Damaged {
        /// Whose cursor.
        channel: String,
    },
}

impl CursorError {
    /// There was no room for the file.
    pub fn is_disk_full(&self) -> bool {
        matches!(self, Self::Io { source, .. } if is_disk_full(source))
    }
}

impl Default for Cursor {
    /// At the beginning of a fresh log.
    fn default() -> Self {
        Self {
            floor: 1,
            floor_position: LogPosition::START,
            finished: Vec::new(),
            pending: Vec::new(),
            paused: false,
        }
    }
}

impl Cursor {
    /// Replaces the channel's cursor file in `dir`; on the disk for good if `durable`.
    pub fn save(
        &self,
        disk: &dyn Disk,
        dir: &Path,
        channel: &ChannelName,
        durable: bool,
    ) -> Result<(), CursorError> {
        replace_file(disk, &dir.join(cursor_file(channel)), &self.encode(), durable)
            .map_err(|source| failed("write", channel, source))
    }

    /// Length of the file.
    pub fn file_bytes(&self) -> usize {
        encoded_len(self.finished.len(), self.pending.len())
    }

    /// Reads the channel's cursor file in `dir`; `None` if there is none.
    pub fn load(
        disk: &dyn Disk,
        dir: &Path,
        channel: &ChannelName,
    ) -> Result<Option<Self>, CursorError> {
        let bytes = match read_file(disk, &dir.join(cursor_file(channel)), FILE_BYTES_MAX) {
            Err(error) if error.kind() == io::ErrorKind::FileTooLarge => Some(Vec::new()),
            result => result.map_err(|source| failed("read", channel, source))?,
        };
        let Some(bytes) = bytes else { return Ok(None) };
        match Self::decode(&bytes) {
            Some(cursor) => Ok(Some(cursor)),
            None => Err(CursorError::Damaged { channel: channel.to_string() }),
        }
    }

    /// Removes the channel's cursor file in `dir`, for good if `durable`; fine if there is none.
    pub fn remove(
        disk: &dyn Disk,
        dir: &Path,
        channel: &ChannelName,
        durable: bool,
    ) -> Result<(), CursorError> {
        match disk.remove(&dir.join(cursor_file(channel))) {
            Err(source) if source.kind() == io::ErrorKind::NotFound => {}
            result => result.map_err(|source| failed("remove", channel, source))?,
        }
        if durable {
            disk.sync_dir(dir).map_err(|source| failed("remove for good", channel, source))?;
        }
        Ok(())
    }

    /// The channels that have a cursor file in `dir`, sorted.
    pub fn channels(disk: &dyn Disk, dir: &Path) -> io::Result<Vec<ChannelName>> {
        let names = disk.list(dir)?;
        let mut channels: Vec<_> =
            names.iter().filter_map(|name| channel_of(name.to_str()?)).collect();
        channels.sort_unstable();
        Ok(channels)
    }

    /// The first sequence number that it does not know of.
    pub fn known_end(&self) -> u64 {
        let finished = self.finished.last().map_or(0, |range| range.end);
        let pending = self.pending.iter().map(|pending| pending.seq.saturating_add(1)).max();
        self.floor.max(finished).max(pending.unwrap_or(0))
    }

    /// The message at or before `seq` that is nearest to it among those whose places are known, and
    /// its place.
    pub fn place_before(&self, seq: u64) -> Option<(u64, LogPosition)> {
        let pending = self.pending.iter().map(|pending| (pending.seq, pending.position));
        let known = pending.chain([(self.floor, self.floor_position)]);
        known.filter(|(at, position)| *at <= seq && *position != LogPosition::START).max()
    }

    /// The bytes on disk.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.file_bytes());
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&VERSION.to_be_bytes());
        bytes.extend_from_slice(&(u16::from(self.paused) * FLAG_PAUSED).to_be_bytes());
        bytes.extend_from_slice(&[0; 4]);
        bytes.extend_from_slice(&count_of(&self.finished).to_be_bytes());
        bytes.extend_from_slice(&count_of(&self.pending).to_be_bytes());
        bytes.extend_from_slice(&[0; 4]);
        bytes.extend_from_slice(&self.floor.to_be_bytes());
        bytes.extend_from_slice(&self.floor_position.0.to_be_bytes());
        for range in &self.finished {
            bytes.extend_from_slice(&range.start.to_be_bytes());
            bytes.extend_from_slice(&range.end.to_be_bytes());
        }
        for message in &self.pending {
            bytes.extend_from_slice(&message.seq.to_be_bytes());
            bytes.extend_from_slice(&message.position.0.to_be_bytes());
            bytes.extend_from_slice(&message.attempts.to_be_bytes());
            bytes.extend_from_slice(&message.due_ns.to_be_bytes());
        }
        let crc = checksum(&bytes);
        bytes[8..12].copy_from_slice(&crc.to_be_bytes());
        bytes
    }

    /// Reads the bytes on disk; `None` unless every one of them is right.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let header: &[u8; HEADER_LEN] = bytes.first_chunk()?;
        let (flags, finished, pending) =
            (be_u16(header, 6), be_u32(header, 12) as usize, be_u32(header, 16) as usize);
        let known = header[..4] == MAGIC && be_u16(header, 4) == VERSION && flags <= FLAG_PAUSED;
        let whole = bytes.len() == encoded_len(finished, pending);
        if !known || !whole || be_u32(header, 8) != checksum(bytes) {
            return None;
        }
        let (finished, pending) = bytes[HEADER_LEN..].split_at(finished * RANGE_LEN);
        let cursor = Self {
            floor: be_u64(header, 24),
            floor_position: LogPosition(be_u64(header, 32)),
            finished: finished.chunks_exact(RANGE_LEN).map(decode_range).collect(),
            pending: pending.chunks_exact(PENDING_LEN).map(decode_pending).collect(),
            paused: flags == FLAG_PAUSED,
        };
        cursor.is_consistent().then_some(cursor)
    }

    fn is_consistent(&self) -> bool {
        let mut end = self.floor;
        let ranges_fit = self.finished.iter().all(|range| {
            let fits = end <= range.start && range.start < range.end;
            end = range.end;
            fits
        });
        ranges_fit && self.pending.iter().all(|message| message.seq >= self.floor)
    }
}

fn failed(action: &'static str, channel: &ChannelName, source: io::Error) -> CursorError {
    CursorError::Io { action, channel: channel.to_string(), source }
}

fn cursor_file(channel: &ChannelName) -> String {
    file_name::encode(channel.as_str()) + SUFFIX
}

fn channel_of(name: &str) -> Option<ChannelName> {
    ChannelName::parse(file_name::decode(name.strip_suffix(SUFFIX)?)?).ok()
}

fn count_of<T>(items: &[T]) -> u32 {
    u32::try_from(items.len()).unwrap_or(u32::MAX)
}

fn encoded_len(finished: usize, pending: usize) -> usize {
    HEADER_LEN + finished * RANGE_LEN + pending * PENDING_LEN
}

fn checksum(bytes: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&bytes[..8]), &bytes[12..])
}

fn decode_range(bytes: &[u8]) -> Range<u64> {
    be_u64(bytes, 0)..be_u64(bytes, 8)
}

fn decode_pending(bytes: &[u8]) -> PendingMessage {
    PendingMessage {
        seq: be_u64(bytes, 0),
        position: LogPosition(be_u64(bytes, 8)),
        attempts: be_u16(bytes, 16),
        due_ns: be_u64(bytes, 18).cast_signed(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::{
        disk::RealDisk,
        failing_disk::{FailingDisk, Faults},
    };
    use proptest::prelude::*;

    fn cursor() -> Cursor {
        Cursor {
            floor: 5,
            floor_position: LogPosition(640),
            finished: vec![6..8, 9..20],
            pending: vec![PendingMessage {
                seq: 8,
                position: LogPosition(700),
                attempts: 2,
                due_ns: -1,
            }],
            paused: true,
        }
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_noticed() {
        let bytes = cursor().encode();
        assert_eq!(Cursor::decode(&bytes), Some(cursor()));
        for bit in 0..8 * bytes.len() {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Cursor::decode(&flipped), None, "bit {bit}");
        }
        for length in 0..bytes.len() {
            assert_eq!(Cursor::decode(&bytes[..length]), None, "cut at {length}");
        }
    }

    #[test]
    fn ranges_that_contradict_each_other_are_refused_though_the_checksum_is_right() {
        for finished in [vec![4..6, 7..8], vec![9..20, 6..8], vec![6..8, 7..9], vec![7..7, 8..9]] {
            let wrong = Cursor { finished, ..cursor() };
            assert_eq!(Cursor::decode(&wrong.encode()), None);
        }
        let touching = Cursor { finished: vec![5..6, 6..8], ..cursor() };
        assert_eq!(Cursor::decode(&touching.encode()), Some(touching));
        assert_eq!(Cursor::decode(&Cursor { floor: 9, ..cursor() }.encode()), None);
    }

    #[test]
    fn files_are_saved_listed_loaded_and_removed() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path();
        let names = ["..", "a", "topic.meta", "x.cursor"];
        let channels = names.map(|name| ChannelName::parse(name).unwrap());
        for channel in &channels {
            assert_eq!(Cursor::load(&RealDisk, dir, channel).unwrap(), None);
            cursor().save(&RealDisk, dir, channel, true).unwrap();
            Cursor::default().save(&RealDisk, dir, channel, false).unwrap();
        }
        std::fs::write(dir.join(".a.cursor.tmp"), "half").unwrap();
        std::fs::write(dir.join("no name.cursor"), "strange").unwrap();
        assert_eq!(Cursor::channels(&RealDisk, dir).unwrap(), channels);
        for channel in &channels {
            assert_eq!(Cursor::load(&RealDisk, dir, channel).unwrap(), Some(Cursor::default()));
            Cursor::remove(&RealDisk, dir, channel, false).unwrap();
            Cursor::remove(&RealDisk, dir, channel, true).unwrap();
        }
        assert_eq!(Cursor::channels(&RealDisk, dir).unwrap(), []);
    }

    #[test]
    fn a_damaged_file_is_told_from_a_missing_one() {
        let dir = tempfile::tempdir().unwrap();
        let channel = ChannelName::parse("c").unwrap();
        for garbage in [b"".as_slice(), b"NSQC", &[0; 40]] {
            std::fs::write(dir.path().join("c.cursor"), garbage).unwrap();
            let error = Cursor::load(&RealDisk, dir.path(), &channel).unwrap_err();
            assert_eq!(error.to_string(), "the cursor of channel c is damaged");
        }
    }

    #[test]
    fn a_failed_save_leaves_the_old_cursor_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let channel = ChannelName::parse("c").unwrap();
        let disk = FailingDisk::default();
        cursor().save(&disk, dir.path(), &channel, true).unwrap();
        for faults in [
            Faults { space: Some(10), ..Faults::default() },
            Faults { rename: true, ..Faults::default() },
            Faults { sync: true, ..Faults::default() },
        ] {
            disk.set(faults);
            assert!(Cursor::default().save(&disk, dir.path(), &channel, true).is_err());
            disk.set(Faults::default());
            let loaded = Cursor::load(&disk, dir.path(), &channel).unwrap();
            assert_eq!(loaded, Some(cursor()));
            assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
        }
    }

    prop_compose! {
        fn any_cursor()(
            floor in 1..1000u64,
            floor_position in any::<u64>(),
            steps in prop::collection::vec((0..5u64, 1..5u64), 0..20),
            pending in prop::collection::vec((0..100u64, any::<(u64, u16, i64)>()), 0..20),
            paused in any::<bool>(),
        ) -> Cursor {
            let mut end = floor;
            let finished = steps.into_iter().map(|(gap, len)| {
                let start = end + gap;
                end = start + len;
                start..end
            }).collect();
            let pending = pending.into_iter().map(|(above, (position, attempts, due_ns))| {
                let position = LogPosition(position);
                PendingMessage { seq: floor + above, position, attempts, due_ns }
            }).collect();
            let floor_position = LogPosition(floor_position);
            Cursor { floor, floor_position, finished, pending, paused }
        }
    }

    proptest! {
        #[test]
        fn any_cursor_goes_there_and_back(cursor in any_cursor()) {
            prop_assert_eq!(Cursor::decode(&cursor.encode()), Some(cursor));
        }

        #[test]
        fn garbage_is_a_value(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert_eq!(Cursor::decode(&bytes), None);
            prop_assert_eq!(Cursor::decode(&[b"NSQC\0\x01\0\0", bytes.as_slice()].concat()), None);
        }
    }
}
