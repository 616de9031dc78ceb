//! A node that changes, and a registry that does what nsqlookupd does.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

fn topic(name: &str) -> TopicName {
    TopicName::parse(name).unwrap()
}

fn channel(name: &str) -> ChannelName {
    ChannelName::parse(name).unwrap()
}

fn texts(commands: &[LookupCommand]) -> Vec<String> {
    let text = |command: &LookupCommand| {
        let mut bytes = Vec::new();
        command.encode(&mut bytes);
        String::from_utf8(bytes).unwrap().trim_end().to_owned()
    };
    commands.iter().map(text).collect()
}

fn all(told: &mut Told, listing: &Listing) -> Vec<String> {
    texts(&told.catch_up(listing, usize::MAX))
}

#[test]
fn channels_bring_their_topic_and_topics_without_any_come_by_themselves() {
    let (mut listing, mut told) = (Listing::default(), Told::default());
    let of = listing.add_topic(&topic("a"));
    listing.add_channel(&topic("a"), of, &channel("x"));
    listing.add_channel(&topic("a"), of, &channel("y#ephemeral"));
    listing.add_topic(&topic("b"));
    let expected = ["REGISTER a x", "REGISTER a y#ephemeral", "REGISTER b"];
    assert_eq!(all(&mut told, &listing), expected);
    assert_eq!(told.count(), 4);
    assert!(all(&mut told, &listing).is_empty());
}

#[test]
fn only_what_has_changed_is_told() {
    let (mut listing, mut told) = (Listing::default(), Told::default());
    let of = listing.add_topic(&topic("a"));
    listing.add_topic(&topic("b"));
    all(&mut told, &listing);
    listing.add_channel(&topic("a"), of, &channel("x"));
    assert_eq!(all(&mut told, &listing), ["REGISTER a x"]);
    listing.remove_channel(&topic("a"), of, &channel("x"));
    assert_eq!(all(&mut told, &listing), ["UNREGISTER a x"]);
    listing.remove_topic(&topic("b"));
    assert_eq!(all(&mut told, &listing), ["UNREGISTER b"]);
    assert_eq!(told.count(), 1);
}

#[test]
fn a_topic_goes_with_each_of_its_channels_also_if_another_has_its_name_by_then() {
    let (mut listing, mut told) = (Listing::default(), Told::default());
    let of = listing.add_topic(&topic("a"));
    listing.add_channel(&topic("a"), of, &channel("x"));
    all(&mut told, &listing);
    listing.remove_topic(&topic("a"));
    let of = listing.add_topic(&topic("a"));
    listing.add_channel(&topic("a"), of, &channel("y"));
    let expected = ["UNREGISTER a x", "UNREGISTER a", "REGISTER a y"];
    assert_eq!(all(&mut told, &listing), expected);
}

#[test]
fn a_topic_that_has_gone_has_nothing_to_say() {
    let mut listing = Listing::default();
    let gone = listing.add_topic(&topic("a"));
    listing.remove_topic(&topic("a"));
    listing.add_topic(&topic("a"));
    listing.add_channel(&topic("a"), gone, &channel("x"));
    listing.set_channels(&topic("a"), gone, [channel("y")].into());
    listing.add_channel(&topic("b"), gone, &channel("x"));
    assert_eq!(all(&mut Told::default(), &listing), ["REGISTER a"]);
}

#[test]
fn who_has_missed_too_many_changes_looks_at_everything() {
    let (mut listing, mut told) = (Listing::default(), Told::default());
    listing.add_topic(&topic("gone"));
    listing.add_topic(&topic("kept"));
    all(&mut told, &listing);
    listing.remove_topic(&topic("gone"));
    for _ in 0..RECENT_MAX {
        listing.add_topic(&topic("restless"));
    }
    assert_eq!(listing.recent.len(), RECENT_MAX);
    assert_eq!(all(&mut told, &listing), ["UNREGISTER gone", "REGISTER restless"]);
}

