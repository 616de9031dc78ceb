//! Finding the nsqds of a topic, again and again.

use std::sync::Arc;

use tokio::{
    sync::{Notify, mpsc},
    time::timeout,
};

use super::Event;
use crate::{
    client::{
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
