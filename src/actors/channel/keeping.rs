//! Ephemeral channels, and all channels of ephemeral topics: what waits for them is in memory, and
//! they keep no log from being shortened.

use std::sync::Arc;

use super::Channel;
use crate::storage::Batch;

impl Channel {
    /// Takes a batch into the window unless all of it is dropped, or something before it is missing:
    /// that must be read first.
    pub(super) fn keep(&mut self, batch: &Arc<Batch>) {
        let from = self.window.end_seq().unwrap_or(0);
        let is_missing = self.rules.wants_any_of(from..batch.first_seq());
        if !is_missing && self.rules.wants_any_of(batch.first_seq().max(from)..batch.end_seq()) {
            self.window.push(Arc::clone(batch));
        }
    }

    /// The first message that is wanted and not in the window.
    pub(super) fn unread(&self) -> Option<u64> {
        self.rules.first_wanted_from(self.window.end_seq().unwrap_or(0))
    }

    /// Takes in what was read from message `seq` on. What is not there any more is lost.
    pub(super) fn keep_read(&mut self, seq: u64, batches: &[Arc<Batch>]) {
        let found = batches.first().map_or(self.rules.end(), |batch| batch.first_seq());
        self.rules.lose_range(seq..found);
        for batch in batches {
            if batch.has_audience() {
                self.rules.pass_over(batch.first_seq()..batch.end_seq());
            }
            self.keep(batch);
        }
    }

    /// Everything below may go from the log.
    pub(super) fn needed_from(&self) -> u64 {
        if self.keeps_bodies && !self.is_in_memory() {
            self.unread().unwrap_or(self.rules.end())
        } else {
            self.rules.floor()
        }
    }
}
