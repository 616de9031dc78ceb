//! Names of views, as they stand in paths and are asked for in a stream.

use std::borrow::Cow;

use crate::http::HttpError;

/// What somebody looks at.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum View {
    /// Everything in short.
    Overview,
    /// All topics.
    Topics,
    /// One of them.
    Topic(String),
    /// A channel of it.
    Channel(String, String),
    /// All nodes.
    Nodes,
    /// One of them, by its address.
    Node(String),
    /// All registries.
    Registries,
    /// The number of messages.
    Counter,
    /// Topics without nodes.
    Lookup,
}

impl View {
    /// Reads a name like `topics/orders/archive`; what stands between slashes may be percent-encoded.
    pub fn parse(name: &str) -> Result<Self, HttpError> {
        let parts: Vec<_> = name.split('/').map(decoded).collect::<Option<_>>().ok_or(UNKNOWN)?;
        let parts: Vec<&str> = parts.iter().map(|part| from_path(part)).collect();
        Ok(match parts[..] {
            ["overview"] => Self::Overview,
            ["topics"] => Self::Topics,
            ["topics", topic] => Self::Topic(topic.to_owned()),
            ["topics", topic, channel] => Self::Channel(topic.to_owned(), channel.to_owned()),
            ["nodes"] => Self::Nodes,
            ["nodes", node] => Self::Node(node.to_owned()),
            ["registries"] => Self::Registries,
            ["counter"] => Self::Counter,
            ["lookup"] => Self::Lookup,
            _ => return Err(UNKNOWN),
        })
    }
}

const UNKNOWN: HttpError = HttpError::ViewNotFound;

/// A name out of a decoded part of a path. Browsers take `.` and `..` for folders even when they are percent-encoded, so the pages
/// encode these two legal names twice; no legal name has a `%`.
pub fn from_path(part: &str) -> &str {
    match part {
        "%2E" => ".",
        "%2E%2E" => "..",
        other => other,
    }
}

/// None if it is not text.
fn decoded(part: &str) -> Option<Cow<'_, str>> {
    if !part.contains('%') {
        return Some(Cow::Borrowed(part));
    }
    let mut bytes = Vec::with_capacity(part.len());
    let mut rest = part.as_bytes();
    while let Some((&first, behind)) = rest.split_first() {
        let hex = |at: usize| behind.get(at).and_then(|&digit| char::from(digit).to_digit(16));
        match (first, hex(0), hex(1)) {
            (b'%', Some(high), Some(low)) => {
                bytes.push(u8::try_from(high * 16 + low).ok()?);
                rest = &behind[2..];
            }
            (b'%', ..) => return None,
            _ => {
                bytes.push(first);
                rest = behind;
            }
        }
    }
    String::from_utf8(bytes).ok().map(Cow::Owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_paths() {
        let text = str::to_owned;
        for (name, view) in [
            ("overview", View::Overview),
            ("topics", View::Topics),
            ("topics/t%23ephemeral", View::Topic(text("t#ephemeral"))),
            ("topics/t#ephemeral/c", View::Channel(text("t#ephemeral"), text("c"))),
            ("topics/%252E/%252E%252E", View::Channel(text("."), text(".."))),
            ("topics/../.", View::Channel(text(".."), text("."))),
            ("nodes/h:4151", View::Node(text("h:4151"))),
            ("nodes/%5b::1%5D:4151", View::Node(text("[::1]:4151"))),
            ("lookup", View::Lookup),
        ] {
            assert_eq!(View::parse(name), Ok(view), "{name}");
        }
        for name in
            ["", "overview/", "topic", "topics/a/b/c", "topics/%", "topics/%ff", "topics/%2"]
        {
            assert_eq!(View::parse(name), Err(UNKNOWN), "{name}");
        }
    }
}
