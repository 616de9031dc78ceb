//! IDENTIFY: what a node says of itself, and what nsqlookupd answers.

use serde::{
    Serialize,
    de::{IgnoredAny, MapAccess},
};

use super::error::LookupError;
use crate::protocol::go_object::{self, Fields, set};

/// What an nsqd says of itself; keys in the order in which upstream's nsqd sends them.
///
/// Ports may be any number but 0: nsqlookupd only hands them on.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize)]
pub struct PeerInfo {
    /// Where consumers can reach it.
    pub broadcast_address: String,
    /// The name of its host; may be empty.
    pub hostname: String,
    /// Of its HTTP API.
    pub http_port: i64,
    /// For clients.
    pub tcp_port: i64,
    /// `--topology-region`; may be empty.
    pub topology_region: String,
    /// `--topology-zone`; may be empty.
    pub topology_zone: String,
    /// Its version.
    pub version: String,
}

impl PeerInfo {
    /// Reads the body of IDENTIFY.
    ///
    /// Errors are [`LookupError::IdentifyJson`] and [`LookupError::MissingFields`].
    pub fn parse(body: &[u8]) -> Result<Self, LookupError> {
        let info: Self = go_object::parse(body).map_err(|_| LookupError::IdentifyJson)?;
        let texts = [&info.broadcast_address, &info.version];
        let ports = [info.tcp_port, info.http_port];
        if texts.iter().any(|text| text.is_empty()) || ports.contains(&0) {
            return Err(LookupError::MissingFields);
        }
        Ok(info)
    }

    /// The body of IDENTIFY.
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a struct of texts and numbers is always JSON")
    }
}

impl Fields for PeerInfo {
    fn read<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "broadcast_address" => set(&mut self.broadcast_address, map),
            "hostname" => set(&mut self.hostname, map),
            "http_port" => set(&mut self.http_port, map),
            "tcp_port" => set(&mut self.tcp_port, map),
            "topology_region" => set(&mut self.topology_region, map),
            "topology_zone" => set(&mut self.topology_zone, map),
            "version" => set(&mut self.version, map),
            // Nobody but nsqlookupd says it, but its type is checked.
            "remote_address" => set(&mut String::new(), map),
            _ => map.next_value::<IgnoredAny>().map(drop),
        }
    }
}

/// What nsqlookupd says of itself in answer to IDENTIFY; keys in upstream's order.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct IdentifyAnswer {
    /// Where its HTTP API can be reached; empty when it does not say.
    pub broadcast_address: String,
    /// The name of its host.
    pub hostname: String,
    /// Of its HTTP API.
    pub http_port: i64,
    /// For nsqds.
    pub tcp_port: i64,
    /// Its version.
    pub version: String,
}

impl IdentifyAnswer {
    /// Reads the answer to IDENTIFY, an error included: that is none, like everything else that is not JSON.
    pub fn parse(response: &[u8]) -> Result<Self, serde_json::Error> {
        go_object::parse(response)
    }

    /// The data of the response.
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a struct of texts and numbers is always JSON")
    }
}

impl Fields for IdentifyAnswer {
    fn read<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "broadcast_address" => set(&mut self.broadcast_address, map),
            "hostname" => set(&mut self.hostname, map),
            "http_port" => set(&mut self.http_port, map),
            "tcp_port" => set(&mut self.tcp_port, map),
            "version" => set(&mut self.version, map),
            _ => map.next_value::<IgnoredAny>().map(drop),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = r#"{"broadcast_address":"b","tcp_port":1,"http_port":2,"version":"v"}"#;

    fn small() -> PeerInfo {
        PeerInfo {
            broadcast_address: "b".into(),
            tcp_port: 1,
            http_port: 2,
            version: "v".into(),
            ..PeerInfo::default()
        }
    }

    #[test]
    fn four_fields_are_enough_and_others_are_ignored() {
        assert_eq!(PeerInfo::parse(WHOLE.as_bytes()), Ok(small()));
        let more = WHOLE.replace('{', r#"{"more":[{}],"hostname":null,"remote_address":"x","#);
        assert_eq!(PeerInfo::parse(more.as_bytes()), Ok(small()));
        let upper = WHOLE.replace("tcp_port", "TCP_Port");
        assert_eq!(PeerInfo::parse(upper.as_bytes()), Ok(small()));
    }

    #[test]
    fn ports_may_be_any_number_but_nought() {
        for port in [-1, 65_536, i64::MAX] {
            let body = WHOLE.replace(":1,", &format!(":{port},"));
            let expected = PeerInfo { tcp_port: port, ..small() };
            assert_eq!(PeerInfo::parse(body.as_bytes()), Ok(expected));
        }
    }

    #[test]
    fn missing_fields_are_told_from_bad_json() {
        let replaced = |from, to| WHOLE.replace(from, to);
        for body in [
            "null".to_owned(),
            "{}".to_owned(),
            replaced("\"b\"", "\"\""),
            replaced("\"b\"", "null"),
            replaced("\"v\"", "\"\""),
            replaced(":1,", ":0,"),
            replaced(":2,", ":0,"),
        ] {
            assert_eq!(PeerInfo::parse(body.as_bytes()), Err(LookupError::MissingFields), "{body}");
        }
        for body in [
            String::new(),
            "[]".to_owned(),
            "7".to_owned(),
            format!("{WHOLE}x"),
            replaced(":1,", ":1.0,"),
            replaced(":1,", ":1e3,"),
            replaced(":1,", ":\"1\","),
            replaced(":1,", ":9223372036854775808,"),
            replaced("\"v\"", "7"),
            replaced("{", r#"{"remote_address":7,"#),
        ] {
            assert_eq!(PeerInfo::parse(body.as_bytes()), Err(LookupError::IdentifyJson), "{body}");
        }
    }

    #[test]
    fn what_is_written_can_be_read() {
        let info = PeerInfo { hostname: "h\u{1f600}".into(), topology_zone: "z".into(), ..small() };
        assert_eq!(PeerInfo::parse(&info.to_json()), Ok(info));
    }

    #[test]
    fn answer_has_upstreams_form() {
        let answer = IdentifyAnswer {
            broadcast_address: "lookup1".into(),
            hostname: "lookup1.example.net".into(),
            http_port: 4161,
            tcp_port: 4160,
            version: "1.3.0".into(),
        };
        let text = concat!(
            r#"{"broadcast_address":"lookup1","hostname":"lookup1.example.net","#,
            r#""http_port":4161,"tcp_port":4160,"version":"1.3.0"}"#
        );
        assert_eq!(answer.to_json(), text.as_bytes());
        assert_eq!(IdentifyAnswer::parse(text.as_bytes()).ok(), Some(answer));
    }

    #[test]
    fn errors_are_no_answer() {
        for response in ["OK", "E_INVALID", "E_BAD_BODY IDENTIFY missing fields", ""] {
            assert!(IdentifyAnswer::parse(response.as_bytes()).is_err(), "{response}");
        }
    }
}
