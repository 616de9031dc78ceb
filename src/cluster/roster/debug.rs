//! nsqlookupd's `/debug`, which may be long: what is not wanted of it is passed over while it is read.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, Visitor},
};

use crate::protocol::host_port;

/// What is wanted of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RegistryDebug {
    /// Channels that are known.
    pub channel_count: u64,
    /// When each node was heard of the last time, in milliseconds since the Unix epoch.
    pub last_update_ms: Vec<(String, u64)>,
    /// By node and topic, when a tombstone ends, in milliseconds since the Unix epoch. Upstream's does not say.
    pub tombstones_until_ms: Vec<((String, String), u64)>,
}

#[derive(Deserialize)]
struct Entry {
    broadcast_address: String,
    http_port: i64,
    #[serde(default)]
    last_update: i64,
    #[serde(default)]
    tombstoned_until: i64,
}

impl Entry {
    fn node(&self) -> Option<String> {
        let port = u16::try_from(self.http_port).ok().filter(|&port| port > 0)?;
        Some(host_port(&self.broadcast_address, port))
    }
}

impl<'de> Deserialize<'de> for RegistryDebug {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Keys)
    }
}

struct Keys;

impl<'de> Visitor<'de> for Keys {
    type Value = RegistryDebug;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("registrations by key")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut keys: A) -> Result<Self::Value, A::Error> {
        let mut debug = RegistryDebug::default();
        while let Some(key) = keys.next_key::<String>()? {
            if key == "client::" {
                debug.add_nodes(&keys.next_value::<Vec<Entry>>()?);
            } else if let Some(topic) = key.strip_prefix("topic:") {
                let topic = topic.trim_end_matches(':');
                debug.add_tombstones(topic, &keys.next_value::<Vec<Entry>>()?);
            } else {
                debug.channel_count += u64::from(key.starts_with("channel:"));
                keys.next_value::<IgnoredAny>()?;
            }
        }
        Ok(debug)
    }
}

impl RegistryDebug {
    fn add_nodes(&mut self, entries: &[Entry]) {
        let known =
            entries.iter().filter_map(|entry| Some((entry.node()?, ms(entry.last_update)?)));
        self.last_update_ms.extend(known);
    }

    fn add_tombstones(&mut self, topic: &str, entries: &[Entry]) {
        let known = entries.iter().filter_map(|entry| {
            Some(((entry.node()?, topic.to_owned()), ms(entry.tombstoned_until)?))
        });
        self.tombstones_until_ms.extend(known);
    }
}

/// Milliseconds, unless it was never.
fn ms(ns: i64) -> Option<u64> {
    u64::try_from(ns / 1_000_000).ok().filter(|&ms| ms > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_and_tombstones_are_read_and_channels_counted() {
        let node = r#"{"id":"10.0.0.5:4242","broadcast_address":"n","http_port":4151,"last_update":1795367506000000000,"tombstoned":false,"tombstoned_at":-6795364578871345152}"#;
        let hidden = r#"{"broadcast_address":"n","http_port":4151,"tombstoned":true,"tombstoned_at":1,"tombstoned_until":1795367551000000000}"#;
        let text = format!(
            r#"{{"channel:t:a":[{node}],"channel:t:b":[],"client::":[{node}],"topic:t:":[{hidden}],"topic:u:":[{node}]}}"#
        );
        let debug: RegistryDebug = serde_json::from_str(&text).unwrap();
        let node = "n:4151".to_owned();
        let expected = RegistryDebug {
            channel_count: 2,
            last_update_ms: vec![(node.clone(), 1_795_367_506_000)],
            tombstones_until_ms: vec![((node, "t".to_owned()), 1_795_367_551_000)],
        };
        assert_eq!(debug, expected);
        assert_eq!(serde_json::from_str::<RegistryDebug>("{}").unwrap(), RegistryDebug::default());
        assert!(serde_json::from_str::<RegistryDebug>("[]").is_err());
    }
}
