//! Reads commands out of a connection's read buffer.

mod scanner;

use std::{mem, time::Duration};

use memchr::memchr;

use self::scanner::{Parameters, Scanner};
use super::{
    command::{Command, Keyword, MessageRef},
    error::ProtocolError,
    raw_text::RawText,
};

/// Longest command line in bytes, its LF included.
pub const LINE_BYTES_MAX: usize = 16_384;

/// What a connection may ask for at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// `--max-msg-size`: bytes of a message's body.
    pub msg_bytes_max: usize,
    /// `--max-body-size`: bytes of the body of IDENTIFY, AUTH and MPUB.
    pub body_bytes_max: usize,
    /// `--max-rdy-count`.
    pub rdy_max: i64,
    /// `--max-req-timeout`: how long a message may be deferred.
    pub req_timeout_max: Duration,
}

/// How far a connection has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ClientState {
    /// Not a consumer (yet).
    #[default]
    Init,
    /// A consumer, by SUB.
    Subscribed,
    /// A consumer that takes no more messages, by CLS.
    Closing,
}

/// What the decoder must know of the connection to make the checks in the order of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Session {
    /// Which commands are allowed.
    pub state: ClientState,
    /// False after IDENTIFY has turned heartbeats off.
    pub heartbeats: bool,
    /// TLS is required and the connection has not upgraded yet.
    pub tls_missing: bool,
}

/// What stands at the start of a read buffer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decoded<'a> {
    /// A whole command.
    Command {
        /// The command.
        command: Command<'a>,
        /// How many bytes it took from the start of the buffer.
        consumed: usize,
    },
    /// The beginning of a command.
    Incomplete {
        /// So many bytes must be in the buffer, in all, before anything more can be said. It is
        /// more than there are, and at most the longest line, two int32 and the longest body.
        needed: usize,
    },
}

/// Decodes one connection's commands, one per call.
///
/// The buffer always starts with a command. After [`Decoded::Incomplete`] the next call must see
/// the same bytes again and more behind them: the decoder remembers how far it has looked into an
/// MPUB, so that a large body which comes in small pieces is looked at only once.
#[derive(Debug)]
pub struct Decoder {
    limits: Limits,
    walk: Walk,
}

impl Decoder {
    /// A decoder for a new connection.
    pub fn new(limits: Limits) -> Self {
        Self { limits, walk: Walk::default() }
    }

    /// Reads the command at the start of `buf`.
    ///
    /// Errors come in the protocol's order and as soon as the bytes are there that show them.
    /// Every one of them is fatal; nothing can be decoded afterwards.
    pub fn decode<'a>(
        &mut self,
        buf: &'a [u8],
        session: &Session,
    ) -> Result<Decoded<'a>, ProtocolError> {
        if let Some(command) = finish_line(buf, session) {
            return Ok(Decoded::Command { command, consumed: FINISH_LINE_BYTES });
        }
        let mut walk = mem::take(&mut self.walk);
        match scan(&self.limits, buf, session, &mut walk) {
            Ok((command, consumed)) => Ok(Decoded::Command { command, consumed }),
            Err(Stop::Partial { needed, .. }) => {
                self.walk = walk;
                Ok(Decoded::Incomplete { needed })
            }
            Err(Stop::Error(error)) => Err(error),
        }
    }

    /// What to answer when the peer stops (end of stream or read deadline) with `buf` pending.
    ///
    /// `None` between commands and inside a line; inside a body the "failed to read …" of the
    /// part that is missing.
    pub fn truncated(&self, buf: &[u8], session: &Session) -> Option<ProtocolError> {
        let mut walk = self.walk;
        match scan(&self.limits, buf, session, &mut walk) {
            Ok(_) => None,
            Err(Stop::Partial { at_end, .. }) => at_end,
            Err(Stop::Error(error)) => Some(error),
        }
    }
}

/// How far a partial MPUB has been checked.
#[derive(Debug, Clone, Copy, Default)]
struct Walk {
    /// Messages that are whole.
    messages: u32,
    /// Where the next one begins in the buffer; 0 when nothing has been checked.
    at: usize,
}

/// Why there is no command.
enum Stop {
    Error(ProtocolError),
    /// There must be `needed` bytes; if the peer stops before, `at_end` is the answer.
    Partial {
        needed: usize,
        at_end: Option<ProtocolError>,
    },
}

impl From<ProtocolError> for Stop {
    fn from(error: ProtocolError) -> Self {
        Self::Error(error)
    }
}

const FINISH_LINE_BYTES: usize = b"FIN 0123456789abcdef\n".len();

/// A `FIN` as clients send it, one for every message; everything else takes the long way.
fn finish_line<'a>(buf: &[u8], session: &Session) -> Option<Command<'a>> {
    let line: &[u8; FINISH_LINE_BYTES] = buf.first_chunk()?;
    let (keyword, rest) = line.split_first_chunk::<4>()?;
    let (raw, end) = rest.split_first_chunk::<16>()?;
    if keyword != b"FIN " || end != b"\n" {
        return None;
    }
    let message = MessageRef::new(*raw);
    let is_plain = message.id.is_some() && !session.tls_missing;
    (is_plain && session.state != ClientState::Init).then_some(Command::Finish(message))
}

fn scan<'a>(
    limits: &Limits,
    buf: &'a [u8],
    session: &Session,
    walk: &mut Walk,
) -> Result<(Command<'a>, usize), Stop> {
    let (line, body_at) = split_line(buf)?;
    let mut parameters = Parameters::of(line);
    let token = parameters.next().unwrap_or_default();
    let keyword = Keyword::parse(token);
    if session.tls_missing && keyword != Some(Keyword::Identify) {
        return Err(ProtocolError::TlsRequired(RawText::new(token)).into());
    }
    let keyword = keyword.ok_or_else(|| ProtocolError::UnknownCommand(RawText::new(token)))?;
    Scanner::new(limits, session, keyword, parameters, buf, body_at).command(walk)
}

/// Takes the first line without its end, and says where the next byte after it is.
fn split_line(buf: &[u8]) -> Result<(&[u8], usize), Stop> {
    let window = &buf[..buf.len().min(LINE_BYTES_MAX)];
    match memchr(b'\n', window) {
        Some(end) => {
            let line = &window[..end];
            Ok((line.strip_suffix(b"\r").unwrap_or(line), end + 1))
        }
        None if window.len() == LINE_BYTES_MAX => Err(ProtocolError::LineTooLong.into()),
        None => Err(Stop::Partial { needed: buf.len() + 1, at_end: None }),
    }
}

#[cfg(test)]
mod tests;
