//! `/stats`: what is shown of a node's snapshot, in either form.

use std::collections::HashMap;

use actix_web::{HttpResponse, web};

use super::{State, ask, stats_json, stats_text};
use crate::{
    actors::{
        clock,
        lookup_peer::LookupPeerSnapshot,
        process::Memory,
        snapshot::{ClientSnapshot, NodeSnapshot, Observe, Scope, TopicSnapshot},
    },
    broker::ClientId,
    config::Percentiles,
    http::{HttpError, Params, reply},
};

/// A node as far as it was asked for. A large one takes milliseconds to write down: that is done on a
/// thread of its own, so that other requests go on.
pub async fn stats(api: State, params: Params) -> Result<HttpResponse, HttpError> {
    let selection = Selection::of(&params);
    let observe = || Observe::<NodeSnapshot>::within(selection.scope());
    let node = ask(&api.node, observe).await?;
    let is_json = params.get("format") == Some("json");
    let percentiles = api.shared.options.e2e_processing_latency_percentiles.clone();
    let written = web::block(move || {
        let stats = Stats::new(node, &selection, percentiles, clock::wall_ns());
        if is_json {
            reply::to_json(&stats_json::view(&stats))
        } else {
            Ok(stats_text::render(&stats).into_bytes())
        }
    });
    let written = written.await.map_err(|_| HttpError::Internal)??;
    Ok(if is_json { reply::json_text(written) } else { reply::text(written) })
}

/// What to show.
#[derive(Debug, Clone)]
pub(super) struct Selection {
    /// Only this one, unless empty.
    pub(super) topic: String,
    /// Only topics that have it, and only it in them; unless empty.
    pub(super) channel: String,
    pub(super) clients: bool,
    pub(super) memory: bool,
}

impl Selection {
    fn of(params: &Params) -> Self {
        let text = |name| params.get(name).unwrap_or_default().to_owned();
        Self {
            topic: text("topic"),
            channel: text("channel"),
            clients: params.flag("include_clients", true),
            memory: params.flag("include_mem", true),
        }
    }

    /// What must be asked for; the rest is left out of the answer.
    fn scope(&self) -> Scope {
        let topic = Some(self.topic.clone()).filter(|topic| !topic.is_empty());
        Scope { topic, without_clients: !self.clients }
    }
}

/// What is shown.
#[derive(Debug)]
pub(super) struct Stats {
    pub(super) health: String,
    /// Unix time in seconds.
    pub(super) start_time: i64,
    /// Unix time in nanoseconds.
    pub(super) now_ns: i64,
    /// `None` if there is no topic of the name that was asked for.
    pub(super) topics: Option<Vec<TopicSnapshot>>,
    pub(super) memory: Option<Memory>,
    pub(super) producers: Vec<ClientSnapshot>,
    pub(super) restarts: Vec<(&'static str, u64)>,
    pub(super) lookup_peers: Vec<LookupPeerSnapshot>,
    /// Channels show their clients, not only how many they are.
    pub(super) with_clients: bool,
    /// Those of the latency that are shown, in this order.
    pub(super) percentiles: Percentiles,
}

impl Stats {
    pub(super) fn new(
        mut node: NodeSnapshot,
        selection: &Selection,
        percentiles: Percentiles,
        now_ns: i64,
    ) -> Self {
        merge_clients(&mut node);
        let mut stats = Self {
            health: node.health,
            start_time: node.start_time,
            now_ns,
            topics: Some(node.topics),
            memory: selection.memory.then(Memory::now),
            producers: node.producers,
            restarts: node.restarts,
            lookup_peers: node.lookup_peers,
            with_clients: selection.clients,
            percentiles,
        };
        stats.producers.sort_unstable_by_key(|producer| producer.info.id);
        stats.select(selection);
        stats
    }

    fn select(&mut self, selection: &Selection) {
        if !selection.topic.is_empty() {
            self.select_topic(&selection.topic);
        }
        if !selection.channel.is_empty() {
            self.select_channel(&selection.channel);
        }
        if !selection.clients || self.topics.is_none() {
            self.producers.clear();
        }
    }

    fn select_topic(&mut self, name: &str) {
        let topics = self.topics.take().into_iter().flatten();
        let topic = topics.into_iter().find(|topic| topic.topic_name.as_str() == name);
        self.topics = topic.map(|topic| vec![topic]);
        for client in self.clients_mut() {
            client.pub_counts.retain(|(topic, _)| topic.as_str() == name);
        }
    }

