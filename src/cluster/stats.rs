//! The statistics of nodes.

use super::{
    answers::NodeStats,
    failure::{AskError, Merged, Stage},
    fan_out::ask_all,
    http::{Ask, Question},
    nodes::Node,
    reach::Reach,
};
use crate::protocol::{ChannelName, TopicName};

/// What is wanted of the statistics.
#[derive(Debug, Clone, Copy, Default)]
pub struct Selection<'a> {
    /// Of this topic only.
    pub topic: Option<&'a TopicName>,
    /// Of this channel of the topic only.
    pub channel: Option<&'a ChannelName>,
    /// With connections.
    pub clients: bool,
    /// With the memory of the process.
    pub memory: bool,
}

impl Ask {
    /// What an nsqd says of itself.
    pub async fn stats(&self, node: &Reach, select: Selection<'_>) -> Result<NodeStats, AskError> {
        let flag = |flag| if flag { "true" } else { "false" };
        let mut query = vec![("format", "json")];
        query.extend(select.topic.map(|topic| ("topic", topic.as_str())));
        query.extend(select.channel.map(|channel| ("channel", channel.as_str())));
        query.push(("include_clients", flag(select.clients)));
        query.push(("include_mem", flag(select.memory)));
        let question = Question { stage: Stage::Stats, path: "/stats", query: &query };
        let mut stats: NodeStats = self.get(node, question).await?;
        select.keep(&mut stats);
        Ok(stats)
    }
}

impl Selection<'_> {
    /// Leaves out what a node has said though nobody wanted to know.
    fn keep(&self, stats: &mut NodeStats) {
        if let Some(topic) = self.topic {
            stats.topics.retain(|of| of.topic_name == *topic);
        }
        if let Some(channel) = self.channel {
            let topics = stats.topics.iter_mut();
            topics.for_each(|topic| topic.channels.retain(|of| of.channel_name == *channel));
        }
    }
}

/// What the nodes there say, in their order.
pub async fn stats_at(
    ask: &Ask,
    nodes: impl IntoIterator<Item = Reach>,
    select: Selection<'_>,
) -> Merged<Vec<(Reach, NodeStats)>> {
    let answers = ask_all(nodes, |node| async move {
        let stats = ask.stats(&node, select).await?;
        Ok((node, stats))
    });
    Merged::fold(Vec::new(), answers.await, Vec::push)
}

/// What each of these nodes says, in their order. Those that cannot be asked are failures.
pub async fn stats_of<'a>(
    ask: &Ask,
    nodes: &'a [Node],
    select: Selection<'_>,
) -> Merged<Vec<(&'a Node, NodeStats)>> {
    let answers = ask_all(nodes, |node| async move {
        let reach = node.reach().map_err(|text| AskError {
            address: node.address.clone(),
            stage: Stage::Stats,
            status: None,
            text,
        })?;
        Ok((node, ask.stats(&reach, select).await?))
    });
    Merged::fold(Vec::new(), answers.await, Vec::push)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_wanted_to_know_is_left_out() {
        let text = r#"{"topics":[{"topic_name":"x"},{"topic_name":"t","depth":1,"channels":[
            {"channel_name":"other","depth":7},{"channel_name":"c","depth":5,"paused":true}]}]}"#;
        let (topic, channel) = (TopicName::parse("t").unwrap(), ChannelName::parse("c").unwrap());
        let read = || serde_json::from_str::<NodeStats>(text).unwrap();
        let mut stats = read();
        Selection::default().keep(&mut stats);
        assert_eq!(stats, read());
        let select =
            Selection { topic: Some(&topic), channel: Some(&channel), ..Selection::default() };
        select.keep(&mut stats);
        let [only] = &stats.topics[..] else { panic!("{stats:?}") };
        assert_eq!((only.topic_name.as_str(), only.channels.len()), ("t", 1));
        assert_eq!(only.channels[0].depth, 5);
    }
}
