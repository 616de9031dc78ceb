//! Parameters, which stand in the query string only.

use std::{borrow::Cow, future::Ready, future::ready};

use actix_web::{FromRequest, HttpRequest, dev::Payload};

use super::HttpError;
use crate::protocol::{ChannelName, TopicName};

/// The parameters of a request. Of a parameter given several times the first one counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Params(Vec<(String, String)>);

impl Params {
    /// Reads a query string.
    pub fn parse(query: &str) -> Result<Self, HttpError> {
        let pairs = query.split('&').filter(|pair| !pair.is_empty()).map(parse_pair);
        Ok(Self(pairs.collect::<Option<_>>().ok_or(HttpError::InvalidRequest)?))
    }

    /// A parameter, if it is there.
    pub fn get(&self, name: &str) -> Option<&str> {
        let first = self.0.iter().find(|(given, _)| given == name);
        first.map(|(_, value)| value.as_str())
    }

    /// `true`, `1`, `false` or `0`; anything else, or nothing, is `default`.
    pub fn flag(&self, name: &str, default: bool) -> bool {
        match self.get(name) {
            Some("true" | "1") => true,
            Some("false" | "0") => false,
            _ => default,
        }
    }

    /// `topic` as it was given.
    pub fn topic_text(&self) -> Result<&str, HttpError> {
        self.get("topic").ok_or(HttpError::MissingArg("TOPIC"))
    }

    /// The topic that the request is about.
    pub fn topic(&self) -> Result<TopicName, HttpError> {
        TopicName::parse(self.topic_text()?).map_err(|_| HttpError::InvalidTopic)
    }

    /// The topic, where a name that cannot be one is as good as one that does not exist.
    pub fn existing_topic(&self) -> Result<TopicName, HttpError> {
        TopicName::parse(self.topic_text()?).map_err(|_| HttpError::TopicNotFound)
    }

    /// The topic as the place of something else that the request is about.
    pub fn topic_arg(&self) -> Result<TopicName, HttpError> {
        TopicName::parse(self.topic_text()?).map_err(|_| HttpError::InvalidArg("TOPIC"))
    }

    /// The channel that the request is about.
    pub fn channel_arg(&self) -> Result<ChannelName, HttpError> {
        let channel = self.get("channel").ok_or(HttpError::MissingArg("CHANNEL"))?;
        ChannelName::parse(channel).map_err(|_| HttpError::InvalidArg("CHANNEL"))
    }
}

impl FromRequest for Params {
    type Error = HttpError;
    type Future = Ready<Result<Self, HttpError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Self::parse(request.query_string()))
    }
}

fn parse_pair(pair: &str) -> Option<(String, String)> {
    if pair.contains(';') {
        return None;
    }
    let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
    Some((unescape(name)?.into_owned(), unescape(value)?.into_owned()))
}

/// Reads `+` and `%zz`. Bytes that are not UTF-8 become U+FFFD, which no name may have either.
fn unescape(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains(['%', '+']) {
        return Some(Cow::Borrowed(text));
    }
    let mut bytes = text.bytes();
    let mut plain = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        plain.push(match byte {
            b'+' => b' ',
            b'%' => hex_digit(bytes.next()?)? << 4 | hex_digit(bytes.next()?)?,
            _ => byte,
        });
    }
    Some(Cow::Owned(String::from_utf8_lossy(&plain).into_owned()))
}

fn hex_digit(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(query: &str) -> Params {
        Params::parse(query).unwrap()
    }

    #[test]
    fn values_are_unescaped_and_the_first_counts() {
        let params = params("topic=a%23ephemeral&&topic=b&x+y=1+2%2B3&empty=&bare&u=%ff");
        assert_eq!(params.get("topic"), Some("a#ephemeral"));
        assert_eq!(params.get("x y"), Some("1 2+3"));
        assert_eq!((params.get("empty"), params.get("bare")), (Some(""), Some("")));
        assert_eq!(params.get("u"), Some("\u{fffd}"));
        assert_eq!(params.get("other"), None);
    }

    #[test]
    fn broken_queries_are_refused() {
        for query in ["a=%zz", "a=%", "a=%1", "%g1=a", "a=1;b=2", "a;", "x=1&a=%-1"] {
            assert_eq!(Params::parse(query), Err(HttpError::InvalidRequest), "{query}");
        }
        assert_eq!(params("").get(""), None);
    }

    #[test]
    fn names_are_checked_in_the_spelling_of_their_place() {
        assert_eq!(params("").topic(), Err(HttpError::MissingArg("TOPIC")));
        assert_eq!(params("topic").topic(), Err(HttpError::InvalidTopic));
        assert_eq!(params("topic=a+b").topic_arg(), Err(HttpError::InvalidArg("TOPIC")));
        assert_eq!(params("topic=a+b").existing_topic(), Err(HttpError::TopicNotFound));
        assert_eq!(params("topic=a").channel_arg(), Err(HttpError::MissingArg("CHANNEL")));
        assert_eq!(params("channel=").channel_arg(), Err(HttpError::InvalidArg("CHANNEL")));
    }

    #[test]
    fn flags_fall_back_to_their_default() {
        let params = params("a=0&b=false&c=1&d=true&e=no&f=");
        for (name, value) in [("a", false), ("b", false), ("c", true), ("d", true)] {
            assert_eq!((params.flag(name, true), params.flag(name, false)), (value, value));
        }
        for name in ["e", "f", "g"] {
            assert!(params.flag(name, true) && !params.flag(name, false), "{name}");
        }
    }
}
