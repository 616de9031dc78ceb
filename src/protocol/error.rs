//! What may go wrong between a client and nsqd, in the words of the wire.

use std::time::Duration;

use super::{
    command::{Keyword, MessageRef, Verb},
    names::{ChannelName, TopicName},
    quote::quote,
    raw_text::{RawText, put_text},
};

/// An error that ends a command and, unless it says otherwise, the connection.
///
/// Its Display is the data of the error frame. Where the peer's own bytes are repeated and are not
/// UTF-8, Display shows them lossily; [`ProtocolError::put_text`] writes them as they came.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProtocolError {
    /// The first four bytes are not the magic of this protocol.
    #[error("E_BAD_PROTOCOL")]
    BadMagic,
    /// No line end within the longest line: the connection is closed without a frame.
    #[error("command line is too long")]
    LineTooLong,

    /// The first token of a line is not a command.
    #[error("E_INVALID invalid command {0}")]
    UnknownCommand(RawText),
    /// Commands other than IDENTIFY must wait for TLS.
    #[error("E_INVALID cannot {0} in current state (TLS required)")]
    TlsRequired(RawText),
    /// The command does not belong into the state that the client is in.
    #[error("E_INVALID cannot {0} in current state")]
    WrongState(Keyword),
    /// A consumer must answer heartbeats.
    #[error("E_INVALID cannot SUB with heartbeats disabled")]
    HeartbeatsDisabled,
    /// Parameters are missing.
    #[error("E_INVALID {keyword} insufficient number of {}", parameters_word(*.keyword))]
    TooFewParameters {
        /// The command.
        keyword: Keyword,
    },
    /// AUTH takes no parameter, not even an empty one.
    #[error("E_INVALID AUTH invalid number of parameters")]
    AuthTakesNoParameters,
    /// The parameter is not a decimal number.
    #[error("E_INVALID {keyword} could not parse {} {raw}", number_word(*.keyword))]
    NotANumber {
        /// RDY, REQ or DPUB.
        keyword: Keyword,
        /// The parameter.
        raw: RawText,
    },
    /// RDY is negative (as a signed number) or above `--max-rdy-count`.
    #[error("E_INVALID RDY count {count} out of range 0-{max}")]
    ReadyOutOfRange {
        /// What the client asked for.
        count: i64,
        /// The greatest count allowed.
        max: i64,
    },
    /// A message may not be deferred for so long.
    #[error("E_INVALID DPUB timeout {timeout_ms} out of range 0-{}", .max.as_millis())]
    DeferOutOfRange {
        /// What the client asked for, in milliseconds.
        timeout_ms: u64,
        /// The longest time allowed.
        max: Duration,
    },
    /// A message id is not 16 bytes long.
    #[error("E_INVALID invalid message ID")]
    BadMessageId,

    /// The topic's name is not legal. MPUB says its code twice, as nsqd does.
    #[error("{}E_BAD_TOPIC {keyword} topic name {quoted} is not valid", doubled_code(*.keyword))]
    BadTopic {
        /// The command.
        keyword: Keyword,
        /// The name, quoted.
        quoted: String,
    },
    /// The channel's name is not legal.
    #[error("E_BAD_CHANNEL SUB channel name {quoted} is not valid")]
    BadChannel {
        /// The name, quoted.
        quoted: String,
    },

    /// The peer stopped before the body's size was complete.
    #[error("E_BAD_BODY {0} failed to read body size")]
    BodySizeMissing(Keyword),
    /// The body's size is zero or negative.
    #[error("E_BAD_BODY {keyword} invalid body size {size}")]
    BadBodySize {
        /// IDENTIFY, AUTH or MPUB.
        keyword: Keyword,
        /// The size announced, in bytes.
        size: i32,
    },
    /// The body is larger than `--max-body-size`.
    #[error("E_BAD_BODY {keyword} body too big {size} > {max}")]
    BodyTooBig {
        /// IDENTIFY, AUTH or MPUB.
        keyword: Keyword,
        /// The size announced, in bytes.
        size: i32,
        /// The largest size allowed, in bytes.
        max: usize,
    },
    /// The peer stopped inside the body.
    #[error("E_BAD_BODY {0} failed to read body")]
    BodyMissing(Keyword),
    /// The body has no room for the number of messages, or the peer stopped inside that number.
    #[error("E_BAD_BODY MPUB failed to read message count")]
    CountMissing,
    /// The number of messages is not positive or more than the largest body can hold.
    #[error("E_BAD_BODY MPUB invalid message count {0}")]
    BadCount(i32),

    /// The peer stopped before the size of the message was complete.
    #[error("E_BAD_MESSAGE {0} failed to read message body size")]
    MessageSizeMissing(Verb),
    /// The same for message number `0` (from 0) of an MPUB, or the body has no room for that size.
    #[error("E_BAD_MESSAGE MPUB failed to read message({0}) body size")]
    InnerSizeMissing(u32),
    /// The size of the message is zero or negative.
    #[error("E_BAD_MESSAGE {verb} invalid message body size {size}")]
    BadMessageSize {
        /// PUB or DPUB.
        verb: Verb,
        /// The size announced, in bytes.
        size: i32,
    },
    /// The same for a message of an MPUB.
    #[error("E_BAD_MESSAGE MPUB invalid message({index}) body size {size}")]
    BadInnerSize {
        /// The message's place, from 0.
        index: u32,
        /// The size announced, in bytes.
        size: i32,
    },
    /// The message is larger than `--max-msg-size`.
    #[error("E_BAD_MESSAGE {verb} message too big {size} > {max}")]
    MessageTooBig {
        /// The command.
        verb: Verb,
        /// The size announced, in bytes.
        size: i32,
        /// The largest size allowed, in bytes.
        max: usize,
    },
    /// The peer stopped inside a message, or a message of an MPUB reaches beyond the body.
    #[error("E_BAD_MESSAGE {0} failed to read message body")]
    MessageMissing(Verb),

    /// The body of IDENTIFY is not what it must be.
    #[error("E_BAD_BODY IDENTIFY failed to decode JSON body")]
    IdentifyJson,
    /// A setting asked for in IDENTIFY is out of its range.
    #[error("E_BAD_BODY IDENTIFY {setting} ({value}) is invalid")]
    BadSetting {
        /// Which one.
        setting: Setting,
        /// What the client asked for.
        value: i64,
    },
    /// Two compressions at a time.
    #[error("E_IDENTIFY_FAILED cannot enable both deflate and snappy compression")]
    BothCompressions,
    /// An answer could not be written, or the upgrade to TLS failed.
    #[error("E_IDENTIFY_FAILED IDENTIFY failed {0}")]
    IdentifyFailed(String),

    /// The client has authorizations already.
    #[error("E_INVALID AUTH already set")]
    AuthAlreadySet,
    /// This nsqd asks no auth server.
    #[error("E_AUTH_DISABLED AUTH disabled")]
    AuthDisabled,
    /// No auth server gave a valid answer.
    #[error("E_AUTH_FAILED AUTH failed")]
    AuthFailed,
    /// The auth server knows the client but allows nothing.
    #[error("E_UNAUTHORIZED AUTH no authorizations found")]
    NoAuthorizations,
    /// The command needs a successful AUTH before it.
    #[error("E_AUTH_FIRST AUTH required before {0}")]
    AuthFirst(Keyword),
    /// The client may not use this topic or channel.
    #[error("E_UNAUTHORIZED AUTH failed for {keyword} on \"{topic}\" \"{channel}\"")]
    Unauthorized {
        /// SUB or a publishing command.
        keyword: Keyword,
        /// The topic's name (legal, so quotes are all it needs).
        topic: String,
        /// The channel's name, empty when publishing.
        channel: String,
    },

    /// The messages were not accepted.
    #[error("E_{verb}_FAILED {verb} failed {reason}")]
    PublishFailed {
        /// The command.
        verb: Verb,
        /// Why.
        reason: PublishFailure,
    },
    /// There is no subscription.
    #[error("E_SUB_FAILED SUB failed {0}")]
    SubscribeFailed(SubscribeFailure),
    /// The message was not finished, requeued or touched; the connection lives on.
    #[error("E_{keyword}_FAILED {keyword} {id} failed {reason}")]
    SettleFailed {
        /// FIN, REQ or TOUCH.
        keyword: Keyword,
        /// The id as the client sent it.
        id: RawText,
        /// Why.
        reason: SettleFailure,
    },
}

