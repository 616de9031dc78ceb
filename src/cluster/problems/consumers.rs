//! Messages that nobody takes.

use super::{
    ChannelScene, Kind, Problem, Severity,
    text::{counted, list, rate, waiting},
};
use crate::cluster::picture::Topic;

/// From so many messages on, a channel without consumers is critical.
const UNCLAIMED_CRITICAL: u64 = 10_000;
/// From so many messages on, a node without consumers is told of while there are some elsewhere.
const LONELY_MIN: u64 = 10;

pub(super) fn of_topic(topic: &Topic) -> Vec<Problem> {
    let mut found = Vec::new();
    if let Some(text) = paused(topic.paused_nodes, topic.nodes.len(), "topic", &topic.name) {
        let text = format!("{text}; {} in it.", waiting(topic.own_depth));
        found.push(Problem::new(severity_of_pause(topic.own_depth), Kind::Paused, text));
    }
    if topic.channels.is_empty() && topic.own_depth > 0 {
        let text = format!(
            "Topic {} has no channel; {} for the first one.",
            topic.name,
            waiting(topic.own_depth)
        );
        found.push(Problem::new(Severity::Info, Kind::NoChannels, text));
    }
    let of_topic = |problem: Problem| problem.topic(&topic.name).weight(topic.own_depth as f64);
    found.into_iter().map(of_topic).collect()
}

pub(super) fn of_channel(scene: &ChannelScene<'_>) -> Vec<Problem> {
    let (channel, gauges) = (scene.channel, &scene.channel.counts.gauges);
    let mut found = Vec::new();
    let title = scene.title();
    if let Some(text) = paused(channel.paused_nodes, channel.nodes.len(), "channel", &title) {
        let text = format!("{text}; {} in it.", waiting(gauges.depth));
        found.push(scene.problem(severity_of_pause(gauges.depth), Kind::Paused, text));
    }
    match gauges.clients {
        0 => found.extend(nobody(scene)),
        _ => found.extend(lonely(scene)),
    }
    found.into_iter().map(|problem| problem.weight(gauges.depth as f64)).collect()
}

fn severity_of_pause(depth: u64) -> Severity {
    if depth > 0 { Severity::Warning } else { Severity::Info }
}

fn paused(on: usize, of: usize, what: &str, title: &str) -> Option<String> {
    let what = if what == "topic" { "Topic" } else { "Channel" };
    match on {
        0 => None,
        _ if on == of => Some(format!("{what} {title} is paused")),
        _ => Some(format!("{what} {title} is paused on {on} of {of} nodes")),
    }
}

fn nobody(scene: &ChannelScene<'_>) -> Option<Problem> {
    let depth = scene.channel.counts.gauges.depth;
    if depth == 0 {
        return None;
    }
    let is_critical = depth >= UNCLAIMED_CRITICAL;
    let severity = if is_critical { Severity::Critical } else { Severity::Warning };
    let growth = scene.trend().growth.filter(|_| scene.trend().is_growing());
    let more = growth.map(|growth| format!(", and {} more every second", rate(growth)));
    let text = format!(
        "Channel {} has no consumers; {} in it{}.",
        scene.title(),
        waiting(depth),
        more.unwrap_or_default()
    );
    Some(scene.problem(severity, Kind::NoConsumers, text))
}

/// Nodes where messages wait for consumers that are all elsewhere.
fn lonely(scene: &ChannelScene<'_>) -> Option<Problem> {
    let entries = scene.scene.picture.channel_entries(scene.channel);
    let answering = entries.filter(|(node, _)| node.failure.is_none());
    let (mut lonely, mut depth, mut served) = (Vec::new(), 0, 0_u64);
    for (node, entry) in answering {
        match entry.gauges.clients {
            0 if entry.gauges.depth >= LONELY_MIN && !entry.paused => {
                lonely.push(&node.address);
                depth += entry.gauges.depth;
            }
            0 => {}
            _ => served += 1,
        }
    }
    let first = lonely.first().filter(|_| served > 0)?;
    let text = format!(
        "{} in channel {} on {}, where it has no consumer, while it has consumers on {}.",
        waiting(depth),
        scene.title(),
        list(&lonely),
        counted(served, "other node", "other nodes")
    );
    let problem = scene.problem(Severity::Warning, Kind::NoConsumersOnNode, text);
    Some(if lonely.len() == 1 { problem.node(first) } else { problem })
}
