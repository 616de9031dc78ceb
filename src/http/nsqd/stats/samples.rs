//! A node as in the examples of upstream's answers, as a snapshot.

use std::{sync::Arc, time::Duration};

use super::{Selection, Stats};
use crate::{
    actors::{
        client_connection::ClientInfo,
        lookup_peer::{LookupPeerSnapshot, PeerStatus},
        snapshot::{ChannelSnapshot, ClientSnapshot, NodeSnapshot, TopicSnapshot},
    },
    broker::{ClientId, Latencies, Moment, channel::Counters},
    config::{Durability, Percentiles},
    protocol::{ChannelName, ClientState, Features, IdentifyLimits, Negotiated, TopicName},
};

pub const START_TIME: i64 = 1_795_367_506;
pub const NOW_NS: i64 = START_TIME * 1_000_000_000 + 336_619_489;

pub fn topic_name(name: &str) -> TopicName {
    TopicName::parse(name).unwrap()
}

/// One topic with a channel and consumers, one that nobody reads, one that is paused, one producer.
pub fn example() -> NodeSnapshot {
    NodeSnapshot {
        health: "OK".into(),
        start_time: START_TIME,
        topics: vec![
            topic("orders", (0, 4, 20), vec![archive()], false),
            topic("other", (2, 2, 2), Vec::new(), false),
            topic("paused_topic", (0, 0, 0), vec![paused_channel()], true),
        ],
        producers: vec![ClientSnapshot {
            pub_counts: vec![(topic_name("orders"), 4)],
            ..client((1, 44012), "prod", ClientState::Init)
        }],
        restarts: vec![("node", 0), ("topic", 1)],
        ..NodeSnapshot::default()
    }
}

/// A nsqlookupd that has answered.
pub fn lookup_peer() -> LookupPeerSnapshot {
    let status = PeerStatus {
        is_connected: true,
        registrations: 7,
        connects: 2,
        errors: 1,
        last_error: Some("connection closed by nsqlookupd".into()),
        ..PeerStatus::default()
    };
    let ping_age = Some(Duration::from_millis(1500));
    LookupPeerSnapshot { address: "lookup1:4160".into(), status, ping_age }
}

/// What is shown of a node, without clients and memory.
pub fn stats_of(node: NodeSnapshot, percentiles: &[f64]) -> Stats {
    let (topic, channel) = (String::new(), String::new());
    let selection = Selection { topic, channel, clients: false, memory: false };
    Stats::new(node, &selection, Percentiles::new(percentiles.to_vec()).unwrap(), NOW_NS)
}

/// The same with one message of `archive` finished after 3.379059 ms.
pub fn example_with_latencies() -> NodeSnapshot {
    let mut node = example();
    for topic in &mut node.topics {
        let mut channels = std::mem::take(&mut topic.channels);
        for channel in &mut channels {
            let mut latencies = Latencies::new(Duration::from_secs(600));
            if channel.channel_name.as_str() == "archive" {
                latencies.record(3_379_059, Moment(1));
            }
            channel.latency = Some(latencies.samples(Moment(1)));
        }
        topic.set_channels(channels, 0);
    }
    node
}

fn topic(
    name: &str,
    (depth, message_count, message_bytes): (u64, u64, u64),
    channels: Vec<ChannelSnapshot>,
    paused: bool,
) -> TopicSnapshot {
    let topic_name = topic_name(name);
    TopicSnapshot {
        topic_name,
        channels,
        silent_channels: 0,
        since: Moment(1),
        depth,
        backend_depth: 0,
        message_count,
        message_bytes,
        paused,
        durability: Some(Durability::Process),
        waiting_count: 0,
        latency: None,
        log_segments: 1,
        log_bytes: 4096,
    }
}

fn archive() -> ChannelSnapshot {
    let subscribed = ClientState::Subscribed;
    let busy = ClientSnapshot {
        ready_count: 2,
        in_flight_count: 2,
        message_count: 4,
        finish_count: 1,
        requeue_count: 1,
        ..client((2, 44020), "cons", subscribed)
    };
    let counters =
        Counters { message_count: 4, requeue_count: 1, delivered_count: 4, ..Counters::default() };
    ChannelSnapshot {
        in_flight_count: 2,
        deferred_count: 1,
        counters,
        client_count: 2,
        clients: vec![busy, client((3, 44036), "", subscribed)],
        paused: false,
        ..paused_channel_called("archive")
    }
}

fn paused_channel() -> ChannelSnapshot {
    paused_channel_called("a_very_long_channel_name_over_25")
}

fn paused_channel_called(name: &str) -> ChannelSnapshot {
    ChannelSnapshot {
        channel_name: ChannelName::parse(name).unwrap(),
        since: Moment(1),
        depth: 0,
        backend_depth: 0,
        in_flight_count: 0,
        deferred_count: 0,
        counters: Counters::default(),
        client_count: 0,
        clients: Vec::new(),
        paused: true,
        latency: None,
    }
}

/// A client that has said who it is, unless its name is empty.
fn client((id, port): (u64, u16), name: &str, state: ClientState) -> ClientSnapshot {
    let mut negotiated = Negotiated::before_identify(&limits(), "127.0.0.1");
    if !name.is_empty() {
        negotiated.client_id = name.into();
        negotiated.hostname = format!("{name}.host.example.com");
        negotiated.user_agent = format!("{}a/1.0", &name[..1]);
    }
    let info = ClientInfo {
        id: ClientId(id),
        remote_address: format!("127.0.0.1:{port}"),
        connect_ts: START_TIME,
        negotiated,
        tls: None,
        grant: None,
    };
    ClientSnapshot::producer(&Arc::new(info), state, Vec::new())
}

fn limits() -> IdentifyLimits {
    let second = Duration::from_secs(1);
    IdentifyLimits {
        max_heartbeat_interval: second,
        default_output_buffer_timeout: second,
        min_output_buffer_timeout: second,
        max_output_buffer_timeout: second,
        max_output_buffer_size: 1,
        default_msg_timeout: second,
        max_msg_timeout: second,
        max_deflate_level: 6,
        available: Features::default(),
    }
}
