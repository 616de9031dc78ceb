//! `nsq_to_nsq`: publishes the messages of one nsqd to others.

mod batches;
mod dropped;
pub mod json_filter;
mod options;
mod plan;
mod publishing;
mod source;

use std::{
    pin::pin,
    sync::{Arc, Mutex},
};

use futures_util::future::join_all;

pub use self::options::{NSQ_TO_NSQ_OPTIONS, NsqToNsqOptions};
use self::{
    plan::Plan,
    publishing::Publisher,
    source::{Passing, Source},
};
use super::{
    console::Console,
    exit_code::ExitCode,
    logging::{self, OwnLines},
    progress::Progress,
    tool::{self, Refusal, StopSignals},
};
use crate::client::{Consumer, Messages};

pub(super) const PROGRAM: &str = "nsq_to_nsq";

/// Runs `nsq_to_nsq` with the arguments behind its name.
pub fn run(arguments: &[String], console: &mut Console<'_>) -> ExitCode {
    tool::run::<NsqToNsqOptions>(PROGRAM, arguments, console, |typed, _| {
        let plan = Plan::new(typed)?;
        tool::block_on(relay(plan))?
    })
}

async fn relay(plan: Plan) -> Result<(), Refusal> {
    logging::init_utility(OwnLines::Plain);
    plan.destinations.warn();
    let mut stop = StopSignals::new().map_err(Refusal::new)?;
    let Some(sources) = stop.unless_stopped(subscribe(&plan)).await else { return Ok(()) };
    let sources = sources?;
    let consumers: Vec<_> = sources.iter().map(|messages| messages.consumer().clone()).collect();
    let publisher = Publisher { destinations: plan.destinations, producers: plan.producers };
    let passing = Arc::new(Passing {
        publisher,
        filter: plan.filter,
        invalid_topic: plan.invalid_topic,
        progress: Progress::start(),
        dropped: Mutex::default(),
    });
    let sources = plan.topics.into_iter().zip(sources).map(|(topic, messages)| {
        let destination = plan.destination_topic.clone().unwrap_or_else(|| topic.clone());
        Source { topic, destination, messages }.pass_on(Arc::clone(&passing))
    });
    let mut running = pin!(join_all(sources));
    tokio::select! {
        _ = &mut running => {}
        () = stop.next() => {
            passing.publisher.destinations.begin_stop();
            consumers.iter().for_each(Consumer::begin_stop);
            tokio::select! {
                _ = running => {}
                () = stop.next() => log::warn!("second signal, exiting at once"),
            }
        }
    }
    passing.tell_dropped();
    Ok(())
}

/// A consumer for each topic, in order.
async fn subscribe(plan: &Plan) -> Result<Vec<Messages>, Refusal> {
    let mut sources = Vec::with_capacity(plan.topics.len());
    for topic in &plan.topics {
        let messages = Consumer::builder(topic.clone(), plan.channel.clone())
            .options(plan.consumer.clone())
            .nsqds(plan.nsqds.clone())
            .lookupds(plan.lookupds.clone())
            .stream()
            .await
            .map_err(Refusal::new)?;
        sources.push(messages);
    }
    Ok(sources)
}
