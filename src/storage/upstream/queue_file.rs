//! One file of a queue: the messages in it, as far as they can be read.

use std::{fmt, io, sync::Arc};

use crate::{
    protocol::MessageId,
    storage::{
        BATCH_BYTES_CEILING, RECORD_HEADER_BYTES,
        disk::DiskFile,
        record::{be_u16, be_u32, be_u64},
        scan::Window,
    },
};

/// Length, timestamp, attempts and id.
const HEADER_LEN: usize = 30;
/// Timestamp, attempts and id, which the length covers.
const LENGTH_MIN: u32 = 26;
/// With what our own record has around it, the largest that it takes.
const LENGTH_MAX: usize = BATCH_BYTES_CEILING - 2 * RECORD_HEADER_BYTES;
const WINDOW_BYTES: usize = 1 << 20;
/// Ids are signed numbers; none of the files can hold one from beyond.
const ID_END: u64 = 1 << 63;

/// A message as upstream has stored it.
#[derive(Debug)]
pub(super) struct OldMessage<'a> {
    /// When it was published, in ns since the epoch.
    pub timestamp_ns: i64,
    /// Deliveries so far.
    pub attempts: u16,
    /// `None` if its bytes are damaged.
    pub id: Option<MessageId>,
    /// What the publisher sent.
    pub body: &'a [u8],
}

/// The rest of a file that had to be given up.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Lost {
    pub offset: u64,
    pub bytes: u64,
    pub cause: Cause,
}

/// Why a message cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    CutShort,
    BadLength(i32),
    BadId,
}

impl fmt::Display for Cause {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CutShort => formatter.write_str("the last message is cut short"),
            Self::BadLength(length) => {
                write!(formatter, "invalid message read size ({length})")
            }
            Self::BadId => formatter.write_str("no message begins there"),
        }
    }
}

/// Reads one file, a window at a time.
pub(super) struct QueueFile {
    window: Window,
    size: u64,
    offset: u64,
}

impl QueueFile {
    /// Reads from `offset` on. If no message begins there, though one does before and after, it is
    /// the offset of another file: then from the beginning, and the second value is false.
    pub fn open(file: Arc<dyn DiskFile>, offset: u64) -> io::Result<(Self, bool)> {
        let size = file.size()?;
        let mut file = Self { window: Window::new(Some(file), size, WINDOW_BYTES)?, size, offset };
        let fits = file.begins_at(offset)?;
        if !fits {
            file.offset = 0;
        }
        Ok((file, fits))
    }

    /// Its length in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The next message; `None` at the end of the file. After a failure nothing more can be read.
    pub fn next(&mut self) -> io::Result<Option<Result<OldMessage<'_>, Lost>>> {
        let (offset, left) = (self.offset, self.size.saturating_sub(self.offset));
        if left == 0 {
            return Ok(None);
        }
        let (len, has_id) = match self.measure(offset)? {
            Ok(measured) => measured,
            Err(cause) => {
                self.offset = self.size;
                return Ok(Some(Err(Lost { offset, bytes: left, cause })));
            }
        };
        self.offset += len as u64;
        let bytes = self.window.load(offset, len)?;
        if bytes.len() < len {
            self.offset = self.size;
            return Ok(Some(Err(Lost { offset, bytes: left, cause: Cause::CutShort })));
        }
        Ok(Some(Ok(OldMessage {
            timestamp_ns: be_u64(bytes, 4).cast_signed(),
            attempts: be_u16(bytes, 12),
            id: if has_id { id_in(bytes) } else { None },
            body: &bytes[HEADER_LEN..len],
        })))
    }

    /// Length of the message at `offset`, its length field included, and whether its id is whole.
    fn measure(&mut self, offset: u64) -> io::Result<Result<(usize, bool), Cause>> {
        let header = self.window.load(offset, HEADER_LEN)?;
        if header.len() < HEADER_LEN {
            return Ok(Err(Cause::CutShort));
        }
        let (length, has_id) = (be_u32(header, 0), id_in(header).is_some());
        let len = 4 + length as usize;
        if length < LENGTH_MIN || length as usize > LENGTH_MAX {
            return Ok(Err(Cause::BadLength(length.cast_signed())));
        }
        let end = offset + len as u64;
        if end > self.size {
            return Ok(Err(if has_id {
                Cause::CutShort
            } else {
                Cause::BadLength(length.cast_signed())
            }));
        }
        // One damaged id is no reason to give up what follows, if something does.
        let is_whole = has_id || end == self.size || self.looks_like_a_message(end)?;
        Ok(if is_whole { Ok((len, has_id)) } else { Err(Cause::BadId) })
    }

    fn looks_like_a_message(&mut self, offset: u64) -> io::Result<bool> {
        let header = self.window.load(offset, HEADER_LEN)?;
        Ok(header.len() == HEADER_LEN
            && be_u32(header, 0) >= LENGTH_MIN
            && be_u32(header, 0) as usize <= LENGTH_MAX
            && id_in(header).is_some())
    }

    /// False only if messages can be read across `offset`.
    fn begins_at(&mut self, offset: u64) -> io::Result<bool> {
        if offset >= self.size || self.looks_like_a_message(offset)? {
            return Ok(true);
        }
        let mut at = 0;
        while at < offset {
            match self.measure(at)? {
                Ok((len, _)) => at += len as u64,
                Err(_) => return Ok(true),
            }
        }
        Ok(at == offset)
    }
}

/// The id in the header of a message.
fn id_in(header: &[u8]) -> Option<MessageId> {
    let id = MessageId::from_hex(header[14..].first_chunk()?)?;
    (id.0 < ID_END).then_some(id)
}