impl ProtocolError {
    /// True when the connection is closed after the error.
    pub fn is_fatal(&self) -> bool {
        !matches!(self, Self::SettleFailed { .. })
    }

    /// True when the connection is closed without an error frame.
    pub fn is_silent(&self) -> bool {
        matches!(self, Self::LineTooLong)
    }

    /// A topic's name as it came, quoted for the error.
    pub fn bad_topic(keyword: Keyword, name: &[u8]) -> Self {
        Self::BadTopic { keyword, quoted: quote(name) }
    }

    /// A channel's name as it came, quoted for the error.
    pub fn bad_channel(name: &[u8]) -> Self {
        Self::BadChannel { quoted: quote(name) }
    }

    /// PUB, MPUB or DPUB was not accepted.
    pub fn publish_failed(verb: Verb, reason: PublishFailure) -> Self {
        Self::PublishFailed { verb, reason }
    }

    /// FIN, REQ or TOUCH (say which) did not apply to message `id`.
    pub fn settle_failed(keyword: Keyword, id: &MessageRef, reason: SettleFailure) -> Self {
        Self::SettleFailed { keyword, id: RawText::new(&id.raw), reason }
    }

    /// Appends the text of the error frame to `out`, the peer's own bytes exactly as they came.
    pub fn put_text(&self, out: &mut Vec<u8>) {
        put_text(&self.to_string(), self.raw_text(), out);
    }

