//! Whom an order goes to.

use super::{Action, Order};
use crate::cluster::{Mode, Reach, Stage};

/// What one node is told, one after the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Call {
    pub(super) reach: Reach,
    pub(super) stage: Stage,
    pub(super) paths: &'static [&'static str],
}

/// All calls: nsqlookupds forget or hide first, so that nobody finds what is about to go.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) registries: Vec<Call>,
    pub(super) nodes: Vec<Call>,
}

impl Plan {
    pub(super) fn new(
        order: &Order,
        mode: Mode,
        registries: &[String],
        nodes: impl IntoIterator<Item = Reach>,
    ) -> Self {
        let call = |stage, paths: &'static [_]| move |reach| Call { reach, stage, paths };
        let of_registries = paths_of_registries(order.action);
        let of_nodes = paths_of_nodes(order.action, mode);
        let registries = registries.iter().filter(|_| !of_registries.is_empty());
        let nodes = nodes.into_iter().filter(|_| !of_nodes.is_empty());
        Self {
            registries: registries
                .map(Reach::at)
                .map(call(Stage::Nsqlookupd, of_registries))
                .collect(),
            nodes: nodes.map(call(Stage::Nsqd, of_nodes)).collect(),
        }
    }

    /// True if there is nothing to do.
    pub(super) fn is_empty(&self) -> bool {
        self.registries.is_empty() && self.nodes.is_empty()
    }
}

fn paths_of_registries(action: Action) -> &'static [&'static str] {
    match action {
        Action::CreateTopic => &["/topic/create"],
        Action::CreateChannel => &["/topic/create", "/channel/create"],
        Action::DeleteTopic => &["/topic/delete"],
        Action::DeleteChannel => &["/channel/delete"],
        Action::TombstoneTopicProducer => &["/topic/tombstone"],
        Action::EmptyTopic
        | Action::EmptyChannel
        | Action::PauseTopic
        | Action::PauseChannel
        | Action::UnpauseTopic
        | Action::UnpauseChannel => &[],
    }
}

/// With nsqlookupds, a topic is made where the first message for it comes.
fn paths_of_nodes(action: Action, mode: Mode) -> &'static [&'static str] {
    match action {
        Action::CreateTopic if mode == Mode::Lookupd => &[],
        Action::CreateTopic => &["/topic/create"],
        Action::CreateChannel if mode == Mode::Lookupd => &["/channel/create"],
        Action::CreateChannel => &["/topic/create", "/channel/create"],
        Action::DeleteTopic | Action::TombstoneTopicProducer => &["/topic/delete"],
        Action::DeleteChannel => &["/channel/delete"],
        Action::EmptyTopic => &["/topic/empty"],
        Action::EmptyChannel => &["/channel/empty"],
        Action::PauseTopic => &["/topic/pause"],
        Action::PauseChannel => &["/channel/pause"],
        Action::UnpauseTopic => &["/topic/unpause"],
        Action::UnpauseChannel => &["/channel/unpause"],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calls(action: Action, mode: Mode) -> (Vec<String>, Vec<String>) {
        let channel = if action.is_of_channel() { "c" } else { "" };
        let node = if action == Action::TombstoneTopicProducer { "n:1" } else { "" };
        let order = Order::new(action, "t", channel, node).unwrap();
        let registries = if mode == Mode::Lookupd { vec!["l:1".to_owned()] } else { Vec::new() };
        let plan = Plan::new(&order, mode, &registries, [Reach::at("n:1")]);
        let paths = |calls: &[Call]| {
            let paths = calls.iter().flat_map(|call| call.paths.iter());
            paths.map(|path| (*path).to_owned()).collect()
        };
        (paths(&plan.registries), paths(&plan.nodes))
    }

    #[track_caller]
    fn go(action: Action, mode: Mode, registries: &[&str], nodes: &[&str]) {
        let owned = |paths: &[&str]| paths.iter().map(|path| (*path).to_owned()).collect();
        assert_eq!(calls(action, mode), (owned(registries), owned(nodes)), "{action:?} {mode:?}");
    }

    #[test]
    fn orders_go_to_those_to_whom_upstreams_go() {
        use Mode::Lookupd;
        go(Action::CreateTopic, Lookupd, &["/topic/create"], &[]);
        let create = ["/topic/create", "/channel/create"];
        go(Action::CreateChannel, Lookupd, &create, &create[1..]);
        go(Action::DeleteTopic, Lookupd, &["/topic/delete"], &["/topic/delete"]);
        go(Action::DeleteChannel, Lookupd, &["/channel/delete"], &["/channel/delete"]);
        go(Action::EmptyTopic, Lookupd, &[], &["/topic/empty"]);
        go(Action::EmptyChannel, Lookupd, &[], &["/channel/empty"]);
        go(Action::PauseTopic, Lookupd, &[], &["/topic/pause"]);
        go(Action::UnpauseTopic, Lookupd, &[], &["/topic/unpause"]);
        go(Action::PauseChannel, Lookupd, &[], &["/channel/pause"]);
        go(Action::UnpauseChannel, Lookupd, &[], &["/channel/unpause"]);
        let tombstone = Action::TombstoneTopicProducer;
        go(tombstone, Lookupd, &["/topic/tombstone"], &["/topic/delete"]);
    }

    #[test]
    fn without_registries_nodes_make_topics_and_channels_themselves() {
        go(Action::CreateTopic, Mode::Direct, &[], &["/topic/create"]);
        go(Action::CreateChannel, Mode::Direct, &[], &["/topic/create", "/channel/create"]);
        go(Action::TombstoneTopicProducer, Mode::Direct, &[], &["/topic/delete"]);
    }
}
