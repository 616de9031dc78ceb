//! Who a client is.

use std::sync::Arc;

use actix::Recipient;
use tokio_rustls::rustls::ServerConnection;

use crate::{
    actors::{
        auth_client::Authorize,
        listener::{BecameProducer, ClientGone},
        node::FindTopic,
        shared::Shared,
        tls::{cipher_suite_name, common_name, version_name},
    },
    broker::{ClientId, Grant},
    config::NsqdOptions,
    protocol::{Features, IdentifyLimits, Limits, Negotiated},
};

/// What a new connection is given.
pub struct ClientSpec {
    /// Its number.
    pub id: ClientId,
    /// `ip:port`, or `@` for a unix socket.
    pub remote_address: String,
    /// Unix time of the connect in seconds.
    pub connect_ts: i64,
    /// Asks auth servers, if clients must authenticate.
    pub auth: Option<Recipient<Authorize>>,
    /// Knows the topics.
    pub node: Recipient<FindTopic>,
    /// Hears of the first publish.
    pub became_producer: Recipient<BecameProducer>,
    /// Hears of the end.
    pub gone: Recipient<ClientGone>,
    /// What every actor may read.
    pub shared: Arc<Shared>,
}

/// A client as `/stats` shows it; fixed once it has subscribed.
#[derive(Debug, Clone)]
pub struct ClientInfo {
    /// Its number, never on the wire.
    pub id: ClientId,
    /// `ip:port`, or `@` for a unix socket.
    pub remote_address: String,
    /// Unix time of the connect in seconds.
    pub connect_ts: i64,
    /// What it said of itself and what was agreed.
    pub negotiated: Negotiated,
    /// What TLS has agreed on; none without TLS.
    pub tls: Option<Arc<TlsInfo>>,
    /// What its AUTH was answered with.
    pub grant: Option<Arc<Grant>>,
}

/// What is known of a connection's TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsInfo {
    /// As upstream names it.
    pub cipher_suite: String,
    /// As upstream names it.
    pub version: String,
    /// The common name of the client's certificate; empty without one.
    pub common_name: String,
}

impl TlsInfo {
    /// Of a session whose handshake is done.
    pub(super) fn of(session: &ServerConnection) -> Self {
        let suite = session.negotiated_cipher_suite();
        let certificate = session.peer_certificates().and_then(<[_]>::first);
        Self {
            cipher_suite: suite.map(|suite| cipher_suite_name(suite.suite())).unwrap_or_default(),
            version: session.protocol_version().map(version_name).unwrap_or_default(),
            common_name: certificate.map(common_name).unwrap_or_default(),
        }
    }
}

/// The address without its port; empty for a unix socket.
pub(super) fn ip_of(remote_address: &str) -> &str {
    let ip = remote_address.rsplit_once(':').map_or("", |(ip, _)| ip);
    ip.trim_start_matches('[').trim_end_matches(']')
}

/// The decoder's limits.
pub(super) fn limits(options: &NsqdOptions) -> Limits {
    Limits {
        msg_bytes_max: options.max_msg_size,
        body_bytes_max: options.max_body_size,
        rdy_max: i64::try_from(options.max_rdy_count).unwrap_or(i64::MAX),
        req_timeout_max: options.max_req_timeout,
    }
}

/// What IDENTIFY may ask for.
pub(super) fn identify_limits(shared: &Shared) -> IdentifyLimits {
    let options = &shared.options;
    IdentifyLimits {
        max_heartbeat_interval: options.max_heartbeat_interval,
        default_output_buffer_timeout: options.output_buffer_timeout,
        min_output_buffer_timeout: options.min_output_buffer_timeout,
        max_output_buffer_timeout: options.max_output_buffer_timeout,
        max_output_buffer_size: options.max_output_buffer_size,
        default_msg_timeout: options.msg_timeout,
        max_msg_timeout: options.max_msg_timeout,
        max_deflate_level: i32::try_from(options.max_deflate_level).unwrap_or(i32::MAX),
        available: Features {
            tls_v1: shared.tls.is_some(),
            snappy: options.snappy,
            deflate: options.deflate,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_told_from_the_port() {
        for (remote, ip) in [("127.0.0.1:44020", "127.0.0.1"), ("[::1]:5", "::1"), ("@", "")] {
            assert_eq!(ip_of(remote), ip);
        }
    }
}