    fn raw_text(&self) -> Option<&RawText> {
        match self {
            Self::UnknownCommand(raw)
            | Self::TlsRequired(raw)
            | Self::NotANumber { raw, .. }
            | Self::SettleFailed { id: raw, .. } => Some(raw),
            _ => None,
        }
    }
}

fn parameters_word(keyword: Keyword) -> &'static str {
    match keyword {
        Keyword::Fin | Keyword::Req | Keyword::Touch => "params",
        _ => "parameters",
    }
}

fn number_word(keyword: Keyword) -> &'static str {
    if keyword == Keyword::Rdy { "count" } else { "timeout" }
}

fn doubled_code(keyword: Keyword) -> &'static str {
    if keyword == Keyword::Mpub { "E_BAD_TOPIC " } else { "" }
}

/// The settings of IDENTIFY that have a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Setting {
    /// Milliseconds between two heartbeats.
    #[error("heartbeat interval")]
    HeartbeatInterval,
    /// Milliseconds for which messages may wait in the output buffer.
    #[error("output buffer timeout")]
    OutputBufferTimeout,
    /// Bytes of the output buffer.
    #[error("output buffer size")]
    OutputBufferSize,
    /// Percent of the messages that are delivered.
    #[error("sample rate")]
    SampleRate,
    /// Milliseconds that a client has for a message.
    #[error("msg timeout")]
    MsgTimeout,
}

/// Why messages were not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PublishFailure {
    /// The topic is being closed or deleted.
    #[error("exiting")]
    Exiting,
    /// The log could not be written; the text says why.
    #[error("{0}")]
    Storage(String),
}

/// Why there is no subscription.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SubscribeFailure {
    /// The channel is being closed or deleted.
    #[error("exiting")]
    Exiting,
    /// The channel has as many consumers as `--max-channel-consumers` allows.
    #[error("consumers for {topic}:{channel} exceeds limit of {limit}")]
    TooManyConsumers {
        /// The channel's topic.
        topic: TopicName,
        /// The channel that is full.
        channel: ChannelName,
        /// The number of consumers allowed.
        limit: u64,
    },
    /// An ephemeral topic or channel was being deleted, also at a second try.
    #[error("to deleted topic/channel")]
    Deleted,
    /// The topic or the channel is new and could not be stored; the text says why.
    #[error("{0}")]
    Storage(String),
}

