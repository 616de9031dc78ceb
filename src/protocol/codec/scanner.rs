//! One command, from the parameters of its line to the end of its body.

use std::time::Duration;

use memchr::memchr;

use super::{ClientState, Limits, Session, Stop, Walk};
use crate::protocol::{
    command::{Command, Keyword, MessageRef, Publication, Verb},
    error::ProtocolError,
    names::{ChannelName, TopicName, is_valid_name},
    raw_text::RawText,
};

/// Bytes of a body's or a message's size, and of a number of messages.
const INT32_BYTES: usize = 4;
/// The least that a message takes in an MPUB: its size and one byte.
const FRAMED_MESSAGE_BYTES_MIN: i64 = 5;
const NANOS_PER_MILLI: i64 = 1_000_000;

/// The parts of a line between single spaces; two spaces have an empty part between them.
pub(super) struct Parameters<'a> {
    rest: Option<&'a [u8]>,
}

impl<'a> Parameters<'a> {
    pub(super) fn of(line: &'a [u8]) -> Self {
        Self { rest: Some(line) }
    }
}

impl<'a> Iterator for Parameters<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let rest = self.rest.take()?;
        let Some(space) = memchr(b' ', rest) else {
            return Some(rest);
        };
        self.rest = Some(&rest[space + 1..]);
        Some(&rest[..space])
    }
}

/// Goes through one command, from its parameters to the end of its body.
pub(super) struct Scanner<'a, 'c> {
    limits: &'c Limits,
    session: &'c Session,
    keyword: Keyword,
    parameters: Parameters<'a>,
    buf: &'a [u8],
    /// The next byte to read.
    at: usize,
}

impl<'a, 'c> Scanner<'a, 'c> {
    /// Begins behind the command's line, at `body_at`.
    pub(super) fn new(
        limits: &'c Limits,
        session: &'c Session,
        keyword: Keyword,
        parameters: Parameters<'a>,
        buf: &'a [u8],
        body_at: usize,
    ) -> Self {
        Self { limits, session, keyword, parameters, buf, at: body_at }
    }

    /// The command, and where in the buffer it ends.
    pub(super) fn command(mut self, walk: &mut Walk) -> Result<(Command<'a>, usize), Stop> {
        let command = self.any(walk)?;
        Ok((command, self.at))
    }
}

