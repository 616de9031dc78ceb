//! What consumers answer, and what the channel should make of it.

use std::time::Duration;

use super::Rig;
use crate::broker::{
    channel::SettleError,
    channel_model::{
        commands::{Answer, Who},
        model::State,
    },
};

impl Rig {
    pub(super) fn answer(&mut self, who: Who, pick: usize, answer: Answer) {
        let (seq, owner) = self.pick(pick);
        let client = match who {
            Who::Owner => owner.unwrap_or_default(),
            Who::Client(client) => client,
        };
        let Some(key) = self.key(client) else { return };
        let expected = match self.model.states.get(&seq) {
            Some(State::InFlight { client: Some(owner), .. }) if *owner == client => Ok(()),
            Some(State::InFlight { .. }) => Err(SettleError::NotOwner),
            _ => Err(SettleError::NotInFlight),
        };
        let id = self.id(seq);
        let got = match answer {
            Answer::Finish => self.rules.finish(key, id).map(|_body| ()),
            Answer::Requeue { delay } => {
                self.rules.requeue(key, id, Duration::from_nanos(delay), self.now)
            }
            Answer::Touch => self.rules.touch(key, id, self.now),
        };
        assert_eq!(got, expected, "answer of client {client} for message {seq}");
        self.settle(client, seq, answer, got.is_ok());
    }

    /// One of the messages in flight and its owner; beyond those, any other number.
    pub(super) fn pick(&self, pick: usize) -> (u64, Option<usize>) {
        let in_flight = self.model.in_flight();
        let seq = in_flight.get(pick).copied().unwrap_or((pick - in_flight.len().min(pick)) as u64);
        // Answers name ids: those of a message that has another number by now are about that.
        let same = in_flight.into_iter().find(|&other| self.id(other) == self.id(seq));
        let seq = same.unwrap_or(seq);
        match self.model.states.get(&seq) {
            Some(State::InFlight { client, .. }) => (seq, *client),
            _ => (seq, None),
        }
    }

    /// A connection forgets what it has answered, whatever the channel says to it.
    fn settle(&mut self, client: usize, seq: u64, answer: Answer, accepted: bool) {
        if !matches!(answer, Answer::Touch) {
            let id = self.id(seq);
            self.holdings[client].settled(id);
        }
        if !accepted {
            return;
        }
        let attempts = self.model.states[&seq].attempts();
        match answer {
            Answer::Finish => self.model.set(seq, State::Finished),
            Answer::Touch => self.model.touch(seq, self.now),
            Answer::Requeue { delay: 0 } => self.model.set(seq, State::Again { attempts }),
            Answer::Requeue { delay } => {
                let due = self.now + Duration::from_nanos(delay);
                self.model.set(seq, State::Deferred { attempts, due });
            }
        }
        if matches!(answer, Answer::Requeue { .. }) {
            self.model.counters.requeue_count += 1;
        }
    }
}
