//! Consumers that do nothing.

use std::time::Duration;

use super::{
    ChannelScene, Kind, Problem, Severity,
    text::{counted, time, waiting},
};
use crate::{
    broker::Moment,
    cluster::snapshot::{ChannelEntry, Client},
};

/// A consumer that has messages and finishes none for so long is stuck: nsqd's `--msg-timeout` unless it is set.
const BUSY_MAX: Duration = Duration::from_secs(60);
/// A consumer that takes none for so long while messages wait is stuck.
const CLOSED_MAX: Duration = Duration::from_secs(30);
/// So many consumers of a channel are named.
const NAMED_MAX: usize = 5;

/// Why a consumer is stuck, in words, or nothing.
pub fn stuck(client: &Client, channel: &ChannelEntry<'_>) -> Option<String> {
    let since = |since: Moment| client.seen_at.since(since);
    if let Some(busy) = client.busy_since.map(since).filter(|&busy| busy >= BUSY_MAX) {
        return Some(format!(
            "has {} in flight and has finished none for {}",
            counted(client.in_flight, "message", "messages"),
            time(busy)
        ));
    }
    let closed = client.closed_since.map(since).filter(|&closed| closed >= CLOSED_MAX)?;
    let is_wanted = channel.gauges.depth > 0 && client.in_flight == 0 && !channel.paused;
    is_wanted.then(|| {
        format!(
            "has taken nothing for {} (RDY 0) while {}",
            time(closed),
            waiting(channel.gauges.depth)
        )
    })
}

pub(super) fn of_channel(scene: &ChannelScene<'_>) -> Vec<Problem> {
    let entries = scene.scene.picture.channel_entries(scene.channel);
    let answering = entries.filter(|(node, _)| node.failure.is_none());
    let found = answering.flat_map(|(node, entry)| {
        let stuck = entry.clients.iter().filter_map(|client| {
            let why = stuck(client, &entry)?;
            let text = format!(
                "Client {} ({}) of channel {} on {} {why}.",
                client.client_id,
                client.remote_address,
                scene.title(),
                node.address
            );
            let problem = scene.problem(Severity::Warning, Kind::StuckClient, text);
            let problem = problem.node(&node.address).client(&client.client_id);
            Some(problem.weight(client.in_flight as f64))
        });
        stuck.collect::<Vec<_>>()
    });
    let mut found: Vec<_> = found.collect();
    found.sort_by(|a, b| b.weight.total_cmp(&a.weight));
    found.truncate(NAMED_MAX);
    found
}
