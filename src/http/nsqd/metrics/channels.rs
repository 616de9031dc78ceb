//! Metrics of each channel.

use std::fmt;

use super::scrape::Exposition;
use crate::actors::snapshot::{ChannelSnapshot, TopicSnapshot};
use crate::http::exposition::{Families, Name, SECONDS};

/// Writes them all.
pub(super) fn write(families: &mut Families<'_>, it: &Exposition) -> fmt::Result {
    write_counters(families, it)?;
    write_gauges(families, it)?;
    write_latency(families, it)
}

/// Names, help and figure of each.
type Table<const N: usize> = [(Name, fn(&ChannelSnapshot) -> u64); N];

fn write_counters(families: &mut Families<'_>, it: &Exposition) -> fmt::Result {
    let counters: Table<6> = [
        (Name("nsqd_channel_messages", "Messages received from the topic"), |channel| {
            channel.counters.message_count
        }),
        (Name("nsqd_channel_delivered", "Messages handed to consumers, each time"), |channel| {
            channel.counters.delivered_count
        }),
        (Name("nsqd_channel_requeued", "Messages given back by REQ"), |channel| {
            channel.counters.requeue_count
        }),
        (Name("nsqd_channel_timed_out", "Messages not answered in time"), |channel| {
            channel.counters.timeout_count
        }),
        (
            Name("nsqd_channel_dropped", "Messages that an ephemeral channel had no room for"),
            |channel| channel.counters.dropped_count,
        ),
        (Name("nsqd_channel_lost", "Messages that the log could not give back"), |channel| {
            channel.counters.lost_count
        }),
    ];
    counters
        .into_iter()
        .try_for_each(|(name, figure)| families.counter(name, None, series(it, figure)))
}

fn write_gauges(families: &mut Families<'_>, it: &Exposition) -> fmt::Result {
    let gauges: Table<6> = [
        (Name("nsqd_channel_depth", "Messages that wait to be delivered"), |channel| channel.depth),
        (Name("nsqd_channel_backend_depth", "Those of them that are not in memory"), |channel| {
            channel.backend_depth
        }),
        (Name("nsqd_channel_in_flight", "Messages that wait for a consumer's answer"), |channel| {
            channel.in_flight_count as u64
        }),
        (Name("nsqd_channel_deferred", "Messages that wait for their due time"), |channel| {
            channel.deferred_count as u64
        }),
        (Name("nsqd_channel_clients", "Consumers"), |channel| channel.client_count as u64),
        (Name("nsqd_channel_paused", "1 if the channel is paused"), |channel| {
            u64::from(channel.paused)
        }),
    ];
    gauges.into_iter().try_for_each(|(name, figure)| families.gauge(name, None, series(it, figure)))
}

fn channels(it: &Exposition) -> impl Iterator<Item = (&TopicSnapshot, &ChannelSnapshot)> {
    it.node
        .topics
        .iter()
        .flat_map(|topic| topic.channels.iter().map(move |channel| (topic, channel)))
}

fn labels<'a>(topic: &'a TopicSnapshot, channel: &'a ChannelSnapshot) -> [(&'a str, &'a str); 2] {
    [("topic", topic.topic_name.as_str()), ("channel", channel.channel_name.as_str())]
}

fn series(
    it: &Exposition,
    figure: fn(&ChannelSnapshot) -> u64,
) -> impl Iterator<Item = ([(&str, &str); 2], u64)> {
    channels(it).map(move |(topic, channel)| (labels(topic, channel), figure(channel)))
}

fn write_latency(families: &mut Families<'_>, it: &Exposition) -> fmt::Result {
    let percentiles = it.shared.options.e2e_processing_latency_percentiles.as_slice();
    let series = channels(it).flat_map(|(topic, channel)| {
        let samples = channel.latency.iter();
        samples.flat_map(move |samples| {
            percentiles.iter().map(move |&quantile| {
                let labels = (labels(topic, channel), [("quantile", quantile)]);
                (labels, samples.value_at(quantile) as f64 / 1e9)
            })
        })
    });
    families.gauge(
        Name("nsqd_channel_latency", "Time from publish to FIN, over the window"),
        SECONDS,
        series,
    )
}