#[test]
fn ten_thousand_topics_cost_one_look_each() {
    let (mut listing, mut told) = (Listing::default(), Told::default());
    for number in 0..10_000 {
        let name = topic(&format!("t{number}"));
        let of = listing.add_topic(&name);
        listing.add_channel(&name, of, &channel("c"));
    }
    let mut count = 0;
    loop {
        let commands = told.catch_up(&listing, 1000);
        assert!(commands.len() <= 1000);
        match commands.len() {
            0 => break,
            some => count += some,
        }
    }
    assert_eq!((count, told.count()), (10_000, 20_000));
}

const TOPICS: [&str; 4] = ["a", "b", "c#ephemeral", "d"];
const CHANNELS: [&str; 3] = ["x", "y#ephemeral", "z"];

/// What one nsqd's listing look like in nsqlookupd: keys outlive producers, a topic can bear a
/// tombstone.
#[derive(Debug, Default)]
struct Registry {
    topics: BTreeMap<String, bool>,
    channels: BTreeSet<(String, String)>,
    /// Ephemeral keys that nobody has taken away.
    ephemeral: BTreeSet<(String, String)>,
}

impl Registry {
    fn hear(&mut self, command: &LookupCommand) {
        match command {
            LookupCommand::Register(Registration { topic, channel: Some(channel) }) => {
                let key = (topic.to_string(), channel.to_string());
                if channel.is_ephemeral() {
                    self.ephemeral.insert(key.clone());
                }
                assert!(self.channels.insert(key), "told twice: {command:?}");
                self.topics.entry(topic.to_string()).or_insert(false);
            }
            LookupCommand::Register(Registration { topic, channel: None }) => {
                let before = self.topics.insert(topic.to_string(), false);
                assert_eq!(before, None, "told twice: {command:?}");
            }
            LookupCommand::Unregister(Registration { topic, channel: Some(channel) }) => {
                let key = (topic.to_string(), channel.to_string());
                assert!(self.channels.remove(&key), "never told: {command:?}");
                self.ephemeral.remove(&key);
            }
            LookupCommand::Unregister(Registration { topic, channel: None }) => {
                assert!(self.topics.remove(topic.as_str()).is_some(), "never told: {command:?}");
                self.channels.retain(|(of, _)| of != topic.as_str());
            }
            LookupCommand::Identify(_) | LookupCommand::Ping => panic!("{command:?}"),
        }
    }
}

#[derive(Debug, Clone)]
enum Event {
    AddTopic(usize),
    RemoveTopic(usize),
    AddChannel(usize, usize),
    RemoveChannel(usize, usize),
    /// A topic's actor was restarted and lists its channels: those of the mask.
    List(usize, u8),
    /// One that has gone still says something.
    Stale(usize, usize),
    /// An operator hides the node.
    Tombstone(usize),
    Talk(usize),
    Reconnect,
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let (topics, channels) = (0..TOPICS.len(), 0..CHANNELS.len());
    let event = prop_oneof![
        3 => topics.clone().prop_map(Event::AddTopic),
        2 => topics.clone().prop_map(Event::RemoveTopic),
        4 => (topics.clone(), channels.clone()).prop_map(|(t, c)| Event::AddChannel(t, c)),
        2 => (topics.clone(), channels.clone()).prop_map(|(t, c)| Event::RemoveChannel(t, c)),
        1 => (topics.clone(), 0..8u8).prop_map(|(t, mask)| Event::List(t, mask)),
        1 => (topics.clone(), channels).prop_map(|(t, c)| Event::Stale(t, c)),
        1 => topics.prop_map(Event::Tombstone),
        4 => (0..6usize).prop_map(Event::Talk),
        1 => Just(Event::Reconnect),
    ];
    prop::collection::vec(event, 0..120)
}

/// The node as it is, the rule between, the registry as it sees the node.
#[derive(Default)]
struct Rig {
    listing: Listing,
    told: Told,
    registry: Registry,
    truth: BTreeMap<String, BTreeSet<String>>,
    present: BTreeMap<String, Incarnation>,
    gone: Option<(String, Incarnation)>,
}

