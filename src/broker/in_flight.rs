//! Messages that were handed to a consumer and wait for its answer.

use std::time::Duration;

use hashbrown::HashMap;

use super::{Moment, SubscriberKey, deadlines::Deadlines, id_hash::IdHash};
use crate::protocol::MessageId;

/// One message in flight. `B` says where its body is.
#[derive(Debug, Clone)]
pub struct Flight<B> {
    /// Its place in the topic's sequence.
    pub seq: u64,
    /// Deliveries so far, this one included.
    pub attempts: u16,
    /// Who has it; `None` when that consumer has gone and the message waits for its timeout.
    pub holder: Option<SubscriberKey>,
    /// When it was handed over; a touch does not change it.
    pub delivered: Moment,
    /// When it is taken back.
    pub deadline: Moment,
    /// Where its body is.
    pub body: B,
}

/// All messages in flight of a channel, by id and by deadline.
#[derive(Debug)]
pub struct InFlight<B> {
    by_id: HashMap<MessageId, Flight<B>, IdHash>,
    deadlines: Deadlines,
}

impl<B> Default for InFlight<B> {
    fn default() -> Self {
        Self { by_id: HashMap::default(), deadlines: Deadlines::default() }
    }
}

impl<B> InFlight<B> {
    /// How many are in flight.
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    /// True when none is.
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    /// The message with this id.
    pub fn get(&self, id: MessageId) -> Option<&Flight<B>> {
        self.by_id.get(&id)
    }

    /// Adds a message whose deadline is `timeout` away from its delivery. A message that was in
    /// flight under the same id is returned.
    pub fn add(
        &mut self,
        id: MessageId,
        flight: Flight<B>,
        timeout: Duration,
    ) -> Option<Flight<B>> {
        self.deadlines.add(timeout, flight.deadline, id);
        self.by_id.insert(id, flight)
    }

    /// Takes a message out.
    pub fn remove(&mut self, id: MessageId) -> Option<Flight<B>> {
        self.by_id.remove(&id)
    }

    /// Puts a message back that was just taken out; its deadline still stands.
    pub fn put_back(&mut self, id: MessageId, flight: Flight<B>) {
        self.by_id.insert(id, flight);
    }

    /// Moves a message's deadline.
    pub fn extend(&mut self, id: MessageId, timeout: Duration, deadline: Moment) {
        if let Some(flight) = self.by_id.get_mut(&id) {
            flight.deadline = deadline;
            self.deadlines.add(timeout, deadline, id);
        }
    }

    /// Takes out one message whose deadline has passed.
    pub fn pop_expired(&mut self, now: Moment) -> Option<(MessageId, Flight<B>)> {
        while let Some((deadline, id)) = self.deadlines.pop_due(now) {
            if self.by_id.get(&id).is_some_and(|flight| flight.deadline == deadline) {
                return self.by_id.remove(&id).map(|flight| (id, flight));
            }
        }
        None
    }

    /// The earliest deadline. Also the place where deadlines of finished messages are swept out, so
    /// it is asked once a turn.
    pub fn next_deadline(&mut self) -> Option<Moment> {
        let by_id = &self.by_id;
        let is_live =
            |deadline, id| by_id.get(&id).is_some_and(|flight| flight.deadline == deadline);
        self.deadlines.sweep(by_id.len(), is_live);
        self.deadlines.next()
    }

    /// Every message with its id.
    pub fn iter(&self) -> impl Iterator<Item = (MessageId, &Flight<B>)> {
        self.by_id.iter().map(|(&id, flight)| (id, flight))
    }

    /// Every message, to be changed.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut Flight<B>> {
        self.by_id.values_mut()
    }

    /// Takes out every message of `holder`.
    pub fn take_of(&mut self, holder: SubscriberKey) -> Vec<(MessageId, Flight<B>)> {
        self.by_id.extract_if(|_, flight| flight.holder == Some(holder)).collect()
    }

    /// Leaves the messages of `holder` in flight with nobody.
    pub fn orphan(&mut self, holder: SubscriberKey) {
        for flight in self.by_id.values_mut().filter(|flight| flight.holder == Some(holder)) {
            flight.holder = None;
        }
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        *self = Self::default();
    }
}
