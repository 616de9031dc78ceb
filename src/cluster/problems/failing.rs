//! Messages that consumers get and do not finish.

use super::{
    ChannelScene, Kind, Problem, Severity, TREND,
    text::{percent, rate},
};
use crate::cluster::history::{Line, Subject};

/// Fewer than one in ten seconds is not worth a word.
const FAILING_MIN: f64 = 0.1;
/// Neither is a smaller part of what leaves the channel.
const PART_MIN: f64 = 0.01;
/// From this part on it is critical.
const PART_CRITICAL: f64 = 0.25;
/// Rising: so many times the mean of the hour.
const RISING: f64 = 2.0;

pub(super) fn of_channel(scene: &ChannelScene<'_>) -> Vec<Problem> {
    let timeouts = failing(scene, Line::Timeouts).map(|failing| {
        let text = failing.text(scene, "are not answered in time", "timeouts");
        scene.problem(failing.severity(), Kind::Timeouts, text).weight(failing.rate)
    });
    let requeues = failing(scene, Line::Requeues).map(|failing| {
        let text = failing.text(scene, "are given back", "requeues");
        scene.problem(failing.severity(), Kind::Requeues, text).weight(failing.rate)
    });
    timeouts.into_iter().chain(requeues).collect()
}

struct Failing {
    rate: f64,
    /// Of all that are delivered.
    part: f64,
    /// How many times the mean of the hour.
    rising: Option<f64>,
}

fn failing(scene: &ChannelScene<'_>, line: Line) -> Option<Failing> {
    let subject = Subject::Channel(scene.topic.name.clone(), scene.channel.name.clone());
    let history = scene.scene.history;
    let rate = history.mean(&subject, line, TREND).filter(|&rate| rate >= FAILING_MIN)?;
    let finished = history.mean(&subject, Line::Out, TREND).unwrap_or_default();
    let part = rate / (rate + finished);
    let hour = history.mean(&subject, line, crate::cluster::history::SPAN)?;
    let rising = (hour > 0.0).then(|| rate / hour).filter(|&times| times >= RISING);
    (part >= PART_MIN).then_some(Failing { rate, part, rising })
}

impl Failing {
    fn severity(&self) -> Severity {
        if self.part >= PART_CRITICAL { Severity::Critical } else { Severity::Warning }
    }

    fn text(&self, scene: &ChannelScene<'_>, what: &str, noun: &str) -> String {
        let rising =
            self.rising.map(|times| format!(", {times:.0} times as many as over the last hour"));
        format!(
            "{} messages per second {what} in channel {}: {} of those that are delivered{}; {noun} \
             mean that its consumers are too slow or fail.",
            rate(self.rate),
            scene.title(),
            percent(self.part),
            rising.unwrap_or_default()
        )
    }
}
