//! Asking one nsqlookupd.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::{Instant, timeout_at};

use super::{
    CollectorSpec,
    polling::{Asked, off_thread},
};
use crate::{
    actors::clock,
    broker::Moment,
    cluster::{
        roster::{RegistryAnswer, RegistryExtras},
        snapshot::Name,
    },
    protocol::{ChannelName, TopicName},
};

/// A registry is asked for a tenth of the time at most: what it knows is long where there are many nodes.
const PART_OF_TIME: u32 = 10;
/// For what only some pages show, it is asked no more often than this, and for a smaller part of the time.
const EXTRAS_INTERVAL: Duration = Duration::from_secs(5);
/// So long it is asked for channels, one topic after the other; of the others they are not known.
const CHANNELS_TIME_MAX: Duration = Duration::from_secs(5);
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
pub(super) struct Round(Arc<Mutex<Pace>>);

impl Paces {
    /// The next round, if it is due.
    pub(super) fn next(&mut self, registry: &Name, now: Moment) -> Option<Round> {
        self.next_if(registry, |pace| now >= pace.due)
    }

    /// The next round of questions for what only some pages show, if it is due.
    pub(super) fn next_extras(&mut self, registry: &Name, now: Moment) -> Option<Round> {
        self.next_if(registry, |pace| now >= pace.extras_due)
    }

    fn next_if(&mut self, registry: &Name, is_due: impl Fn(&Pace) -> bool) -> Option<Round> {
        let round = Round(Arc::clone(self.0.entry(registry.clone()).or_default()));
        let is_due = is_due(&round.pace());
        is_due.then_some(round)
    }
}

impl Round {
    fn pace(&self) -> MutexGuard<'_, Pace> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes when the next round is due. A registry that does not answer is asked in each poll.
    fn ends(&self, has_answered: bool, began: Moment) {
        let now = clock::now();
        let pause = now.since(began) * PART_OF_TIME;
        self.pace().due = if has_answered { now + pause } else { now };
    }

    /// The same of what only some pages show.
    fn ends_extras(&self, began: Moment) {
        let now = clock::now();
        self.pace().extras_due = now + EXTRAS_INTERVAL.max(now.since(began) * PART_OF_TIME);
    }
}

/// Asks a registry for the nodes and topics that it knows, and writes them down.
pub(super) async fn ask(spec: CollectorSpec, registry: Name, round: Round) -> Asked {
    let began = clock::now();
    let mut answer = RegistryAnswer::default();
    let (nodes, topics) =
        tokio::join!(spec.ask.registered_nodes(&registry), spec.ask.registered_topics(&registry));
    let is_there = nodes.is_ok();
    answer.nodes = nodes.map_err(|error| answer.failures.push(error)).ok();
    answer.topics = topics.map_err(|error| answer.failures.push(error)).ok();
    round.ends(is_there, began);
    let address = registry.clone();
    off_thread(&spec.feed, move |feed| {
        feed.roster().registry_answered(&address, answer, clock::now());
    })
    .await;
    Asked::Registry(registry)
}

/// Asks a registry that answers for what only some pages show, and writes it down.
pub(super) async fn ask_extras(spec: CollectorSpec, registry: Name, round: Round) -> Asked {
    let began = clock::now();
    let (info, debug, channels) = tokio::join!(
        spec.ask.info(&registry),
        spec.ask.registry_debug(&registry),
        channels_of_inactive(&spec, &registry)
    );
    let version = info.ok().map(|info| info.version).filter(|version| !version.is_empty());
    let extras = RegistryExtras { version, channels, debug: debug.ok() };
    round.ends_extras(began);
    let address = registry.clone();
    off_thread(&spec.feed, move |feed| feed.roster().registry_said_more(&address, extras)).await;
    Asked::Extras(registry)
}

async fn channels_of_inactive(
    spec: &CollectorSpec,
    registry: &Name,
) -> BTreeMap<TopicName, Vec<ChannelName>> {
    let seen = spec.feed.seen();
    let until = Instant::now() + CHANNELS_TIME_MAX;
    let mut found = BTreeMap::new();
    for topic in seen.picture.inactive.iter().take(INACTIVE_MAX) {
        let Ok(topic) = TopicName::parse(&*topic.name) else { continue };
        match timeout_at(until, spec.ask.registered_channels(registry, &topic)).await {
            Ok(Ok(channels)) => drop(found.insert(topic, channels)),
            Ok(Err(_)) => {} // the next one may be answered
            Err(_) => break,
        }
    }
    found
}
