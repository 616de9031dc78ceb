//! IDENTIFY from the client's side: what it says of itself, and what nsqd has agreed to.

use std::time::Duration;

use serde::{Deserialize, Serialize, Serializer};

/// What a client says and asks for. It always negotiates features.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Introduction<'a> {
    /// The client's name for itself.
    pub client_id: &'a str,
    /// The client's host.
    pub hostname: &'a str,
    /// The program and its library.
    pub user_agent: &'a str,
    /// The name under which nsqds before 0.3 show `client_id`.
    pub short_id: &'a str,
    /// The name under which nsqds before 0.3 show `hostname`.
    pub long_id: &'a str,
    /// TLS on the same socket.
    pub tls_v1: bool,
    /// Raw DEFLATE in both directions.
    pub deflate: bool,
    /// Level of nsqd's side of it.
    pub deflate_level: i32,
    /// Snappy's framing format in both directions.
    pub snappy: bool,
    /// That the answer is to be JSON.
    pub feature_negotiation: bool,
    /// Between two heartbeats; `None` for no heartbeats.
    #[serde(serialize_with = "millis_or_off")]
    pub heartbeat_interval: Option<Duration>,
    /// Percent of the messages that are delivered; 0 for all of them.
    pub sample_rate: u8,
    /// Bytes that nsqd may gather before it sends; -1 for none, 0 for nsqd's default.
    pub output_buffer_size: i64,
    /// How long nsqd may gather; `None` for as long as it likes.
    #[serde(serialize_with = "millis_or_off")]
    pub output_buffer_timeout: Option<Duration>,
    /// How long the client may take for a message; zero for nsqd's default.
    #[serde(serialize_with = "millis")]
    pub msg_timeout: Duration,
    /// Where the client runs; left out when empty.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub topology_region: &'a str,
    /// Where in its region the client runs; left out when empty.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub topology_zone: &'a str,
}

impl Introduction<'_> {
    /// The body of IDENTIFY.
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a struct of numbers, flags and text is always JSON")
    }
}

fn millis_or_off<S: Serializer>(span: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    match span {
        Some(span) => millis(span, serializer),
        None => serializer.serialize_i64(-1),
    }
}

fn millis<S: Serializer>(span: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_i64(i64::try_from(span.as_millis()).unwrap_or(i64::MAX))
}

/// What nsqd has agreed to.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Agreement {
    /// The largest RDY that nsqd takes.
    pub max_rdy_count: i64,
    /// nsqd's version.
    pub version: String,
    /// TLS follows.
    pub tls_v1: bool,
    /// DEFLATE follows.
    pub deflate: bool,
    /// Snappy follows.
    pub snappy: bool,
    /// Without AUTH nothing is allowed.
    pub auth_required: bool,
    /// How long the client may take for a message, in milliseconds; 0 when nsqd does not say.
    pub msg_timeout: i64,
}

impl Default for Agreement {
    /// What holds with an nsqd that answers `OK` only.
    fn default() -> Self {
        Self {
            max_rdy_count: 2500,
            version: String::new(),
            tls_v1: false,
            deflate: false,
            snappy: false,
            auth_required: false,
            msg_timeout: 0,
        }
    }
}

/// Of an nsqd that does not say what it gives.
const MESSAGE_TIMEOUT: Duration = Duration::from_secs(60);

impl Agreement {
    /// How long the client may take for a message.
    pub fn message_timeout(&self) -> Duration {
        match u64::try_from(self.msg_timeout) {
            Ok(0) | Err(_) => MESSAGE_TIMEOUT,
            Ok(millis) => Duration::from_millis(millis),
        }
    }

    /// Reads the answer to IDENTIFY: JSON, or the `OK` of an nsqd that negotiates nothing.
    pub fn parse(answer: &[u8]) -> Result<Self, serde_json::Error> {
        if answer.first() != Some(&b'{') {
            return Ok(Self::default());
        }
        serde_json::from_slice(answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn introduction_has_the_keys_of_the_protocol() {
        let mut introduction = Introduction {
            client_id: "a",
            hostname: "a.b",
            user_agent: "x/1",
            short_id: "a",
            long_id: "a.b",
            tls_v1: true,
            deflate: false,
            deflate_level: 6,
            snappy: false,
            feature_negotiation: true,
            heartbeat_interval: Some(Duration::from_secs(30)),
            sample_rate: 10,
            output_buffer_size: 16_384,
            output_buffer_timeout: None,
            msg_timeout: Duration::ZERO,
            topology_region: "",
            topology_zone: "",
        };
        let expected = concat!(
            r#"{"client_id":"a","hostname":"a.b","user_agent":"x/1","short_id":"a","long_id":"a.b","tls_v1":true,"#,
            r#""deflate":false,"deflate_level":6,"snappy":false,"feature_negotiation":true,"heartbeat_interval":30000,"#,
            r#""sample_rate":10,"output_buffer_size":16384,"output_buffer_timeout":-1,"msg_timeout":0}"#,
        );
        assert_eq!(String::from_utf8(introduction.to_json()).unwrap(), expected);
        introduction.topology_zone = "z1";
        let json = String::from_utf8(introduction.to_json()).unwrap();
        assert!(json.ends_with(r#""msg_timeout":0,"topology_zone":"z1"}"#), "{json}");
    }

    #[test]
    fn agreement_is_read_with_defaults_for_what_is_not_said() {
        let agreed = Agreement::parse(br#"{"max_rdy_count":7,"snappy":true,"new":[1]}"#).unwrap();
        let expected = Agreement { max_rdy_count: 7, snappy: true, ..Agreement::default() };
        assert_eq!(agreed, expected);
        assert_eq!(Agreement::parse(b"OK").unwrap(), Agreement::default());
        assert!(Agreement::parse(b"{\"snappy\":1}").is_err());
    }

    #[test]
    fn an_nsqd_that_does_not_say_so_gives_a_minute_for_a_message() {
        for (answer, expected) in [
            (&b"OK"[..], Duration::from_secs(60)),
            (b"{}", Duration::from_secs(60)),
            (b"{\"msg_timeout\":-1}", Duration::from_secs(60)),
            (b"{\"msg_timeout\":1500}", Duration::from_millis(1500)),
        ] {
            assert_eq!(Agreement::parse(answer).unwrap().message_timeout(), expected);
        }
    }
}
