//! What an auth server allows a client.

use std::{collections::HashMap, sync::Arc, time::Duration};

use regex::bytes::{Regex, RegexBuilder};
use serde_json::{Map, Value};

/// Different patterns in one answer at most.
const PATTERNS_MAX: usize = 4096;
/// Memory for one compiled pattern at most.
const PATTERN_BYTES_MAX: usize = 128 * 1024;

/// The answer of an auth server about one client.
#[derive(Debug)]
pub struct Grant {
    /// How long the answer holds, more than nothing.
    pub ttl: Duration,
    /// Who the client is; may be empty.
    pub identity: String,
    /// Where more about it can be found; may be empty.
    pub identity_url: String,
    authorizations: Vec<Entry>,
}

/// Topics and channels, and what may be done with them.
#[derive(Debug)]
struct Entry {
    topic: Arc<Regex>,
    channels: Vec<Arc<Regex>>,
    subscribe: bool,
    publish: bool,
}

/// What a client wants to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access<'a> {
    /// Publish to a topic.
    Publish(&'a str),
    /// Subscribe to a topic's channel.
    Subscribe(&'a str, &'a str),
}

/// Why an answer is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadGrant {
    /// It cannot be read.
    #[error("the answer is not JSON")]
    NotJson,
    /// A part of it is of the wrong kind.
    #[error("{0:?} in the answer must be {1}")]
    WrongType(&'static str, &'static str),
    /// It would hold for no time.
    #[error("\"ttl\" in the answer must be greater than 0, not {0}")]
    BadTtl(i64),
    /// A pattern does not compile, or only to something very large.
    #[error("pattern {pattern:?} in the answer: {cause}")]
    BadPattern {
        /// The pattern.
        pattern: String,
        /// One line.
        cause: String,
    },
    /// Neither `subscribe` nor `publish`.
    #[error("permission {0:?} in the answer is unknown")]
    UnknownPermission(String),
    /// More than can be kept for a client.
    #[error("more than {PATTERNS_MAX} different patterns in the answer")]
    TooManyPatterns,
}

impl Grant {
    /// Reads an answer as Go would: names of keys in any case, `null` like a missing value.
    pub fn parse(body: &[u8]) -> Result<Self, BadGrant> {
        let text = String::from_utf8_lossy(body);
        let answer: Value = serde_json::from_str(&text).map_err(|_| BadGrant::NotJson)?;
        let answer = object("answer", &answer)?;
        let ttl = integer(answer, "ttl")?;
        let seconds = u64::try_from(ttl).ok().filter(|&seconds| seconds > 0);
        let mut patterns = Patterns::default();
        let authorizations = list(answer, "authorizations")?;
        let authorizations = authorizations.iter().map(|one| Entry::new(one, &mut patterns));
        Ok(Self {
            ttl: Duration::from_secs(seconds.ok_or(BadGrant::BadTtl(ttl))?),
            identity: text_of(answer, "identity")?,
            identity_url: text_of(answer, "identity_url")?,
            authorizations: authorizations.collect::<Result<_, _>>()?,
        })
    }

    /// How many entries there are. With none, nothing is allowed.
    pub fn permission_count(&self) -> usize {
        self.authorizations.len()
    }

    /// One entry allows it. A publish has an empty name for its channel.
    pub fn allows(&self, access: Access<'_>) -> bool {
        let (topic, channel) = match access {
            Access::Publish(topic) => (topic, ""),
            Access::Subscribe(topic, channel) => (topic, channel),
        };
        self.authorizations.iter().any(|entry| {
            entry.permits(access)
                && entry.topic.is_match(topic.as_bytes())
                && entry.channels.iter().any(|name| name.is_match(channel.as_bytes()))
        })
    }
}

impl Entry {
    fn new(entry: &Value, patterns: &mut Patterns) -> Result<Self, BadGrant> {
        let entry = object("authorizations", entry)?;
        let topic = patterns.compile(&text_of(entry, "topic")?)?;
        let channels = list(entry, "channels")?.iter();
        let channels = channels.map(|name| patterns.compile(&text("channels", name)?));
        let channels = channels.collect::<Result<_, _>>()?;
        let (mut subscribe, mut publish) = (false, false);
        for permission in list(entry, "permissions")? {
            match text("permissions", permission)?.as_str() {
                "subscribe" => subscribe = true,
                "publish" => publish = true,
                other => return Err(BadGrant::UnknownPermission(other.to_owned())),
            }
        }
        Ok(Self { topic, channels, subscribe, publish })
    }

    fn permits(&self, access: Access<'_>) -> bool {
        match access {
            Access::Publish(_) => self.publish,
            Access::Subscribe(..) => self.subscribe,
        }
    }
}

/// The patterns of one answer, each compiled once.
#[derive(Default)]
struct Patterns(HashMap<String, Arc<Regex>>);

