//! Finding the nsqds of a topic, again and again.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{Notify, mpsc},
    task::AbortHandle,
    time::{Instant, timeout},
};

use super::Event;
use crate::{
    client::{
        delay::GrowingDelay,
        lookup::{Lookupds, Node},
        options::Options,
        subject::Subject,
    },
    protocol::TopicName,
};

pub(super) struct Discovery {
    pub(super) lookupds: Lookupds,
    pub(super) topic: TopicName,
    pub(super) options: Arc<Options>,
    pub(super) subject: Subject,
    /// Notified when the next poll is not to wait for its time.
    pub(super) hurry: Arc<Notify>,
    pub(super) events: mpsc::UnboundedSender<Event>,
}

impl Discovery {
    /// Asks all nsqlookupds at once, at the start and then each interval. The second time is put off by some chance, so
    /// that consumers which start together do not ask together for ever.
    pub(super) async fn run(self) {
        let interval = self.options.lookupd_poll_interval;
        let jitter = self.options.lookupd_poll_jitter.clamp(0.0, 1.0) * fastrand::f64();
        let mut wait = interval + interval.mul_f64(jitter);
        loop {
            self.poll().await;
            let _sooner_or_later = timeout(wait, self.hurry.notified()).await;
            wait = interval;
        }
    }

    async fn poll(&self) {
        let found = self.lookupds.nodes(&self.topic).await;
        for failure in &found.failures {
            log::error!("{} error querying nsqlookupd {failure}", self.subject);
        }
        let addresses = found.known.iter().map(Node::tcp_address).collect();
        let _ = self.events.send(Event::Found(addresses)); // the consumer may have ended
    }
}

/// A discovery that is under way, as its consumer has it. It ends with this.
pub(super) struct Search {
    task: AbortHandle,
    hurry: Arc<Notify>,
    delay: GrowingDelay,
    /// When the next poll is not to wait for its time any longer. There is one such moment for all connections that are
    /// away: each poll tries all of them again.
    hurry_at: Option<Instant>,
}

impl Drop for Search {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Search {
    /// `hurry` is the one that the task waits for; pauses grow up to `longest`.
    pub(super) fn new(task: AbortHandle, hurry: Arc<Notify>, longest: Duration) -> Self {
        Self { task, hurry, delay: GrowingDelay::up_to(longest), hurry_at: None }
    }

    /// Asks again soon: a connection is away. It has stood for so long, if it ever did. One that is lost no sooner than a
    /// pause takes begins the pauses anew; one that comes and goes must not have those that are away dialled all the time.
    pub(super) fn hurry_up(&mut self, stood: Option<Duration>, now: Instant) {
        let was_well = stood.is_some_and(|stood| self.delay.is_within(stood));
        if was_well {
            self.delay.reset();
        }
        if was_well || self.hurry_at.is_none() {
            let at = now + self.delay.next();
            self.hurry_at = Some(self.hurry_at.map_or(at, |pending| pending.min(at)));
        }
    }

    /// When it is to be looked at again at the latest.
    pub(super) fn due(&self) -> Option<Instant> {
        self.hurry_at
    }

    pub(super) fn look_at_the_clock(&mut self, now: Instant) {
        if self.hurry_at.is_some_and(|at| at <= now) {
            self.hurry_at = None;
            self.hurry.notify_one();
        }
    }

    /// Asks nothing any more.
    pub(super) fn end(&mut self) {
        self.task.abort();
        self.hurry_at = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONGEST: Duration = Duration::from_secs(60);

    async fn search() -> (Search, Arc<Notify>) {
        let hurry = Arc::new(Notify::new());
        let task = tokio::spawn(async {}).abort_handle();
        (Search::new(task, Arc::clone(&hurry), LONGEST), hurry)
    }

    #[tokio::test(start_paused = true)]
    async fn connections_that_are_away_hurry_together() {
        let (mut search, hurry) = search().await;
        let now = Instant::now();
        search.hurry_up(None, now);
        let due = search.due();
        (0..100).for_each(|_| search.hurry_up(None, now));
        assert_eq!(search.due(), due);
        search.look_at_the_clock(now);
        assert_eq!(search.due(), due);
        search.look_at_the_clock(now + Duration::from_millis(100));
        assert_eq!(search.due(), None);
        hurry.notified().await;
    }

    #[tokio::test(start_paused = true)]
    async fn only_a_connection_that_has_stood_begins_the_pauses_anew() {
        let (mut search, _hurry) = search().await;
        let now = Instant::now();
        for _ in 0..12 {
            search.hurry_up(None, now);
            search.look_at_the_clock(now + LONGEST);
        }
        search.hurry_up(Some(Duration::from_secs(1)), now);
        assert!(search.due().unwrap() >= now + LONGEST / 2);
        search.hurry_up(Some(LONGEST), now);
        assert!(search.due().unwrap() <= now + Duration::from_millis(100));
    }
}
