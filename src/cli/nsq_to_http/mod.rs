//! `nsq_to_http`: an HTTP request for each message.

mod headers;
mod options;
mod plan;
mod requests;
pub mod template;

use std::sync::Arc;

use bytes::Bytes;
use tokio::{sync::Semaphore, task::JoinSet};

pub use self::options::{NSQ_TO_HTTP_OPTIONS, NsqToHttpOptions};
use self::{plan::Plan, requests::Requests};
use super::{
    console::Console,
    exit_code::ExitCode,
    logging::{self, OwnLines},
    progress::Progress,
    relay::{
        destinations::{Destinations, Rejection},
        touching::touching,
    },
    tool::{self, Refusal, StopSignals},
};
use crate::client::{Consumer, Delivery, Messages};

pub(super) const PROGRAM: &str = "nsq_to_http";

/// Runs `nsq_to_http` with the arguments behind its name.
pub fn run(arguments: &[String], console: &mut Console<'_>) -> ExitCode {
    tool::run::<NsqToHttpOptions>(PROGRAM, arguments, console, |typed, _| {
        let plan = Plan::new(typed)?;
        tool::block_on(relay(plan))?
    })
}

async fn relay(plan: Plan) -> Result<(), Refusal> {
    logging::init_utility(OwnLines::Plain);
    plan.destinations.warn();
    let mut stop = StopSignals::new().map_err(Refusal::new)?;
    let subscribing = Consumer::builder(plan.topic, plan.channel)
        .options(plan.consumer)
        .nsqds(plan.nsqds)
        .lookupds(plan.lookupds)
        .stream();
    let Some(messages) = stop.unless_stopped(subscribing).await else { return Ok(()) };
    let messages = messages.map_err(Refusal::new)?;
    let sender = Arc::new(Sender {
        destinations: plan.destinations,
        requests: plan.requests,
        turns: Semaphore::new(plan.handlers),
        sample: plan.sample,
        progress: Progress::start(),
    });
    let consumer = messages.consumer().clone();
    let mut sending = std::pin::pin!(send_all(messages, Arc::clone(&sender)));
    tokio::select! {
        () = &mut sending => return Ok(()),
        () = stop.next() => {}
    }
    sender.destinations.begin_stop();
    consumer.begin_stop();
    tokio::select! {
        () = sending => {}
        () = stop.next() => log::warn!("second signal, exiting at once"),
    }
    Ok(())
}

/// Sends what comes until the consumer has ended. Every message is taken at once, so that it can be touched while it
/// waits; there are no more of them than are in flight.
async fn send_all(mut messages: Messages, sender: Arc<Sender>) {
    let mut tasks = JoinSet::new();
    while let Some(message) = messages.next().await {
        tasks.spawn(Arc::clone(&sender).handle(message));
        while tasks.try_join_next().is_some() {}
    }
}

/// Sends messages and answers for them.
struct Sender {
    destinations: Destinations,
    requests: Requests,
    /// As many requests are under way at once.
    turns: Semaphore,
    sample: f64,
    progress: Progress,
}

impl Sender {
    async fn handle(self: Arc<Self>, message: Delivery) {
        if self.sample < 1.0 && fastrand::f64() >= self.sample {
            message.finish();
            return;
        }
        let body = message.body().clone();
        let sent = touching(std::iter::once(&*message), self.send(&body)).await;
        match sent {
            Ok(()) => {
                message.finish();
                self.progress.add(1, body.len());
            }
            Err(rejection) => {
                message.fail(rejection);
            }
        }
    }

    async fn send(&self, body: &Bytes) -> Result<(), Rejection> {
        let _turn = self.turns.acquire().await.map_err(Rejection::of_host)?;
        self.destinations.deliver(1, |host| self.requests.send(host, body)).await
    }
}
