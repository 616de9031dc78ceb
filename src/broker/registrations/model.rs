//! The rules against a model that is too simple to be wrong: a list of who has what.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

const LIFETIMES: Lifetimes = Lifetimes {
    inactive_producer_timeout: Duration::from_secs(30),
    tombstone_lifetime: Duration::from_secs(5),
};
const TOPICS: [&str; 3] = ["a", "b", "e#ephemeral"];
const CHANNELS: [&str; 3] = ["c", "d", "f#ephemeral"];

#[derive(Debug, Clone)]
enum Step {
    Identify(u64),
    Ping(u64),
    Register(u64, Registration),
    Unregister(u64, Registration),
    Disconnect(u64),
    CreateTopic(TopicName),
    CreateChannel(TopicName, ChannelName),
    DeleteTopic(TopicName),
    DeleteChannel(TopicName, ChannelName),
    Tombstone(TopicName, u64),
    Wait(u64),
}

fn topic() -> impl Strategy<Value = TopicName> {
    proptest::sample::select(&TOPICS).prop_map(|name| TopicName::parse(name).unwrap())
}

fn channel() -> impl Strategy<Value = ChannelName> {
    proptest::sample::select(&CHANNELS).prop_map(|name| ChannelName::parse(name).unwrap())
}

fn registration() -> impl Strategy<Value = Registration> {
    (topic(), proptest::option::of(channel()))
        .prop_map(|(topic, channel)| Registration { topic, channel })
}

fn step() -> impl Strategy<Value = Step> {
    let link = || 0u64..4;
    prop_oneof![
        3 => link().prop_map(Step::Identify),
        1 => link().prop_map(Step::Ping),
        8 => (link(), registration()).prop_map(|(link, it)| Step::Register(link, it)),
        4 => (link(), registration()).prop_map(|(link, it)| Step::Unregister(link, it)),
        2 => link().prop_map(Step::Disconnect),
        1 => topic().prop_map(Step::CreateTopic),
        1 => (topic(), channel()).prop_map(|(topic, it)| Step::CreateChannel(topic, it)),
        1 => topic().prop_map(Step::DeleteTopic),
        1 => (topic(), channel()).prop_map(|(topic, it)| Step::DeleteChannel(topic, it)),
        2 => (topic(), link()).prop_map(|(topic, it)| Step::Tombstone(topic, it)),
        2 => (0u64..20).prop_map(Step::Wait),
    ]
}

type Key = (TopicName, Option<ChannelName>);

/// Keys with their producers, each with the moment of its tombstone.
#[derive(Debug, Default)]
struct Model {
    now: u64,
    heard: BTreeMap<u64, u64>,
    keys: BTreeMap<Key, BTreeMap<u64, Option<u64>>>,
}

impl Model {
    fn apply(&mut self, step: &Step) {
        match step {
            Step::Identify(link) => drop(self.heard.entry(*link).or_insert(self.now)),
            Step::Ping(link) => drop(self.heard.get_mut(link).map(|at| *at = self.now)),
            Step::Register(link, Registration { topic, channel }) => {
                if self.heard.contains_key(link) {
                    for channel in [None, channel.clone()] {
                        let key = (topic.clone(), channel);
                        self.keys.entry(key).or_default().entry(*link).or_insert(None);
                    }
                }
            }
            Step::Unregister(link, Registration { topic, channel }) => {
                if self.heard.contains_key(link) {
                    self.unregister(*link, topic, channel.as_ref());
                }
            }
            Step::Disconnect(link) => {
                self.heard.remove(link);
                for name in TOPICS.map(|name| TopicName::parse(name).unwrap()) {
                    let key = (name.clone(), None);
                    if self.keys.get(&key).is_some_and(|them| them.contains_key(link)) {
                        self.unregister(*link, &name, None);
                    }
                }
            }
            Step::CreateTopic(topic) => drop(self.keys.entry((topic.clone(), None)).or_default()),
            Step::CreateChannel(topic, channel) => {
                self.keys.entry((topic.clone(), None)).or_default();
                self.keys.entry((topic.clone(), Some(channel.clone()))).or_default();
            }
            Step::DeleteTopic(topic) => self.keys.retain(|(name, _), _| name != topic),
            Step::DeleteChannel(topic, channel) => {
                self.keys.remove(&(topic.clone(), Some(channel.clone())));
            }
            Step::Tombstone(topic, link) => {
                let key = self.keys.get_mut(&(topic.clone(), None));
                if let Some(at) = key.and_then(|them| them.get_mut(link)) {
                    *at = Some(self.now);
                }
            }
            Step::Wait(seconds) => self.now += seconds,
        }
    }

    fn unregister(&mut self, link: u64, topic: &TopicName, channel: Option<&ChannelName>) {
        let mut left = BTreeSet::new();
        for (key, producers) in &mut self.keys {
            let is_meant = key.0 == *topic && (channel.is_none() || key.1.as_ref() == channel);
            let is_named = is_meant && key.1.as_ref() == channel;
            if is_meant && (producers.remove(&link).is_some() || is_named) {
                left.insert(key.clone());
            }
        }
        self.keys.retain(|key, producers| {
            let (topic, channel) = key;
            let is_ephemeral =
                channel.as_ref().map_or(topic.is_ephemeral(), ChannelName::is_ephemeral);
            !(left.contains(key) && is_ephemeral && producers.is_empty())
        });
        let topics: BTreeSet<_> =
            self.keys.keys().filter(|key| key.1.is_none()).map(|key| key.0.clone()).collect();
        self.keys.retain(|key, _| topics.contains(&key.0));
    }

    fn is_active(&self, link: u64) -> bool {
        self.heard.get(&link).is_some_and(|at| self.now - at <= 30)
    }