/// Why a message was not finished, requeued or touched.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettleFailure {
    /// Nobody holds a message with this id.
    #[error("ID not in flight")]
    NotInFlight,
    /// Another client holds it.
    #[error("client does not own message")]
    NotOwner,
    /// The channel is being closed or deleted.
    #[error("exiting")]
    Exiting,
    /// A message with this id waits in the deferred set.
    #[error("ID already deferred")]
    AlreadyDeferred,
    /// The message could not be stored; the text says why.
    #[error("{0}")]
    Storage(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn says(error: &ProtocolError, expected: &str) {
        assert_eq!(error.to_string(), expected);
        let mut out = Vec::new();
        error.put_text(&mut out);
        assert_eq!(out, expected.as_bytes());
    }

    fn message(raw: &[u8; 16]) -> MessageRef {
        MessageRef::new(*raw)
    }

    #[test]
    fn failures_to_publish_name_their_command() {
        for (verb, expected) in [
            (Verb::Pub, "E_PUB_FAILED PUB failed exiting"),
            (Verb::Mpub, "E_MPUB_FAILED MPUB failed exiting"),
            (Verb::Dpub, "E_DPUB_FAILED DPUB failed exiting"),
        ] {
            says(&ProtocolError::publish_failed(verb, PublishFailure::Exiting), expected);
        }
        let full = PublishFailure::Storage("no space left on device".into());
        says(
            &ProtocolError::publish_failed(Verb::Pub, full),
            "E_PUB_FAILED PUB failed no space left on device",
        );
    }

    #[test]
    fn failures_to_subscribe_give_the_reason() {
        let too_many = SubscribeFailure::TooManyConsumers {
            topic: TopicName::parse("orders").unwrap(),
            channel: ChannelName::parse("audit").unwrap(),
            limit: 2,
        };
        for (reason, expected) in [
            (SubscribeFailure::Exiting, "E_SUB_FAILED SUB failed exiting"),
            (too_many, "E_SUB_FAILED SUB failed consumers for orders:audit exceeds limit of 2"),
            (SubscribeFailure::Deleted, "E_SUB_FAILED SUB failed to deleted topic/channel"),
            (
                SubscribeFailure::Storage("no space left on device".into()),
                "E_SUB_FAILED SUB failed no space left on device",
            ),
        ] {
            says(&ProtocolError::SubscribeFailed(reason), expected);
        }
    }

    #[test]
    fn failures_to_settle_name_the_message_and_are_not_fatal() {
        for (keyword, reason, expected) in [
            (
                Keyword::Fin,
                SettleFailure::NotInFlight,
                "E_FIN_FAILED FIN 0123456789abcdef failed ID not in flight",
            ),
            (
                Keyword::Touch,
                SettleFailure::NotOwner,
                "E_TOUCH_FAILED TOUCH 0123456789abcdef failed client does not own message",
            ),
            (
                Keyword::Req,
                SettleFailure::Exiting,
                "E_REQ_FAILED REQ 0123456789abcdef failed exiting",
            ),
            (
                Keyword::Req,
                SettleFailure::AlreadyDeferred,
                "E_REQ_FAILED REQ 0123456789abcdef failed ID already deferred",
            ),
        ] {
            let error =
                ProtocolError::settle_failed(keyword, &message(b"0123456789abcdef"), reason);
            says(&error, expected);
            assert!(!error.is_fatal());
        }
    }

    #[test]
    fn failures_to_authorize_are_fatal() {
        let unauthorized = ProtocolError::Unauthorized {
            keyword: Keyword::Pub,
            topic: "orders".into(),
            channel: String::new(),
        };
        for (error, expected) in [
            (ProtocolError::AuthDisabled, "E_AUTH_DISABLED AUTH disabled"),
            (ProtocolError::AuthAlreadySet, "E_INVALID AUTH already set"),
            (ProtocolError::AuthFailed, "E_AUTH_FAILED AUTH failed"),
            (ProtocolError::NoAuthorizations, "E_UNAUTHORIZED AUTH no authorizations found"),
            (ProtocolError::AuthFirst(Keyword::Mpub), "E_AUTH_FIRST AUTH required before MPUB"),
            (unauthorized, "E_UNAUTHORIZED AUTH failed for PUB on \"orders\" \"\""),
        ] {
            says(&error, expected);
            assert!(error.is_fatal());
        }
    }

    #[test]
    fn bytes_of_the_peer_leave_as_they_came() {
        let not_in_flight = ProtocolError::settle_failed(
            Keyword::Fin,
            &message(b"\xff123456789abc\xe2\x82 "),
            SettleFailure::NotInFlight,
        );
        let mut out = Vec::new();
        not_in_flight.put_text(&mut out);
        assert_eq!(out, b"E_FIN_FAILED FIN \xff123456789abc\xe2\x82  failed ID not in flight");
        assert!(not_in_flight.to_string().contains('\u{fffd}'));
    }

    #[test]
    fn only_a_line_without_end_is_silent() {
        assert!(ProtocolError::LineTooLong.is_silent());
        assert!(ProtocolError::LineTooLong.is_fatal());
        assert!(!ProtocolError::BadMagic.is_silent());
    }
}
