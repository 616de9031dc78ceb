//! Messages that gather.

use super::{
    ChannelScene, Kind, Problem, Severity,
    text::{duration, rate, waiting},
};

/// A backlog of fewer messages is not worth a word.
const BACKLOG_MIN: u64 = 100;
/// From so many messages on, one that grows is critical.
const BACKLOG_CRITICAL: u64 = 10_000;
/// Or from that time on which the consumers would need for it, if nothing new came: half an hour.
const BACKLOG_CRITICAL_S: f64 = 1800.0;
/// A backlog that shrinks is told of if it will last that long.
const DRAIN_MIN_S: f64 = 300.0;
/// And is a warning if it will last that long.
const DRAIN_WARNING_S: f64 = 3600.0;

pub(super) fn of_channel(scene: &ChannelScene<'_>) -> Option<Problem> {
    let (counts, trend) = (&scene.channel.counts, scene.trend());
    let depth = counts.gauges.depth;
    if depth < BACKLOG_MIN || counts.gauges.clients == 0 {
        return None; // without consumers it is another problem
    }
    if trend.is_growing() {
        return Some(growing(scene, depth));
    }
    let left = trend.drain_s(depth).filter(|&left| left >= DRAIN_MIN_S)?;
    let severity = if left >= DRAIN_WARNING_S { Severity::Warning } else { Severity::Info };
    let text = format!(
        "{} in channel {}; at the present rate it takes {} until it is empty.",
        waiting(depth),
        scene.title(),
        duration(left)
    );
    Some(scene.problem(severity, Kind::BacklogDraining, text).weight(depth as f64))
}

fn growing(scene: &ChannelScene<'_>, depth: u64) -> Problem {
    let trend = scene.trend();
    let growth = trend.growth.unwrap_or_default();
    let alone = trend.output.filter(|&output| output > 0.0).map(|output| depth as f64 / output);
    let is_critical =
        depth >= BACKLOG_CRITICAL || alone.is_none_or(|left| left >= BACKLOG_CRITICAL_S);
    let severity = if is_critical { Severity::Critical } else { Severity::Warning };
    let rates = match (trend.input, trend.output) {
        (Some(input), Some(output)) => {
            format!(" ({} come and {} are finished)", rate(input), rate(output))
        }
        _ => String::new(),
    };
    let drain = match alone {
        Some(left) => {
            format!("if nothing new came, it would take {} until it is empty", duration(left))
        }
        None => "nothing of it is being finished".to_owned(),
    };
    let text = format!(
        "{} in channel {}, and {} more every second{rates}; {drain}.",
        waiting(depth),
        scene.title(),
        rate(growth)
    );
    scene.problem(severity, Kind::BacklogGrowing, text).weight(depth as f64)
}
