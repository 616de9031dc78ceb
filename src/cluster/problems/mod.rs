//! What an operator should look at, in whole sentences, worst first. `docs/nsqadmin.md`, "Problems", explains each rule and
//! its threshold.

mod backlogs;
mod clients;
mod consumers;
mod failing;
mod nodes;
#[cfg(test)]
mod tests;

use std::{cmp::Reverse, collections::HashMap, time::Duration};

use serde::Serialize;

pub use self::clients::stuck;
use super::{
    history::{History, Line, Subject},
    picture::{Channel, Picture, Topic},
    snapshot::Name,
    text,
};
use crate::broker::Moment;

/// So many problems are told of.
pub const PROBLEMS_MAX: usize = 100;
/// Rates are taken over this time, so that a moment is no trend.
pub const TREND: Duration = Duration::from_secs(60);

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Good to know.
    Info,
    /// It may become bad.
    Warning,
    /// It is bad.
    Critical,
}

/// What kind of problem it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// More comes than is done with.
    BacklogGrowing,
    /// Much waits, and it takes long until it is done with.
    BacklogDraining,
    /// Messages wait and nobody takes them.
    NoConsumers,
    /// Messages wait on a node where nobody takes them, and consumers are elsewhere.
    NoConsumersOnNode,
    /// Messages wait for a first channel.
    NoChannels,
    /// A topic or channel hands nothing out because somebody wanted that.
    Paused,
    /// Many messages are not answered in time.
    Timeouts,
    /// Many messages are given back.
    Requeues,
    /// A consumer does nothing though it could.
    StuckClient,
    /// A registry does not know what it should.
    NodeMissing,
    /// A node does not answer.
    NodeUnreachable,
    /// Nodes are of different versions.
    VersionSkew,
    /// A node says that it is not well.
    Unhealthy,
    /// Parts of a node have failed and were started again.
    ActorRestarts,
    /// A node was started again.
    NodeRestarted,
    /// An nsqlookupd does not answer.
    RegistryUnreachable,
    /// A node has more than is kept.
    StatsCut,
}

/// Something to look at.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Problem {
    /// How bad it is.
    pub severity: Severity,
    /// What kind of problem it is.
    pub kind: Kind,
    /// A whole sentence, with numbers.
    pub text: String,
    /// The topic, if it is about one.
    pub topic: Option<Name>,
    /// The channel, if it is about one.
    pub channel: Option<Name>,
    /// The node, if it is about one.
    pub node: Option<Name>,
    /// The client, if it is about one.
    pub client: Option<Name>,
    /// Which of two that are equally bad comes first: messages, mostly.
    #[serde(skip)]
    pub weight: f64,
}

impl Problem {
    fn new(severity: Severity, kind: Kind, text: String) -> Self {
        Self {
            severity,
            kind,
            text,
            topic: None,
            channel: None,
            node: None,
            client: None,
            weight: 0.0,
        }
    }

    fn topic(mut self, topic: &Name) -> Self {
        self.topic = Some(Name::clone(topic));
        self
    }

    fn channel(mut self, channel: &Name) -> Self {
        self.channel = Some(Name::clone(channel));
        self
    }

    fn node(mut self, node: &Name) -> Self {
        self.node = Some(Name::clone(node));
        self
    }

    fn client(mut self, client: &Name) -> Self {
        self.client = Some(Name::clone(client));
        self
    }

    fn weight(mut self, weight: f64) -> Self {
        self.weight = weight;
        self
    }
}

/// All problems, ranked.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Problems {
    /// Worst first.
    pub all: Vec<Problem>,
    worst: HashMap<(Option<Name>, Option<Name>), Severity>,
}

impl Problems {
    /// Looks at everything.
    pub fn find(picture: &Picture, history: &History, now: Moment) -> Self {
        let scene = Scene { picture, history, now };
        let mut all = nodes::problems(&scene);
        for topic in &picture.topics {
            all.extend(consumers::of_topic(topic));
            for channel in &topic.channels {
                let scene = ChannelScene { scene: &scene, topic, channel };
                all.extend(backlogs::of_channel(&scene));
                all.extend(consumers::of_channel(&scene));
                all.extend(failing::of_channel(&scene));
                all.extend(clients::of_channel(&scene));
            }
        }
        all.sort_by(|a, b| rank(a).cmp(&rank(b)).then_with(|| b.weight.total_cmp(&a.weight)));
        Self { worst: worst(&all), all }
    }

    /// How bad the worst problem of a topic is, its channels included.
    pub fn worst_of_topic(&self, topic: &Name) -> Option<Severity> {
        self.worst.get(&(Some(Name::clone(topic)), None)).copied()
    }

