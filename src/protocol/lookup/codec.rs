//! Reads requests out of a connection's read buffer.

use memchr::memchr;

use super::{
    MAGIC_V1,
    command::{Change, LookupCommand, Registration},
    error::LookupError,
    identify::PeerInfo,
};
use crate::protocol::{
    names::{ChannelName, TopicName},
    raw_text::RawText,
};

/// Longest line of a request in bytes, its LF included: twenty times what a legal one can have.
pub const LINE_BYTES_MAX: usize = 4096;

/// Largest body of IDENTIFY in bytes: hundreds of times what an nsqd sends.
pub const BODY_BYTES_MAX: usize = 65_536;

/// What stands at the start of a read buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decoded<T> {
    /// All of it.
    Whole {
        /// What it is.
        value: T,
        /// How many bytes it took from the start of the buffer.
        consumed: usize,
    },
    /// The beginning of it.
    Incomplete {
        /// So many bytes must be in the buffer, in all, before anything more can be said; more than there are.
        needed: usize,
    },
}

/// Looks at the first bytes of a connection: true once the magic is there, and takes four bytes.
pub fn decode_magic(buf: &[u8]) -> Result<bool, LookupError> {
    match buf.first_chunk() {
        None => Ok(false),
        Some(&MAGIC_V1) => Ok(true),
        Some(_) => Err(LookupError::BadMagic),
    }
}

/// Reads the request at the start of `buf`; `identified` after the first IDENTIFY.
///
/// Errors come in the protocol's order and as soon as the bytes are there that show them. Nothing can be
/// decoded after an error.
pub fn decode(buf: &[u8], identified: bool) -> Result<Decoded<LookupCommand>, LookupError> {
    match scan(buf, identified) {
        Ok((value, consumed)) => Ok(Decoded::Whole { value, consumed }),
        Err(Stop::Partial { needed, .. }) => Ok(Decoded::Incomplete { needed }),
        Err(Stop::Error(error)) => Err(error),
    }
}

/// What to answer when the peer stops with `buf` pending; `None` between requests and inside a line.
pub fn truncated(buf: &[u8], identified: bool) -> Option<LookupError> {
    match scan(buf, identified) {
        Ok(_) => None,
        Err(Stop::Partial { at_end, .. }) => at_end,
        Err(Stop::Error(error)) => Some(error),
    }
}

/// Why there is no request.
enum Stop {
    Error(LookupError),
    /// There must be `needed` bytes; if the peer stops before, `at_end` is the answer.
    Partial {
        needed: usize,
        at_end: Option<LookupError>,
    },
}

impl From<LookupError> for Stop {
    fn from(error: LookupError) -> Self {
        Self::Error(error)
    }
}

fn scan(buf: &[u8], identified: bool) -> Result<(LookupCommand, usize), Stop> {
    let (line, body_at) = split_line(buf)?;
    let mut words = line.split(|&byte| byte == b' ');
    let command = match words.next().unwrap_or_default() {
        b"PING" => LookupCommand::Ping,
        b"REGISTER" => LookupCommand::Register(registration(Change::Register, words, identified)?),
        b"UNREGISTER" => {
            LookupCommand::Unregister(registration(Change::Unregister, words, identified)?)
        }
        b"IDENTIFY" if identified => return Err(LookupError::IdentifiedAlready.into()),
        b"IDENTIFY" => return identify(buf, body_at),
        unknown => return Err(LookupError::UnknownCommand(RawText::new(unknown)).into()),
    };
    Ok((command, body_at))
}

/// Takes the first line without white space around it, and says where the next byte after it is.
fn split_line(buf: &[u8]) -> Result<(&[u8], usize), Stop> {
    let window = &buf[..buf.len().min(LINE_BYTES_MAX)];
    match memchr(b'\n', window) {
        Some(end) => Ok((trim(&window[..end]), end + 1)),
        None if window.len() == LINE_BYTES_MAX => {
            Err(LookupError::LineTooLong(LINE_BYTES_MAX).into())
        }
        None => Err(Stop::Partial { needed: buf.len() + 1, at_end: None }),
    }
}

/// As Go's `TrimSpace`: what Unicode calls white space, as far as the line is text.
fn trim(line: &[u8]) -> &[u8] {
    std::str::from_utf8(line).map_or(line.trim_ascii(), |text| text.trim().as_bytes())
}

/// An empty channel is none: two spaces in a row.
fn registration<'a>(
    change: Change,
    mut words: impl Iterator<Item = &'a [u8]>,
    identified: bool,
) -> Result<Registration, LookupError> {
    if !identified {
        return Err(LookupError::NotIdentified);
    }
    let topic = words.next().ok_or(LookupError::TopicMissing(change))?;
    let channel = words.next().filter(|channel| !channel.is_empty());
    let topic = TopicName::parse(topic)
        .map_err(|_| LookupError::BadTopic { change, name: RawText::new(topic) })?;
    let channel = channel.map(|name| {
        ChannelName::parse(name)
            .map_err(|_| LookupError::BadChannel { change, name: RawText::new(name) })
    });
    Ok(Registration { topic, channel: channel.transpose()? })
}

/// The body of IDENTIFY, whose size stands at `at`.
fn identify(buf: &[u8], at: usize) -> Result<(LookupCommand, usize), Stop> {
    let missing = |needed, error| Stop::Partial { needed, at_end: Some(error) };
    let body_at = at + size_of::<i32>();
    let size =
        buf[at..].first_chunk().ok_or_else(|| missing(body_at, LookupError::BodySizeMissing))?;
    let end = body_at + body_length(i32::from_be_bytes(*size))?;
    let body = buf.get(body_at..end).ok_or_else(|| missing(end, LookupError::BodyMissing))?;
    Ok((LookupCommand::Identify(PeerInfo::parse(body)?), end))
}

fn body_length(size: i32) -> Result<usize, LookupError> {
    let length = usize::try_from(size).map_err(|_| LookupError::BadBodySize(size))?;
    if length > BODY_BYTES_MAX {
        return Err(LookupError::BodyTooBig { size, max: BODY_BYTES_MAX });
    }
    Ok(length)
}

#[cfg(test)]
mod tests;
