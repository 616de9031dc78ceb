//! What waits in a channel, kept at its depth.

use std::{pin::pin, sync::Arc, time::Instant};

use tokio::time::timeout_at;

use super::{consumers::Arrivals, tally::Ledger};

/// What a topic's publishers know of the messages that wait: one is published where one was taken.
#[derive(Debug, Clone)]
pub(super) struct Backlog {
    /// What has come out of the only channel.
    pub(super) arrivals: Arc<Arrivals>,
    pub(super) ledger: Ledger,
    /// Its number in the ledger.
    pub(super) topic: usize,
    /// How many messages may wait.
    pub(super) depth: u64,
    /// When nothing more is published.
    pub(super) until: Instant,
}

impl Backlog {
    /// Messages that may be published now.
    pub(super) fn room(&self) -> u64 {
        if Instant::now() >= self.until {
            return 0;
        }
        let taken = self.arrivals.distinct();
        self.depth.saturating_sub(self.ledger.sent_to(self.topic).saturating_sub(taken))
    }

    /// Waits until so many messages may be published; false when the time is over.
    pub(super) async fn has_room(&self, messages: u64) -> bool {
        while Instant::now() < self.until {
            let mut taken = pin!(self.arrivals.taken());
            taken.as_mut().enable();
            if self.room() >= messages {
                return true;
            }
            let _time_is_looked_at_again = timeout_at(self.until.into(), taken).await;
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::bench::{Tally, wire::Inbox};

    /// Up to 100 messages may wait, and 60 do.
    fn sixty(until: Instant) -> Backlog {
        let ledger = Ledger::new(2, 2);
        ledger.begin(1, 60);
        let arrivals = Arc::new(Arrivals::new("topic", "channel", Tally::of_any(60)));
        Backlog { arrivals, ledger, topic: 1, depth: 100, until }
    }

    fn take_one(backlog: &Backlog) {
        let frame = [&[0, 0, 0, 34, 0, 0, 0, 2][..], &[0; 30]].concat();
        let mut inbox = Inbox::with_capacity(frame.len());
        inbox.room().copy_from_slice(&frame);
        inbox.filled(frame.len()).unwrap();
        backlog.arrivals.take(&mut inbox, &mut Vec::new()).unwrap();
    }

    fn in_an_hour() -> Instant {
        Instant::now() + Duration::from_secs(3600)
    }

    #[test]
    fn what_is_taken_makes_room_and_what_is_sent_takes_it() {
        let backlog = sixty(in_an_hour());
        assert_eq!(backlog.room(), 40);
        take_one(&backlog);
        assert_eq!(backlog.room(), 41);
        backlog.ledger.begin(0, 30);
        assert_eq!(backlog.room(), 41, "of another topic");
        backlog.ledger.begin(1, 200);
        assert_eq!(backlog.room(), 0);
        assert_eq!(sixty(Instant::now()).room(), 0, "the time is over");
    }

    #[tokio::test]
    async fn publishers_wait_until_enough_was_taken_or_the_time_is_over() {
        let backlog = sixty(in_an_hour());
        assert!(backlog.has_room(40).await);
        let taking = async {
            take_one(&backlog);
            tokio::task::yield_now().await;
            take_one(&backlog);
        };
        let (has_room, ()) = tokio::join!(backlog.has_room(42), taking);
        assert!(has_room);
        assert_eq!(backlog.room(), 42, "not before");
        assert!(!sixty(Instant::now() + Duration::from_millis(5)).has_room(41).await);
        assert!(!sixty(Instant::now()).has_room(1).await);
    }
}
