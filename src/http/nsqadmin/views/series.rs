//! Charts.

use serde::Serialize;

use super::counts::rounded;
use crate::cluster::{
    history::{History, Line, SeriesView, Subject},
    picture::ms,
};

/// Points of a small chart.
const SPARK_POINTS: usize = 60;

/// All lines of a subject, oldest first.
#[derive(Serialize)]
pub(super) struct Chart {
    step_ms: u64,
    end: u64,
    r#in: Vec<Option<f64>>,
    out: Vec<Option<f64>>,
    depth: Vec<Option<f64>>,
    in_flight: Vec<Option<f64>>,
    requeues: Vec<Option<f64>>,
    timeouts: Vec<Option<f64>>,
}

impl Chart {
    pub(super) fn of(history: &History, subject: &Subject) -> Self {
        Self::from(&history.view(subject))
    }
}

impl From<&SeriesView> for Chart {
    fn from(view: &SeriesView) -> Self {
        let line = |line| points(view.line(line).iter().copied());
        Self {
            step_ms: u64::try_from(view.step.as_millis()).unwrap_or(u64::MAX),
            end: ms(view.end),
            r#in: line(Line::In),
            out: line(Line::Out),
            depth: line(Line::Depth),
            in_flight: line(Line::InFlight),
            requeues: line(Line::Requeues),
            timeouts: line(Line::Timeouts),
        }
    }
}

/// The last steps of one line.
pub(super) fn spark(history: &History, subject: &Subject, line: Line) -> Vec<Option<f64>> {
    points(history.line(subject, line, SPARK_POINTS).into_iter())
}

fn points(values: impl Iterator<Item = Option<f32>>) -> Vec<Option<f64>> {
    values.map(|value| value.map(|value| rounded(f64::from(value)))).collect()
}
