//! The topics of a cluster.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Cluster, Mode,
    answers::{ChannelList, TopicList},
    failure::{AskError, ClusterError, Merged, Stage},
    fan_out::ask_all,
    http::Question,
    reach::Reach,
    stats::Selection,
};
use crate::protocol::{ChannelName, TopicName};

/// Topics without a node, each with its channels.
pub type InactiveTopics = BTreeMap<TopicName, BTreeSet<ChannelName>>;

impl Cluster {
    /// All topics by name. Who did not answer is added to `failures`.
    pub async fn topics(
        &self,
        failures: &mut Vec<AskError>,
    ) -> Result<BTreeSet<TopicName>, ClusterError> {
        let merged = match self.mode() {
            Mode::Lookupd => self.registered_topics().await,
            Mode::Direct => self.direct_topics().await,
        };
        merged.unless_all_failed(failures)
    }

    /// Topics that nsqlookupds know and no node has, with their channels; none in direct mode. A node that is hidden for
    /// a topic has it all the same.
    pub async fn inactive_topics(
        &self,
        failures: &mut Vec<AskError>,
    ) -> Result<InactiveTopics, ClusterError> {
        if self.mode() == Mode::Direct {
            return Ok(InactiveTopics::new());
        }
        let mut inactive = self.topics(failures).await?;
        for node in self.nodes(failures).await? {
            inactive.retain(|topic| !node.topics.contains_key(topic));
        }
        let channels = self.channels_of_each(inactive.iter()).await;
        let mut topics: InactiveTopics =
            inactive.into_iter().map(|topic| (topic, BTreeSet::new())).collect();
        for (topic, channels) in channels.unless_all_failed(failures)? {
            topics.entry(topic).or_default().extend(channels);
        }
        Ok(topics)
    }

    async fn registered_topics(&self) -> Merged<BTreeSet<TopicName>> {
        let question = Question { stage: Stage::Topics, path: "/topics", query: &[] };
        let answers = ask_all(self.lookupds(), |registry| async move {
            let list: TopicList = self.ask.get(&Reach::at(registry), question).await?;
            Ok(list.topics)
        });
        Merged::fold(BTreeSet::new(), answers.await, BTreeSet::extend)
    }

    async fn direct_topics(&self) -> Merged<BTreeSet<TopicName>> {
        let answers = ask_all(self.nsqds(), |nsqd| async move {
            let stats = self.ask.stats(&Reach::at(nsqd), Selection::default()).await?;
            Ok(stats.topics.into_iter().map(|topic| topic.topic_name))
        });
        Merged::fold(BTreeSet::new(), answers.await, BTreeSet::extend)
    }

    /// Asks every nsqlookupd for the channels of each topic.
    async fn channels_of_each(
        &self,
        topics: impl Iterator<Item = &TopicName>,
    ) -> Merged<Vec<(TopicName, Vec<ChannelName>)>> {
        let both = topics.flat_map(|topic| self.lookupds().iter().map(move |of| (topic, of)));
        let answers = ask_all(both, |(topic, registry)| async move {
            let query = [("topic", topic.as_str())];
            let question = Question { stage: Stage::Channels, path: "/channels", query: &query };
            let found: Option<ChannelList> = self.ask.find(&Reach::at(registry), question).await?;
            Ok((topic.clone(), found.unwrap_or_default().channels))
        });
        Merged::fold(Vec::new(), answers.await, Vec::push)
    }
}
