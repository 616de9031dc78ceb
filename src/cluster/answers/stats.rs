//! An nsqd's `/stats?format=json`. A topic takes some 130 bytes and a channel some 190, and their names.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{
    client::ClientStats,
    reading::{channel_name, null_as_default, topic_name},
};
use crate::protocol::{ChannelName, TopicName};

/// All that a node says of itself.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct NodeStats {
    /// Its version.
    pub version: String,
    /// `OK`, or `NOK - ` and why; empty if it does not say.
    pub health: String,
    /// Since when it runs, in seconds since 1970; 0 if it does not say.
    pub start_time: i64,
    /// Its topics; none of those asked for if it does not have it.
    #[serde(deserialize_with = "null_as_default")]
    pub topics: Vec<TopicStats>,
    /// Its memory, if that was asked for.
    pub memory: Option<MemoryStats>,
    /// Connections that publish, if clients were asked for.
    #[serde(deserialize_with = "null_as_default")]
    pub producers: Vec<ClientStats>,
    /// How often actors were started again, by their kind; only ours say so.
    pub restarts: Option<BTreeMap<String, u64>>,
    /// Links to nsqlookupds; only ours say so.
    #[serde(deserialize_with = "null_as_default")]
    pub nsqlookupds: Vec<LookupPeerStats>,
}

/// A topic on one node.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct TopicStats {
    /// Its name.
    #[serde(deserialize_with = "topic_name")]
    pub topic_name: TopicName,
    /// Its channels.
    #[serde(default, deserialize_with = "null_as_default")]
    pub channels: Vec<ChannelStats>,
    /// Messages that no channel has yet.
    #[serde(default)]
    pub depth: i64,
    /// Those of them that are not in memory.
    #[serde(default)]
    pub backend_depth: i64,
    /// Messages that were ever published.
    #[serde(default)]
    pub message_count: u64,
    /// Their bodies, in bytes.
    #[serde(default)]
    pub message_bytes: u64,
    /// No messages go on to channels.
    #[serde(default)]
    pub paused: bool,
    /// Of all its channels.
    #[serde(default, deserialize_with = "null_as_default")]
    pub e2e_processing_latency: LatencyStats,
}

/// A channel on one node.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct ChannelStats {
    /// Its name.
    #[serde(deserialize_with = "channel_name")]
    pub channel_name: ChannelName,
    /// Messages that wait.
    #[serde(default)]
    pub depth: i64,
    /// Those of them that are not in memory.
    #[serde(default)]
    pub backend_depth: i64,
    /// Messages that are with a consumer.
    #[serde(default)]
    pub in_flight_count: i64,
    /// Messages that are not due yet.
    #[serde(default)]
    pub deferred_count: i64,
    /// Messages that were ever in the channel.
    #[serde(default)]
    pub message_count: u64,
    /// Delivered within a zone.
    #[serde(default)]
    pub zone_local_msg_count: u64,
    /// Delivered within a region, to another zone.
    #[serde(default)]
    pub region_local_msg_count: u64,
    /// Delivered elsewhere.
    #[serde(default)]
    pub global_msg_count: u64,
    /// How often one was given back.
    #[serde(default)]
    pub requeue_count: u64,
    /// How often one was not answered in time.
    #[serde(default)]
    pub timeout_count: u64,
    /// Consumers.
    #[serde(default)]
    pub client_count: i64,
    /// They themselves, if they were asked for.
    #[serde(default, deserialize_with = "null_as_default")]
    pub clients: Vec<ClientStats>,
    /// No messages are handed out.
    #[serde(default)]
    pub paused: bool,
    /// From publishing to finishing.
    #[serde(default, deserialize_with = "null_as_default")]
    pub e2e_processing_latency: LatencyStats,
    /// Messages that an ephemeral channel had no room for; only ours say so.
    #[serde(default)]
    pub dropped_count: u64,
    /// Messages that damage has cost; only ours say so.
    #[serde(default)]
    pub lost_count: u64,
}

/// How long messages have taken.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct LatencyStats {
    /// Messages that were measured.
    pub count: u64,
    /// None of them if the node does not measure.
    #[serde(deserialize_with = "null_as_default")]
    pub percentiles: Box<[PercentileStats]>,
}

/// One percentile.
#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct PercentileStats {
    /// From 0 to 1.
    pub quantile: f64,
    /// In nanoseconds; 0 if nothing was measured.
    pub value: f64,
}

