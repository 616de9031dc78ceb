//! Questions to one nsqlookupd.

use super::{
    answers::{ChannelList, NodeList, TopicList},
    failure::{AskError, Stage},
    http::{Ask, Question},
    nodes::Node,
    reach::Reach,
    roster::RegistryDebug,
};
use crate::protocol::{ChannelName, TopicName};

impl Ask {
    /// The nodes that it knows, with their topics.
    pub async fn registered_nodes(&self, registry: &str) -> Result<NodeList, AskError> {
        let question = Question { stage: Stage::Nodes, path: "/nodes", query: &[] };
        self.get(&Reach::at(registry), question).await
    }

    /// The topics that it knows, those without nodes included.
    pub async fn registered_topics(&self, registry: &str) -> Result<Vec<TopicName>, AskError> {
        let question = Question { stage: Stage::Topics, path: "/topics", query: &[] };
        let list: TopicList = self.get(&Reach::at(registry), question).await?;
        Ok(list.topics)
    }

    /// The channels that it knows of a topic; none if it does not know the topic.
    pub async fn registered_channels(
        &self,
        registry: &str,
        topic: &TopicName,
    ) -> Result<Vec<ChannelName>, AskError> {
        let query = [("topic", topic.as_str())];
        let question = Question { stage: Stage::Channels, path: "/channels", query: &query };
        let found: Option<ChannelList> = self.find(&Reach::at(registry), question).await?;
        Ok(found.unwrap_or_default().channels)
    }

    /// What only its `/debug` tells.
    pub async fn registry_debug(&self, registry: &str) -> Result<RegistryDebug, AskError> {
        let question = Question { stage: Stage::Nodes, path: "/debug", query: &[] };
        self.get(&Reach::at(registry), question).await
    }

    /// Who is found at an address that was configured.
    pub async fn identify(&self, configured: &str) -> Result<Node, AskError> {
        Ok(Node::of_info(self.info(configured).await?, configured))
    }
}
