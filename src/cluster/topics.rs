//! The topics of a cluster.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

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

/// Questions about channels that are under way at once to one nsqlookupd.
const AT_ONCE: usize = 16;
/// How long one is asked about channels, topic by topic.
const TIME_MAX: Duration = Duration::from_secs(10);

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
        let names: Vec<_> = inactive.into_iter().collect();
        let asked = ask_all(self.lookupds(), |registry| self.channels_of(registry, &names)).await;
        let mut topics: InactiveTopics =
            names.iter().map(|topic| (topic.clone(), BTreeSet::new())).collect();
        for (channels, failure) in asked {
            failures.extend(failure);
            for (topic, channels) in channels {
                topics.entry(topic.clone()).or_default().extend(channels);
            }
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

    /// What one nsqlookupd says of the channels of each topic, until it fails or takes too long.
    async fn channels_of<'a>(
        &self,
        registry: &str,
        topics: &'a [TopicName],
    ) -> (Vec<(&'a TopicName, Vec<ChannelName>)>, Option<AskError>) {
        let (begun, mut found) = (Instant::now(), Vec::new());
        for some in topics.chunks(AT_ONCE) {
            if begun.elapsed() > TIME_MAX {
                let count = topics.len() - found.len();
                return (found, Some(left_out(registry, count)));
            }
            let answers = ask_all(some, |topic| async move {
                let query = [("topic", topic.as_str())];
                let question =
                    Question { stage: Stage::Channels, path: "/channels", query: &query };
                let list = self.ask.find::<ChannelList>(&Reach::at(registry), question).await?;
                Ok((topic, list.unwrap_or_default().channels))
            });
            for answer in answers.await {
                match answer {
                    Ok(channels) => found.push(channels),
                    Err(failure) => return (found, Some(failure)),
                }
            }
        }
        (found, None)
    }
}

fn left_out(registry: &str, count: usize) -> AskError {
    AskError {
        address: registry.to_owned(),
        stage: Stage::Channels,
        status: None,
        text: format!("not asked for the channels of {count} topics, that takes too long"),
    }
}
