//! What is done to topics and channels: checked orders, whom they go to, and what has become of them node by node.

mod impact;
mod order;
mod plan;
mod report;

pub use self::{
    impact::Impact,
    order::{Action, Order, OrderError},
    report::{ActionReport, NodeResult},
};

use std::{collections::BTreeSet, time::Instant};

use self::plan::{Call, Plan};
use super::{
    Cluster, Mode, Reach,
    failure::{AskError, ClusterError},
    fan_out::ask_all,
    http::Question,
    nodes::Node,
    producers,
};

impl Cluster {
    /// Carries out an order on every node that it concerns, nsqlookupds before nsqds, or on those of `only` if there are
    /// any. An error is one because of which nothing was done.
    pub async fn carry_out(
        &self,
        order: &Order,
        only: &[String],
    ) -> Result<ActionReport, ClusterError> {
        let mut failures = Vec::new();
        let plan = match only {
            [] => self.plan(order, &mut failures).await?,
            only => self.plan_again(order, only, &mut failures).await?,
        };
        let mut results = Vec::new();
        for calls in [plan.registries, plan.nodes] {
            let calls = calls.iter().map(|call| self.call(call, order));
            results.extend(ask_all(calls, |call| call).await);
        }
        let report = ActionReport { results, failures };
        match report.found_nothing() && only.is_empty() {
            true if order.channel.is_some() => Err(ClusterError::ChannelNotFound),
            true => Err(ClusterError::TopicNotFound),
            false => Ok(report),
        }
    }

    /// The nsqds that an order concerns. Who did not answer is added to `failures`.
    pub(super) async fn nodes_of(
        &self,
        order: &Order,
        failures: &mut Vec<AskError>,
    ) -> Result<Vec<Node>, ClusterError> {
        match (order.action, self.mode()) {
            (Action::TombstoneTopicProducer, _) => {
                let address = order.node.as_deref().unwrap_or_default();
                Ok(vec![self.node(address, failures).await?])
            }
            (Action::CreateTopic, Mode::Lookupd) => Ok(Vec::new()),
            (Action::CreateTopic | Action::CreateChannel, Mode::Direct) => {
                self.described(failures).await
            }
            (Action::CreateChannel, Mode::Lookupd) => {
                // To know of nobody is no reason not to make it, also while some do not answer.
                let found = producers(&self.ask, self.lookupds(), &order.topic).await;
                Ok(found.unless_all_failed(failures)?.unwrap_or_default())
            }
            _ => self.producers(&order.topic, failures).await,
        }
    }

    async fn plan(
        &self,
        order: &Order,
        failures: &mut Vec<AskError>,
    ) -> Result<Plan, ClusterError> {
        let nodes = self.nodes_of(order, failures).await?;
        Ok(Plan::new(order, self.mode(), self.lookupds(), nodes.iter().flat_map(Node::reach)))
    }

    /// The same for some addresses: those of nsqlookupds, and those of nsqds wherever they are known from. After a topic
    /// was forgotten by nsqlookupds, nobody knows any more who had it. An order for one node goes to no other.
    async fn plan_again(
        &self,
        order: &Order,
        only: &[String],
        failures: &mut Vec<AskError>,
    ) -> Result<Plan, ClusterError> {
        let only: BTreeSet<_> = only.iter().collect();
        let registries: Vec<_> =
            self.lookupds().iter().filter(|address| only.contains(address)).cloned().collect();
        let is_other = |address: &&String| {
            !registries.contains(address)
                && order.node.as_ref().is_some_and(|node| node != *address)
        };
        if only.iter().copied().any(|address| is_other(&address)) {
            return Err(ClusterError::NotConcerned);
        }
        let nodes = match registries.len() < only.len() {
            true if self.mode() == Mode::Direct => self.described(failures).await?,
            true => self.nodes(failures).await?,
            false => Vec::new(),
        };
        let wanted = nodes.iter().filter(|node| only.contains(&node.address));
        let nodes: BTreeSet<Reach> = wanted.flat_map(Node::reach).collect();
        if registries.len() + nodes.len() < only.len() {
            return Err(ClusterError::unknown(ClusterError::NodeNotFound, failures));
        }
        // All who were named are known; who else there is does not matter.
        failures.clear();
        let plan = Plan::new(order, self.mode(), &registries, nodes);
        if plan.is_empty() { Err(ClusterError::NotConcerned) } else { Ok(plan) }
    }

    async fn call(&self, call: &Call, order: &Order) -> NodeResult {
        let begun = Instant::now();
        let query = order.query();
        let mut done = Ok(());
        for path in call.paths {
            let question = Question { stage: call.stage, path, query: &query };
            done = self.ask.post(&call.reach, question).await;
            if done.is_err() {
                break;
            }
        }
        NodeResult::new(call, order, done, begun.elapsed())
    }
}
