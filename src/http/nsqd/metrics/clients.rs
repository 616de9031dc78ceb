//! Metrics of each client, with `--metrics-per-client`: as many series as there are connections.

use std::fmt;

use super::scrape::Exposition;
use crate::actors::snapshot::ClientSnapshot;
use crate::http::exposition::{Families, Name};

/// Writes them all, or nothing.
pub(super) fn write(families: &mut Families<'_>, it: &Exposition) -> fmt::Result {
    if !it.shared.options.metrics_per_client {
        return Ok(());
    }
    let consumers: Vec<_> = consumers(it).collect();
    let each = |figure: fn(&ClientSnapshot) -> u64| {
        consumers.iter().map(move |client| (client.labels(), figure(client.client)))
    };
    families.gauge(
        Name("nsqd_client_ready", "RDY of the consumer"),
        None,
        each(|client| u64::from(client.ready_count)),
    )?;
    families.gauge(
        Name("nsqd_client_in_flight", "Messages that wait for the consumer's answer"),
        None,
        each(|client| u64::from(client.in_flight_count)),
    )?;
    families.counter(
        Name("nsqd_client_messages", "Messages handed to the consumer"),
        None,
        each(|client| client.message_count),
    )?;
    families.counter(
        Name("nsqd_client_finished", "FINs of the consumer"),
        None,
        each(|client| client.finish_count),
    )?;
    families.counter(
        Name("nsqd_client_requeued", "REQs of the consumer"),
        None,
        each(|client| client.requeue_count),
    )?;
    families.counter(
        Name("nsqd_client_published", "Messages that the client has published to the topic"),
        None,
        published(it),
    )
}

struct Consumer<'a> {
    topic: &'a str,
    channel: &'a str,
    client: &'a ClientSnapshot,
}

/// With the place of the client before what tells it from others.
type Labels<'a, const N: usize> = ([(&'static str, &'a str); N], Identity<'a>);
type Identity<'a> = ([(&'static str, &'a str); 2], [(&'static str, u64); 1]);

impl<'a> Consumer<'a> {
    fn labels(&self) -> Labels<'a, 2> {
        ([("topic", self.topic), ("channel", self.channel)], identity(self.client))
    }
}

/// The number of its connection tells it from others of the same name and without an address.
fn identity(client: &ClientSnapshot) -> Identity<'_> {
    let info = &client.info;
    let client_id = ("client_id", info.negotiated.client_id.as_str());
    ([client_id, ("address", info.remote_address.as_str())], [("connection", info.id.0)])
}

fn consumers(it: &Exposition) -> impl Iterator<Item = Consumer<'_>> {
    it.node.topics.iter().flat_map(|topic| {
        topic.channels.iter().flat_map(move |channel| {
            let (topic, channel_name) = (topic.topic_name.as_str(), channel.channel_name.as_str());
            let consumer = move |client| Consumer { topic, channel: channel_name, client };
            channel.clients.iter().map(consumer)
        })
    })
}

fn published(it: &Exposition) -> impl Iterator<Item = (Labels<'_, 1>, u64)> {
    it.node.producers.iter().flat_map(|client| {
        let counts = client.pub_counts.iter();
        counts.map(move |(topic, count)| (([("topic", topic.as_str())], identity(client)), *count))
    })
}