impl<'a> Scanner<'a, '_> {
    fn any(&mut self, walk: &mut Walk) -> Result<Command<'a>, Stop> {
        match self.keyword {
            Keyword::Fin => Ok(self.finish()?),
            Keyword::Pub => self.publish(),
            Keyword::Mpub => self.publish_many(walk),
            Keyword::Rdy => Ok(self.ready()?),
            Keyword::Req => Ok(self.requeue()?),
            Keyword::Touch => Ok(self.touch()?),
            Keyword::Dpub => self.publish_deferred(),
            Keyword::Nop => Ok(Command::Nop),
            Keyword::Sub => Ok(self.subscribe()?),
            Keyword::Cls => Ok(self.close()?),
            Keyword::Identify => self.identify(),
            Keyword::Auth => self.auth(),
        }
    }

    fn identify(&mut self) -> Result<Command<'a>, Stop> {
        self.require(&[ClientState::Init])?;
        Ok(Command::Identify(self.body()?))
    }

    fn auth(&mut self) -> Result<Command<'a>, Stop> {
        self.require(&[ClientState::Init])?;
        if self.parameters.next().is_some() {
            return Err(ProtocolError::AuthTakesNoParameters.into());
        }
        Ok(Command::Auth(self.body()?))
    }

    fn subscribe(&mut self) -> Result<Command<'a>, ProtocolError> {
        self.require(&[ClientState::Init])?;
        if !self.session.heartbeats {
            return Err(ProtocolError::HeartbeatsDisabled);
        }
        let (topic, channel) = (self.parameter()?, self.parameter()?);
        Ok(Command::Subscribe {
            topic: TopicName::parse(topic)
                .map_err(|_| ProtocolError::bad_topic(self.keyword, topic))?,
            channel: ChannelName::parse(channel)
                .map_err(|_| ProtocolError::bad_channel(channel))?,
        })
    }

    fn close(&mut self) -> Result<Command<'a>, ProtocolError> {
        self.require(&[ClientState::Subscribed])?;
        Ok(Command::Close)
    }

    fn ready(&mut self) -> Result<Command<'a>, ProtocolError> {
        if self.session.state == ClientState::Closing {
            return Ok(Command::Nop);
        }
        self.require(&[ClientState::Subscribed])?;
        let count = match self.parameters.next() {
            None => 1,
            Some(raw) => self.number(raw)?.cast_signed(),
        };
        let max = self.limits.rdy_max;
        if !(0..=max).contains(&count) {
            return Err(ProtocolError::ReadyOutOfRange { count, max });
        }
        Ok(Command::Ready(u32::try_from(count).unwrap_or(u32::MAX)))
    }

    fn finish(&mut self) -> Result<Command<'a>, ProtocolError> {
        self.require(&[ClientState::Subscribed, ClientState::Closing])?;
        let id = self.parameter()?;
        Ok(Command::Finish(message_ref(id)?))
    }

    fn touch(&mut self) -> Result<Command<'a>, ProtocolError> {
        self.require(&[ClientState::Subscribed, ClientState::Closing])?;
        let id = self.parameter()?;
        Ok(Command::Touch(message_ref(id)?))
    }

    fn requeue(&mut self) -> Result<Command<'a>, ProtocolError> {
        self.require(&[ClientState::Subscribed, ClientState::Closing])?;
        let (id, timeout) = (self.parameter()?, self.parameter()?);
        let message = message_ref(id)?;
        let timeout = duration_ms(self.number(timeout)?).unwrap_or(Duration::ZERO);
        Ok(Command::Requeue(message, timeout.min(self.limits.req_timeout_max)))
    }

    fn publish(&mut self) -> Result<Command<'a>, Stop> {
        let topic = self.parameter()?;
        let topic = self.topic(topic)?;
        self.message(Verb::Pub, topic, Duration::ZERO)
    }

    fn publish_deferred(&mut self) -> Result<Command<'a>, Stop> {
        let (topic, timeout) = (self.parameter()?, self.parameter()?);
        let topic = self.topic(topic)?;
        let timeout_ms = self.number(timeout)?;
        let max = self.limits.req_timeout_max;
        let delay = duration_ms(timeout_ms)
            .filter(|delay| *delay <= max)
            .ok_or(ProtocolError::DeferOutOfRange { timeout_ms, max })?;
        self.message(Verb::Dpub, topic, delay)
    }

    /// The body of PUB and DPUB, which is one framed message.
    fn message(
        &mut self,
        verb: Verb,
        topic: &'a str,
        delay: Duration,
    ) -> Result<Command<'a>, Stop> {
        let start = self.at;
        let size = self.int32(|| ProtocolError::MessageSizeMissing(verb))?;
        let length =
            self.message_length(verb, size, || ProtocolError::BadMessageSize { verb, size })?;
        self.read(length, || ProtocolError::MessageMissing(verb))?;
        let framed = &self.buf[start..self.at];
        Ok(Command::Publish(Publication { verb, topic, count: 1, framed, delay }))
    }

    fn publish_many(&mut self, walk: &mut Walk) -> Result<Command<'a>, Stop> {
        let topic = self.parameter()?;
        let topic = self.topic(topic)?;
        let body_length = self.body_length()?;
        let end = self.at + body_length;
        let count = self.message_count(body_length)?;
        let start = self.at;
        self.walk_messages(count, end, walk)?;
        let framed = &self.buf[start..self.at];
        // The body may announce more than its messages take: that much is skipped.
        self.read(end - self.at, || ProtocolError::BodyMissing(Keyword::Mpub))?;
        let (verb, delay) = (Verb::Mpub, Duration::ZERO);
        Ok(Command::Publish(Publication { verb, topic, count, framed, delay }))
    }

    fn message_count(&mut self, body_length: usize) -> Result<u32, Stop> {
        if body_length < INT32_BYTES {
            return Err(ProtocolError::CountMissing.into());
        }
        let count = self.int32(|| ProtocolError::CountMissing)?;
        let bytes_max = i64::try_from(self.limits.body_bytes_max).unwrap_or(i64::MAX);
        let count_max = (bytes_max - 4) / FRAMED_MESSAGE_BYTES_MIN;
        u32::try_from(count)
            .ok()
            .filter(|&valid| valid > 0 && i64::from(valid) <= count_max)
            .ok_or_else(|| ProtocolError::BadCount(count).into())
    }

    /// Goes over the messages of an MPUB, from where an earlier call had to stop.
    fn walk_messages(&mut self, count: u32, end: usize, walk: &mut Walk) -> Result<(), Stop> {
        let visible = end.min(self.buf.len());
        if walk.messages <= count && (self.at..=visible).contains(&walk.at) {
            self.at = walk.at;
        } else {
            *walk = Walk { messages: 0, at: self.at };
        }
        while walk.messages < count {
            self.inner_message(walk.messages, end)?;
            *walk = Walk { messages: walk.messages + 1, at: self.at };
        }
        Ok(())
    }

    fn inner_message(&mut self, index: u32, end: usize) -> Result<(), Stop> {
        if end - self.at < INT32_BYTES {
            return Err(ProtocolError::InnerSizeMissing(index).into());
        }
        let size = self.int32(|| ProtocolError::InnerSizeMissing(index))?;
        let bad = || ProtocolError::BadInnerSize { index, size };
        let length = self.message_length(Verb::Mpub, size, bad)?;
        if length > end - self.at {
            return Err(ProtocolError::MessageMissing(Verb::Mpub).into());
        }
        self.read(length, || ProtocolError::MessageMissing(Verb::Mpub))?;
        Ok(())
    }

    fn message_length(
        &self,
        verb: Verb,
        size: i32,
        bad: impl FnOnce() -> ProtocolError,
    ) -> Result<usize, ProtocolError> {
        let max = self.limits.msg_bytes_max;
        match usize::try_from(size) {
            Ok(length) if length > max => Err(ProtocolError::MessageTooBig { verb, size, max }),
            Ok(length) if length > 0 => Ok(length),
            _ => Err(bad()),
        }
    }

    /// The body of IDENTIFY and AUTH.
    fn body(&mut self) -> Result<&'a [u8], Stop> {
        let keyword = self.keyword;
        let length = self.body_length()?;
        self.read(length, || ProtocolError::BodyMissing(keyword))
    }

    fn body_length(&mut self) -> Result<usize, Stop> {
        let (keyword, max) = (self.keyword, self.limits.body_bytes_max);
        let size = self.int32(|| ProtocolError::BodySizeMissing(keyword))?;
        match usize::try_from(size) {
            Ok(length) if length > max => {
                Err(ProtocolError::BodyTooBig { keyword, size, max }.into())
            }
            Ok(length) if length > 0 => Ok(length),
            _ => Err(ProtocolError::BadBodySize { keyword, size }.into()),
        }
    }

    fn int32(&mut self, missing: impl FnOnce() -> ProtocolError) -> Result<i32, Stop> {
        let Some(bytes) = self.buf[self.at..].first_chunk() else {
            let needed = self.at + INT32_BYTES;
            return Err(Stop::Partial { needed, at_end: Some(missing()) });
        };
        self.at += INT32_BYTES;
        Ok(i32::from_be_bytes(*bytes))
    }

    fn read(
        &mut self,
        length: usize,
        missing: impl FnOnce() -> ProtocolError,
    ) -> Result<&'a [u8], Stop> {
        let needed = self.at + length;
        let Some(bytes) = self.buf.get(self.at..needed) else {
            return Err(Stop::Partial { needed, at_end: Some(missing()) });
        };
        self.at = needed;
        Ok(bytes)
    }

    fn require(&self, states: &[ClientState]) -> Result<(), ProtocolError> {
        if states.contains(&self.session.state) {
            Ok(())
        } else {
            Err(ProtocolError::WrongState(self.keyword))
        }
    }

    fn parameter(&mut self) -> Result<&'a [u8], ProtocolError> {
        let Some(parameter) = self.parameters.next() else {
            return Err(ProtocolError::TooFewParameters { keyword: self.keyword });
        };
        Ok(parameter)
    }

    fn topic(&self, name: &'a [u8]) -> Result<&'a str, ProtocolError> {
        std::str::from_utf8(name)
            .ok()
            .filter(|name| is_valid_name(name.as_bytes()))
            .ok_or_else(|| ProtocolError::bad_topic(self.keyword, name))
    }

    fn number(&self, raw: &[u8]) -> Result<u64, ProtocolError> {
        decimal(raw).ok_or_else(|| ProtocolError::NotANumber {
            keyword: self.keyword,
            raw: RawText::new(raw),
        })
    }
}

fn message_ref(id: &[u8]) -> Result<MessageRef, ProtocolError> {
    let raw = id.try_into().map_err(|_| ProtocolError::BadMessageId)?;
    Ok(MessageRef::new(raw))
}

/// Reads decimal digits; nothing is 0 and too much wraps modulo 2^64, as nsqd does it.
fn decimal(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0u64, |number, digit| {
        let value = digit.is_ascii_digit().then(|| u64::from(digit - b'0'))?;
        Some(number.wrapping_mul(10).wrapping_add(value))
    })
}

/// A time in nsqd's own arithmetic, signed 64-bit nanoseconds that wrap; `None` below zero.
fn duration_ms(timeout_ms: u64) -> Option<Duration> {
    let timeout_ns = timeout_ms.cast_signed().wrapping_mul(NANOS_PER_MILLI);
    u64::try_from(timeout_ns).ok().map(Duration::from_nanos)
}
