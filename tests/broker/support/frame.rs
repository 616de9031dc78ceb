//! What a broker sends.

use std::fmt;

/// The 16 bytes that name a message.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MessageId(pub [u8; 16]);

impl fmt::Display for MessageId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&String::from_utf8_lossy(&self.0))
    }
}

impl fmt::Debug for MessageId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

/// A message as it is delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NsqMessage {
    pub timestamp_nanos: i64,
    pub attempts: u16,
    pub id: MessageId,
    pub body: Vec<u8>,
}

/// One frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    Response(String),
    Error(String),
    Message(NsqMessage),
}

impl Frame {
    /// The frame at the start of `bytes` and its length, when it is complete.
    pub fn take(bytes: &[u8]) -> Option<(Self, usize)> {
        let size = be32(bytes)?;
        assert!((4..=64 << 20).contains(&size), "a frame of {size} bytes");
        let end = 4 + size as usize;
        let frame = bytes.get(4..end)?;
        Some((Self::parse(be32(frame)?, &frame[4..]), end))
    }

    fn parse(kind: u32, data: &[u8]) -> Self {
        let text = || String::from_utf8_lossy(data).into_owned();
        match kind {
            0 => Self::Response(text()),
            1 => Self::Error(text()),
            2 => Self::Message(NsqMessage::parse(data)),
            other => panic!("a frame of type {other}"),
        }
    }

    /// True for what asks only whether the client lives.
    pub fn is_heartbeat(&self) -> bool {
        matches!(self, Self::Response(text) if text == "_heartbeat_")
    }
}

impl NsqMessage {
    fn parse(data: &[u8]) -> Self {
        assert!(data.len() >= 26, "a message of {} bytes", data.len());
        Self {
            timestamp_nanos: i64::from_be_bytes(data[..8].try_into().unwrap()),
            attempts: u16::from_be_bytes(data[8..10].try_into().unwrap()),
            id: MessageId(data[10..26].try_into().unwrap()),
            body: data[26..].to_vec(),
        }
    }

    /// The body, of which the test knows that it is text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

fn be32(bytes: &[u8]) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(..4)?.try_into().unwrap()))
}