    fn select_channel(&mut self, name: &str) {
        if let Some(topics) = &mut self.topics {
            for topic in topics.iter_mut() {
                topic.channels.retain(|channel| channel.channel_name.as_str() == name);
            }
            topics.retain(|topic| !topic.channels.is_empty());
        }
    }

    fn clients_mut(&mut self) -> impl Iterator<Item = &mut ClientSnapshot> {
        let channels = self.topics.iter_mut().flatten().flat_map(|topic| &mut topic.channels);
        self.producers.iter_mut().chain(channels.flat_map(|channel| &mut channel.clients))
    }
}

/// A client that both publishes and consumes is known to its connection and to its channel, each
/// of which knows half of it.
fn merge_clients(node: &mut NodeSnapshot) {
    if node.producers.is_empty() {
        return;
    }
    let producers = node.producers.iter_mut();
    let mut producers: HashMap<ClientId, &mut ClientSnapshot> =
        producers.map(|producer| (producer.info.id, producer)).collect();
    let channels = node.topics.iter_mut().flat_map(|topic| &mut topic.channels);
    for consumer in channels.flat_map(|channel| &mut channel.clients) {
        if let Some(producer) = producers.get_mut(&consumer.info.id) {
            consumer.pub_counts = std::mem::take(&mut producer.pub_counts);
            **producer = consumer.clone();
        }
    }
}

#[cfg(test)]
pub(super) mod samples;

#[cfg(test)]
mod tests {
    use super::{samples::*, *};

    fn selected(query: &str) -> Stats {
        let params = Params::parse(query).unwrap();
        Stats::new(example(), &Selection::of(&params), Percentiles::default(), NOW_NS)
    }

    fn names(stats: &Stats) -> Option<Vec<(&str, usize)>> {
        let topics = stats.topics.as_ref()?.iter();
        Some(topics.map(|topic| (topic.topic_name.as_str(), topic.channels.len())).collect())
    }

    #[test]
    fn topics_and_channels_are_selected_by_name() {
        let all = vec![("orders", 1), ("other", 0), ("paused_topic", 1)];
        assert_eq!(names(&selected("")), Some(all));
        assert_eq!(names(&selected("topic=orders&channel=")), Some(vec![("orders", 1)]));
        assert_eq!(names(&selected("channel=archive")), Some(vec![("orders", 1)]));
        assert_eq!(names(&selected("topic=other&channel=archive")), Some(vec![]));
        assert_eq!(names(&selected("topic=orders&channel=none")), Some(vec![]));
    }

    #[test]
    fn an_unknown_topic_hides_the_producers() {
        let stats = selected("topic=none");
        assert_eq!((names(&stats), stats.producers.len()), (None, 0));
        assert_eq!(selected("channel=none").producers.len(), 1);
    }

    #[test]
    fn clients_and_memory_can_be_left_out() {
        let stats = selected("include_clients=false&include_mem=0");
        assert!(!stats.with_clients && stats.memory.is_none() && stats.producers.is_empty());
        let stats = selected("include_clients=no");
        assert!(stats.with_clients && stats.memory.is_some());
    }

    #[test]
    fn a_producer_is_listed_whatever_the_topic_but_only_that_is_counted() {
        assert_eq!(selected("topic=orders").producers[0].pub_counts, [(topic_name("orders"), 4)]);
        assert!(selected("topic=other").producers[0].pub_counts.is_empty());
    }

    #[test]
    fn whoever_publishes_and_consumes_is_shown_whole_in_both_places() {
        let mut node = example();
        let consumer = node.topics[0].channels[0].clients[0].clone();
        let mut producer = consumer.clone();
        (producer.message_count, producer.pub_counts) = (0, vec![(topic_name("other"), 2)]);
        node.producers.insert(0, producer);
        let selection = Selection::of(&Params::default());
        let stats = Stats::new(node, &selection, Percentiles::default(), NOW_NS);
        let producer = stats.producers.iter().find(|client| client.info.id == consumer.info.id);
        let consumer = &stats.topics.as_ref().unwrap()[0].channels[0].clients[0];
        for client in [producer.unwrap(), consumer] {
            assert_eq!(client.message_count, 4);
            assert_eq!(client.pub_counts, [(topic_name("other"), 2)]);
        }
    }
}
