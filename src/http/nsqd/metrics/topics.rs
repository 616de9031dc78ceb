//! Metrics of each topic.

use std::fmt;

use super::scrape::Exposition;
use crate::http::exposition::{BYTES, Families, Name, SECONDS};
use crate::{actors::snapshot::TopicSnapshot, config::Durability};

/// Writes them all.
pub(super) fn write(families: &mut Families<'_>, it: &Exposition) -> fmt::Result {
    let each = |figure: fn(&TopicSnapshot) -> u64| series(it, figure);
    families.counter(
        Name("nsqd_topic_messages", "Messages published to the topic"),
        None,
        each(|topic| topic.message_count),
    )?;
    families.counter(
        Name("nsqd_topic_message", "Bytes of the bodies of the messages published"),
        BYTES,
        each(|topic| topic.message_bytes),
    )?;
    families.gauge(
        Name(
            "nsqd_topic_depth",
            "Messages that wait in the topic for a channel, or for its end of pause",
        ),
        None,
        each(|topic| topic.depth),
    )?;
    families.gauge(
        Name("nsqd_topic_backend_depth", "Those of them that are not in memory"),
        None,
        each(|topic| topic.backend_depth),
    )?;
    families.gauge(
        Name("nsqd_topic_paused", "1 if the topic is paused"),
        None,
        each(|topic| u64::from(topic.paused)),
    )?;
    families.gauge(
        Name("nsqd_topic_outlives_power_loss", "1 if the topic has the durability power"),
        None,
        each(|topic| u64::from(topic.durability == Some(Durability::Power))),
    )?;
    families.gauge(
        Name("nsqd_topic_publishes_waiting", "Publishes that wait while the log takes others"),
        None,
        each(|topic| topic.waiting_count as u64),
    )?;
    families.gauge(
        Name("nsqd_topic_log_segments", "Segments of the topic's log"),
        None,
        each(|topic| topic.log_segments),
    )?;
    families.gauge(
        Name("nsqd_topic_log", "Bytes of the topic's log"),
        BYTES,
        each(|topic| topic.log_bytes),
    )?;
    write_latency(families, it)
}

fn series(
    it: &Exposition,
    figure: fn(&TopicSnapshot) -> u64,
) -> impl Iterator<Item = ([(&str, &str); 1], u64)> {
    it.node.topics.iter().map(move |topic| (labels(topic), figure(topic)))
}

fn labels(topic: &TopicSnapshot) -> [(&str, &str); 1] {
    [("topic", topic.topic_name.as_str())]
}

fn write_latency(families: &mut Families<'_>, it: &Exposition) -> fmt::Result {
    let percentiles = it.shared.options.e2e_processing_latency_percentiles.as_slice();
    let measured = it.node.topics.iter().filter_map(|topic| Some((topic, topic.latency.as_ref()?)));
    let series = measured.flat_map(|(topic, samples)| {
        percentiles.iter().map(move |&quantile| {
            let labels = (labels(topic), [("quantile", quantile)]);
            (labels, samples.value_at(quantile) as f64 / 1e9)
        })
    });
    families.gauge(
        Name(
            "nsqd_topic_latency",
            "Time from publish to FIN, over the window, of all its channels",
        ),
        SECONDS,
        series,
    )
}
