//! `nsqd.dat`: topics, channels and pauses, read as Go's JSON decoder reads it.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::Path,
};

use serde_json::{Map, Value, error::Category};

use super::{Observer, error::TakeOverError, file_names::queue_name};
use crate::{
    protocol::{ChannelName, TopicName},
    storage::disk::{Disk, read_file},
};

const FILE_BYTES_MAX: u64 = 256 << 20;

/// A topic of upstream's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OldTopic {
    pub name: TopicName,
    pub paused: bool,
    /// With what is paused.
    pub channels: BTreeMap<ChannelName, bool>,
}

/// What `nsqd.dat` says, but for what lives in memory only.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Topology {
    pub topics: Vec<OldTopic>,
}

impl Topology {
    /// Reads the file. Invalid names are said and skipped.
    pub fn load(
        disk: &dyn Disk,
        path: &Path,
        observer: &mut Observer<'_>,
    ) -> Result<Self, TakeOverError> {
        let not_read =
            |source: io::Error| TakeOverError::TopologyNotRead { path: path.to_owned(), source };
        let bytes = read_file(disk, path, FILE_BYTES_MAX).map_err(not_read)?.unwrap_or_default();
        let not_parsed =
            |reason| TakeOverError::TopologyNotParsed { path: path.to_owned(), reason };
        let named = parse(&bytes).map_err(not_parsed)?;
        Ok(Self::check(named, observer))
    }

    /// The names of all queues that belong to a topic or a channel.
    pub fn queues(&self) -> BTreeSet<String> {
        let of_topic = |topic: &OldTopic| {
            let channels = topic.channels.keys().map(Some);
            let queues = channels.chain([None]).map(|channel| queue_name(&topic.name, channel));
            queues.collect::<Vec<_>>()
        };
        self.topics.iter().flat_map(of_topic).collect()
    }

    fn check(named: Vec<Named>, observer: &mut Observer<'_>) -> Self {
        let mut topics = BTreeMap::<TopicName, OldTopic>::new();
        for Named { name, paused, channels } in named {
            let Ok(name) = TopicName::parse(&name) else {
                observer.warn(format_args!("skipping creation of invalid topic {name}"));
                continue;
            };
            if name.is_ephemeral() {
                observer.info(format_args!("topic={name} is ephemeral and is not taken over"));
                continue;
            }
            let topic = topics.entry(name.clone()).or_insert_with(|| OldTopic {
                name,
                paused: false,
                channels: BTreeMap::new(),
            });
            topic.paused |= paused;
            for channel in channels {
                topic.add_channel(&channel, observer);
            }
        }
        Self { topics: topics.into_values().collect() }
    }
}

impl OldTopic {
    fn add_channel(&mut self, channel: &Named, observer: &mut Observer<'_>) {
        let Ok(name) = ChannelName::parse(&channel.name) else {
            let name = &channel.name;
            return observer.warn(format_args!("skipping creation of invalid channel {name}"));
        };
        if name.is_ephemeral() {
            let topic = &self.name;
            return observer.info(format_args!(
                "topic={topic} channel={name} is ephemeral and is not taken over"
            ));
        }
        *self.channels.entry(name).or_default() |= channel.paused;
    }
}

/// A topic or channel, its name not checked.
#[derive(Debug, Default)]
struct Named {
    name: String,
    paused: bool,
    channels: Vec<Named>,
}

fn parse(bytes: &[u8]) -> Result<Vec<Named>, String> {
    let value: Value = serde_json::from_slice(bytes).map_err(|error| match error.classify() {
        Category::Eof => "unexpected end of JSON input".to_owned(),
        _ => error.to_string(),
    })?;
    match object(&value)? {
        None => Ok(Vec::new()),
        Some(fields) => list(fields, "topics"),
    }
}

fn list(fields: &Map<String, Value>, key: &str) -> Result<Vec<Named>, String> {
    match field(fields, key) {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(items)) => items.iter().map(named).collect(),
        Some(other) => Err(wrong_type(other, key)),
    }
}

fn named(value: &Value) -> Result<Named, String> {
    let Some(fields) = object(value)? else { return Ok(Named::default()) };
    let name = match field(fields, "name") {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(name)) => name.clone(),
        Some(other) => return Err(wrong_type(other, "name")),
    };
    let paused = match field(fields, "paused") {
        None | Some(Value::Null) => false,
        Some(Value::Bool(paused)) => *paused,
        Some(other) => return Err(wrong_type(other, "paused")),
    };
    Ok(Named { name, paused, channels: list(fields, "channels")? })
}

