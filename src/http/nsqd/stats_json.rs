//! `/stats?format=json`. Every struct is declared in the order of its keys.

use serde::{Serialize, Serializer};

use super::{memory::Memory, stats::Stats};
use crate::{
    actors::snapshot::{ChannelSnapshot, ClientSnapshot, TopicSnapshot},
    config::{Durability, NSQ_VERSION},
    protocol::{ChannelName, ClientState, TopicName},
};

/// The stats as they are written.
pub(super) fn view(stats: &Stats) -> impl Serialize {
    let (with_clients, topics) = (stats.with_clients, stats.topics.as_ref());
    let view_topic = |topic| TopicView::new(topic, with_clients);
    let producers: Vec<_> = stats.producers.iter().map(ClientView::new).collect();
    NodeView {
        version: NSQ_VERSION,
        health: &stats.health,
        start_time: stats.start_time,
        topics: topics.map(|topics| topics.iter().map(view_topic).collect()),
        memory: stats.memory,
        producers: Some(producers).filter(|producers| !producers.is_empty()),
        restarts: Restarts(&stats.restarts),
    }
}

#[derive(Serialize)]
struct NodeView<'a> {
    version: &'static str,
    health: &'a str,
    start_time: i64,
    topics: Option<Vec<TopicView<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    memory: Option<Memory>,
    producers: Option<Vec<ClientView<'a>>>,
    /// Not in upstream's answer, and therefore last.
    restarts: Restarts<'a>,
}

struct Restarts<'a>(&'a [(&'static str, u64)]);

impl Serialize for Restarts<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().copied())
    }
}

#[derive(Serialize)]
struct TopicView<'a> {
    topic_name: &'a TopicName,
    channels: Vec<ChannelView<'a>>,
    depth: u64,
    backend_depth: u64,
    message_count: u64,
    message_bytes: u64,
    paused: bool,
    e2e_processing_latency: Latency,
    /// Not in upstream's answer, and therefore last.
    durability: &'static str,
}

impl<'a> TopicView<'a> {
    fn new(topic: &'a TopicSnapshot, with_clients: bool) -> Self {
        let channels = topic.channels.iter();
        Self {
            topic_name: &topic.topic_name,
            channels: channels.map(|channel| ChannelView::new(channel, with_clients)).collect(),
            depth: topic.depth,
            backend_depth: topic.backend_depth,
            message_count: topic.message_count,
            message_bytes: topic.message_bytes,
            paused: topic.paused,
            e2e_processing_latency: Latency::default(),
            durability: topic.durability.map_or("none", Durability::as_str),
        }
    }
}

#[derive(Serialize)]
struct ChannelView<'a> {
    channel_name: &'a ChannelName,
    depth: u64,
    backend_depth: u64,
    in_flight_count: usize,
    deferred_count: usize,
    message_count: u64,
    #[serde(skip_serializing_if = "is_zero")]
    global_msg_count: u64,
    requeue_count: u64,
    timeout_count: u64,
    client_count: usize,
    clients: Option<Vec<ClientView<'a>>>,
    paused: bool,
    e2e_processing_latency: Latency,
}

impl<'a> ChannelView<'a> {
    fn new(channel: &'a ChannelSnapshot, with_clients: bool) -> Self {
        let (counters, clients) = (&channel.counters, &channel.clients);
        Self {
            channel_name: &channel.channel_name,
            depth: channel.depth,
            backend_depth: channel.backend_depth,
            in_flight_count: channel.in_flight_count,
            deferred_count: channel.deferred_count,
            message_count: counters.message_count,
            global_msg_count: counters.delivered_count,
            requeue_count: counters.requeue_count,
            timeout_count: counters.timeout_count,
            client_count: clients.len(),
            clients: with_clients.then(|| clients.iter().map(ClientView::new).collect()),
            paused: channel.paused,
            e2e_processing_latency: Latency::default(),
        }
    }
}

#[derive(Serialize)]
struct ClientView<'a> {
    client_id: &'a str,
    hostname: &'a str,
    version: &'static str,
    remote_address: &'a str,
    state: u8,
    ready_count: u32,
    in_flight_count: u32,
    message_count: u64,
    finish_count: u64,
    requeue_count: u64,
    connect_ts: i64,
    sample_rate: u8,
    deflate: bool,
    snappy: bool,
    user_agent: &'a str,
    topology_zone: &'a str,
    topology_region: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub_counts: Vec<PubCount<'a>>,
    tls: bool,
    tls_cipher_suite: &'static str,
    tls_version: &'static str,
    tls_negotiated_protocol: &'static str,
    tls_negotiated_protocol_is_mutual: bool,
}

impl<'a> ClientView<'a> {
    fn new(client: &'a ClientSnapshot) -> Self {
        let (info, said) = (&client.info, &client.info.negotiated);
        let tls = said.features.tls_v1;
        Self {
            client_id: &said.client_id,
            hostname: &said.hostname,
            version: "V2",
            remote_address: &info.remote_address,
            state: state_number(client.state),
            ready_count: client.ready_count,
            in_flight_count: client.in_flight_count,
            message_count: client.message_count,
            finish_count: client.finish_count,
            requeue_count: client.requeue_count,
            connect_ts: info.connect_ts,
            sample_rate: said.sample_rate,
            deflate: said.features.deflate,
            snappy: said.features.snappy,
            user_agent: &said.user_agent,
            topology_zone: &said.topology_zone,
            topology_region: &said.topology_region,
            pub_counts: PubCount::all_of(client),
            tls,
            tls_cipher_suite: "",
            tls_version: "",
            tls_negotiated_protocol: "",
            tls_negotiated_protocol_is_mutual: tls,
        }
    }
}

