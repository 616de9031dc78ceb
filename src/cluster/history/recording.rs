//! Writing a poll down.

use super::{History, SERIES_MAX, STEPS_MAX, Subject, series::Series};
use crate::{
    broker::Moment,
    cluster::picture::{Counts, Picture},
};

/// A poll that comes later than so many steps after the one before says nothing of those in between.
const STEPS_FILLED_MAX: u64 = 12;

impl History {
    /// Records a poll. One that comes late, as polls were slow, fills the steps since the one before.
    pub fn record(&mut self, picture: &Picture, now: Moment) {
        let Some(span) = self.span(now) else { return };
        self.put(Subject::Total, &picture.totals.counts, span);
        for node in &picture.nodes {
            self.put(Subject::Node(node.address.clone()), &node.counts(), span);
        }
        for topic in &picture.topics {
            self.put(Subject::Topic(topic.name.clone()), &topic.counts, span);
            for channel in &topic.channels {
                let (topic, name) = (topic.name.clone(), channel.name.clone());
                self.put(Subject::Channel(topic, name), &channel.counts, span);
            }
        }
        self.forget();
    }

    /// The steps that this poll tells of; none if the clock stands before what is written.
    fn span(&mut self, now: Moment) -> Option<(u64, u64)> {
        let step = now.0 / self.step_ns();
        let from = match self.current {
            Some(current) if step < current => return None,
            Some(current) if step == current => step,
            Some(current) if step - current > STEPS_FILLED_MAX => step,
            Some(current) => current + 1,
            None => step,
        };
        self.current = Some(step);
        Some((from, step))
    }

    fn put(&mut self, subject: Subject, counts: &Counts, (from, to): (u64, u64)) {
        let is_full = self.series.len() >= SERIES_MAX;
        let series = match self.series.entry(subject) {
            std::collections::hash_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::hash_map::Entry::Vacant(_) if is_full => return,
            std::collections::hash_map::Entry::Vacant(entry) => {
                let series = entry.insert(Series::new(to));
                series.record((to, to), counts, &mut self.columns);
                return;
            }
        };
        series.record((from, to), counts, &mut self.columns);
    }

    /// Gives up what was not there for an hour.
    fn forget(&mut self) {
        let Some(current) = self.current else { return };
        let oldest = current.saturating_sub(STEPS_MAX as u64);
        let gone: Vec<_> = self
            .series
            .iter()
            .filter(|(_, series)| series.last_step() < oldest)
            .map(|(subject, _)| subject.clone())
            .collect();
        for subject in gone {
            if let Some(series) = self.series.remove(&subject) {
                series.end(&mut self.columns);
            }
        }
    }
}
