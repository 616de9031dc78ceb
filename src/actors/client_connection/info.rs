//! Who a client is.

use std::sync::Arc;

use actix::Recipient;

use crate::{
    actors::{
        auth_client::Authorize,
        listener::{BecameProducer, ClientGone},
        node::FindTopic,
        shared::Shared,
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
    /// What its AUTH was answered with.
    pub grant: Option<Arc<Grant>>,
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
pub(super) fn identify_limits(options: &NsqdOptions) -> IdentifyLimits {
    IdentifyLimits {
        max_heartbeat_interval: options.max_heartbeat_interval,
        default_output_buffer_timeout: options.output_buffer_timeout,
        min_output_buffer_timeout: options.min_output_buffer_timeout,
        max_output_buffer_timeout: options.max_output_buffer_timeout,
        max_output_buffer_size: options.max_output_buffer_size,
        default_msg_timeout: options.msg_timeout,
        max_msg_timeout: options.max_msg_timeout,
        max_deflate_level: i32::try_from(options.max_deflate_level).unwrap_or(i32::MAX),
        available: Features::default(),
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