#[derive(Serialize)]
struct PubCount<'a> {
    topic: &'a TopicName,
    count: u64,
}

impl<'a> PubCount<'a> {
    fn all_of(client: &'a ClientSnapshot) -> Vec<Self> {
        let counts = client.pub_counts.iter();
        counts.map(|(topic, count)| PubCount { topic, count: *count }).collect()
    }
}

/// Nothing is measured yet.
#[derive(Default, Serialize)]
struct Latency {
    count: u64,
    percentiles: Option<()>,
}

/// The numbers that upstream gives its states; 1 and 2 are of clients that it never lists.
pub(super) fn state_number(state: ClientState) -> u8 {
    match state {
        ClientState::Init => 0,
        ClientState::Subscribed => 3,
        ClientState::Closing => 4,
    }
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::nsqd::stats::{Selection, samples};

    fn json(topic: &str, clients: bool, memory: bool) -> String {
        let channel = String::new();
        let selection = Selection { topic: topic.into(), channel, clients, memory };
        let mut stats = Stats::new(samples::example(), &selection, samples::NOW_NS);
        stats.memory = stats.memory.map(|_| Memory { resident_bytes: 7 });
        serde_json::to_string(&view(&stats)).unwrap()
    }

    const TAIL: &str = r#""tls":false,"tls_cipher_suite":"","tls_version":"","tls_negotiated_protocol":"","tls_negotiated_protocol_is_mutual":false}"#;
    const LATENCY: &str = r#""e2e_processing_latency":{"count":0,"percentiles":null}}"#;
    const PROMISE: &str =
        r#""e2e_processing_latency":{"count":0,"percentiles":null},"durability":"process"}"#;
    const RESTARTS: &str = r#""restarts":{"node":0,"topic":1}}"#;

    #[test]
    fn keys_are_in_upstreams_order() {
        let clients = [
            r#"{"client_id":"cons","hostname":"cons.host.example.com","version":"V2","remote_address":"127.0.0.1:44020","state":3,"ready_count":2,"in_flight_count":2,"message_count":4,"finish_count":1,"requeue_count":1,"connect_ts":1795367506,"sample_rate":0,"deflate":false,"snappy":false,"user_agent":"ca/1.0","topology_zone":"","topology_region":"","#,
            r#"{"client_id":"127.0.0.1","hostname":"127.0.0.1","version":"V2","remote_address":"127.0.0.1:44036","state":3,"ready_count":0,"in_flight_count":0,"message_count":0,"finish_count":0,"requeue_count":0,"connect_ts":1795367506,"sample_rate":0,"deflate":false,"snappy":false,"user_agent":"","topology_zone":"","topology_region":"","#,
        ];
        let channel = r#"{"channel_name":"archive","depth":0,"backend_depth":0,"in_flight_count":2,"deferred_count":1,"message_count":4,"global_msg_count":4,"requeue_count":1,"timeout_count":0,"client_count":2,"#;
        let producer = r#"{"client_id":"prod","hostname":"prod.host.example.com","version":"V2","remote_address":"127.0.0.1:44012","state":0,"ready_count":0,"in_flight_count":0,"message_count":0,"finish_count":0,"requeue_count":0,"connect_ts":1795367506,"sample_rate":0,"deflate":false,"snappy":false,"user_agent":"pa/1.0","topology_zone":"","topology_region":"","pub_counts":[{"topic":"orders","count":4}],"#;
        let expected = format!(
            r#"{{"version":"{NSQ_VERSION}","health":"OK","start_time":1795367506,"topics":[{{"topic_name":"orders","channels":[{channel}"clients":[{}{TAIL},{}{TAIL}],"paused":false,{LATENCY}],"depth":0,"backend_depth":0,"message_count":4,"message_bytes":20,"paused":false,{PROMISE}],"memory":{{"heap_objects":0,"heap_idle_bytes":0,"heap_in_use_bytes":7,"heap_released_bytes":0,"gc_pause_usec_100":0,"gc_pause_usec_99":0,"gc_pause_usec_95":0,"next_gc_bytes":0,"gc_total_runs":0}},"producers":[{producer}{TAIL}],{RESTARTS}"#,
            clients[0], clients[1]
        );
        assert_eq!(json("orders", true, true), expected);
    }

    #[test]
    fn without_clients_there_is_their_number_only() {
        let channel = r#"{"channel_name":"a_very_long_channel_name_over_25","depth":0,"backend_depth":0,"in_flight_count":0,"deferred_count":0,"message_count":0,"requeue_count":0,"timeout_count":0,"client_count":0,"clients":null,"paused":true,"#;
        let expected = format!(
            r#"{{"version":"{NSQ_VERSION}","health":"OK","start_time":1795367506,"topics":[{{"topic_name":"paused_topic","channels":[{channel}{LATENCY}],"depth":0,"backend_depth":0,"message_count":0,"message_bytes":0,"paused":true,{PROMISE}],"producers":null,{RESTARTS}"#
        );
        assert_eq!(json("paused_topic", false, false), expected);
    }

    #[test]
    fn an_unknown_topic_is_null() {
        let expected = format!(
            r#"{{"version":"{NSQ_VERSION}","health":"OK","start_time":1795367506,"topics":null,"producers":null,{RESTARTS}"#
        );
        assert_eq!(json("none", true, false), expected);
    }
}
