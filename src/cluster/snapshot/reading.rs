//! From an nsqd's answer to what is kept of it.

use super::{
    Client, Gauges, Name, Names, NodeSnapshot, Percentile, Producer, Rate, Rates,
    stored::{Span, StoredChannel, StoredLatency, StoredTopic},
};
use crate::{
    broker::Moment,
    cluster::answers::{ChannelStats, ClientStats, LatencyStats, NodeStats, TopicStats},
};

/// How much of an answer may be kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Room {
    /// Topics and channels.
    pub entries: usize,
    /// Consumers and producers.
    pub clients: usize,
}

impl Room {
    fn take_entry(&mut self) -> bool {
        take(&mut self.entries)
    }

    fn take_client(&mut self) -> bool {
        take(&mut self.clients)
    }
}

fn take(room: &mut usize) -> bool {
    let left = room.checked_sub(1);
    *room = left.unwrap_or(0);
    left.is_some()
}

impl NodeSnapshot {
    /// What is kept of an answer. Rates are not known yet.
    pub fn read(stats: NodeStats, at: Moment, names: &mut Names, room: Room) -> Self {
        let mut reading = Reading::new(at, names, room);
        let mut topics = Vec::with_capacity(stats.topics.len().min(room.entries));
        topics.extend(stats.topics.into_iter().filter_map(|topic| reading.topic(topic)));
        sort(&mut topics, |topic| &topic.name);
        let producers = stats.producers.iter().filter_map(|producer| reading.producer(producer));
        Self {
            at,
            producers: producers.collect(),
            version: reading.names.share(&stats.version),
            health: reading.names.share(&stats.health),
            started_at_s: Some(stats.start_time).filter(|&start| start > 0),
            memory_bytes: stats.memory.map(|memory| memory.heap_in_use_bytes),
            restarts: stats.restarts.map(|kinds| kinds.values().sum()),
            left_out: reading.left_out,
            topics: topics.into(),
            channels: reading.channels.into(),
            clients: reading.clients.into(),
            percentiles: reading.percentiles.into(),
        }
    }

    /// What it takes of the room.
    pub fn holds(&self) -> Room {
        Room {
            entries: self.topics.len() + self.channels.len(),
            clients: self.clients.len() + self.producers.len(),
        }
    }
}

struct Reading<'a> {
    at: Moment,
    names: &'a mut Names,
    room: Room,
    left_out: u64,
    channels: Vec<StoredChannel>,
    clients: Vec<Client>,
    percentiles: Vec<Percentile>,
}

impl<'a> Reading<'a> {
    fn new(at: Moment, names: &'a mut Names, room: Room) -> Self {
        let (channels, clients, percentiles) = Default::default();
        Self { at, names, room, left_out: 0, channels, clients, percentiles }
    }

    fn topic(&mut self, topic: TopicStats) -> Option<StoredTopic> {
        if !self.room.take_entry() {
            self.left_out += 1;
            return None;
        }
        let mut channels: Vec<_> =
            topic.channels.into_iter().filter_map(|channel| self.channel(&channel)).collect();
        sort(&mut channels, |channel| &channel.name);
        let first = self.channels.len();
        self.channels.append(&mut channels);
        Some(StoredTopic {
            name: self.names.share(topic.topic_name.as_str()),
            depth: count(topic.depth),
            backend_depth: count(topic.backend_depth),
            messages: topic.message_count,
            input: Rate::UNKNOWN,
            paused: topic.paused,
            latency: self.latency(&topic.e2e_processing_latency),
            channels: Span::since(first, &self.channels),
        })
    }

    fn channel(&mut self, channel: &ChannelStats) -> Option<StoredChannel> {
        if !self.room.take_entry() {
            self.left_out += 1;
            return None;
        }
        let first = self.clients.len();
        for client in &channel.clients {
            let client = self.client(client);
            self.clients.extend(client);
        }
        let clients = Span::since(first, &self.clients);
        Some(StoredChannel {
            name: self.names.share(channel.channel_name.as_str()),
            gauges: Gauges {
                depth: count(channel.depth),
                backend_depth: count(channel.backend_depth),
                in_flight: count(channel.in_flight_count),
                deferred: count(channel.deferred_count),
                messages: channel.message_count,
                requeues: channel.requeue_count,
                timeouts: channel.timeout_count,
                // Old nodes tell of them one by one only.
                clients: count(channel.client_count).max(clients.len()),
            },
            rates: Rates::UNKNOWN,
            paused: channel.paused,
            latency: self.latency(&channel.e2e_processing_latency),
            clients,
        })
    }

    fn latency(&mut self, stats: &LatencyStats) -> StoredLatency {
        let first = self.percentiles.len();
        let percentiles = stats.percentiles.iter();
        self.percentiles
            .extend(percentiles.map(|of| Percentile { quantile: of.quantile, value_ns: of.value }));
        let percentiles = Span::since(first, &self.percentiles);
        StoredLatency { count: stats.count, percentiles }
    }

    fn client(&mut self, client: &ClientStats) -> Option<Client> {
        if !self.room.take_client() {
            self.left_out += 1;
            return None;
        }
        let mut name = |text: &str| self.names.share(text);
        Some(Client {
            client_id: name(&client.client_id),
            hostname: name(&client.hostname),
            remote_address: name(&client.remote_address),
            user_agent: name(&client.user_agent),
            version: name(&client.version),
            tls_version: name(&client.tls_version),
            auth: client.authed.then(|| name(&client.auth_identity)),
            region: name(&client.topology_region),
            zone: name(&client.topology_zone),
            connected_at_s: client.connect_ts,
            in_flight: count(client.in_flight_count),
            ready: count(client.ready_count),
            messages: client.message_count,
            finished: client.finish_count,
            requeues: client.requeue_count,
            sample_rate: u8::try_from(client.sample_rate).unwrap_or(0),
            tls: client.tls,
            deflate: client.deflate,
            snappy: client.snappy,
            finish_rate: Rate::UNKNOWN,
            seen_at: self.at,
            busy_since: (client.in_flight_count > 0).then_some(self.at),
            closed_since: (client.ready_count <= 0).then_some(self.at),
        })
    }

    fn producer(&mut self, client: &ClientStats) -> Option<Producer> {
        if !self.room.take_client() {
            self.left_out += 1;
            return None;
        }
        let mut name = |text: &str| -> Name { self.names.share(text) };
        Some(Producer {
            client_id: name(&client.client_id),
            hostname: name(&client.hostname),
            remote_address: name(&client.remote_address),
            user_agent: name(&client.user_agent),
            connected_at_s: client.connect_ts,
            counts: client.pub_counts.iter().map(|of| (name(&of.topic), of.count)).collect(),
        })
    }
}

/// Sorts by name. Of two with the same one the first stays.
fn sort<T>(list: &mut Vec<T>, name: impl Fn(&T) -> &Name) {
    list.sort_by(|a, b| name(a).cmp(name(b)));
    list.dedup_by(|later, first| name(later) == name(first));
}

/// What is less than nothing is nothing.
fn count(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