impl Patterns {
    fn compile(&mut self, pattern: &str) -> Result<Arc<Regex>, BadGrant> {
        if let Some(known) = self.0.get(pattern) {
            return Ok(Arc::clone(known));
        }
        if self.0.len() == PATTERNS_MAX {
            return Err(BadGrant::TooManyPatterns);
        }
        let compiled = Arc::new(compile(pattern)?);
        self.0.insert(pattern.to_owned(), Arc::clone(&compiled));
        Ok(compiled)
    }
}

/// Compiles a pattern with the classes of RE2, which are of ASCII; names are as well.
fn compile(pattern: &str) -> Result<Regex, BadGrant> {
    let build = |unicode| {
        let mut builder = RegexBuilder::new(pattern);
        builder.unicode(unicode).size_limit(PATTERN_BYTES_MAX).dfa_size_limit(PATTERN_BYTES_MAX);
        builder.build()
    };
    build(false).or_else(|_| build(true)).map_err(|error| {
        let text = error.to_string();
        let cause = text.lines().last().unwrap_or_default().to_owned();
        BadGrant::BadPattern { pattern: pattern.to_owned(), cause }
    })
}

fn object<'a>(name: &'static str, value: &'a Value) -> Result<&'a Map<String, Value>, BadGrant> {
    value.as_object().ok_or(BadGrant::WrongType(name, "an object"))
}

/// The value of a key; `None` if it is missing or null.
fn field<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    let in_any_case = || object.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
    let value = object.get(name).or_else(|| in_any_case().map(|(_, value)| value));
    value.filter(|value| !value.is_null())
}

fn integer(object: &Map<String, Value>, name: &'static str) -> Result<i64, BadGrant> {
    let Some(value) = field(object, name) else { return Ok(0) };
    value.as_i64().ok_or(BadGrant::WrongType(name, "an integer"))
}

fn text_of(object: &Map<String, Value>, name: &'static str) -> Result<String, BadGrant> {
    field(object, name).map_or(Ok(String::new()), |value| text(name, value))
}

fn text(name: &'static str, value: &Value) -> Result<String, BadGrant> {
    match value {
        Value::Null => Ok(String::new()),
        Value::String(text) => Ok(text.clone()),
        _ => Err(BadGrant::WrongType(name, "text")),
    }
}

