//! Handling messages: how often one is tried, and the tasks that call a handler.

use std::{future::Future, pin::Pin, sync::Arc};

use tokio::{sync::watch, task::coop::consume_budget};

use super::{
    message::{Delivery, Failure, Message, Terms},
    queue::Queue,
};

type Handling = Pin<Box<dyn Future<Output = Result<(), Failure>> + Send>>;
/// What becomes of a message that is given up.
pub(super) type GiveUp = Arc<dyn Fn(Message) -> Handling + Send + Sync>;

/// Lets through what has not been tried too often.
#[derive(Clone)]
pub(super) struct Gate {
    /// 0 for without end.
    pub(super) max_attempts: u16,
    pub(super) give_up: Option<GiveUp>,
    pub(super) terms: Arc<Terms>,
}

impl Gate {
    pub(super) fn is_open_for(&self, message: &Message) -> bool {
        self.max_attempts == 0 || message.attempts() <= self.max_attempts
    }

    /// The message itself, unless it has been tried too often: then it is given up, which ends it.
    pub(super) async fn admit(&self, delivery: Delivery) -> Option<Delivery> {
        if self.is_open_for(&delivery) {
            return Some(delivery);
        }
        let (subject, attempts) = (&self.terms.subject, delivery.attempts());
        log::warn!("{subject} msg {} attempted {attempts} times, giving up", delivery.id());
        let (message, duty) = delivery.split();
        let taken_care_of = match &self.give_up {
            Some(give_up) => give_up(message).await,
            None => Ok(()),
        };
        match taken_care_of {
            Ok(()) => duty.finish(),
            Err(failure) => duty.fail(&failure),
        };
        None
    }
}

/// Calls a handler for one message after the other until none will come any more.
pub(super) struct Worker<H> {
    pub(super) queue: Arc<Queue>,
    pub(super) gate: Gate,
    pub(super) handler: Arc<H>,
}

impl<H, F> Worker<H>
where
    H: Fn(Message) -> F + Send + Sync + 'static,
    F: Future<Output = Result<(), Failure>> + Send + 'static,
{
    /// Goes on with the next message when a handler panics; the one that it had is given back. `_alive` is dropped at
    /// the end.
    pub(super) async fn supervise(self, _alive: Arc<watch::Sender<()>>) {
        let worker = Arc::new(self);
        while let Err(error) = tokio::spawn(Arc::clone(&worker).work()).await {
            if !error.is_panic() {
                break; // the runtime ends
            }
            log::error!("{} Handler panicked", worker.gate.terms.subject);
        }
    }

    async fn work(self: Arc<Self>) {
        while let Some(delivery) = self.queue.next().await {
            // Handlers that never wait would keep the connections waiting.
            consume_budget().await;
            let Some(delivery) = self.gate.admit(delivery).await else { continue };
            let (message, duty) = delivery.split();
            match (self.handler)(message).await {
                Ok(()) => duty.finish(),
                Err(failure) => duty.fail(&failure),
            };
        }
    }
}
