//! Where registries do not agree with each other, or with the nodes.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::{Node, Registered, Registry};
use crate::{
    broker::Moment,
    cluster::{
        Mode,
        snapshot::Name,
        text::{list, verb},
    },
};

/// So many are told of.
pub const DIFFERENCES_MAX: usize = 500;

/// Something that a registry does not know though it should.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The node.
    pub node: Name,
    /// The topic, unless it is the node itself.
    pub topic: Option<Name>,
    /// What is different.
    pub kind: DifferenceKind,
    /// The registries without it, at least one.
    pub registries: Vec<Name>,
    /// Since when it is so.
    pub since: Moment,
}

/// What is different.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DifferenceKind {
    /// Some registries do not know a node that others know.
    NodeMissing,
    /// No registry knows a node that answers.
    NodeNowhere,
    /// Some registries do not know that a node has a topic, though they know the node.
    TopicMissing,
    /// Some registries hide a node for a topic, and these do not.
    TombstoneMissing,
}

impl Difference {
    /// A sentence for people.
    pub fn text(&self) -> String {
        let (node, registries) = (&self.node, list(&self.registries));
        let topic = self.topic.as_deref().unwrap_or_default();
        let verb = |one, many| verb(&self.registries, one, many);
        match self.kind {
            DifferenceKind::NodeMissing => {
                format!("Node {node} is not known to {registries}, though others know it.")
            }
            DifferenceKind::NodeNowhere => {
                format!("Node {node} answers, but no nsqlookupd knows it, so no consumer finds it.")
            }
            DifferenceKind::TopicMissing => format!(
                "{registries} {} not know that node {node} has topic {topic}, though others do.",
                verb("does", "do")
            ),
            DifferenceKind::TombstoneMissing => format!(
                "{registries} {} no tombstone for topic {topic} on node {node}, though others do.",
                verb("has", "have")
            ),
        }
    }

    fn key(&self) -> (DifferenceKind, Name, Option<Name>) {
        (self.kind, self.node.clone(), self.topic.clone())
    }
}

/// Finds all differences; one that was there before keeps its time.
pub fn differences(
    registries: &[Registry],
    nodes: &[Node],
    mode: Mode,
    before: &[Difference],
    now: Moment,
) -> Vec<Difference> {
    if mode == Mode::Direct {
        return Vec::new();
    }
    // Who does not answer is another problem.
    let asked: Vec<_> = registries.iter().filter(|registry| registry.is_ok()).collect();
    let mut found = nowhere(&asked, nodes);
    found.extend(between(&asked));
    found.truncate(DIFFERENCES_MAX);
    let since: HashMap<_, _> = before.iter().map(|known| (known.key(), known.since)).collect();
    for difference in &mut found {
        difference.since = since.get(&difference.key()).copied().unwrap_or(now);
    }
    found
}

fn nowhere(asked: &[&Registry], nodes: &[Node]) -> Vec<Difference> {
    if asked.is_empty() {
        return Vec::new();
    }
    let answers = |node: &&Node| node.snapshot.is_some() && node.failure.is_none();
    let known: HashSet<_> =
        asked.iter().flat_map(|registry| registry.nodes.iter().map(|node| &node.address)).collect();
    let lost = nodes.iter().filter(answers).filter(|node| !known.contains(&node.address));
    let difference = |node: &Node| Difference {
        node: node.address.clone(),
        topic: None,
        kind: DifferenceKind::NodeNowhere,
        registries: asked.iter().map(|registry| registry.address.clone()).collect(),
        since: Moment::default(),
    };
    lost.map(difference).collect()
}

/// What each registry knows, by node and topic: true for a tombstone.
type Known<'a> = BTreeMap<&'a Name, BTreeMap<&'a Name, bool>>;

fn between(asked: &[&Registry]) -> Vec<Difference> {
    if asked.len() < 2 {
        return Vec::new();
    }
    let known: Vec<(&Name, Known<'_>)> =
        asked.iter().map(|registry| (&registry.address, known(registry))).collect();
    let nodes: BTreeSet<_> = known.iter().flat_map(|(_, nodes)| nodes.keys().copied()).collect();
    let mut found = Vec::new();
    for node in nodes {
        if found.len() >= DIFFERENCES_MAX {
            break;
        }
        let without = known.iter().filter(|(_, nodes)| !nodes.contains_key(node));
        let without: Vec<_> = without.map(|(registry, _)| (*registry).clone()).collect();
        if !without.is_empty() {
            found.push(difference(node, None, DifferenceKind::NodeMissing, without));
        }
        topics_between(node, &known, &mut found);
    }
    found
}

fn known(registry: &Registry) -> Known<'_> {
    registry.nodes.iter().map(|node| (&node.address, topics_of(node))).collect()
}

fn topics_of(node: &Registered) -> BTreeMap<&Name, bool> {
    node.topics.iter().map(|(topic, is_hidden)| (topic, *is_hidden)).collect()
}

fn topics_between(node: &Name, known: &[(&Name, Known<'_>)], found: &mut Vec<Difference>) {
    let of: Vec<_> = known
        .iter()
        .filter_map(|(registry, nodes)| nodes.get(node).map(|topics| (*registry, topics)))
        .collect();
    let first = of.first().map(|(_, topics)| *topics);
    if of.iter().all(|(_, topics)| Some(*topics) == first) {
        return; // nearly always
    }
    let topics: BTreeSet<_> = of.iter().flat_map(|(_, topics)| topics.keys().copied()).collect();
    for topic in topics {
        let holding = |is: fn(Option<&bool>) -> bool| -> Vec<Name> {
            let with = of.iter().filter(|(_, topics)| is(topics.get(topic)));
            with.map(|(registry, _)| (*registry).clone()).collect()
        };
        let missing = holding(|hidden| hidden.is_none());
        let (hiding, showing) =
            (holding(|hidden| hidden == Some(&true)), holding(|hidden| hidden == Some(&false)));
        if !missing.is_empty() {
            found.push(difference(node, Some(topic), DifferenceKind::TopicMissing, missing));
        }
        if !hiding.is_empty() && !showing.is_empty() {
            found.push(difference(node, Some(topic), DifferenceKind::TombstoneMissing, showing));
        }
    }
}

fn difference(
    node: &Name,
    topic: Option<&Name>,
    kind: DifferenceKind,
    registries: Vec<Name>,
) -> Difference {
    let (node, topic) = (node.clone(), topic.cloned());
    Difference { node, topic, kind, registries, since: Moment::default() }
}
