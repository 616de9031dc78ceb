//! The JSON of IDENTIFY, read the way Go reads it.

use serde::de::{IgnoredAny, MapAccess};

use crate::protocol::{
    error::ProtocolError,
    go_object::{self, Fields, set},
};

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
        go_object::parse(body).map_err(|_| ProtocolError::IdentifyJson)
    }
}

impl Fields for Request {
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
