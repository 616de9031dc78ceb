//! What a restart brings back: from the cursor file, and from consumers.

use super::{ChannelRules, Pending};
use crate::{
    broker::{Moment, SubscriberKey},
    protocol::MessageId,
};

impl<B: Clone> ChannelRules<B> {
    /// Brings a message back that was delivered before the restart.
    pub fn restore(&mut self, pending: Pending<B>, due: Option<Moment>) {
        if self.finished.contains(pending.seq) || self.is_known(pending.seq) {
            return;
        }
        self.mark_known(pending.seq);
        if pending.attempts == 0 {
            self.carried.insert(pending.seq);
        }
        match due {
            Some(due) => self.deferred.add(due, pending),
            None => self.again.push_back(pending),
        }
    }

    /// Puts a message back in flight that a consumer says it holds. The latest delivery counts: a
    /// consumer that let the timeout pass still believes that it holds the message.
    pub fn hold(&mut self, key: SubscriberKey, id: MessageId, held: Pending<B>, now: Moment) {
        let seq = held.seq;
        if self.finished.contains(seq) || self.is_outdated(id, &held) {
            return;
        }
        self.mark_known(seq);
        self.again.retain(|pending| pending.seq != seq);
        self.fetching.remove(&seq);
        self.deferred.retain(|deferred| deferred != seq);
        self.put_in_flight(key, id, held, now, 0);
    }

    /// True when the channel knows of a later delivery than `held`, or of an answer to this one.
    fn is_outdated(&self, id: MessageId, held: &Pending<B>) -> bool {
        let is_same = |pending: &&Pending<B>| pending.seq == held.seq;
        let in_flight = self.in_flight.get(id).map(|flight| flight.attempts);
        let deferred = self.deferred.iter().find(|known| known.seq == held.seq);
        let again = self.again.iter().chain(self.fetching.values()).find(is_same);
        in_flight
            .or(deferred.map(|known| known.attempts))
            .is_some_and(|known| known >= held.attempts)
            || again.is_some_and(|pending| pending.attempts > held.attempts)
    }
}
