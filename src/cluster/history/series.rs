//! The lines of one subject.

use std::time::Duration;

use super::{
    STEPS_MAX,
    column::{Column, Columns},
};
use crate::{
    broker::Moment,
    cluster::{picture::Counts, snapshot::Rate},
};

/// One of the lines of a subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Line {
    /// Messages that come, per second.
    In,
    /// Messages that are done with, per second.
    Out,
    /// Messages that wait.
    Depth,
    /// Messages that are with consumers.
    InFlight,
    /// Messages that are given back, per second.
    Requeues,
    /// Messages that are not answered in time, per second.
    Timeouts,
}

impl Line {
    /// All, in the order in which they are shown.
    pub const ALL: [Self; 6] =
        [Self::In, Self::Out, Self::Depth, Self::InFlight, Self::Requeues, Self::Timeouts];

    /// Of a rate, a step has the mean.
    fn is_rate(self) -> bool {
        !matches!(self, Self::Depth | Self::InFlight)
    }

    fn value(self, counts: &Counts) -> f32 {
        // A line without one of its shares would tell of a fall that nobody has seen.
        if !counts.is_current {
            return f32::NAN;
        }
        let rate = |rate: Rate| rate.known().map_or(f32::NAN, |rate| rate as f32);
        let gauge = |gauge: u64| gauge as f32;
        match self {
            Self::In => rate(counts.rates.input),
            Self::Out => rate(counts.rates.output),
            Self::Depth => gauge(counts.gauges.depth),
            Self::InFlight => gauge(counts.gauges.in_flight),
            Self::Requeues => rate(counts.rates.requeues),
            Self::Timeouts => rate(counts.rates.timeouts),
        }
    }
}

/// What there is of a subject, oldest first.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesView {
    /// How long a step is.
    pub step: Duration,
    /// When the last step ends; it may be under way.
    pub end: Moment,
    /// In the order of [`Line::ALL`], all of the same length. None is unknown.
    pub lines: [Vec<Option<f32>>; 6],
}

impl SeriesView {
    pub(super) fn empty(step: Duration) -> Self {
        Self { step, end: Moment::default(), lines: Default::default() }
    }

    /// One of the lines.
    pub fn line(&self, line: Line) -> &[Option<f32>] {
        &self.lines[line as usize]
    }
}

#[derive(Debug)]
pub(super) struct Series {
    first: u64,
    last: u64,
    lines: [Column; 6],
    /// Of each line, how often it was known within the last step.
    known: [u8; 6],
}

impl Series {
    pub(super) fn new(step: u64) -> Self {
        Self { first: step, last: step, lines: Default::default(), known: [0; 6] }
    }

    /// The last step in which there was something to record.
    pub(super) fn last_step(&self) -> u64 {
        self.last
    }

    /// Steps until that one that are kept.
    pub(super) fn len(&self, current: u64) -> usize {
        let steps = current.saturating_sub(self.first).saturating_add(1);
        usize::try_from(steps).unwrap_or(STEPS_MAX).min(STEPS_MAX)
    }

    /// Records what holds in the steps `from..=to`; the first of them may have been recorded before.
    pub(super) fn record(
        &mut self,
        (from, to): (u64, u64),
        counts: &Counts,
        columns: &mut Columns,
    ) {
        self.leave_unknown(from.saturating_sub(1), columns);
        for line in Line::ALL {
            let value = line.value(counts);
            for step in from..=to {
                let value = self.joined(line, step, value);
                let is_first = step == self.first;
                self.lines[line as usize].set(step, value, is_first, columns);
            }
        }
        self.last = self.last.max(to);
    }

    /// What a step comes to with this value, too.
    fn joined(&mut self, line: Line, step: u64, value: f32) -> f32 {
        let known = &mut self.known[line as usize];
        if step > self.last {
            *known = 0;
        }
        let before = self.lines[line as usize].at(step);
        match (*known, value.is_nan()) {
            (0, true) => return f32::NAN,
            (_, true) => return before,
            (_, false) => *known = known.saturating_add(1),
        }
        match *known {
            2.. if line.is_rate() => before + (value - before) / f32::from(*known),
            _ => value,
        }
    }

    /// Nothing is known of the steps up to that one.
    pub(super) fn leave_unknown(&mut self, until: u64, columns: &mut Columns) {
        let from = (self.last + 1).max(until.saturating_sub(STEPS_MAX as u64 - 1));
        for step in from..=until {
            for line in &mut self.lines {
                line.set(step, f32::NAN, false, columns);
            }
        }
        self.last = self.last.max(until);
    }

    /// The last `length` steps up to `current`.
    pub(super) fn last(&self, line: Line, length: usize, current: u64) -> Vec<Option<f32>> {
        let column = &self.lines[line as usize];
        let from = (current + 1).saturating_sub(length as u64);
        let value = |step: u64| {
            let kept = (self.first..=self.last).contains(&step).then(|| column.at(step));
            kept.filter(|value| !value.is_nan())
        };
        (from..=current).map(value).collect()
    }

    pub(super) fn end(mut self, columns: &mut Columns) {
        for line in &mut self.lines {
            line.end(columns);
        }
    }
}
