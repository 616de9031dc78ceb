//! A message as it is shown.

use base64::{Engine, prelude::BASE64_STANDARD};
use serde::Serialize;

use crate::client::Message;

/// So much of a body is shown.
const BODY_BYTES_MAX: usize = 64 << 10;

/// What is told of a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Facts {
    id: String,
    node: String,
    /// In nanoseconds; too large for a number of JavaScript.
    timestamp: String,
    attempts: u16,
    /// Of the whole body, in bytes.
    size: usize,
    text: Option<String>,
    /// If it is not text.
    base64: Option<String>,
    truncated: bool,
}

impl Facts {
    /// Of a message from the node with this address.
    pub(super) fn of(message: &Message, node: &str) -> Self {
        let (text, base64, truncated) = shown(message.body());
        Self {
            id: message.id().to_string(),
            node: node.to_owned(),
            timestamp: message.timestamp_ns().to_string(),
            attempts: message.attempts(),
            size: message.body().len(),
            text,
            base64,
            truncated,
        }
    }
}

/// The body as text or as base64, and whether something of it is left out.
fn shown(body: &[u8]) -> (Option<String>, Option<String>, bool) {
    let is_long = body.len() > BODY_BYTES_MAX;
    match std::str::from_utf8(body) {
        Ok(text) => {
            let end = text.floor_char_boundary(BODY_BYTES_MAX);
            (Some(text[..end].to_owned()), None, is_long)
        }
        Err(_) => {
            let part = &body[..body.len().min(BODY_BYTES_MAX)];
            (None, Some(BASE64_STANDARD.encode(part)), is_long)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_text_and_all_else_is_base64() {
        assert_eq!(shown(b"hello"), (Some("hello".into()), None, false));
        assert_eq!(shown(b""), (Some(String::new()), None, false));
        assert_eq!(shown(&[0xff, 0]), (None, Some("/wA=".into()), false));
    }

    #[test]
    fn long_bodies_are_cut_between_characters() {
        let (text, _, truncated) = shown(format!("x{}", "é".repeat(BODY_BYTES_MAX)).as_bytes());
        assert_eq!((text.unwrap().len(), truncated), (BODY_BYTES_MAX - 1, true));
        let (_, base64, truncated) = shown(&vec![0xff; BODY_BYTES_MAX + 1]);
        assert_eq!((base64.unwrap().len(), truncated), (BODY_BYTES_MAX.div_ceil(3) * 4, true));
        let (text, _, truncated) = shown("x".repeat(BODY_BYTES_MAX).as_bytes());
        assert_eq!((text.unwrap().len(), truncated), (BODY_BYTES_MAX, false));
    }
}