fn list<'a>(object: &'a Map<String, Value>, name: &'static str) -> Result<&'a [Value], BadGrant> {
    let Some(value) = field(object, name) else { return Ok(&[]) };
    value.as_array().map(Vec::as_slice).ok_or(BadGrant::WrongType(name, "a list"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parse(answer: &Value) -> Result<Grant, BadGrant> {
        Grant::parse(answer.to_string().as_bytes())
    }

    /// A grant with one entry.
    fn grant(topic: &str, channels: &[&str], permissions: &[&str]) -> Grant {
        let entry = json!({"topic": topic, "channels": channels, "permissions": permissions});
        parse(&json!({"ttl": 1, "authorizations": [entry]})).unwrap()
    }

    #[test]
    fn an_answer_is_read_whole() {
        let answer =
            br#"{"ttl":3600,"identity":"joe","identity_url":"http://x/joe","authorizations":
            [{"topic":"^foo$","channels":[".*"],"permissions":["subscribe","publish"]}],"more":1}"#;
        let grant = Grant::parse(answer).unwrap();
        assert_eq!(grant.ttl, Duration::from_secs(3600));
        assert_eq!((grant.identity.as_str(), grant.identity_url.as_str()), ("joe", "http://x/joe"));
        assert_eq!(grant.permission_count(), 1);
        assert!(grant.allows(Access::Publish("foo")));
        assert!(grant.allows(Access::Subscribe("foo", "any")));
        assert!(!grant.allows(Access::Publish("food")));
    }

    #[test]
    fn an_answer_may_allow_nothing() {
        for authorizations in [json!(null), json!([])] {
            let grant = parse(&json!({"ttl": 1, "authorizations": authorizations})).unwrap();
            assert_eq!(grant.permission_count(), 0);
            assert!(!grant.allows(Access::Publish("foo")));
        }
        assert_eq!(parse(&json!({"TTL": 1, "identity": null})).unwrap().permission_count(), 0);
    }

    #[test]
    fn permission_topic_and_channel_must_all_match() {
        let (publish, subscribe) =
            (Access::Publish("orders"), Access::Subscribe("orders", "audit"));
        for (topic, channels, permissions, may_publish, may_subscribe) in [
            ("orders", [".*"].as_slice(), ["publish"].as_slice(), true, false),
            ("orders", &[".*"], &["subscribe"], false, true),
            ("orders", &[".*"], &[], false, false),
            ("rder", &["udi"], &["publish", "subscribe"], false, true),
            ("orders", &["^c.*", "^a.*"], &["publish", "subscribe"], false, true),
            ("orders", &["^c.*"], &["publish", "subscribe"], false, false),
            ("orders", &[], &["publish", "subscribe"], false, false),
            ("orders", &["^$"], &["publish", "subscribe"], true, false),
            ("^other$", &[".*"], &["publish", "subscribe"], false, false),
            ("", &[""], &["publish", "subscribe"], true, true),
        ] {
            let grant = grant(topic, channels, permissions);
            let seen = (grant.allows(publish), grant.allows(subscribe));
            assert_eq!(seen, (may_publish, may_subscribe), "{topic} {channels:?} {permissions:?}");
        }
    }

    #[test]
    fn entries_do_not_add_up_to_what_none_of_them_allows() {
        let entries = json!([
            {"topic": "^a$", "channels": [".*"], "permissions": ["publish"]},
            {"topic": "^b$", "channels": ["^x$"], "permissions": ["subscribe"]},
        ]);
        let grant = parse(&json!({"ttl": 1, "authorizations": entries})).unwrap();
        assert!(grant.allows(Access::Publish("a")) && grant.allows(Access::Subscribe("b", "x")));
        assert!(!grant.allows(Access::Publish("b")) && !grant.allows(Access::Subscribe("a", "x")));
    }

    #[test]
    fn patterns_are_those_of_re2() {
        for (pattern, topic, matches) in [
            (r"^orders\.\d+$", "orders.17", true),
            (r"^\w{1,64}$", "orders", true),
            (r"(?i)^ORDERS$", "orders", true),
            (r"^[[:alpha:]_]+(#ephemeral)?$", "or_ders#ephemeral", true),
            (r"^\pL+$", "orders", true),
            ("^é|[éx]$", "x", true),
            (r"^(?P<name>a|b)\z", "ab", false),
        ] {
            let allows = grant(pattern, &[".*"], &["publish"]).allows(Access::Publish(topic));
            assert_eq!(allows, matches, "{pattern} {topic}");
        }
    }

    #[test]
    fn what_is_no_answer_says_why() {
        let entry = |key: &str, value: Value| json!({"ttl": 1, "authorizations": [{key: value}]});
        for (answer, text) in [
            (json!([]), r#""answer" in the answer must be an object"#),
            (json!({}), r#""ttl" in the answer must be greater than 0, not 0"#),
            (json!({"ttl": -1}), r#""ttl" in the answer must be greater than 0, not -1"#),
            (json!({"ttl": "1"}), r#""ttl" in the answer must be an integer"#),
            (json!({"ttl": 1.5}), r#""ttl" in the answer must be an integer"#),
            (json!({"ttl": 1, "identity": 7}), r#""identity" in the answer must be text"#),
            (
                json!({"ttl": 1, "authorizations": {}}),
                r#""authorizations" in the answer must be a list"#,
            ),
            (
                json!({"ttl": 1, "authorizations": [1]}),
                r#""authorizations" in the answer must be an object"#,
            ),
            (entry("channels", json!("a")), r#""channels" in the answer must be a list"#),
            (entry("topic", json!("(")), r#"pattern "(" in the answer: error: unclosed group"#),
            (
                entry("channels", json!(["*"])),
                r#"pattern "*" in the answer: error: repetition operator missing expression"#,
            ),
            (
                entry("permissions", json!(["admin"])),
                r#"permission "admin" in the answer is unknown"#,
            ),
        ] {
            assert_eq!(parse(&answer).unwrap_err().to_string(), text, "{answer}");
        }
        assert_eq!(Grant::parse(b"no").unwrap_err(), BadGrant::NotJson);
        assert_eq!(Grant::parse(&b"[".repeat(100_000)).unwrap_err(), BadGrant::NotJson);
    }

    #[test]
    fn patterns_are_bounded_in_size_and_number() {
        let huge = parse(&json!({"ttl": 1, "authorizations": [{"topic": "((a{100}){100}){100}"}]}));
        assert!(matches!(huge, Err(BadGrant::BadPattern { .. })), "{huge:?}");
        let many = |count: usize| {
            let channels: Vec<_> = (0..count).map(|number| number.to_string()).collect();
            parse(&json!({"ttl": 1, "authorizations": [{"topic": "", "channels": channels}]}))
        };
        assert!(many(PATTERNS_MAX - 1).is_ok());
        assert_eq!(many(PATTERNS_MAX).unwrap_err(), BadGrant::TooManyPatterns);
        let same = json!({"topic": "a", "channels": vec!["a"; 2 * PATTERNS_MAX]});
        assert!(parse(&json!({"ttl": 1, "authorizations": [same]})).is_ok(), "compiled once");
    }
}