/// Memory in upstream's words, in bytes but for counts and times.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
#[allow(missing_docs, reason = "the names are upstream's and say all that is known")]
pub struct MemoryStats {
    pub heap_objects: u64,
    pub heap_idle_bytes: u64,
    /// What ours says here is the memory of the whole process.
    pub heap_in_use_bytes: u64,
    pub heap_released_bytes: u64,
    pub gc_pause_usec_100: u64,
    pub gc_pause_usec_99: u64,
    pub gc_pause_usec_95: u64,
    pub next_gc_bytes: u64,
    pub gc_total_runs: u64,
}

/// A node's link to an nsqlookupd.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct LookupPeerStats {
    /// As the node has it, `host:tcp port`.
    pub address: String,
    /// There is a connection.
    pub connected: bool,
    /// Topics and channels that it was told of.
    pub registration_count: u64,
    /// How often the node has connected.
    pub connect_count: u64,
    /// How often that failed, or a connection broke.
    pub error_count: u64,
    /// What happened the last time.
    pub last_error: Option<String>,
    /// Since it last answered, in nanoseconds.
    pub ping_age: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::{super::PublishCount, *};

    fn read(text: &str) -> NodeStats {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn upstreams_answer_is_read() {
        let stats = read(include_str!("stats_1_3_0.json"));
        assert_eq!((stats.version.as_str(), stats.health.as_str()), ("1.3.0", "OK"));
        assert_eq!((stats.start_time, stats.memory.unwrap().heap_objects), (1_795_367_506, 3616));
        let [orders, other] = &stats.topics[..] else { panic!("{:?}", stats.topics) };
        assert_eq!((orders.topic_name.as_str(), orders.message_bytes), ("orders", 20));
        assert_eq!(other.e2e_processing_latency, LatencyStats::default());
        let archive = &orders.channels[0];
        assert_eq!((archive.in_flight_count, archive.deferred_count), (2, 1));
        assert_eq!((archive.global_msg_count, archive.zone_local_msg_count), (4, 0));
        assert_eq!(archive.e2e_processing_latency.count, 1);
        let quantiles = archive.e2e_processing_latency.percentiles.iter();
        assert_eq!(quantiles.map(|of| of.quantile).collect::<Vec<_>>(), [1.0, 0.99, 0.5]);
        let client = &archive.clients[0];
        assert_eq!((&*client.client_id, client.finish_count, client.authed), ("cons", 1, true));
        assert_eq!((&*client.auth_identity, client.state), ("joe", 3));
        let published = PublishCount { topic: "orders".into(), count: 4 };
        assert_eq!(stats.producers[0].pub_counts, [published]);
        assert_eq!((stats.restarts, stats.nsqlookupds), (None, vec![]));
    }

    #[test]
    fn lists_may_be_null_and_fields_may_be_missing_or_new() {
        let empty = NodeStats::default();
        for text in [
            "{}",
            r#"{"topics":null,"producers":null,"memory":null,"nsqlookupds":null,"restarts":null}"#,
            r#"{"topics":[],"new":{"deep":[1,{}]}}"#,
        ] {
            assert_eq!(read(text), empty, "{text}");
        }
        let stats = read(
            r#"{"topics":[{"topic_name":"t","channels":null,"e2e_processing_latency":null},
                {"topic_name":"u","channels":[{"channel_name":"c","clients":null,"x":1}]}]}"#,
        );
        assert_eq!((stats.topics[0].channels.len(), stats.topics[1].channels.len()), (0, 1));
    }

    #[test]
    fn a_hundred_thousand_topics_with_channels_are_held_with_ease() {
        let sizes = [size_of::<TopicStats>(), size_of::<ChannelStats>(), size_of::<ClientStats>()];
        assert!(sizes[0] <= 128 && sizes[1] <= 192 && sizes[2] <= 352, "{sizes:?}");
    }

    #[test]
    fn ours_says_more() {
        let stats = read(
            r#"{"restarts":{"node":0,"topic":1},"nsqlookupds":[{"address":"l:4160","connected":true,
                "registration_count":7,"last_error":"gone","ping_age":15}]}"#,
        );
        assert_eq!(stats.restarts.unwrap()["topic"], 1);
        let peer = &stats.nsqlookupds[0];
        assert_eq!((peer.connected, peer.registration_count, peer.ping_age), (true, 7, Some(15)));
    }

    #[test]
    fn who_has_names_that_cannot_be_is_no_nsqd() {
        for text in [
            r#"{"topics":[{"topic_name":"<script>"}]}"#,
            r#"{"topics":[{}]}"#,
            r#"{"topics":[{"topic_name":"t","channels":[{"channel_name":"a b"}]}]}"#,
            r#"{"topics":7}"#,
            "[]x",
        ] {
            assert!(serde_json::from_str::<NodeStats>(text).is_err(), "{text}");
        }
    }
}