    /// How bad the worst problem of a channel is.
    pub fn worst_of_channel(&self, topic: &Name, channel: &Name) -> Option<Severity> {
        self.worst.get(&(Some(Name::clone(topic)), Some(Name::clone(channel)))).copied()
    }
}

fn rank(problem: &Problem) -> Reverse<Severity> {
    Reverse(problem.severity)
}

fn worst(all: &[Problem]) -> HashMap<(Option<Name>, Option<Name>), Severity> {
    let mut worst = HashMap::new();
    let mut note = |key, severity: Severity| {
        let known = worst.entry(key).or_insert(severity);
        *known = severity.max(*known);
    };
    for problem in all.iter().filter(|problem| problem.topic.is_some()) {
        note((problem.topic.clone(), None), problem.severity);
        if problem.channel.is_some() {
            note((problem.topic.clone(), problem.channel.clone()), problem.severity);
        }
    }
    worst
}

/// What is looked at.
struct Scene<'a> {
    picture: &'a Picture,
    history: &'a History,
    now: Moment,
}

/// A channel in it.
struct ChannelScene<'a> {
    scene: &'a Scene<'a>,
    topic: &'a Topic,
    channel: &'a Channel,
}

impl ChannelScene<'_> {
    /// `topic/channel`.
    fn title(&self) -> String {
        format!("{}/{}", self.topic.name, self.channel.name)
    }

    fn trend(&self) -> Trend {
        Trend::of(self.scene.history, &self.topic.name, &self.channel.name)
    }

    fn problem(&self, severity: Severity, kind: Kind, text: String) -> Problem {
        Problem::new(severity, kind, text).topic(&self.topic.name).channel(&self.channel.name)
    }
}

/// Where a channel is going: means over [`TREND`].
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Trend {
    /// Messages that come, per second.
    pub input: Option<f64>,
    /// Messages that are done with, per second.
    pub output: Option<f64>,
    /// How fast the backlog grows, per second; negative if it shrinks.
    pub growth: Option<f64>,
}

impl Trend {
    /// What the history tells of a channel.
    pub fn of(history: &History, topic: &Name, channel: &Name) -> Self {
        let subject = Subject::Channel(Name::clone(topic), Name::clone(channel));
        let steps = TREND.as_nanos() / history.step().as_nanos().max(1);
        let depths = history.line(
            &subject,
            Line::Depth,
            usize::try_from(steps).unwrap_or(0).max(MIN_STEPS) + 1,
        );
        Self {
            input: history.mean(&subject, Line::In, TREND),
            output: history.mean(&subject, Line::Out, TREND),
            growth: growth(&depths, history.step()),
        }
    }

    /// Seconds until that many messages are done with, if the backlog shrinks.
    pub fn drain_s(&self, depth: u64) -> Option<f64> {
        if depth == 0 {
            return Some(0.0);
        }
        let shrinking = self.growth.map(|growth| -growth).filter(|&shrinking| shrinking > 0.0)?;
        Some(depth as f64 / shrinking)
    }

    /// It grows, and not by chance: by a part of what comes.
    pub fn is_growing(&self) -> bool {
        let input = self.input.unwrap_or_default();
        self.growth.is_some_and(|growth| growth > (input * GROWTH_PART_MIN).max(GROWTH_MIN))
    }
}

/// Steps without which nothing is called a trend: 15 s.
const MIN_STEPS: usize = 3;
/// A backlog that grows by less than this per second is not called growing.
const GROWTH_MIN: f64 = 0.2;
/// Neither is one that grows by less than this part of what comes.
const GROWTH_PART_MIN: f64 = 0.02;

/// The slope between the means of the older and of the newer half of what is known.
fn growth(depths: &[Option<f32>], step: Duration) -> Option<f64> {
    let points = (0_u32..).zip(depths);
    let known: Vec<_> = points
        .filter_map(|(at, depth)| depth.map(|depth| (f64::from(at), f64::from(depth))))
        .collect();
    if known.len() <= MIN_STEPS {
        return None;
    }
    let (older, newer) = known.split_at(known.len() / 2);
    let ((from, before), (to, after)) = (mean(older), mean(newer));
    Some((after - before) / ((to - from) * step.as_secs_f64()))
}

fn mean(points: &[(f64, f64)]) -> (f64, f64) {
    let count = points.len() as f64;
    let sum = points.iter().fold((0.0, 0.0), |sum, point| (sum.0 + point.0, sum.1 + point.1));
    (sum.0 / count, sum.1 / count)
}
