//! The task that decides for a consumer: whom to connect to, who may send how much, when to end.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use tokio::{
    sync::mpsc,
    task::AbortHandle,
    time::{Instant, sleep, timeout_at},
};

use super::{
    Event, Lines,
    backoff::{Backoff, Outcome, Step},
    connection::Connection,
    discovery::Search,
    line::{Ending, Line},
    message::Terms,
    queue::Queue,
    rdy::{LineId, Orders, Shares},
};
use crate::{
    client::{
        delay::{GrowingDelay, after},
        dial::{self, Connected, Settings},
        subject::Subject,
    },
    protocol::{ChannelName, TopicName},
};

/// Until the next try when there is no connection to try.
const NOBODY_TO_TRY_PAUSE: Duration = Duration::from_secs(1);

/// What a consumer is told at its start; each of its connections has a copy.
#[derive(Clone)]
pub(super) struct Common {
    pub(super) topic: TopicName,
    pub(super) channel: ChannelName,
    pub(super) settings: Settings,
    pub(super) terms: Arc<Terms>,
    pub(super) queue: Arc<Queue>,
    pub(super) events: mpsc::UnboundedSender<Event>,
    /// How long a graceful stop may take.
    pub(super) stop_timeout: Duration,
}

impl Common {
    fn subject(&self) -> &Subject {
        &self.terms.subject
    }
}

/// Where addresses come from, and how one is tried again.
pub(super) enum Source {
    /// They are given; each is connected to for ever.
    Given(HashMap<String, GrowingDelay>),
    /// nsqlookupds know them.
    Discovered(Search),
}

/// A connection, from the attempt on.
struct Link {
    address: String,
    task: AbortHandle,
    /// Once it stands.
    line: Option<Arc<Line>>,
}

pub(super) struct Manager {
    common: Common,
    received: mpsc::UnboundedReceiver<Event>,
    source: Source,
    shares: Shares,
    backoff: Backoff,
    /// When the pause of a back-off ends.
    resume_at: Option<Instant>,
    redistribute_at: Instant,
    /// When a stop that is under way must end.
    stop_at: Option<Instant>,
    links: HashMap<LineId, Link>,
    lines: Arc<Lines>,
    last_id: LineId,
}

/// Whether to go on.
#[derive(PartialEq, Eq)]
enum Next {
    Event,
    End,
}

impl Drop for Manager {
    /// Also when the runtime ends.
    fn drop(&mut self) {
        self.end_links(Ending::Now);
        self.common.queue.close();
    }
}

impl Manager {
    pub(super) fn new(
        common: Common,
        received: mpsc::UnboundedReceiver<Event>,
        source: Source,
        lines: Arc<Lines>,
    ) -> Self {
        let options = &common.settings.options;
        Self {
            shares: Shares::new(options),
            backoff: Backoff::new(options),
            resume_at: None,
            redistribute_at: Instant::now() + options.rdy_redistribute_interval,
            stop_at: None,
            links: HashMap::new(),
            lines,
            last_id: 0,
            common,
            received,
            source,
        }
    }

    /// Takes a connection that stands already.
    pub(super) fn adopt(&mut self, address: String, connected: Connected) {
        let common = self.common.clone();
        self.link(address, |id, address| serve(id, address, connected, common));
    }

    /// Connects.
    pub(super) fn connect(&mut self, address: String) {
        let common = self.common.clone();
        self.link(address, |id, address| run(id, address, common));
    }

    fn link<F>(&mut self, address: String, run: impl FnOnce(LineId, String) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.last_id += 1;
        let id = self.last_id;
        let task = tokio::spawn(run(id, address.clone())).abort_handle();
        self.links.insert(id, Link { address, task, line: None });
    }

    pub(super) async fn run(mut self) {
        loop {
            let event = timeout_at(self.due(), self.received.recv()).await;
            let next = match event {
                Ok(Some(event)) => self.hear(event),
                Ok(None) => Next::End,
                Err(_elapsed) => Next::Event,
            };
            if next == Next::End || self.look_at_the_clock() == Next::End {
                break;
            }
        }
        log::info!("{} stopped", self.common.subject());
    }

    /// When something is to be done at the latest.
    fn due(&self) -> Instant {
        let search = match &self.source {
            Source::Given(_) => None,
            Source::Discovered(search) => search.due(),
        };
        let others = [self.resume_at, self.stop_at, search];
        others.into_iter().flatten().fold(self.redistribute_at, Instant::min)
    }

    fn look_at_the_clock(&mut self) -> Next {
        let now = Instant::now();
        if self.stop_at.is_some_and(|stop_at| stop_at <= now) {
            let Common { terms, stop_timeout, .. } = &self.common;
            log::warn!("{} messages are left in flight after {stop_timeout:?}", terms.subject);
            return Next::End;
        }
        if self.resume_at.is_some_and(|resume_at| resume_at <= now) {
            self.try_one(now);
        }
        if self.redistribute_at <= now {
            self.redistribute_at = now + self.common.settings.options.rdy_redistribute_interval;
            self.redistribute(now);
        }
        if let Source::Discovered(search) = &mut self.source {
            search.look_at_the_clock(now);
        }
        Next::Event
    }

