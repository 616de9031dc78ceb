//! What may go wrong between nsqd and nsqlookupd, in the words of the wire.

use super::command::Change;
use crate::protocol::raw_text::{self, RawText};

/// An error that ends the connection; its Display is the text of the response.
///
/// Where the peer's own bytes are repeated and are not UTF-8, Display shows them lossily;
/// [`LookupError::put_text`] writes them as they came.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LookupError {
    /// The first four bytes are not the magic of this protocol.
    #[error("E_BAD_PROTOCOL")]
    BadMagic,
    /// No line end within the longest line.
    #[error("E_INVALID line is longer than {0} bytes")]
    LineTooLong(usize),
    /// The first word of a line is not a command.
    #[error("E_INVALID invalid command {0}")]
    UnknownCommand(RawText),
    /// A node says once who it is.
    #[error("E_INVALID cannot IDENTIFY again")]
    IdentifiedAlready,
    /// Only a node that has said who it is can have topics.
    #[error("E_INVALID client must IDENTIFY")]
    NotIdentified,
    /// There is no topic.
    #[error("E_INVALID {0} insufficient number of params")]
    TopicMissing(Change),
    /// The topic's name is not legal.
    #[error("E_BAD_TOPIC {change} topic name '{name}' is not valid")]
    BadTopic {
        /// The command.
        change: Change,
        /// The name as it came.
        name: RawText,
    },
    /// The channel's name is not legal.
    #[error("E_BAD_CHANNEL {change} channel name '{name}' is not valid")]
    BadChannel {
        /// The command.
        change: Change,
        /// The name as it came.
        name: RawText,
    },
    /// There are as many topics and channels as there may be.
    #[error("E_INVALID REGISTER too many topics and channels")]
    Full,
    /// The peer stopped before the body's size was complete.
    #[error("E_BAD_BODY IDENTIFY failed to read body size")]
    BodySizeMissing,
    /// The body's size is negative.
    #[error("E_BAD_BODY IDENTIFY invalid body size {0}")]
    BadBodySize(i32),
    /// The body is larger than any that says who a node is.
    #[error("E_BAD_BODY IDENTIFY body too big {size} > {max}")]
    BodyTooBig {
        /// The size announced, in bytes.
        size: i32,
        /// The largest size allowed, in bytes.
        max: usize,
    },
    /// The peer stopped inside the body.
    #[error("E_BAD_BODY IDENTIFY failed to read body")]
    BodyMissing,
    /// The body is not what it must be.
    #[error("E_BAD_BODY IDENTIFY failed to decode JSON body")]
    IdentifyJson,
    /// A field that every node must have is missing, empty or 0.
    #[error("E_BAD_BODY IDENTIFY missing fields")]
    MissingFields,
}

impl LookupError {
    /// Appends the text of the response to `out`, the peer's own bytes exactly as they came.
    pub fn put_text(&self, out: &mut Vec<u8>) {
        raw_text::put_text(&self.to_string(), self.repeated(), out);
    }

    fn repeated(&self) -> Option<&RawText> {
        match self {
            Self::UnknownCommand(raw)
            | Self::BadTopic { name: raw, .. }
            | Self::BadChannel { name: raw, .. } => Some(raw),
            _ => None,
        }
    }
}
