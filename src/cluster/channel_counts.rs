//! The counters of one channel, node by node.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{
    Merged,
    http::{Ask, AskError, ask_all},
};
use crate::protocol::{ChannelName, TopicName};

/// What a channel has come to on one node, as `/stats` says it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct ChannelCounts {
    /// Messages that wait.
    pub depth: i64,
    /// Those of them that are not in memory.
    pub backend_depth: i64,
    /// Messages that are with a consumer.
    pub in_flight_count: i64,
    /// Messages that are not due yet.
    pub deferred_count: i64,
    /// Messages that were ever in the channel.
    pub message_count: i64,
    /// How often one was given back.
    pub requeue_count: i64,
    /// How often one was not answered in time.
    pub timeout_count: i64,
    /// Consumers.
    pub client_count: i64,
    /// No messages are handed out.
    pub paused: bool,
}

#[derive(Deserialize)]
struct Stats {
    #[serde(default)]
    topics: Vec<Topic>,
}

#[derive(Deserialize)]
struct Topic {
    topic_name: String,
    #[serde(default)]
    channels: Vec<Channel>,
}

#[derive(Deserialize)]
struct Channel {
    channel_name: String,
    #[serde(flatten)]
    counts: ChannelCounts,
}

/// What the nodes with these HTTP addresses say of a channel. Nodes that do not have it are left out.
pub async fn channel_counts(
    ask: &Ask,
    nodes: &[String],
    topic: &TopicName,
    channel: &ChannelName,
) -> Merged<BTreeMap<String, ChannelCounts>> {
    let query = [
        ("format", "json"),
        ("topic", topic.as_str()),
        ("channel", channel.as_str()),
        ("include_clients", "false"),
    ];
    let asked = |node: String| async move {
        let stats = ask.get::<Stats>(&node, "/stats", &query).await;
        (node, stats)
    };
    let answers = ask_all(nodes.iter().cloned(), asked).await;
    merge(answers, topic, channel)
}

fn merge(
    answers: Vec<(String, Result<Option<Stats>, AskError>)>,
    topic: &TopicName,
    channel: &ChannelName,
) -> Merged<BTreeMap<String, ChannelCounts>> {
    let mut merged = Merged { known: BTreeMap::new(), failures: Vec::new() };
    for (node, answer) in answers {
        match answer {
            Ok(stats) => {
                let topics = stats.into_iter().flat_map(|stats| stats.topics);
                let channels = topics.filter(|of| of.topic_name == topic.as_str());
                let mut channels = channels.flat_map(|topic| topic.channels);
                let found = channels.find(|of| of.channel_name == channel.as_str());
                merged.known.extend(found.map(|channel| (node, channel.counts)));
            }
            Err(failure) => merged.failures.push(failure),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_is_found_among_others_and_fields_may_be_missing() {
        let stats = |text: &str| Ok(Some(serde_json::from_str::<Stats>(text).unwrap()));
        let failure = AskError { address: "c:1".to_owned(), reason: "gone".to_owned() };
        let answers = vec![
            (
                "a:1".to_owned(),
                stats(
                    r#"{"version":"1","topics":[{"topic_name":"x"},{"topic_name":"t","depth":1,"channels":[
                {"channel_name":"other","depth":7},{"channel_name":"c","depth":5,"paused":true,"clients":null}]}]}"#,
                ),
            ),
            ("b:1".to_owned(), stats(r#"{"topics":[]}"#)),
            ("c:1".to_owned(), Err(failure.clone())),
        ];
        let (topic, channel) = (TopicName::parse("t").unwrap(), ChannelName::parse("c").unwrap());
        let merged = merge(answers, &topic, &channel);
        let counts = ChannelCounts { depth: 5, paused: true, ..ChannelCounts::default() };
        assert_eq!(merged.known, BTreeMap::from([("a:1".to_owned(), counts)]));
        assert_eq!(merged.failures, [failure]);
    }
}
