//! Nodes and registries that are not as they should be.

use std::{collections::BTreeSet, time::Duration};

use super::{
    Kind, Problem, Scene, Severity,
    text::{counted, list, time},
};
use crate::cluster::{
    Mode,
    picture::{Difference, Node, Picture, Registry, differences::DifferenceKind},
    snapshot::Name,
};

/// Registries are asked one after the other, and a node needs a moment to register everywhere.
const DIFFERENCE_MIN: Duration = Duration::from_secs(15);
/// For so long it is worth a word that a node or an actor was started again.
const RESTART_TOLD: Duration = Duration::from_secs(3600);
/// Differences of one kind that are told of one by one.
const DIFFERENCES_TOLD: usize = 10;

pub(super) fn problems(scene: &Scene<'_>) -> Vec<Problem> {
    let picture = scene.picture;
    let mut found = registries(scene);
    for node in &picture.nodes {
        found.extend(unreachable(node, scene));
        found.extend(unhealthy(node));
        found.extend(restarts(node, scene));
        found.extend(cut(node));
    }
    found.extend(skew(picture));
    found.extend(differences(scene));
    found
}

fn registries(scene: &Scene<'_>) -> Vec<Problem> {
    let all = &scene.picture.registries;
    let failing: Vec<_> = all.iter().filter(|registry| !registry.failures.is_empty()).collect();
    let is_last = failing.len() == all.len();
    let severity = if is_last { Severity::Critical } else { Severity::Warning };
    let problem = |registry: &&Registry| {
        let failure = registry.failures.iter().min_by_key(|failure| failure.since)?;
        let others = match (is_last, all.len()) {
            (true, 1) => "new nodes and topics are not seen".to_owned(),
            (true, _) => "none of them does, so that new nodes and topics are not seen".to_owned(),
            (false, _) => "the others do".to_owned(),
        };
        let text = format!(
            "nsqlookupd {} has not answered for {} ({}); {others}.",
            registry.address,
            time(scene.now.since(failure.since)),
            failure.text
        );
        Some(Problem::new(severity, Kind::RegistryUnreachable, text))
    };
    failing.iter().filter_map(problem).collect()
}

fn unreachable(node: &Node, scene: &Scene<'_>) -> Option<Problem> {
    let failure = node.failure.as_ref()?;
    let data = match &node.snapshot {
        Some(snapshot) => {
            format!("its numbers are {} old", time(scene.now.since(snapshot.at)))
        }
        None => "nothing is known of it".to_owned(),
    };
    let listed = match (scene.picture.mode, node.is_listed) {
        (Mode::Lookupd, false) => ", and no nsqlookupd knows it any more",
        _ => "",
    };
    let text = format!(
        "Node {} has not answered for {} ({}){listed}; {data}.",
        node.address,
        time(scene.now.since(failure.since)),
        failure.text
    );
    let depth = node.topics().count();
    Some(
        Problem::new(Severity::Critical, Kind::NodeUnreachable, text)
            .node(&node.address)
            .weight(depth as f64),
    )
}

fn unhealthy(node: &Node) -> Option<Problem> {
    let health = &node.snapshot.as_ref().filter(|_| node.failure.is_none())?.health;
    if health.is_empty() || &**health == "OK" {
        return None;
    }
    let text = format!("Node {} says that it is not well: {health}.", node.address);
    Some(Problem::new(Severity::Critical, Kind::Unhealthy, text).node(&node.address))
}

fn restarts(node: &Node, scene: &Scene<'_>) -> Vec<Problem> {
    let ago = |at| scene.now.since(at);
    let is_told = |ago: &Duration| *ago <= RESTART_TOLD;
    let again = node.lives.started_again_at.map(ago).filter(is_told).map(|ago| {
        let text = format!("Node {} was started again {} ago.", node.address, time(ago));
        Problem::new(Severity::Info, Kind::NodeRestarted, text)
    });
    let actors = node.lives.actor_restarted_at.map(ago).filter(is_told).map(|ago| {
        let restarts = node.lives.actor_restarts;
        let text = format!(
            "{} of node {} failed and {} started again since nsqadmin looks on, the last time {} ago; \
             its log says why.",
            counted(restarts, "part", "parts"),
            node.address,
            if restarts == 1 { "was" } else { "were" },
            time(ago)
        );
        Problem::new(Severity::Warning, Kind::ActorRestarts, text).weight(restarts as f64)
    });
    again.into_iter().chain(actors).map(|problem| problem.node(&node.address)).collect()
}

fn cut(node: &Node) -> Option<Problem> {
    let left_out = node.snapshot.as_ref().map(|snapshot| snapshot.left_out)?;
    (left_out > 0).then(|| {
        let text = format!(
            "{} of node {} are not shown: there is more than nsqadmin keeps.",
            counted(left_out, "topic, channel or client", "topics, channels or clients"),
            node.address
        );
        Problem::new(Severity::Warning, Kind::StatsCut, text).node(&node.address)
    })
}

fn skew(picture: &Picture) -> Option<Problem> {
    let newest = picture.newest.as_ref()?;
    let nodes = &picture.nodes;
    let behind: Vec<_> = nodes.iter().filter(|node| picture.is_out_of_date(node)).collect();
    if behind.is_empty() {
        return None;
    }
    let versions: BTreeSet<&Name> = behind.iter().map(|node| node.version()).collect();
    let text = format!(
        "{} of {} older than version {newest}, which others have: {} (version {}).",
        behind.len(),
        counted(nodes.len() as u64, "node is", "nodes are"),
        list(&behind.iter().map(|node| &node.address).collect::<Vec<_>>()),
        list(&versions.into_iter().collect::<Vec<_>>())
    );
    Some(Problem::new(Severity::Info, Kind::VersionSkew, text))
}

fn differences(scene: &Scene<'_>) -> Vec<Problem> {
    let lasting = scene.picture.differences.iter();
    let lasting = lasting.filter(|difference| scene.now.since(difference.since) >= DIFFERENCE_MIN);
    let problem = |difference: &Difference| {
        let is_lost = difference.kind == DifferenceKind::NodeNowhere;
        let severity = if is_lost { Severity::Critical } else { Severity::Warning };
        let problem = Problem::new(severity, Kind::NodeMissing, difference.text());
        let problem = problem.node(&difference.node);
        difference.topic.iter().fold(problem, Problem::topic)
    };
    lasting.take(DIFFERENCES_TOLD).map(problem).collect()
}
