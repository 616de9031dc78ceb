//! What is to be done.

use serde::{Deserialize, Serialize};

use crate::protocol::{ChannelName, TopicName};

/// What can be done, in upstream's names for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the names say it")]
pub enum Action {
    CreateTopic,
    CreateChannel,
    DeleteTopic,
    DeleteChannel,
    EmptyTopic,
    EmptyChannel,
    PauseTopic,
    PauseChannel,
    UnpauseTopic,
    UnpauseChannel,
    /// Hides a node for a topic and deletes the topic there.
    TombstoneTopicProducer,
}

impl Action {
    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::CreateTopic => "create_topic",
            Self::CreateChannel => "create_channel",
            Self::DeleteTopic => "delete_topic",
            Self::DeleteChannel => "delete_channel",
            Self::EmptyTopic => "empty_topic",
            Self::EmptyChannel => "empty_channel",
            Self::PauseTopic => "pause_topic",
            Self::PauseChannel => "pause_channel",
            Self::UnpauseTopic => "unpause_topic",
            Self::UnpauseChannel => "unpause_channel",
            Self::TombstoneTopicProducer => "tombstone_topic_producer",
        }
    }

    /// True if messages are gone afterwards.
    pub fn destroys(self) -> bool {
        matches!(
            self,
            Self::DeleteTopic
                | Self::DeleteChannel
                | Self::EmptyTopic
                | Self::EmptyChannel
                | Self::TombstoneTopicProducer
        )
    }

    /// True if it is something that was not there that is there afterwards.
    pub fn creates(self) -> bool {
        matches!(self, Self::CreateTopic | Self::CreateChannel)
    }

    /// True if it is about a channel.
    pub fn is_of_channel(self) -> bool {
        matches!(
            self,
            Self::CreateChannel
                | Self::DeleteChannel
                | Self::EmptyChannel
                | Self::PauseChannel
                | Self::UnpauseChannel
        )
    }
}

/// What is to be done, and to what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// What.
    pub action: Action,
    /// To this topic.
    pub topic: TopicName,
    /// To this channel of it; given if the action is about a channel, and only then.
    pub channel: Option<ChannelName>,
    /// On this node; given for a tombstone, and only then.
    pub node: Option<String>,
}

/// Why an order makes no sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OrderError {
    /// No legal name of a topic.
    #[error("topic name is not valid")]
    InvalidTopic,
    /// No legal name of a channel where one is needed, or one where none is.
    #[error("channel name is not valid")]
    InvalidChannel,
    /// No node where one is needed, or one where none is.
    #[error("node is not valid")]
    InvalidNode,
}

impl Order {
    /// Checks the parts, of which empty ones count as missing.
    pub fn new(action: Action, topic: &str, channel: &str, node: &str) -> Result<Self, OrderError> {
        let topic = TopicName::parse(topic).map_err(|_| OrderError::InvalidTopic)?;
        let channel = match action.is_of_channel() {
            true => Some(ChannelName::parse(channel).map_err(|_| OrderError::InvalidChannel)?),
            false if channel.is_empty() => None,
            false => return Err(OrderError::InvalidChannel),
        };
        let needs_node = action == Action::TombstoneTopicProducer;
        if needs_node == node.is_empty() {
            return Err(OrderError::InvalidNode);
        }
        Ok(Self { action, topic, channel, node: needs_node.then(|| node.to_owned()) })
    }

    /// What a person has to type who wants what destroys.
    pub fn confirmation(&self) -> Option<String> {
        if !self.action.destroys() {
            return None;
        }
        Some(match (&self.node, &self.channel) {
            (Some(node), _) => node.clone(),
            (None, Some(channel)) => format!("{}/{channel}", self.topic),
            (None, None) => self.topic.to_string(),
        })
    }

    /// The parameters of requests to nodes.
    pub(super) fn query(&self) -> Vec<(&str, &str)> {
        let mut query = vec![("topic", self.topic.as_str())];
        query.extend(self.channel.as_ref().map(|channel| ("channel", channel.as_str())));
        query.extend(self.node.as_deref().map(|node| ("node", node)));
        query
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Action; 11] = [
        Action::CreateTopic,
        Action::CreateChannel,
        Action::DeleteTopic,
        Action::DeleteChannel,
        Action::EmptyTopic,
        Action::EmptyChannel,
        Action::PauseTopic,
        Action::PauseChannel,
        Action::UnpauseTopic,
        Action::UnpauseChannel,
        Action::TombstoneTopicProducer,
    ];

    #[test]
    fn actions_are_read_and_written_by_their_names() {
        for action in ALL {
            let json = format!("{:?}", action.name());
            assert_eq!(serde_json::to_string(&action).unwrap(), json);
            assert_eq!(serde_json::from_str::<Action>(&json).unwrap(), action);
        }
    }

    #[test]
    fn an_order_has_all_that_its_action_needs_and_no_more() {
        for action in ALL {
            let (channel, node) = match action {
                Action::TombstoneTopicProducer => ("", "h:4151"),
                action if action.is_of_channel() => ("c", ""),
                _ => ("", ""),
            };
            assert!(Order::new(action, "t", channel, node).is_ok(), "{action:?}");
            let other_node = if node.is_empty() { "h:4151" } else { "" };
            let refused = Order::new(action, "t", channel, other_node);
            assert_eq!(refused, Err(OrderError::InvalidNode), "{action:?}");
            let other_channel = if channel.is_empty() { "c" } else { "" };
            let refused = Order::new(action, "t", other_channel, node);
            assert_eq!(refused, Err(OrderError::InvalidChannel), "{action:?}");
            for topic in ["", "a b", "<b>"] {
                let refused = Order::new(action, topic, channel, node);
                assert_eq!(refused, Err(OrderError::InvalidTopic), "{action:?}");
            }
        }
    }

    #[test]
    fn what_destroys_is_confirmed_with_its_name() {
        let confirmation =
            |action, channel, node| Order::new(action, "t", channel, node).unwrap().confirmation();
        assert_eq!(confirmation(Action::DeleteTopic, "", "").as_deref(), Some("t"));
        assert_eq!(confirmation(Action::EmptyTopic, "", "").as_deref(), Some("t"));
        assert_eq!(confirmation(Action::EmptyChannel, "c", "").as_deref(), Some("t/c"));
        assert_eq!(confirmation(Action::DeleteChannel, "c", "").as_deref(), Some("t/c"));
        let tombstone = confirmation(Action::TombstoneTopicProducer, "", "h:1");
        assert_eq!(tombstone.as_deref(), Some("h:1"));
        for action in [Action::CreateTopic, Action::PauseTopic, Action::UnpauseTopic] {
            assert_eq!(confirmation(action, "", ""), None);
        }
    }
}
