//! What must hold after every step.

use super::{
    model::State,
    rig::{Rig, body, progress},
};
use crate::broker::{Moment, channel::Pending};

impl Rig {
    /// Compares what can be asked for with the model.
    pub fn check(&mut self) {
        self.check_counts();
        self.check_consumers();
        self.check_progress();
        let (wake, due) = (self.rules.next_wake(), self.model.next_wake());
        assert_eq!(wake.is_none(), due.is_none(), "next wake");
        assert!(wake <= due, "wakes at {wake:?}, too late for {due:?}");
    }

    fn check_counts(&self) {
        let (rules, model) = (&self.rules, &self.model);
        assert_eq!(rules.depth(), model.depth(), "depth");
        let middle = model.end.saturating_sub(2);
        let below = model.fresh().filter(|&seq| seq < middle).count() as u64;
        assert_eq!(rules.depth_below(middle), below, "depth below {middle}");
        assert_eq!(rules.in_flight_count(), model.in_flight().len(), "in flight");
        assert_eq!(rules.deferred_count(), model.deferred_count(), "deferred");
        assert_eq!(rules.fetching_within(0..u64::MAX).len(), model.fetching().len(), "fetching");
        assert_eq!(rules.has_again(), model.again_count() > 0, "again");
        assert_eq!((rules.floor(), rules.end()), (model.floor(), model.end), "floor and end");
        assert_eq!(rules.counters(), model.counters);
        assert_eq!(rules.is_paused(), model.paused);
    }

    fn check_consumers(&self) {
        assert_eq!(self.rules.subscribers().len(), self.model.subscribed().len(), "consumers");
        for subscriber in self.rules.subscribers().iter() {
            let client = subscriber.client.0 as usize;
            let expected = self.model.clients[client];
            let held = self.model.held_by(client);
            assert_eq!(subscriber.in_flight as usize, held, "in flight of client {client}");
            assert_eq!(subscriber.ready, expected.ready, "RDY of client {client}");
            assert_eq!(subscriber.closing, expected.closing, "client {client} is closing");
            assert_eq!(subscriber.has_credit(), self.model.has_credit(client), "client {client}");
        }
    }

    /// The cursor file would lose nothing, and says so when it must be written.
    fn check_progress(&self) {
        let progress = progress(&self.rules);
        let finished: Vec<u64> = progress.finished.iter().cloned().flatten().collect();
        assert_eq!(progress.floor, self.model.floor(), "floor");
        assert_eq!(finished, self.model.finished_above_floor(), "finished");
        assert_eq!(progress.pending, self.pending(), "pending");
        if !self.rules.is_changed() {
            let saved = &self.saved.0;
            assert_eq!((saved.floor, &saved.finished), (progress.floor, &progress.finished));
            assert!(saved.pending.iter().map(|p| &p.0).eq(progress.pending.iter().map(|p| &p.0)));
        }
    }

    fn pending(&self) -> Vec<(Pending<u64>, Option<Moment>)> {
        let is_pending = |(seq, state): &(&u64, &State)| {
            let is_carried = self.model.carried.contains(seq) && **state != State::Finished;
            state.attempts() > 0 || is_carried
        };
        let pending = self.model.states.iter().filter(is_pending).map(|(&seq, state)| {
            let due = match state {
                State::Deferred { due, .. } => Some(*due),
                _ => None,
            };
            (Pending { seq, attempts: state.attempts(), body: body(seq) }, due)
        });
        pending.collect()
    }
}