    fn is_hidden(&self, tombstone: Option<u64>) -> bool {
        tombstone.is_some_and(|at| self.now - at < 5)
    }

    fn lookup(&self, topic: &TopicName) -> Option<(Vec<ChannelName>, BTreeSet<u64>)> {
        let producers = self.keys.get(&(topic.clone(), None))?;
        let shown = producers
            .iter()
            .filter(|(link, tombstone)| self.is_active(**link) && !self.is_hidden(**tombstone));
        let channels = self.keys.keys().filter(|key| key.0 == *topic);
        let channels = channels.filter_map(|key| key.1.clone());
        Some((channels.collect(), shown.map(|(link, _)| *link).collect()))
    }

    fn nodes(&self) -> BTreeMap<u64, BTreeMap<TopicName, bool>> {
        let active = self.heard.keys().filter(|link| self.is_active(**link));
        let topics = |link: &u64| {
            let topics = self.keys.iter().filter(|(key, _)| key.1.is_none());
            topics
                .filter_map(|(key, them)| Some((key.0.clone(), self.is_hidden(*them.get(link)?))))
                .collect()
        };
        active.map(|link| (*link, topics(link))).collect()
    }
}

fn node_name(link: u64) -> String {
    format!("host{link}")
}

fn link_of(producer: &Producer) -> u64 {
    producer.info.broadcast_address.trim_start_matches("host").parse().unwrap()
}

fn at(seconds: u64) -> Moment {
    Moment(0) + Duration::from_secs(seconds)
}

fn apply(rules: &mut Registrations, step: &Step, now: Moment) {
    match step {
        Step::Identify(link) => {
            let info = PeerInfo {
                broadcast_address: node_name(*link),
                http_port: 1,
                ..PeerInfo::default()
            };
            rules.identify(LinkId(*link), Producer::new(String::new(), info), now);
        }
        Step::Ping(link) => drop(rules.ping(LinkId(*link), now)),
        Step::Register(link, it) => drop(rules.register(LinkId(*link), it)),
        Step::Unregister(link, it) => drop(rules.unregister(LinkId(*link), it)),
        Step::Disconnect(link) => drop(rules.disconnect(LinkId(*link))),
        Step::CreateTopic(topic) => drop(rules.create_topic(topic)),
        Step::CreateChannel(topic, channel) => drop(rules.create_channel(topic, channel)),
        Step::DeleteTopic(topic) => drop(rules.delete_topic(topic)),
        Step::DeleteChannel(topic, channel) => drop(rules.delete_channel(topic, channel)),
        Step::Tombstone(topic, link) => {
            rules.tombstone(topic, &format!("{}:1", node_name(*link)), now);
        }
        Step::Wait(_) => {}
    }
}

/// By key as `/debug` has it, the links with whether there is a tombstone.
fn dumped(rules: &Registrations) -> BTreeMap<Key, BTreeMap<u64, bool>> {
    let dump = rules.dump();
    let of_topics = dump.keys.iter().filter_map(|key| Some((key.topic.clone()?, key)));
    of_topics
        .map(|(topic, key)| {
            let them = dump.producers_of(key);
            let them = them.map(|(seen, at)| (link_of(&seen.producer), at.is_some()));
            ((topic, key.channel.clone()), them.collect())
        })
        .collect()
}

#[track_caller]
fn compare(rules: &Registrations, model: &Model) {
    let now = at(model.now);
    for name in TOPICS {
        let topic = TopicName::parse(name).unwrap();
        let lookup = rules.lookup(&topic, now).map(|lookup| {
            let links: Vec<_> = lookup.producers.iter().map(|it| link_of(it)).collect();
            let set: BTreeSet<_> = links.iter().copied().collect();
            assert_eq!(links.len(), set.len());
            (lookup.channels, set)
        });
        assert_eq!(lookup, model.lookup(&topic));
    }
    let nodes = rules.nodes(now);
    let shown = nodes.nodes.iter().map(|node| {
        let topics = nodes.topics_of(node).map(|(name, hidden)| (name.clone(), hidden));
        (link_of(&node.producer), topics.collect())
    });
    assert_eq!(shown.collect::<BTreeMap<_, BTreeMap<_, _>>>(), model.nodes());
    let with_producers = model.keys.iter().filter(|(_, them)| !them.is_empty());
    let expected: BTreeMap<_, BTreeMap<_, _>> = with_producers
        .map(|(key, them)| {
            (key.clone(), them.iter().map(|(link, at)| (*link, at.is_some())).collect())
        })
        .collect();
    assert_eq!(dumped(rules), expected);
    let counts = rules.counts(now);
    let (topics, channels): (Vec<_>, Vec<_>) = model.keys.keys().partition(|key| key.1.is_none());
    let registrations: usize = model.keys.values().map(BTreeMap::len).sum();
    assert_eq!(
        (counts.topics, counts.channels, counts.producers, counts.registrations),
        (topics.len(), channels.len(), model.heard.len(), registrations)
    );
    assert_eq!(rules.topics().len(), topics.len());
}

proptest! {
    #[test]
    fn rules_agree_with_the_model(steps in proptest::collection::vec(step(), 1..60)) {
        let mut rules = Registrations::new(LIFETIMES, Capacity::default());
        let mut model = Model::default();
        for step in &steps {
            model.apply(step);
            apply(&mut rules, step, at(model.now));
            compare(&rules, &model);
        }
        for link in 0..4 {
            rules.disconnect(LinkId(link));
        }
        prop_assert_eq!(rules.counts(at(model.now)).registrations, 0);
        prop_assert!(rules.tombstones.is_empty());
    }
}