fn object(value: &Value) -> Result<Option<&Map<String, Value>>, String> {
    match value {
        Value::Null => Ok(None),
        Value::Object(fields) => Ok(Some(fields)),
        other => Err(wrong_type(other, "an object")),
    }
}

/// In any case of letters; the exact key comes first.
fn field<'a>(fields: &'a Map<String, Value>, key: &str) -> Option<&'a Value> {
    let is_meant = |(name, _): &(&String, &Value)| name.eq_ignore_ascii_case(key);
    fields.get(key).or_else(|| fields.iter().find(is_meant).map(|(_, value)| value))
}

fn wrong_type(value: &Value, place: &str) -> String {
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    format!("json: cannot unmarshal {kind} into {place}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> Result<(Topology, Vec<String>), String> {
        let mut lines = Vec::new();
        let mut say = |_: log::Level, line: std::fmt::Arguments<'_>| lines.push(line.to_string());
        let mut observer = Observer { say: &mut say, is_cancelled: &|| false };
        let topology = Topology::check(parse(text.as_bytes())?, &mut observer);
        Ok((topology, lines))
    }

    fn topic(name: &str, paused: bool, channels: &[(&str, bool)]) -> OldTopic {
        let channel = |&(name, paused): &(&str, bool)| (ChannelName::parse(name).unwrap(), paused);
        OldTopic {
            name: TopicName::parse(name).unwrap(),
            paused,
            channels: channels.iter().map(channel).collect(),
        }
    }

    #[test]
    fn what_upstream_writes_is_read() {
        let text = r#"{"topics":[{"name":"nochan","paused":false,"channels":null},{"name":"t","paused":false,"channels":[{"name":"c","paused":false}]},{"name":"pt","paused":true,"channels":[{"name":"pc","paused":true}]}],"version":"1.3.0"}"#;
        let (topology, lines) = check(text).unwrap();
        let expected = [
            topic("nochan", false, &[]),
            topic("pt", true, &[("pc", true)]),
            topic("t", false, &[("c", false)]),
        ];
        assert_eq!((topology.topics.as_slice(), lines.len()), (expected.as_slice(), 0));
        let queues: Vec<_> = topology.queues().into_iter().collect();
        assert_eq!(queues, ["nochan", "pt", "pt:pc", "t", "t:c"]);
    }

    #[test]
    fn keys_have_any_case_and_what_is_named_twice_is_one() {
        let text = r#"{"TOPICS":[{"Name":"t","x":1},{"name":"t","PAUSED":true,
            "channels":[{"name":"c","paused":true},{"name":"c"},{"name":"d","paused":null}]}]}"#;
        let (topology, _) = check(text).unwrap();
        assert_eq!(topology.topics, [topic("t", true, &[("c", true), ("d", false)])]);
    }

    #[test]
    fn nothing_is_nothing() {
        for text in ["{}", "null", r#"{"topics":null,"version":"1.3.0"}"#, r#"{"topics":[]}"#] {
            assert_eq!(check(text).unwrap().0, Topology::default(), "{text}");
        }
    }

    #[test]
    fn invalid_and_ephemeral_names_are_said_and_skipped() {
        let text = r#"{"topics":[{"name":"no good","channels":[{"name":"c"}]},{},
            {"name":"t","channels":[{"name":"b/d"},{"name":"c#ephemeral"},{"name":"c"}]},
            {"name":"e#ephemeral"}]}"#;
        let (topology, lines) = check(text).unwrap();
        assert_eq!(topology.topics, [topic("t", false, &[("c", false)])]);
        assert_eq!(
            lines,
            [
                "skipping creation of invalid topic no good",
                "skipping creation of invalid topic ",
                "skipping creation of invalid channel b/d",
                "topic=t channel=c#ephemeral is ephemeral and is not taken over",
                "topic=e#ephemeral is ephemeral and is not taken over",
            ]
        );
    }

    #[test]
    fn what_go_refuses_is_refused() {
        for (text, reason) in [
            ("", "unexpected end of JSON input"),
            (r#"{"topics":[{"name":"t""#, "unexpected end of JSON input"),
            ("{} more", "trailing characters at line 1 column 4"),
            ("x", "expected value at line 1 column 1"),
            ("[]", "json: cannot unmarshal array into an object"),
            (r#"{"topics":{}}"#, "json: cannot unmarshal object into topics"),
            (r#"{"topics":["t"]}"#, "json: cannot unmarshal string into an object"),
            (r#"{"topics":[{"name":7}]}"#, "json: cannot unmarshal number into name"),
            (r#"{"topics":[{"paused":"no"}]}"#, "json: cannot unmarshal string into paused"),
        ] {
            assert_eq!(check(text).unwrap_err(), reason, "{text}");
        }
    }
}
