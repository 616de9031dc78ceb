//! An nsqd's `/info`.

use serde::Deserialize;

/// What an nsqd says of itself; nsqlookupd says its version only.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct NodeInfo {
    /// Its version.
    pub version: String,
    /// The host at which it wants to be reached; may be empty.
    pub broadcast_address: String,
    /// What its machine calls itself.
    pub hostname: String,
    /// Its port for HTTP; 0 or less if there is none.
    pub http_port: i64,
    /// Its port for clients; 0 or less if there is none.
    pub tcp_port: i64,
    /// Since when it runs, in seconds since 1970; 0 if it does not say.
    pub start_time: i64,
    /// The zone that it stands in, if it says so.
    pub topology_zone: String,
    /// The region that it stands in, if it says so.
    pub topology_region: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn upstreams_answer_is_read_and_old_ones_have_fewer_fields() {
        let text = r#"{"version":"1.3.0","broadcast_address":"vm","hostname":"vm1","http_port":14151,"tcp_port":14150,"start_time":1795367468,"max_heartbeat_interval":60000000000,"max_deflate_level":6,"topology_zone":"a","topology_region":"eu"}"#;
        let info: NodeInfo = serde_json::from_str(text).unwrap();
        assert_eq!((info.version.as_str(), info.broadcast_address.as_str()), ("1.3.0", "vm"));
        assert_eq!((info.hostname.as_str(), info.http_port, info.tcp_port), ("vm1", 14151, 14150));
        assert_eq!((info.start_time, info.topology_zone.as_str()), (1_795_367_468, "a"));
        assert_eq!(info.topology_region, "eu");
        let old: NodeInfo = serde_json::from_str(r#"{"version":"0.3","http_port":-1}"#).unwrap();
        let expected = NodeInfo { version: "0.3".into(), http_port: -1, ..NodeInfo::default() };
        assert_eq!(old, expected);
    }
}
