//! Bytes of the peer in the texts of errors.

use std::{borrow::Cow, fmt};

use super::quote::quote;

/// What errors and logs repeat at most of something a server has sent.
const EXCERPT_BYTES: usize = 512;

/// The beginning of `bytes`, long enough to see what they are.
pub fn excerpt(bytes: &[u8]) -> &[u8] {
    bytes.get(..EXCERPT_BYTES).unwrap_or(bytes)
}

/// The beginning of a text that may repeat what a server has sent.
pub fn text_excerpt(text: impl fmt::Display) -> String {
    String::from_utf8_lossy(excerpt(text.to_string().as_bytes())).into_owned()
}

/// Bytes of the peer that an error repeats.
#[derive(Clone, PartialEq, Eq)]
pub struct RawText(Box<[u8]>);

impl RawText {
    /// Takes a copy of `bytes`.
    pub fn new(bytes: &[u8]) -> Self {
        Self(bytes.into())
    }

    fn is_utf8(&self) -> bool {
        std::str::from_utf8(&self.0).is_ok()
    }

    fn lossy(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.0)
    }
}

impl fmt::Display for RawText {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.lossy())
    }
}

impl fmt::Debug for RawText {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&quote(&self.0))
    }
}

/// Appends an error's text to `out`, with the bytes that it repeats exactly as they came.
pub fn put_text(text: &str, repeated: Option<&RawText>, out: &mut Vec<u8>) {
    let Some(raw) = repeated.filter(|raw| !raw.is_utf8()) else {
        return out.extend_from_slice(text.as_bytes());
    };
    // A lossy text holds U+FFFD, which stands nowhere else in an error: it is found where it is.
    match text.split_once(&*raw.lossy()) {
        Some((before, after)) => {
            out.extend_from_slice(before.as_bytes());
            out.extend_from_slice(&raw.0);
            out.extend_from_slice(after.as_bytes());
        }
        None => out.extend_from_slice(text.as_bytes()),
    }
}
