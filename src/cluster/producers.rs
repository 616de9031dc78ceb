//! Which nsqds have a topic.

use super::{
    Cluster, Mode,
    answers::{Lookup, RegisteredNode},
    failure::{AskError, ClusterError, Merged, Stage},
    fan_out::ask_all,
    http::{Ask, Question},
    nodes::{self, Node},
    reach::Reach,
    stats::{Selection, stats_of},
};
use crate::protocol::TopicName;

/// The nsqds that nsqlookupds know for a topic, each once. None if no nsqlookupd knows the topic, which is no failure.
pub async fn producers(
    ask: &Ask,
    lookupds: &[String],
    topic: &TopicName,
) -> Merged<Option<Vec<Node>>> {
    let query = [("topic", topic.as_str())];
    let question = Question { stage: Stage::Lookup, path: "/lookup", query: &query };
    let answers = ask_all(lookupds, |registry| async move {
        let found: Option<Lookup> = ask.find(&Reach::at(registry), question).await?;
        Ok(found.map(|lookup| (registry.as_str(), lookup.producers)))
    });
    let found = Merged::fold(Vec::new(), answers.await, |found: &mut Vec<_>, answer| {
        found.extend(answer);
    });
    Merged { known: merge(found.known), answered: found.answered, failures: found.failures }
}

fn merge(found: Vec<(&str, Vec<RegisteredNode>)>) -> Option<Vec<Node>> {
    if found.is_empty() {
        return None;
    }
    let mut nodes = nodes::merge(found, |node| (node.broadcast_address.clone(), node.http_port));
    nodes.retain(|node| node.reach().is_ok());
    Some(nodes)
}

impl Cluster {
    /// The nsqds that have a topic. Who did not answer is added to `failures`.
    pub async fn producers(
        &self,
        topic: &TopicName,
        failures: &mut Vec<AskError>,
    ) -> Result<Vec<Node>, ClusterError> {
        let before = failures.len();
        let found = match self.mode() {
            Mode::Lookupd => {
                let found = producers(&self.ask, self.lookupds(), topic).await;
                found.unless_all_failed(failures)?
            }
            Mode::Direct => self.direct_producers(topic, failures).await?,
        };
        found.ok_or_else(|| ClusterError::unknown(ClusterError::TopicNotFound, &failures[before..]))
    }

    async fn direct_producers(
        &self,
        topic: &TopicName,
        failures: &mut Vec<AskError>,
    ) -> Result<Option<Vec<Node>>, ClusterError> {
        let nodes = self.described(failures).await?;
        let select = Selection { topic: Some(topic), ..Selection::default() };
        let stats = stats_of(&self.ask, &nodes, select).await.unless_all_failed(failures)?;
        let having = stats.into_iter().filter(|(_, stats)| !stats.topics.is_empty());
        let having: Vec<_> = having.map(|(node, _)| node.clone()).collect();
        Ok((!having.is_empty()).then_some(having))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn registered(host: &str, port: i64) -> RegisteredNode {
        let broadcast_address = host.to_owned();
        RegisteredNode { broadcast_address, http_port: port, ..RegisteredNode::default() }
    }

    #[test]
    fn nodes_are_known_once_by_their_http_address() {
        let found = vec![
            ("l1:4161", vec![registered("b", 4151), registered("a", 4151)]),
            (
                "l2:4161",
                vec![registered("a", 4151), registered("a", 70000), registered("::1", 4151)],
            ),
        ];
        let nodes = merge(found).unwrap();
        let addresses: Vec<_> = nodes.iter().map(|node| node.address.as_str()).collect();
        assert_eq!(addresses, ["[::1]:4151", "a:4151", "b:4151"]);
        assert_eq!(nodes[1].registries, ["l1:4161", "l2:4161"]);
    }

    #[test]
    fn a_topic_without_nodes_is_known_and_one_without_registries_is_not() {
        assert_eq!(merge(vec![("l:1", vec![])]), Some(vec![]));
        assert_eq!(merge(vec![]), None);
    }
}
