//! Asking one nsqlookupd.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use super::{
    CollectorSpec,
    polling::{Asked, off_thread},
};
use crate::{
    actors::clock,
    broker::Moment,
    cluster::{roster::RegistryAnswer, snapshot::Name},
    protocol::TopicName,
};

/// A registry is asked for a tenth of the time at most: what it knows is long where there are many nodes.
const PART_OF_TIME: u32 = 10;
/// For what only some pages show, it is asked no more often than this, and for a smaller part of the time.
const EXTRAS_INTERVAL: Duration = Duration::from_secs(5);
/// Topics without nodes whose channels are asked for.
const INACTIVE_MAX: usize = 64;

/// When each registry is asked again.
#[derive(Debug, Default)]
pub(super) struct Paces(HashMap<Name, Arc<Mutex<Pace>>>);

#[derive(Debug, Default)]
struct Pace {
    due: Moment,
    extras_due: Moment,
}

/// One round of questions to a registry.
pub(super) struct Round {
    pace: Arc<Mutex<Pace>>,
    with_extras: bool,
}

impl Paces {
    /// The next round, if it is due.
    pub(super) fn next(&mut self, registry: &Name, now: Moment) -> Option<Round> {
        let pace = Arc::clone(self.0.entry(registry.clone()).or_default());
        let (is_due, with_extras) = {
            let pace = pace.lock().unwrap_or_else(PoisonError::into_inner);
            (now >= pace.due, now >= pace.extras_due)
        };
        is_due.then_some(Round { pace, with_extras })
    }
}

impl Round {
    /// Notes when the next round is due. A registry that does not answer is asked in each poll.
    fn ends(&self, has_answered: bool, took: Duration, extras_took: Duration) {
        let now = clock::now();
        let mut pace = self.pace.lock().unwrap_or_else(PoisonError::into_inner);
        pace.due = if has_answered { now + took * PART_OF_TIME } else { now };
        if self.with_extras {
            pace.extras_due = now + EXTRAS_INTERVAL.max(extras_took * PART_OF_TIME);
        }
    }
}

/// Asks a registry for all that it knows, and writes it down.
pub(super) async fn ask(spec: CollectorSpec, registry: Name, round: Round) -> Asked {
    let began = clock::now();
    let mut answer = RegistryAnswer::default();
    let (nodes, topics) =
        tokio::join!(spec.ask.registered_nodes(&registry), spec.ask.registered_topics(&registry));
    let is_there = nodes.is_ok();
    answer.nodes = nodes.map_err(|error| answer.failures.push(error)).ok();
    answer.topics = topics.map_err(|error| answer.failures.push(error)).ok();
    let answered = clock::now();
    if round.with_extras && is_there {
        add_extras(&spec, &registry, &mut answer).await;
    }
    round.ends(is_there, answered.since(began), clock::now().since(answered));
    let address = registry.clone();
    off_thread(&spec.feed, move |feed| {
        feed.roster().registry_answered(&address, answer, clock::now());
    })
    .await;
    Asked::Registry(registry)
}

/// What is not there is not known; nobody has to hear of it.
async fn add_extras(spec: &CollectorSpec, registry: &Name, answer: &mut RegistryAnswer) {
    let (info, debug, channels) = tokio::join!(
        spec.ask.info(registry),
        spec.ask.registry_debug(registry),
        channels_of_inactive(spec, registry)
    );
    answer.version = info.ok().map(|info| info.version).filter(|version| !version.is_empty());
    answer.debug = debug.ok();
    answer.channels = Some(channels);
}

async fn channels_of_inactive(
    spec: &CollectorSpec,
    registry: &Name,
) -> BTreeMap<TopicName, Vec<crate::protocol::ChannelName>> {
    let seen = spec.feed.seen();
    let mut found = BTreeMap::new();
    for topic in seen.picture.inactive.iter().take(INACTIVE_MAX) {
        let Ok(topic) = TopicName::parse(&*topic.name) else { continue };
        if let Ok(channels) = spec.ask.registered_channels(registry, &topic).await {
            found.insert(topic, channels);
        }
    }
    found
}
