//! The number of messages.

use serde::Serialize;

use super::{Scene, counts::rate, series::Chart};
use crate::cluster::history::Subject;

#[derive(Serialize)]
pub(super) struct Counter {
    /// Published since the nodes began to count, each counted once.
    messages: u64,
    in_rate: Option<f64>,
    finished_rate: Option<f64>,
    series: Chart,
}

pub(super) fn view(scene: &Scene<'_>) -> Counter {
    let picture = &scene.seen.picture;
    let rates = &picture.totals.counts.rates;
    Counter {
        messages: picture.messages,
        in_rate: rate(rates.input),
        finished_rate: rate(rates.output),
        series: Chart::of(scene.history, &Subject::Total),
    }
}
