//! The header of a record: what stands on disk in front of the messages of a batch.

use crate::{protocol::message_id::MessageId, storage::position::LogPosition};

/// Size of the header in front of every record.
pub const RECORD_HEADER_BYTES: usize = 64;

/// Most messages in one batch: ids are given out in blocks of 12 bits.
pub const BATCH_MESSAGES_MAX: u32 = 4096;

/// No record is ever larger, whatever the options of a log say.
pub const BATCH_BYTES_CEILING: usize = 1 << 30;

/// First bytes of a record: the magic `NSQ` and the version of its layout.
pub const RECORD_MAGIC: [u8; 4] = *b"NSQ1";

const AUDIENCE_BYTES_MAX: u16 = 64;
const CRC_AT: usize = 8;
const AFTER_CRC: usize = 12;

/// Why some bytes are not a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// The bytes end before the record does.
    #[error("record is cut short")]
    Truncated,
    /// Something else than a record stands here, or a layout from the future.
    #[error("no record of a known version")]
    BadMagic,
    /// Larger than the limit, or the lengths inside contradict each other.
    #[error("record length is not plausible")]
    BadLength,
    /// No message, more than a batch may hold, or numbers that run over.
    #[error("message count is not plausible")]
    BadCount,
    /// A flag this version does not know, or a reserved field that is not zero.
    #[error("record has unknown flags")]
    UnknownFlags,
    /// The checksum does not match.
    #[error("record checksum does not match")]
    BadChecksum,
    /// A whole record, but of another place.
    #[error("record belongs to position {0}")]
    Misplaced(LogPosition),
    /// The audience is not a name, or the sizes of the messages do not add up.
    #[error("record contents do not add up")]
    BadContents,
}

/// The fields of the header, decoded once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordHeader {
    /// Bytes after the header: audience and messages.
    pub payload_len: u32,
    /// Deliveries before this record was written; 0 for a publish.
    pub attempts: u16,
    /// Bytes of channel name before the messages; 0 for every channel.
    pub audience_len: u16,
    /// Number of messages.
    pub count: u32,
    /// Sequence number of the first message.
    pub first_seq: u64,
    /// Id of the first message.
    pub first_id: MessageId,
    /// When it was published, in ns since the epoch.
    pub timestamp_ns: i64,
    /// Not to be delivered before, in ns since the epoch; 0 for at once.
    pub due_ns: i64,
    /// Where the record stands in the log.
    pub position: LogPosition,
}

impl RecordHeader {
    /// Reads the header at the front of `bytes` and checks what can be checked without the payload.
    pub fn parse(bytes: &[u8], batch_bytes_max: usize) -> Result<Self, RecordError> {
        let fields: &[u8; RECORD_HEADER_BYTES] =
            bytes.first_chunk().ok_or(RecordError::Truncated)?;
        if fields[..4] != RECORD_MAGIC {
            return Err(RecordError::BadMagic);
        }
        if be_u16(fields, 12) != 0 || be_u16(fields, 18) != 0 {
            return Err(RecordError::UnknownFlags);
        }
        let header = Self {
            payload_len: be_u32(fields, 4),
            attempts: be_u16(fields, 14),
            audience_len: be_u16(fields, 16),
            count: be_u32(fields, 20),
            first_seq: be_u64(fields, 24),
            first_id: MessageId(be_u64(fields, 32)),
            timestamp_ns: be_u64(fields, 40).cast_signed(),
            due_ns: be_u64(fields, 48).cast_signed(),
            position: LogPosition(be_u64(fields, 56)),
        };
        header.check(batch_bytes_max.min(BATCH_BYTES_CEILING))?;
        Ok(header)
    }

    /// Reads the record at the front of `bytes` and checks every byte of it.
    pub fn verify(
        bytes: &[u8],
        position: LogPosition,
        batch_bytes_max: usize,
    ) -> Result<Self, RecordError> {
        let header = Self::parse(bytes, batch_bytes_max)?;
        if header.position != position {
            return Err(RecordError::Misplaced(header.position));
        }
        let record = bytes.get(..header.record_len()).ok_or(RecordError::Truncated)?;
        if checksum(record) != be_u32(record, CRC_AT) {
            return Err(RecordError::BadChecksum);
        }
        header.check_contents(&record[RECORD_HEADER_BYTES..])?;
        Ok(header)
    }

