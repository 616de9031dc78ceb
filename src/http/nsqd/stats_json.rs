//! `/stats?format=json`. Every struct is declared in the order of its keys.

use serde::{Serialize, Serializer};

use super::stats::Stats;
use crate::{
    actors::{
        lookup_peer::LookupPeerSnapshot,
        process::Memory,
        snapshot::{ChannelSnapshot, ClientSnapshot, TopicSnapshot},
    },
    broker::LatencySamples,
    config::{Durability, NSQ_VERSION},
    protocol::{ChannelName, ClientState, TopicName},
};

/// The stats as they are written.
pub(super) fn view(stats: &Stats) -> impl Serialize {
    let topics = stats.topics.as_ref();
    let view_topic = |topic| TopicView::new(topic, stats);
    let producers: Vec<_> = stats.producers.iter().map(ClientView::new).collect();
    NodeView {
        version: NSQ_VERSION,
        health: &stats.health,
        start_time: stats.start_time,
        topics: topics.map(|topics| topics.iter().map(view_topic).collect()),
        memory: stats.memory.map(MemoryView),
        producers: Some(producers).filter(|producers| !producers.is_empty()),
        restarts: Restarts(&stats.restarts),
        nsqlookupds: stats.lookup_peers.iter().map(LookupPeerView::new).collect(),
    }
}

#[derive(Serialize)]
struct NodeView<'a> {
    version: &'static str,
    health: &'a str,
    start_time: i64,
    topics: Option<Vec<TopicView<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    memory: Option<MemoryView>,
    producers: Option<Vec<ClientView<'a>>>,
    /// Not in upstream's answer, like the next one, and therefore last.
    restarts: Restarts<'a>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    nsqlookupds: Vec<LookupPeerView<'a>>,
}

struct MemoryView(Memory);

impl Serialize for MemoryView {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.fields())
    }
}

struct Restarts<'a>(&'a [(&'static str, u64)]);

impl Serialize for Restarts<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().copied())
    }
}

#[derive(Serialize)]
struct LookupPeerView<'a> {
    address: &'a str,
    connected: bool,
    /// Topics and channels that it has been told of.
    registration_count: usize,
    connect_count: u64,
    error_count: u64,
    last_error: Option<&'a str>,
    /// In nanoseconds.
    ping_age: Option<u64>,
}