impl Rig {
    fn happen(&mut self, event: &Event) {
        match *event {
            Event::AddTopic(at) if !self.truth.contains_key(TOPICS[at]) => {
                let of = self.listing.add_topic(&topic(TOPICS[at]));
                self.present.insert(TOPICS[at].into(), of);
                self.truth.insert(TOPICS[at].into(), BTreeSet::new());
            }
            Event::RemoveTopic(at) => self.remove_topic(TOPICS[at]),
            Event::AddChannel(at, c) | Event::RemoveChannel(at, c) => {
                let is_new = matches!(event, Event::AddChannel(..));
                self.change_channel(TOPICS[at], CHANNELS[c], is_new);
            }
            Event::List(at, mask) => self.list(TOPICS[at], mask),
            Event::Stale(at, c) => {
                if let Some((name, of)) = &self.gone {
                    self.listing.add_channel(&topic(name), *of, &channel(CHANNELS[c]));
                    self.listing.add_channel(&topic(TOPICS[at]), *of, &channel(CHANNELS[c]));
                }
            }
            Event::Tombstone(at) => {
                if let Some(tombstone) = self.registry.topics.get_mut(TOPICS[at]) {
                    *tombstone = true;
                }
            }
            Event::Talk(max) => _ = self.talk(max),
            Event::Reconnect => {
                (self.told, self.registry) = Default::default();
            }
            Event::AddTopic(_) => {}
        }
    }

    fn remove_topic(&mut self, name: &str) {
        if self.truth.remove(name).is_some() {
            self.listing.remove_topic(&topic(name));
            self.gone = self.present.remove(name).map(|of| (name.to_owned(), of));
        }
    }

    fn change_channel(&mut self, name: &str, part: &str, is_new: bool) {
        let Some(of) = self.present.get(name) else { return };
        let channels = self.truth.get_mut(name).unwrap();
        if is_new {
            self.listing.add_channel(&topic(name), *of, &channel(part));
            channels.insert(part.to_owned());
        } else {
            self.listing.remove_channel(&topic(name), *of, &channel(part));
            channels.remove(part);
        }
    }

    fn list(&mut self, name: &str, mask: u8) {
        let Some(of) = self.present.get(name) else { return };
        let chosen = (0..CHANNELS.len()).filter(|at| mask & (1 << at) != 0);
        let names: Vec<_> = chosen.map(|at| CHANNELS[at]).collect();
        let listed = names.iter().map(|name| channel(name)).collect();
        self.listing.set_channels(&topic(name), *of, listed);
        self.truth.insert(name.to_owned(), names.into_iter().map(str::to_owned).collect());
    }

    fn talk(&mut self, max: usize) -> bool {
        let commands = self.told.catch_up(&self.listing, max);
        assert!(commands.len() <= max);
        commands.iter().for_each(|command| self.registry.hear(command));
        !commands.is_empty()
    }

    fn check(mut self) {
        // What hides a topic that has gone must not hide the one that has its name now.
        let told_of = |name: &str| self.told.topics.get(name).map(|it| it.incarnation);
        let is_another = |name: &str| told_of(name) != self.present.get(name).copied();
        let hidden =
            self.registry.topics.iter().filter(|(name, hidden)| **hidden && is_another(name));
        let outdated: Vec<_> = hidden.map(|(name, _)| name.clone()).collect();
        while self.talk(3) {}
        let topics: BTreeSet<_> = self.registry.topics.keys().cloned().collect();
        assert_eq!(topics, self.truth.keys().cloned().collect());
        let pair = |(topic, channels): (&String, &BTreeSet<String>)| -> Vec<_> {
            channels.iter().map(|channel| (topic.clone(), channel.clone())).collect()
        };
        let channels: BTreeSet<_> = self.truth.iter().flat_map(pair).collect();
        assert_eq!(self.registry.channels, channels);
        assert!(self.registry.ephemeral.is_subset(&channels), "left: {:?}", self.registry);
        assert_eq!(self.told.count(), topics.len() + channels.len());
        for name in outdated {
            assert_ne!(self.registry.topics.get(&name), Some(&true), "{name} is still hidden");
        }
        assert!(!self.talk(usize::MAX), "there is nothing left to say");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_told_comes_to_be_what_there_is(events in events()) {
        let mut rig = Rig::default();
        events.iter().for_each(|event| rig.happen(event));
        rig.check();
    }
}
