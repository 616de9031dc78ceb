//! Asking one nsqd.

use std::sync::Arc;

use tokio::sync::Semaphore;

use super::{
    CollectorSpec,
    polling::{Asked, off_thread},
};
use crate::{
    actors::clock,
    cluster::{Selection, roster::ToAsk, snapshot::Name},
};

/// Asks a node for its statistics, and writes down what it says.
pub(super) async fn ask(spec: CollectorSpec, node: ToAsk, turns: Arc<Semaphore>) -> Asked {
    let answered = Asked::Node(node.address.clone());
    let Ok(_turn) = turns.acquire().await else { return answered };
    let select = Selection { clients: node.with_clients, memory: true, ..Selection::default() };
    let at = clock::now();
    match spec.ask.stats(&node.reach, select).await {
        Ok(stats) => {
            off_thread(&spec.feed, move |feed| feed.roster().node_answered(&node, at, stats)).await;
        }
        Err(error) => spec.feed.roster().node_failed(&node.address, &error, clock::now()),
    }
    answered
}

/// Asks who is at a configured address.
pub(super) async fn identify(spec: CollectorSpec, configured: Name) -> Asked {
    let found = spec.ask.identify(&configured).await;
    let mut roster = spec.feed.roster();
    match found {
        Ok(node) => roster.identified(&configured, &node),
        Err(error) => roster.not_identified(&configured, &error, clock::now()),
    }
    drop(roster);
    Asked::Configured(configured)
}
