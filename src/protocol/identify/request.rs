//! The JSON of IDENTIFY, read the way Go reads it.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, Visitor},
};

use crate::protocol::error::ProtocolError;

/// What a client says and asks for; what it leaves out is zero, false or empty.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Request {
    pub client_id: String,
    pub hostname: String,
    pub user_agent: String,
    pub feature_negotiation: bool,
    pub heartbeat_interval: i64,
    pub output_buffer_size: i64,
    pub output_buffer_timeout: i64,
    pub sample_rate: i32,
    pub msg_timeout: i64,
    pub tls_v1: bool,
    pub snappy: bool,
    pub deflate: bool,
    pub deflate_level: i64,
    pub topology_region: String,
    pub topology_zone: String,
}

impl Request {
    /// Reads a whole body; `null` is an empty object.
    pub fn parse(body: &[u8]) -> Result<Self, ProtocolError> {
        // Go puts U+FFFD where a text is not UTF-8, and takes it.
        let text = String::from_utf8_lossy(body);
        serde_json::from_str::<Option<Self>>(&text)
            .map(Option::unwrap_or_default)
            .map_err(|_| ProtocolError::IdentifyJson)
    }

    /// Reads the value of `key`, given in lower case. A `null` changes nothing.
    fn read<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "client_id" => set(&mut self.client_id, map),
            "hostname" => set(&mut self.hostname, map),
            "user_agent" => set(&mut self.user_agent, map),
            "feature_negotiation" => set(&mut self.feature_negotiation, map),
            "heartbeat_interval" => set(&mut self.heartbeat_interval, map),
            "output_buffer_size" => set(&mut self.output_buffer_size, map),
            "output_buffer_timeout" => set(&mut self.output_buffer_timeout, map),
            "sample_rate" => set(&mut self.sample_rate, map),
            "msg_timeout" => set(&mut self.msg_timeout, map),
            "tls_v1" => set(&mut self.tls_v1, map),
            "snappy" => set(&mut self.snappy, map),
            "deflate" => set(&mut self.deflate, map),
            "deflate_level" => set(&mut self.deflate_level, map),
            "topology_region" => set(&mut self.topology_region, map),
            "topology_zone" => set(&mut self.topology_zone, map),
            _ => map.next_value::<IgnoredAny>().map(drop),
        }
    }
}

fn set<'de, T, A>(field: &mut T, map: &mut A) -> Result<(), A::Error>
where
    T: Deserialize<'de>,
    A: MapAccess<'de>,
{
    if let Some(value) = map.next_value()? {
        *field = value;
    }
    Ok(())
}

impl<'de> Deserialize<'de> for Request {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(RequestVisitor)
    }
}

struct RequestVisitor;

impl<'de> Visitor<'de> for RequestVisitor {
    type Value = Request;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Request, A::Error> {
        let mut request = Request::default();
        while let Some(mut key) = map.next_key::<String>()? {
            key.make_ascii_lowercase();
            request.read(&key, &mut map)?;
        }
        Ok(request)
    }
}