    fn hear(&mut self, event: Event) -> Next {
        let now = Instant::now();
        match event {
            Event::Found(addresses) => self.found(addresses),
            Event::Joined(line, max_rdy) => self.joined(&line, max_rdy, now),
            Event::Left(id, reason) => return self.left(id, reason, now),
            Event::Retry(address) if self.stop_at.is_none() => self.connect(address),
            Event::Retry(_) => {}
            Event::Outcome(outcome) => self.outcome(outcome, now),
            Event::SetMaxInFlight(max) => {
                let orders = self.shares.set_max_in_flight(max, now);
                self.carry_out(orders);
            }
            Event::Stop => return self.stop(now),
            Event::Abort => return Next::End,
        }
        Next::Event
    }

    fn found(&mut self, addresses: Vec<String>) {
        if self.stop_at.is_some() {
            return;
        }
        let linked: HashSet<_> = self.links.values().map(|link| link.address.as_str()).collect();
        let is_new = |address: &String| !linked.contains(address.as_str());
        let new: Vec<_> = addresses.into_iter().filter(is_new).collect();
        new.into_iter().for_each(|address| self.connect(address));
    }

    fn joined(&mut self, line: &Arc<Line>, max_rdy: i64, now: Instant) {
        let Some(link) = self.links.get_mut(&line.id) else {
            line.end(Ending::Now);
            return;
        };
        link.line = Some(Arc::clone(line));
        if self.stop_at.is_some() {
            line.end(Ending::Gracefully);
            return;
        }
        self.lines.add(Arc::clone(line));
        let wanted = self.common.settings.options.max_in_flight;
        if max_rdy < i64::from(wanted) {
            let subject = self.common.subject().at(&line.address);
            log::warn!(
                "{subject} max RDY count {max_rdy} < consumer max in flight {wanted}, truncation possible"
            );
        }
        let max_rdy = u32::try_from(max_rdy.max(1)).unwrap_or(u32::MAX);
        let orders = self.shares.join(line.id, max_rdy, now);
        self.carry_out(orders);
    }

    fn left(&mut self, id: LineId, reason: Option<String>, now: Instant) -> Next {
        let Some(link) = self.links.remove(&id) else { return Next::Event };
        let subject = self.common.subject().at(&link.address);
        match reason {
            Some(reason) => log::error!("{subject} {reason}"),
            None => log::info!("{subject} connection closed"),
        }
        self.lines.remove(id);
        let orders = self.shares.leave(id, now);
        self.carry_out(orders);
        if self.stop_at.is_none() {
            let stood = link.line.and_then(|line| line.stood());
            self.try_again(link.address, stood, now);
        } else if self.links.is_empty() {
            return Next::End;
        }
        Next::Event
    }

    /// Soon where all was well; an nsqd that refuses the SUB is left alone for longer and longer, like one that is away.
    fn try_again(&mut self, address: String, stood: Option<Duration>, now: Instant) {
        let delays = match &mut self.source {
            Source::Given(delays) => delays,
            Source::Discovered(search) => return search.hurry_up(stood, now),
        };
        let max = self.common.settings.options.lookupd_poll_interval;
        let delay = delays.entry(address.clone()).or_insert_with(|| GrowingDelay::up_to(max));
        if stood.is_some() {
            delay.reset();
        }
        let delay = delay.next();
        log::info!("{} re-connecting in {delay:?}", self.common.subject().at(&address));
        let events = self.common.events.clone();
        tokio::spawn(async move {
            sleep(delay).await;
            let _ = events.send(Event::Retry(address)); // the consumer may have ended
        });
    }

    fn outcome(&mut self, outcome: Outcome, now: Instant) {
        let subject = self.common.subject();
        match self.backoff.hear(outcome, &mut fastrand::f64) {
            Step::Nothing => {}
            Step::BackOff { level, pause } => {
                log::warn!(
                    "{subject} backing off for {pause:?} (backoff level {level}), setting all to RDY 0"
                );
                self.resume_at = Some(now + pause);
                let orders = self.shares.pause(now);
                self.carry_out(orders);
            }
            Step::Recovered => {
                let share = self.shares.share();
                log::warn!("{subject} exiting backoff, returning all to RDY {share}");
                let orders = self.shares.resume(now);
                self.carry_out(orders);
            }
        }
        self.common.terms.is_backing_off.store(self.backoff.is_active(), Ordering::Relaxed);
    }

    fn try_one(&mut self, now: Instant) {
        let subject = self.common.subject();
        match self.shares.try_one(|count| fastrand::usize(..count), now) {
            Some(orders) => {
                log::warn!("{subject} backoff timeout expired, sending RDY 1");
                self.resume_at = None;
                self.backoff.resume();
                self.carry_out(orders);
            }
            None => {
                log::warn!("{subject} no connection available to resume");
                self.resume_at = Some(now + NOBODY_TO_TRY_PAUSE);
            }
        }
    }

