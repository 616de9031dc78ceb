//! One poll after the other. Who is slow is not waited for: what it says comes with the next poll.

use std::{collections::HashSet, panic::resume_unwind, pin::Pin, sync::Arc, time::Duration};

use actix_rt::{
    task::spawn_blocking,
    time::{Instant, sleep_until},
};
use futures_util::{StreamExt, future::OptionFuture, stream::FuturesUnordered};
use tokio::sync::{Semaphore, watch};

use super::{CollectorSpec, Feed, nodes, registries};
use crate::{actors::clock, cluster::snapshot::Name};

/// Nodes that are asked at once, so that not all their answers are in memory at once.
const ASKED_MAX: usize = 4;
/// Nodes that did not answer the last time are asked beside the others: they may take their time to fail.
const DOUBTFUL_MAX: usize = 4;
/// The rest of the time belongs to others: a poll takes half of it at most, or polls become fewer.
const STRETCH: u32 = 2;
/// A poll waits so long for who is slow and has answered so far, however long or short the interval is.
const WAIT_MAX: Duration = Duration::from_secs(2);

/// Whose answer it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Asked {
    /// A node, for its statistics.
    Node(Name),
    /// A configured address, for who is there.
    Configured(Name),
    /// A registry.
    Registry(Name),
    /// The same for what only some pages show; nobody waits for that.
    Extras(Name),
}

type Answered = Pin<Box<dyn Future<Output = Asked>>>;

/// The two lines in which nodes wait to be asked.
#[derive(Clone)]
pub(super) struct Turns {
    trusted: Arc<Semaphore>,
    doubtful: Arc<Semaphore>,
}

impl Turns {
    pub(super) fn of(&self, is_doubtful: bool) -> Arc<Semaphore> {
        Arc::clone(if is_doubtful { &self.doubtful } else { &self.trusted })
    }
}

/// Polls for ever.
pub(super) async fn keep_polling(spec: CollectorSpec) {
    let mut poller = Poller::new(spec);
    let mut lookupds = poller.spec.sources.watch_lookupds();
    loop {
        let began = Instant::now();
        poller.follow();
        poller.poll(began).await;
        let took = began.elapsed();
        let pause = poller.spec.poll_interval.max(took * STRETCH);
        poller.publish(pause).await;
        poller.rest(began + pause, &mut lookupds).await;
    }
}

struct Poller {
    spec: CollectorSpec,
    turns: Turns,
    /// All questions that are under way, those of earlier polls included.
    answers: FuturesUnordered<Answered>,
    under_way: HashSet<Asked>,
    paces: registries::Paces,
}

impl Poller {
    fn new(spec: CollectorSpec) -> Self {
        let line = |length| Arc::new(Semaphore::new(length));
        Self {
            spec,
            turns: Turns { trusted: line(ASKED_MAX), doubtful: line(DOUBTFUL_MAX) },
            answers: FuturesUnordered::new(),
            under_way: HashSet::new(),
            paces: registries::Paces::default(),
        }
    }

    /// Watches whoever is configured now.
    fn follow(&self) {
        let sources = &self.spec.sources;
        self.spec.feed.roster().follow(&sources.lookupds(), &sources.nsqds());
    }

    /// Asks everybody and waits for those of whom an answer may be expected.
    async fn poll(&mut self, began: Instant) {
        let until = began + WAIT_MAX;
        let mut awaited = HashSet::new();
        let mut asked = HashSet::new();
        self.ask_registries(&mut awaited);
        self.ask_nodes(&mut asked, &mut awaited);
        while !awaited.is_empty() {
            tokio::select! {
                answered = self.answers.next() => {
                    let Some(answered) = answered else { return };
                    self.ends(&answered);
                    awaited.remove(&answered);
                    if !matches!(answered, Asked::Node(_) | Asked::Extras(_)) {
                        self.ask_nodes(&mut asked, &mut awaited); // there may be new ones
                    }
                }
                () = sleep_until(until) => return,
            }
        }
    }

    fn ask_registries(&mut self, awaited: &mut HashSet<Asked>) {
        let registries = self.spec.feed.roster().registries();
        for (address, is_doubtful) in registries {
            let asked = Asked::Registry(address.clone());
            let Some(round) = self.paces.next(&address, clock::now()) else { continue };
            let question = registries::ask(self.spec.clone(), address, round);
            self.ask(asked, is_doubtful, awaited, question);
        }
        let unknown = self.spec.feed.roster().to_identify();
        for (address, is_doubtful) in unknown {
            let asked = Asked::Configured(address.clone());
            let question = nodes::identify(self.spec.clone(), address);
            self.ask(asked, is_doubtful, awaited, question);
        }
    }

    /// A question is answered. A registry that is there may be asked for more.
    fn ends(&mut self, answered: &Asked) {
        self.under_way.remove(answered);
        let Asked::Registry(address) = answered else { return };
        if !self.spec.feed.roster().is_registry_there(address) {
            return;
        }
        if let Some(round) = self.paces.next_extras(address, clock::now()) {
            let question = registries::ask_extras(self.spec.clone(), address.clone(), round);
            self.ask(Asked::Extras(address.clone()), true, &mut HashSet::new(), question);
        }
    }

    /// Puts a question, unless an earlier one is under way. Who has failed the last time is not waited for.
    fn ask(
        &mut self,
        asked: Asked,
        is_doubtful: bool,
        awaited: &mut HashSet<Asked>,
        question: impl Future<Output = Asked> + 'static,
    ) {
        if self.under_way.insert(asked.clone()) {
            self.answers.push(Box::pin(question));
            if !is_doubtful {
                awaited.insert(asked);
            }
        }
    }

    /// Asks each node once in a poll, unless it has not answered an earlier question yet.
    fn ask_nodes(&mut self, asked: &mut HashSet<Name>, awaited: &mut HashSet<Asked>) {
        let to_ask = self.spec.feed.roster().to_ask(clock::now());
        for node in to_ask {
            if !asked.insert(node.address.clone()) {
                continue;
            }
            let key = Asked::Node(node.address.clone());
            let (is_doubtful, turns) = (node.is_doubtful, self.turns.of(node.is_doubtful));
            let question = nodes::ask(self.spec.clone(), node, turns);
            self.ask(key, is_doubtful, awaited, question);
        }
    }

    async fn publish(&self, pause: Duration) {
        let poll_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
        off_thread(&self.spec.feed, move |feed| feed.publish(poll_ms)).await;
    }

    /// Takes late answers until it is time for the next poll, or somebody wants one.
    async fn rest(&mut self, until: Instant, lookupds: &mut watch::Receiver<Arc<[String]>>) {
        loop {
            let next = OptionFuture::from((!self.answers.is_empty()).then(|| self.answers.next()));
            tokio::select! {
                Some(Some(answered)) = next => self.ends(&answered),
                () = sleep_until(until) => return,
                () = self.spec.feed.wake.notified() => return,
                Ok(()) = lookupds.changed() => return,
            }
        }
    }
}

/// Works with the feed where nobody has to wait for it.
pub(super) async fn off_thread<T: Send + 'static>(
    feed: &Arc<Feed>,
    work: impl FnOnce(&Feed) -> T + Send + 'static,
) -> T {
    let feed = Arc::clone(feed);
    match spawn_blocking(move || work(&feed)).await {
        Ok(done) => done,
        // The supervisor is to hear of it.
        Err(error) => resume_unwind(error.into_panic()),
    }
}
