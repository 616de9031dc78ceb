//! What becomes of a message in flight: answered, or taken back when its time is over.

use std::time::Duration;

use super::{ChannelRules, Flight, SettleError};
use crate::{
    broker::{Moment, SubscriberKey},
    protocol::MessageId,
};

impl<B: Clone> ChannelRules<B> {
    /// FIN. Gives back where the message's body was.
    pub fn finish(&mut self, key: SubscriberKey, id: MessageId) -> Result<B, SettleError> {
        let flight = self.take_flight(key, id)?;
        self.finished.finish(flight.seq);
        self.subscribers.update(key, |subscriber| {
            subscriber.in_flight = subscriber.in_flight.saturating_sub(1);
            subscriber.finish_count += 1;
        });
        Ok(flight.body)
    }

    /// REQ: gives a message back, to be delivered again after `delay`.
    pub fn requeue(
        &mut self,
        key: SubscriberKey,
        id: MessageId,
        delay: Duration,
        now: Moment,
    ) -> Result<(), SettleError> {
        let flight = self.take_flight(key, id)?;
        self.subscribers.update(key, |subscriber| {
            subscriber.in_flight = subscriber.in_flight.saturating_sub(1);
            subscriber.requeue_count += 1;
        });
        self.counters.requeue_count += 1;
        if delay.is_zero() {
            self.again.push_back(flight.into());
        } else {
            self.deferred.add(now + delay, flight.into());
        }
        Ok(())
    }

    /// TOUCH: starts a message's timeout again, within the maximum.
    pub fn touch(
        &mut self,
        key: SubscriberKey,
        id: MessageId,
        now: Moment,
    ) -> Result<(), SettleError> {
        let delivered = self.owned(key, id)?.delivered;
        let timeout = self.subscribers.get(key).map_or(Duration::ZERO, |s| s.terms.msg_timeout);
        let deadline = (now + timeout).min(delivered + self.settings.max_msg_timeout);
        self.in_flight.extend(id, timeout, deadline);
        Ok(())
    }

    fn owned(&self, key: SubscriberKey, id: MessageId) -> Result<&Flight<B>, SettleError> {
        let flight = self.in_flight.get(id).ok_or(SettleError::NotInFlight)?;
        if flight.holder == Some(key) { Ok(flight) } else { Err(SettleError::NotOwner) }
    }

    fn take_flight(&mut self, key: SubscriberKey, id: MessageId) -> Result<Flight<B>, SettleError> {
        let flight = self.in_flight.remove(id).ok_or(SettleError::NotInFlight)?;
        if flight.holder != Some(key) {
            self.in_flight.put_back(id, flight);
            return Err(SettleError::NotOwner);
        }
        self.changed = true;
        Ok(flight)
    }

    pub(super) fn release_holder(&mut self, holder: Option<SubscriberKey>) {
        if let Some(key) = holder {
            self.subscribers.update(key, |subscriber| {
                subscriber.in_flight = subscriber.in_flight.saturating_sub(1);
            });
        }
    }

    /// Takes back what was not answered in time and wakes what is due.
    pub fn expire(&mut self, now: Moment) {
        while let Some((_, flight)) = self.in_flight.pop_expired(now) {
            self.release_holder(flight.holder);
            self.counters.timeout_count += 1;
            self.again.push_back(flight.into());
        }
        while let Some(pending) = self.deferred.pop_due(now) {
            self.again.push_back(pending);
        }
    }

    /// When [`ChannelRules::expire`] has something to do next.
    pub fn next_wake(&mut self) -> Option<Moment> {
        let deadline = self.in_flight.next_deadline();
        [deadline, self.deferred.next()].into_iter().flatten().min()
    }
}
