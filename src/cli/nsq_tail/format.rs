//! How a message is printed.

use base64::{Engine, prelude::BASE64_STANDARD};
use serde::Serialize;

/// What a line looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// The body as it is.
    Raw,
    /// The topic in front of the body.
    WithTopic,
    /// An object with all that is known.
    Json,
}

/// What is known of a message.
#[derive(Debug, Clone, Copy)]
pub(super) struct Facts<'a> {
    pub topic: &'a str,
    pub id: &'a str,
    pub timestamp: i64,
    pub attempts: u16,
    pub nsqd: &'a str,
    pub body: &'a [u8],
}

#[derive(Serialize)]
struct Line<'a> {
    topic: &'a str,
    id: &'a str,
    /// ns since the epoch.
    timestamp: i64,
    attempts: u16,
    nsqd: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body_base64: Option<String>,
}

impl Format {
    /// Appends the line of a message.
    pub fn put(self, facts: Facts<'_>, out: &mut Vec<u8>) {
        match self {
            Self::Raw => out.extend_from_slice(facts.body),
            Self::WithTopic => {
                out.extend_from_slice(facts.topic.as_bytes());
                out.extend_from_slice(b" | ");
                out.extend_from_slice(facts.body);
            }
            Self::Json => put_json(facts, out),
        }
        out.push(b'\n');
    }
}

fn put_json(facts: Facts<'_>, out: &mut Vec<u8>) {
    let Facts { topic, id, timestamp, attempts, nsqd, body } = facts;
    let text = std::str::from_utf8(body).ok();
    let body_base64 = text.is_none().then(|| BASE64_STANDARD.encode(body));
    let line = Line { topic, id, timestamp, attempts, nsqd, body: text, body_base64 };
    // Nothing in a line can fail to be written, and a Vec takes everything.
    let _ = serde_json::to_writer(out, &line);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn prints(format: Format, body: &[u8], expected: &[u8]) {
        let facts = Facts { topic: "t", id: "0a1b", timestamp: 5, attempts: 2, nsqd: "n:1", body };
        let mut out = Vec::new();
        format.put(facts, &mut out);
        assert_eq!(out, expected, "{}", out.escape_ascii());
    }

    #[test]
    fn bodies_are_printed_as_they_are() {
        prints(Format::Raw, b"a\xff\n\0", b"a\xff\n\0\n");
        prints(Format::WithTopic, b"a\xff", b"t | a\xff\n");
    }

    #[test]
    fn lines_of_json_tell_what_is_known() {
        let head = r#"{"topic":"t","id":"0a1b","timestamp":5,"attempts":2,"nsqd":"n:1","#;
        prints(Format::Json, b"a\"\n", format!("{head}\"body\":\"a\\\"\\n\"}}\n").as_bytes());
        prints(Format::Json, b"\xff", format!("{head}\"body_base64\":\"/w==\"}}\n").as_bytes());
    }
}
