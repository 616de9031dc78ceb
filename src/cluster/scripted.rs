//! A cluster that says what a test wants it to say, polled every two seconds of a clock that nobody waits for.

use std::time::Duration;

use serde_json::{Value, json};

use super::{
    AskError, Stage,
    answers::NodeList,
    history::{History, Line, Subject},
    picture::{Picture, Topic},
    problems::{Kind, Problem, Problems},
    roster::{RegistryAnswer, Roster},
    snapshot::Name,
};
use crate::{broker::Moment, protocol::TopicName};

/// The time between two polls.
pub const POLL: Duration = Duration::from_secs(2);
const START: Moment = Moment(1_795_367_500_000_000_000);

/// The cluster, and all that is made of what it says.
pub struct Script {
    pub roster: Roster,
    pub history: History,
    pub picture: Picture,
    pub problems: Problems,
    pub now: Moment,
}

impl Script {
    /// Of nsqds that are configured.
    pub fn direct(nsqds: &[&str]) -> Self {
        let mut script = Self::empty();
        let addresses: Vec<_> = nsqds.iter().map(|&nsqd| nsqd.to_owned()).collect();
        script.roster.follow(&[], &addresses);
        for &address in nsqds {
            let (host, port) = address.rsplit_once(':').unwrap();
            let node = super::Node {
                address: address.to_owned(),
                hostname: host.to_owned(),
                broadcast_address: host.to_owned(),
                tcp_port: 4150,
                http_port: port.parse().unwrap(),
                version: "1.3.0".to_owned(),
                ..super::Node::default()
            };
            script.roster.identified(&address.into(), &node);
        }
        script
    }

    /// Of registries that know nobody yet.
    pub fn lookup(registries: &[&str]) -> Self {
        let mut script = Self::empty();
        let addresses: Vec<_> = registries.iter().map(|&of| of.to_owned()).collect();
        script.roster.follow(&addresses, &[]);
        script
    }

    fn empty() -> Self {
        Self {
            roster: Roster::new(),
            history: History::new(POLL),
            picture: Picture::default(),
            problems: Problems::default(),
            now: START,
        }
    }

    /// A node answers.
    pub fn says(&mut self, node: &str, stats: Value) -> &mut Self {
        let asked = self.roster.to_ask(self.now);
        let asked = asked.iter().find(|asked| *asked.address == *node).unwrap();
        let stats = serde_json::from_value(stats).unwrap();
        self.roster.node_answered(asked, self.now, stats);
        self
    }

    /// A node does not answer.
    pub fn fails(&mut self, node: &str) -> &mut Self {
        let error = failure(node, Stage::Stats);
        self.roster.node_failed(&node.into(), &error, self.now);
        self
    }

    /// A registry knows these nodes, each with topics that end with `!` if they are hidden.
    pub fn registers(&mut self, registry: &str, nodes: &[(&str, &[&str])]) -> &mut Self {
        let producer = |(address, topics): &(&str, &[&str])| {
            let (host, port) = address.rsplit_once(':').unwrap();
            let names: Vec<_> = topics.iter().map(|topic| topic.trim_end_matches('!')).collect();
            let hidden: Vec<_> = topics.iter().map(|topic| topic.ends_with('!')).collect();
            json!({"broadcast_address": host, "hostname": host, "http_port": port.parse::<u16>().unwrap(),
                "tcp_port": 4150, "version": "1.3.0", "topics": names, "tombstones": hidden})
        };
        let producers: Vec<_> = nodes.iter().map(producer).collect();
        let list: NodeList = serde_json::from_value(json!({ "producers": producers })).unwrap();
        let mut topics: Vec<_> = nodes
            .iter()
            .flat_map(|(_, topics)| topics.iter().map(|of| of.trim_end_matches('!')))
            .collect();
        topics.dedup();
        let topics = topics.into_iter().map(|topic| TopicName::parse(topic).unwrap()).collect();
        let answer =
            RegistryAnswer { nodes: Some(list), topics: Some(topics), failures: Vec::new() };
        self.roster.registry_answered(&registry.into(), answer, self.now);
        self
    }

    /// A registry does not answer.
    pub fn registry_fails(&mut self, registry: &str) -> &mut Self {
        let failures = vec![failure(registry, Stage::Nodes)];
        let answer = RegistryAnswer { failures, ..RegistryAnswer::default() };
        self.roster.registry_answered(&registry.into(), answer, self.now);
        self
    }

    /// Everything that was said becomes a picture, and the next poll comes.
    pub fn poll(&mut self) -> &mut Self {
        let poll = self.picture.poll + 1;
        self.picture = self.roster.picture(poll, 2000, self.now).merged(self.now);
        self.history.record(&self.picture, self.now);
        self.problems = Problems::find(&self.picture, &self.history, self.now);
        self.now = self.now + POLL;
        self
    }

    /// So many polls in which nodes say what `says` makes of the number of the poll.
    pub fn polls(&mut self, count: u64, says: impl Fn(&mut Self, u64)) -> &mut Self {
        for at in 0..count {
            says(self, at);
            self.poll();
        }
        self
    }

    /// A topic of the newest picture.
    pub fn topic(&self, name: &str) -> &Topic {
        self.picture.topic(name).unwrap()
    }

    /// What is known of a line, newest last.
    pub fn line(&self, subject: &Subject, line: Line) -> Vec<Option<f32>> {
        self.history.line(subject, line, usize::MAX)
    }

    /// All problems of a kind.
    pub fn problems(&self, kind: Kind) -> Vec<&Problem> {
        self.problems.all.iter().filter(|problem| problem.kind == kind).collect()
    }
}

/// The subject of a channel.
pub fn channel(topic: &str, channel: &str) -> Subject {
    Subject::Channel(Name::from(topic), Name::from(channel))
}

/// What a node says that has one topic `t` with one channel `c`, and nothing else going on.
pub fn stats(messages: u64, depth: u64) -> Value {
    stats_of(messages, &channel_of(messages, depth))
}

/// The same with another channel.
pub fn stats_of(messages: u64, channel: &Value) -> Value {
    json!({"version": "1.3.0", "health": "OK", "start_time": 1_795_367_000,
        "topics": [{"topic_name": "t", "depth": 0, "message_count": messages, "channels": [channel]}]})
}

/// A channel `c`.
pub fn channel_of(messages: u64, depth: u64) -> Value {
    json!({"channel_name": "c", "depth": depth, "message_count": messages, "client_count": 1})
}

/// A JSON object with other values for some keys.
pub fn with(mut object: Value, mut changes: Value) -> Value {
    if let (Some(object), Some(changes)) = (object.as_object_mut(), changes.as_object_mut()) {
        object.append(changes);
    }
    object
}

fn failure(address: &str, stage: Stage) -> AskError {
    AskError { address: address.to_owned(), stage, status: None, text: "connection refused".into() }
}
