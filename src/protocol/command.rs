//! What a client may ask of nsqd.

use std::{fmt, time::Duration};

use super::{
    message_id::MessageId,
    names::{ChannelName, TopicName},
};

/// One command, as far as possible borrowed from the read buffer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command<'a> {
    /// `IDENTIFY` with its JSON, not looked into.
    Identify(&'a [u8]),
    /// `AUTH` with the secret.
    Auth(&'a [u8]),
    /// `SUB`: makes the connection a consumer.
    Subscribe {
        /// Where the messages come from.
        topic: TopicName,
        /// The channel to join.
        channel: ChannelName,
    },
    /// `PUB`, `MPUB` or `DPUB`.
    Publish(Publication<'a>),
    /// `RDY`: how many messages the client takes at a time. A count beyond `u32` is `u32::MAX`.
    Ready(u32),
    /// `FIN`: the message is done.
    Finish(MessageRef),
    /// `REQ`: gives a message back, to be delivered again after the delay.
    Requeue(MessageRef, Duration),
    /// `TOUCH`: asks for more time.
    Touch(MessageRef),
    /// `CLS`: no more messages, please.
    Close,
    /// `NOP`, and whatever is to be ignored without an answer.
    Nop,
}

/// The commands that publish; the name of each is part of its answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verb {
    /// One message.
    Pub,
    /// Many messages at once.
    Mpub,
    /// One message, deferred.
    Dpub,
}

impl fmt::Display for Verb {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&Keyword::from(*self), formatter)
    }
}

/// Messages for a topic, checked and complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Publication<'a> {
    /// The command, which names the error if the topic does not take them.
    pub verb: Verb,
    /// A legal topic name.
    pub topic: &'a str,
    /// How many messages there are, at least 1.
    pub count: u32,
    /// The messages, each an int32 size and the body, exactly as they came and nothing else.
    pub framed: &'a [u8],
    /// How long delivery waits; zero except for DPUB.
    pub delay: Duration,
}

impl<'a> Publication<'a> {
    /// The bodies in order.
    pub fn messages(&self) -> FramedMessages<'a> {
        FramedMessages { rest: self.framed }
    }
}

/// Goes through messages that stand one after the other, each an int32 size and the body.
///
/// It ends at the first message that is not whole.
#[derive(Debug, Clone)]
pub struct FramedMessages<'a> {
    rest: &'a [u8],
}

impl<'a> FramedMessages<'a> {
    /// Reads the wire's form of many messages.
    pub fn new(framed: &'a [u8]) -> Self {
        Self { rest: framed }
    }
}

impl<'a> Iterator for FramedMessages<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let (size, rest) = self.rest.split_first_chunk()?;
        let size = usize::try_from(i32::from_be_bytes(*size)).ok()?;
        let (body, rest) = rest.split_at_checked(size)?;
        self.rest = rest;
        Some(body)
    }
}

/// The message that a client means by the 16 bytes it sent.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct MessageRef {
    /// The bytes as they came; an error repeats them.
    pub raw: [u8; 16],
    /// The id, or `None` when nsqd cannot have sent it: then nothing like that is in flight.
    pub id: Option<MessageId>,
}

impl MessageRef {
    /// Takes the bytes for an id, whether they are one or not.
    pub fn new(raw: [u8; 16]) -> Self {
        Self { raw, id: MessageId::from_hex(&raw) }
    }
}

impl fmt::Debug for MessageRef {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.raw.escape_ascii())
    }
}

macro_rules! keywords {
    ($($(#[$doc:meta])* $keyword:ident = $text:literal,)*) => {
        /// The first token of a command line.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Keyword {
            $($(#[$doc])* $keyword,)*
        }

        impl Keyword {
            /// Every keyword.
            pub const ALL: &[Self] = &[$(Self::$keyword,)*];

            /// Reads a token; keywords are case-sensitive.
            pub fn parse(token: &[u8]) -> Option<Self> {
                $(if token == $text.as_bytes() { return Some(Self::$keyword); })*
                None
            }

            /// The token.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$keyword => $text,)*
                }
            }
        }
    };
}

// The order is the order of the comparisons: what is frequent comes first.
keywords! {
    /// Finishes a message.
    Fin = "FIN",
    /// Publishes a message.
    Pub = "PUB",
    /// Publishes many messages.
    Mpub = "MPUB",
    /// Sets the credit.
    Rdy = "RDY",
    /// Gives a message back.
    Req = "REQ",
    /// Asks for more time.
    Touch = "TOUCH",
    /// Publishes a deferred message.
    Dpub = "DPUB",
    /// Shows life.
    Nop = "NOP",
    /// Subscribes.
    Sub = "SUB",
    /// Ends the flow of messages.
    Cls = "CLS",
    /// Introduces the client.
    Identify = "IDENTIFY",
    /// Shows a secret.
    Auth = "AUTH",
}

impl fmt::Display for Keyword {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl From<Verb> for Keyword {
    fn from(verb: Verb) -> Self {
        match verb {
            Verb::Pub => Self::Pub,
            Verb::Mpub => Self::Mpub,
            Verb::Dpub => Self::Dpub,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keywords_are_read_as_they_are_written() {
        for &keyword in Keyword::ALL {
            assert_eq!(Keyword::parse(keyword.as_str().as_bytes()), Some(keyword));
            assert_eq!(Keyword::parse(keyword.as_str().to_lowercase().as_bytes()), None);
        }
    }

    #[test]
    fn framed_messages_end_at_the_first_that_is_not_whole() {
        let bodies = |framed| FramedMessages::new(framed).collect::<Vec<_>>();
        assert_eq!(bodies(b"\0\0\0\x01a\0\0\0\x02bc"), [b"a".as_slice(), b"bc"]);
        assert_eq!(bodies(b"\0\0\0\x01a\0\0\0\x02b"), [b"a".as_slice()]);
        assert!(bodies(b"\xff\xff\xff\xffa").is_empty());
    }
}
