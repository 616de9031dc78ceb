//! `/ping` and `/info`.

use actix_web::{HttpResponse, http::StatusCode};
use serde::Serialize;

use super::{Ports, State};
use crate::{
    config::{GoDuration, NSQ_VERSION, NsqdOptions, host},
    http::{HttpError, reply},
};

/// Whether the node can store messages.
pub async fn ping(api: State) -> HttpResponse {
    let health = api.shared.health.summary();
    let status = if health == "OK" { StatusCode::OK } else { StatusCode::INTERNAL_SERVER_ERROR };
    reply::plain(status, health)
}

/// Who the node is, and what clients may negotiate.
pub async fn info(api: State) -> Result<HttpResponse, HttpError> {
    let hostname = host::hostname();
    let (options, start_time) = (&api.shared.options, api.shared.start_time);
    reply::json(&Info::new(options, &hostname, api.ports, start_time))
}

/// Declared in the order of its keys; durations are in nanoseconds.
#[derive(Serialize)]
struct Info<'a> {
    version: &'a str,
    broadcast_address: &'a str,
    hostname: &'a str,
    http_port: i32,
    tcp_port: i32,
    start_time: i64,
    max_heartbeat_interval: i64,
    max_output_buffer_size: usize,
    max_output_buffer_timeout: i64,
    max_deflate_level: u32,
    topology_zone: &'a str,
    topology_region: &'a str,
}

impl<'a> Info<'a> {
    fn new(options: &'a NsqdOptions, hostname: &'a str, ports: Ports, start_time: i64) -> Self {
        let nanos = |duration| GoDuration::from(duration).as_nanos();
        Self {
            version: NSQ_VERSION,
            broadcast_address: &options.broadcast_address,
            hostname,
            http_port: ports.http,
            tcp_port: ports.tcp,
            start_time,
            max_heartbeat_interval: nanos(options.max_heartbeat_interval),
            max_output_buffer_size: options.max_output_buffer_size,
            max_output_buffer_timeout: nanos(options.max_output_buffer_timeout),
            max_deflate_level: options.max_deflate_level,
            topology_zone: &options.topology_zone,
            topology_region: &options.topology_region,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_in_upstreams_order() {
        let options = NsqdOptions { broadcast_address: "b".into(), ..NsqdOptions::default() };
        let info =
            Info::new(&options, "vm", Ports { tcp: -1, http: 14151, https: 14152 }, 1_795_367_468);
        let expected = format!(
            "{{\"version\":\"{NSQ_VERSION}\",\"broadcast_address\":\"b\",\"hostname\":\"vm\",\
             \"http_port\":14151,\"tcp_port\":-1,\"start_time\":1795367468,\
             \"max_heartbeat_interval\":60000000000,\"max_output_buffer_size\":65536,\
             \"max_output_buffer_timeout\":30000000000,\"max_deflate_level\":6,\
             \"topology_zone\":\"\",\"topology_region\":\"\"}}"
        );
        assert_eq!(serde_json::to_string(&info).unwrap(), expected);
    }
}
