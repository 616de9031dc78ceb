//! One hour of what went on: per topic, channel and node, and of everything together.
//!
//! Time is cut into steps. A step has the mean of the rates that were known in it and the last gauges; what is unknown stays
//! unknown and is never taken for nothing. Memory is bounded by the number of columns ([`COLUMNS_MAX`]); a value that is
//! the same all the time, as most are, takes no column.

mod column;
mod recording;
mod series;
#[cfg(test)]
mod tests;

use std::{collections::HashMap, time::Duration};

pub use self::series::{Line, SeriesView};
use self::{column::Columns, series::Series};
use super::snapshot::Name;
use crate::broker::Moment;

/// What is kept.
pub const SPAN: Duration = Duration::from_secs(3600);
/// The shortest step.
pub const STEP_MIN: Duration = Duration::from_secs(5);
/// Steps of an hour.
pub const STEPS_MAX: usize = 720;
/// Columns of a number for each step, over all series: 70 MB.
pub const COLUMNS_MAX: usize = 24_576;
/// Series, each of which has up to six columns.
pub const SERIES_MAX: usize = 65_536;

/// Whose history it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Subject {
    /// Everything.
    Total,
    /// A node, by its address.
    Node(Name),
    /// A topic on all nodes.
    Topic(Name),
    /// A channel of a topic on all nodes.
    Channel(Name, Name),
}

/// What has happened.
#[derive(Debug)]
pub struct History {
    step: Duration,
    steps_max: usize,
    /// The step that is being written, counted from the epoch of [`Moment`].
    current: Option<u64>,
    series: HashMap<Subject, Series>,
    columns: Columns,
}

impl History {
    /// An empty one, of polls at this interval.
    pub fn new(poll_interval: Duration) -> Self {
        let step = STEP_MIN.max(poll_interval);
        let steps = SPAN.as_millis() / step.as_millis().max(1);
        Self {
            step,
            steps_max: usize::try_from(steps).unwrap_or(STEPS_MAX).clamp(1, STEPS_MAX),
            current: None,
            series: HashMap::new(),
            columns: Columns::default(),
        }
    }

    /// How long a step is.
    pub fn step(&self) -> Duration {
        self.step
    }

    /// What there is of a subject, oldest first; empty before anything was recorded.
    pub fn view(&self, subject: &Subject) -> SeriesView {
        self.view_last(subject, self.steps_max)
    }

    /// The last steps of it.
    pub fn view_last(&self, subject: &Subject, steps: usize) -> SeriesView {
        let Some(current) = self.current else { return SeriesView::empty(self.step) };
        let recorded = self.series.get(&Subject::Total).map_or(0, |total| total.len(current));
        let length = recorded.min(steps).min(self.steps_max);
        let end = Moment((current + 1).saturating_mul(self.step_ns()));
        let line = |line| match self.series.get(subject) {
            Some(series) => series.last(line, length, current),
            None => vec![None; length],
        };
        SeriesView { step: self.step, end, lines: Line::ALL.map(line) }
    }

    /// The last steps of one line of a subject.
    pub fn line(&self, subject: &Subject, line: Line, steps: usize) -> Vec<Option<f32>> {
        let Some(current) = self.current else { return Vec::new() };
        let series = self.series.get(subject);
        series.map_or_else(Vec::new, |series| {
            series.last(line, steps.min(series.len(current)).min(self.steps_max), current)
        })
    }

    /// The mean of what is known of one line over the last steps.
    pub fn mean(&self, subject: &Subject, line: Line, over: Duration) -> Option<f64> {
        let steps = over.as_nanos() / self.step.as_nanos().max(1);
        let values = self.line(subject, line, usize::try_from(steps).unwrap_or(usize::MAX).max(1));
        let known: Vec<_> = values.into_iter().flatten().map(f64::from).collect();
        (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64)
    }

    /// Series, and columns that they take.
    pub fn size(&self) -> (usize, usize) {
        (self.series.len(), self.columns.taken())
    }

    fn step_ns(&self) -> u64 {
        u64::try_from(self.step.as_nanos()).unwrap_or(u64::MAX).max(1)
    }
}