    /// Writes header and checksum in front of the payload that `record` already holds.
    pub fn write(&self, record: &mut [u8]) {
        record[..4].copy_from_slice(&RECORD_MAGIC);
        record[4..8].copy_from_slice(&self.payload_len.to_be_bytes());
        record[12..14].fill(0);
        record[14..16].copy_from_slice(&self.attempts.to_be_bytes());
        record[16..18].copy_from_slice(&self.audience_len.to_be_bytes());
        record[18..20].fill(0);
        record[20..24].copy_from_slice(&self.count.to_be_bytes());
        record[24..32].copy_from_slice(&self.first_seq.to_be_bytes());
        record[32..40].copy_from_slice(&self.first_id.0.to_be_bytes());
        record[40..48].copy_from_slice(&self.timestamp_ns.to_be_bytes());
        record[48..56].copy_from_slice(&self.due_ns.to_be_bytes());
        record[56..64].copy_from_slice(&self.position.0.to_be_bytes());
        let crc = checksum(record);
        record[CRC_AT..AFTER_CRC].copy_from_slice(&crc.to_be_bytes());
    }

    /// Bytes of the whole record.
    pub fn record_len(&self) -> usize {
        RECORD_HEADER_BYTES + self.payload_len as usize
    }

    /// The position after the record.
    pub fn end_position(&self) -> LogPosition {
        self.position + self.record_len() as u64
    }

    /// The sequence number after the last message.
    pub fn end_seq(&self) -> u64 {
        self.first_seq + u64::from(self.count)
    }

    /// The id of the last message.
    pub fn last_id(&self) -> MessageId {
        MessageId(self.first_id.0 + u64::from(self.count) - 1)
    }

    fn check(&self, batch_bytes_max: usize) -> Result<(), RecordError> {
        let payload_len = self.payload_len as usize;
        let least =
            usize::from(self.audience_len) + 4 * self.count.min(BATCH_MESSAGES_MAX) as usize;
        if payload_len > batch_bytes_max.saturating_sub(RECORD_HEADER_BYTES) || payload_len < least
        {
            return Err(RecordError::BadLength);
        }
        let count = u64::from(self.count);
        let runs_over = self.first_seq.checked_add(count).is_none()
            || self.first_id.0.checked_add(count).is_none();
        if self.count == 0 || self.count > BATCH_MESSAGES_MAX || runs_over {
            return Err(RecordError::BadCount);
        }
        Ok(())
    }

    fn check_contents(&self, payload: &[u8]) -> Result<(), RecordError> {
        let (audience, mut messages) = payload
            .split_at_checked(usize::from(self.audience_len))
            .ok_or(RecordError::BadContents)?;
        if self.audience_len > AUDIENCE_BYTES_MAX || !audience.is_ascii() {
            return Err(RecordError::BadContents);
        }
        for _ in 0..self.count {
            messages = split_message(messages).ok_or(RecordError::BadContents)?.1;
        }
        if messages.is_empty() { Ok(()) } else { Err(RecordError::BadContents) }
    }
}

/// Splits `[size][body]` off the front.
pub(super) fn split_message(framed: &[u8]) -> Option<(&[u8], &[u8])> {
    let (size, rest) = framed.split_first_chunk::<4>()?;
    rest.split_at_checked(u32::from_be_bytes(*size) as usize)
}

fn checksum(record: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&record[..CRC_AT]), &record[AFTER_CRC..])
}

pub(super) fn be_u16(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes(array(bytes, at))
}

pub(super) fn be_u32(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(array(bytes, at))
}

pub(super) fn be_u64(bytes: &[u8], at: usize) -> u64 {
    u64::from_be_bytes(array(bytes, at))
}

/// The bytes at `at`, which must be there.
fn array<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes[at..at + N].try_into().expect("as many as were asked for")
}
