//! Clients in an nsqd's `/stats`.

use serde::Deserialize;

use super::reading::null_as_default;

/// A connection that consumes or publishes. Texts are what the client says of itself, and not to be trusted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct ClientStats {
    /// Its name for itself, without the rest of its host's name.
    pub client_id: Box<str>,
    /// Its machine's name.
    pub hostname: Box<str>,
    /// `V2`.
    pub version: Box<str>,
    /// Where it comes from, `ip:port`.
    pub remote_address: Box<str>,
    /// Upstream's number of its state; 3 is subscribed.
    pub state: i64,
    /// Its RDY.
    pub ready_count: i64,
    /// Messages that are with it.
    pub in_flight_count: i64,
    /// Messages that it was ever sent.
    pub message_count: u64,
    /// Those that it has finished.
    pub finish_count: u64,
    /// Those that it has given back.
    pub requeue_count: u64,
    /// Since when it is connected, in seconds since 1970.
    pub connect_ts: i64,
    /// Percent of the messages that it is sent; 0 is all.
    pub sample_rate: i64,
    /// What it is sent is compressed by DEFLATE.
    pub deflate: bool,
    /// What it is sent is compressed by snappy.
    pub snappy: bool,
    /// Its program and library.
    pub user_agent: Box<str>,
    /// It has passed AUTH.
    pub authed: bool,
    /// As whom.
    pub auth_identity: Box<str>,
    /// A page about who that is.
    pub auth_identity_url: Box<str>,
    /// The zone that it stands in, if it says so.
    pub topology_zone: Box<str>,
    /// The region that it stands in, if it says so.
    pub topology_region: Box<str>,
    /// What it has published.
    #[serde(deserialize_with = "null_as_default")]
    pub pub_counts: Vec<PublishCount>,
    /// It speaks TLS.
    pub tls: bool,
    /// With these ciphers.
    pub tls_cipher_suite: Box<str>,
    /// In this version.
    pub tls_version: Box<str>,
    /// The protocol that TLS has agreed on; upstream never has one.
    pub tls_negotiated_protocol: Box<str>,
    /// Upstream says true if there is TLS.
    pub tls_negotiated_protocol_is_mutual: bool,
}

/// What a client has published to a topic.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct PublishCount {
    /// The topic's name.
    pub topic: Box<str>,
    /// Messages.
    pub count: u64,
}