    fn redistribute(&mut self, now: Instant) {
        for line in self.links.values().filter_map(|link| link.line.as_ref()) {
            self.shares.heard(line.id, line.heard_at());
        }
        let orders = self.shares.redistribute(now);
        self.carry_out(orders);
    }

    fn carry_out(&self, orders: Orders) {
        for (id, rdy) in orders {
            if let Some(line) = self.links.get(&id).and_then(|link| link.line.as_ref()) {
                line.set_rdy(rdy);
            }
        }
    }

    fn stop(&mut self, now: Instant) -> Next {
        if self.stop_at.is_some() {
            return Next::Event;
        }
        log::info!("{} stopping...", self.common.subject());
        self.stop_at = Some(after(now, self.common.stop_timeout));
        if let Source::Discovered(search) = &mut self.source {
            search.end();
        }
        self.end_links(Ending::Gracefully);
        self.links.retain(|_, link| link.line.is_some());
        if self.links.is_empty() { Next::End } else { Next::Event }
    }

    fn end_links(&self, ending: Ending) {
        for link in self.links.values() {
            match &link.line {
                Some(line) => line.end(ending),
                None => link.task.abort(),
            }
        }
    }
}

/// Tells the manager that a connection is gone, however that came about.
struct Leaving {
    id: LineId,
    events: mpsc::UnboundedSender<Event>,
    reason: Option<String>,
}

impl Drop for Leaving {
    fn drop(&mut self) {
        let _ = self.events.send(Event::Left(self.id, self.reason.take())); // the consumer may have ended
    }
}

async fn run(id: LineId, address: String, common: Common) {
    let mut leaving = Leaving { id, events: common.events.clone(), reason: None };
    log::info!("{} connecting to nsqd", common.subject().at(&address));
    match dial::connect(&address, &common.settings).await {
        Ok(connected) => {
            leaving.reason = serve_line(id, address, connected, &common).await;
        }
        Err(error) => leaving.reason = Some(format!("error connecting to nsqd - {error}")),
    }
}

async fn serve(id: LineId, address: String, connected: Connected, common: Common) {
    let mut leaving = Leaving { id, events: common.events.clone(), reason: None };
    leaving.reason = serve_line(id, address, connected, &common).await;
}

/// Why the connection has ended, if it was not told to.
async fn serve_line(
    id: LineId,
    address: String,
    connected: Connected,
    common: &Common,
) -> Option<String> {
    let Connected { wire, agreement } = connected;
    let line = Arc::new(Line::new(id, address, agreement.message_timeout(), common.events.clone()));
    let (queue, terms) = (Arc::clone(&common.queue), Arc::clone(&common.terms));
    let mut connection = Connection::new(wire, Arc::clone(&line), queue, terms);
    connection.subscribe(&common.topic, &common.channel);
    let _ = common.events.send(Event::Joined(line, agreement.max_rdy_count)); // the consumer may have ended
    let lost = connection.serve().await;
    lost.map(|lost| format!("IO error - {lost}"))
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use tokio::{net::TcpSocket, sync::Notify, time::timeout};

    use super::*;
    use crate::client::Options;

    /// An address where nobody listens, for as long as the socket lives.
    fn refusing() -> (TcpSocket, String) {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let address = socket.local_addr().unwrap().to_string();
        (socket, address)
    }

    fn common(events: mpsc::UnboundedSender<Event>) -> Common {
        let (topic, channel) = (TopicName::parse("t").unwrap(), ChannelName::parse("c").unwrap());
        let settings = Settings::new(&Options::default()).unwrap();
        let terms = Arc::new(Terms::new(Subject::consumer(&topic, &channel), &settings.options));
        let (queue, stop_timeout) = (Arc::default(), Duration::from_secs(30));
        Common { topic, channel, settings, terms, queue, events, stop_timeout }
    }

    #[tokio::test(start_paused = true)]
    async fn nodes_that_are_away_do_not_make_polls_more_and_more() {
        let ((_first, first), (_second, second)) = (refusing(), refusing());
        let (events, received) = mpsc::unbounded_channel();
        let interval = Options::default().lookupd_poll_interval;
        let hurry = Arc::new(Notify::new());
        let search =
            Search::new(tokio::spawn(async {}).abort_handle(), Arc::clone(&hurry), interval);
        let source = Source::Discovered(search);
        let manager = Manager::new(common(events.clone()), received, source, Arc::default());
        tokio::spawn(manager.run());
        let (start, mut polls) = (Instant::now(), 0);
        while start.elapsed() < Duration::from_secs(600) {
            polls += 1;
            events.send(Event::Found(vec![first.clone(), second.clone()])).unwrap();
            let _sooner_or_later = timeout(interval, hurry.notified()).await;
        }
        // Ten pauses until they are the longest, then one in half a minute to a minute.
        assert!((10..=31).contains(&polls), "{polls} polls");
    }
}