impl<'a> LookupPeerView<'a> {
    fn new(peer: &'a LookupPeerSnapshot) -> Self {
        let (status, age) = (&peer.status, peer.ping_age);
        Self {
            address: &peer.address,
            connected: status.is_connected,
            registration_count: status.registrations,
            connect_count: status.connects,
            error_count: status.errors,
            last_error: status.last_error.as_deref(),
            ping_age: age.map(|age| u64::try_from(age.as_nanos()).unwrap_or(u64::MAX)),
        }
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
    e2e_processing_latency: LatencyView,
    /// Not in upstream's answer, and therefore last.
    durability: &'static str,
}

impl<'a> TopicView<'a> {
    fn new(topic: &'a TopicSnapshot, stats: &'a Stats) -> Self {
        let channels = topic.channels.iter();
        Self {
            topic_name: &topic.topic_name,
            channels: channels.map(|channel| ChannelView::new(channel, stats)).collect(),
            depth: topic.depth,
            backend_depth: topic.backend_depth,
            message_count: topic.message_count,
            message_bytes: topic.message_bytes,
            paused: topic.paused,
            e2e_processing_latency: LatencyView::new(topic.latency.as_ref(), stats),
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
    zone_local_msg_count: u64,
    #[serde(skip_serializing_if = "is_zero")]
    region_local_msg_count: u64,
    #[serde(skip_serializing_if = "is_zero")]
    global_msg_count: u64,
    requeue_count: u64,
    timeout_count: u64,
    client_count: usize,
    clients: Option<Vec<ClientView<'a>>>,
    paused: bool,
    e2e_processing_latency: LatencyView,
    /// Not in upstream's answer, like the next one, and therefore last.
    #[serde(skip_serializing_if = "is_zero")]
    dropped_count: u64,
    #[serde(skip_serializing_if = "is_zero")]
    lost_count: u64,
}

impl<'a> ChannelView<'a> {
    fn new(channel: &'a ChannelSnapshot, stats: &'a Stats) -> Self {
        let (counters, clients) = (&channel.counters, &channel.clients);
        Self {
            channel_name: &channel.channel_name,
            depth: channel.depth,
            backend_depth: channel.backend_depth,
            in_flight_count: channel.in_flight_count,
            deferred_count: channel.deferred_count,
            message_count: counters.message_count,
            zone_local_msg_count: counters.zone_local_count,
            region_local_msg_count: counters.region_local_count,
            global_msg_count: counters.global_count(),
            requeue_count: counters.requeue_count,
            timeout_count: counters.timeout_count,
            client_count: channel.client_count,
            clients: stats.with_clients.then(|| clients.iter().map(ClientView::new).collect()),
            paused: channel.paused,
            e2e_processing_latency: LatencyView::new(channel.latency.as_ref(), stats),
            dropped_count: counters.dropped_count,
            lost_count: counters.lost_count,
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
    #[serde(skip_serializing_if = "is_false")]
    authed: bool,
    #[serde(skip_serializing_if = "str::is_empty")]
    auth_identity: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    auth_identity_url: &'a str,
    topology_zone: &'a str,
    topology_region: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub_counts: Vec<PubCount<'a>>,
    tls: bool,
    tls_cipher_suite: &'a str,
    tls_version: &'a str,
    tls_negotiated_protocol: &'static str,
    tls_negotiated_protocol_is_mutual: bool,
}

impl<'a> ClientView<'a> {
    fn new(client: &'a ClientSnapshot) -> Self {
        let (info, said) = (&client.info, &client.info.negotiated);
        let (tls, grant) = (info.tls.as_deref(), info.grant.as_deref());
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
            authed: grant.is_some(),
            auth_identity: grant.map_or("", |grant| &grant.identity),
            auth_identity_url: grant.map_or("", |grant| &grant.identity_url),
            topology_zone: &said.topology_zone,
            topology_region: &said.topology_region,
            pub_counts: PubCount::all_of(client),
            tls: tls.is_some(),
            tls_cipher_suite: tls.map_or("", |tls| &tls.cipher_suite),
            tls_version: tls.map_or("", |tls| &tls.version),
            tls_negotiated_protocol: "",
            tls_negotiated_protocol_is_mutual: tls.is_some(),
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

#[derive(Serialize)]
struct LatencyView {
    count: u64,
    percentiles: Option<Vec<PercentileView>>,
}

impl LatencyView {
    fn new(samples: Option<&LatencySamples>, stats: &Stats) -> Self {
        let percentiles = samples.map(|samples| {
            let quantiles = stats.percentiles.as_slice().iter();
            let view = |&quantile| PercentileView { quantile, value: samples.value_at(quantile) };
            quantiles.map(view).collect()
        });
        Self { count: samples.map_or(0, LatencySamples::count), percentiles }
    }
}

#[derive(Serialize)]
struct PercentileView {
    #[serde(serialize_with = "without_decimals")]
    quantile: f64,
    /// In nanoseconds.
    value: u64,
}

/// 1 is written as `1`, as Go does.
fn without_decimals<S: Serializer>(number: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    if number.fract() == 0.0 {
        serializer.serialize_u64(*number as u64)
    } else {
        serializer.serialize_f64(*number)
    }
}

/// The numbers that upstream gives its states; 1 and 2 are of clients that it never lists.
pub(super) fn state_number(state: ClientState) -> u8 {
    match state {
        ClientState::Init => 0,
        ClientState::Subscribed => 3,
        ClientState::Closing => 4,
    }
}

fn is_false(flag: &bool) -> bool {
    !flag
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        actors::snapshot::NodeSnapshot,
        broker::Grant,
        config::Percentiles,
        http::nsqd::stats::{Selection, samples},
    };

    fn json(topic: &str, clients: bool, memory: bool) -> String {
        let channel = String::new();
        let selection = Selection { topic: topic.into(), channel, clients, memory };
        let off = Percentiles::default();
        let mut stats = Stats::new(samples::example(), &selection, off, samples::NOW_NS);
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
    fn nsqlookupds_stand_last_and_only_if_there_are_any() {
        let mut node = samples::example();
        assert!(!text_of(node.clone(), &[]).contains("nsqlookupds"));
        node.lookup_peers = vec![samples::lookup_peer()];
        let last = r#","nsqlookupds":[{"address":"lookup1:4160","connected":true,"registration_count":7,"connect_count":2,"error_count":1,"last_error":"connection closed by nsqlookupd","ping_age":1500000000}]}"#;
        assert!(text_of(node, &[]).ends_with(last));
    }

    #[test]
    fn who_has_authenticated_is_shown() {
        let mut node = samples::example();
        let client = &mut node.producers[0];
        let grant = br#"{"ttl":1,"identity":"joe","identity_url":"http://x/joe"}"#;
        Arc::make_mut(&mut client.info).grant = Some(Arc::new(Grant::parse(grant).unwrap()));
        let shown = serde_json::to_string(&ClientView::new(client)).unwrap();
        let keys = r#""user_agent":"pa/1.0","authed":true,"auth_identity":"joe","auth_identity_url":"http://x/joe","topology_zone":"","#;
        assert!(shown.contains(keys), "{shown}");
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

    fn text_of(node: NodeSnapshot, percentiles: &[f64]) -> String {
        serde_json::to_string(&view(&samples::stats_of(node, percentiles))).unwrap()
    }

    #[test]
    fn percentiles_are_in_the_order_asked_for_and_whole_numbers_have_no_decimals() {
        let json = text_of(samples::example_with_latencies(), &[0.5, 1.0, 0.999]);
        let latency = r#""e2e_processing_latency":{"count":1,"percentiles":[{"quantile":0.5,"value":3379059},{"quantile":1,"value":3379059},{"quantile":0.999,"value":3379059}]}"#;
        assert_eq!(json.matches(latency).count(), 2, "of the channel and of its topic: {json}");
    }

    #[test]
    fn a_topic_without_channels_has_no_percentiles_and_a_channel_without_samples_zeros() {
        let json = text_of(samples::example_with_latencies(), &[1.0]);
        let (_, others) = json.split_once("\"topic_name\":\"other\"").unwrap();
        let (other, paused) = others.split_once("\"topic_name\"").unwrap();
        assert!(other.contains(PROMISE), "{other}");
        let zero = r#"{"count":0,"percentiles":[{"quantile":1,"value":0}]}"#;
        assert_eq!(paused.matches(zero).count(), 2, "{paused}");
    }

    #[test]
    fn what_was_dropped_or_lost_stands_last_and_only_if_there_is_any() {
        let mut node = samples::example();
        assert!(!text_of(node.clone(), &[]).contains("dropped_count"));
        let counters = &mut node.topics[0].channels[0].counters;
        (counters.dropped_count, counters.lost_count) = (3, 4);
        let last = r#""percentiles":null},"dropped_count":3,"lost_count":4}]"#;
        assert!(text_of(node, &[]).contains(last));
    }
}
