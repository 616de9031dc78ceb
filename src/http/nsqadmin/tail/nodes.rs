//! The nodes of which messages are shown.

use super::Query;
use crate::{
    cluster::{Reach, Selection, answers::NodeStats, picture::Node, stats_at},
    http::{HttpError, nsqadmin::Admin},
};

const NO_CHANNELS: &str = "the topic has no channel there yet that lasts; its first one would get \
                           all that waits, and a tail would lose it";
const NO_TOPIC: &str = "the topic is not there";

/// Why a tail would lose messages there: nothing but a channel that lasts keeps what comes while the tail has it, and what
/// waits in the topic when there is no channel. Those of other tails and all that are ephemeral do not.
pub(super) fn harm(stats: &NodeStats) -> Option<&'static str> {
    let Some(topic) = stats.topics.first() else { return Some(NO_TOPIC) };
    let lasts = topic.channels.iter().any(|channel| !channel.channel_name.is_ephemeral());
    (!lasts).then_some(NO_CHANNELS)
}

/// Where to listen, and who is left alone.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Tailed {
    pub(super) nodes: Vec<TailedNode>,
    /// With the reason.
    pub(super) left_out: Vec<(String, String)>,
}

/// A node to listen to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TailedNode {
    /// `host:port` for HTTP, by which it is known.
    pub(super) address: String,
    /// `host:port` for clients, one of which will do.
    pub(super) tcp: Vec<String>,
    /// Where it is asked.
    pub(super) reach: Reach,
}

impl Tailed {
    pub(super) fn addresses(&self) -> Vec<String> {
        self.nodes.iter().map(|node| node.address.clone()).collect()
    }
}

/// Asks the nodes themselves, at this moment, whether a tail does any harm there.
pub(super) async fn find(admin: &Admin, query: &Query) -> Result<Tailed, HttpError> {
    let seen = admin.shelf.first_seen().await;
    let picture = &seen.picture;
    let candidates: Vec<&Node> = match &query.node {
        Some(node) => vec![picture.node(node).ok_or(HttpError::NodeNotFound)?],
        None => {
            let topic = picture.topic(query.topic.as_str()).ok_or_else(|| {
                match picture.inactive_topic(query.topic.as_str()) {
                    Some(_) => HttpError::NoChannels("no node has the topic".to_owned()),
                    None => HttpError::TopicNotFound,
                }
            })?;
            picture.topic_entries(topic).map(|(node, _)| node).collect()
        }
    };
    let select = Selection { topic: Some(&query.topic), ..Selection::default() };
    let reaches = candidates.iter().map(|node| node.reach());
    let answers = stats_at(&admin.ask, reaches, select).await;
    let mut tailed = Tailed::default();
    for (reach, stats) in answers.known {
        tailed.add(&candidates, &reach, &stats);
    }
    let failures = answers.failures.into_iter();
    tailed.left_out.extend(failures.map(|failure| (failure.address, failure.text)));
    if !tailed.nodes.is_empty() {
        return Ok(tailed);
    }
    let is_quiet = |(_, reason): &(String, String)| reason == NO_CHANNELS || reason == NO_TOPIC;
    let texts = tailed.left_out.iter().map(|(node, reason)| format!("{node}: {reason}"));
    let text = texts.collect::<Vec<_>>().join("; ");
    match tailed.left_out.iter().any(is_quiet) {
        true => Err(HttpError::NoChannels(text)),
        false => Err(HttpError::Upstream(text)),
    }
}

impl Tailed {
    fn add(&mut self, candidates: &[&Node], reach: &Reach, stats: &NodeStats) {
        let node = candidates.iter().find(|node| *node.address == *reach.address);
        match harm(stats) {
            Some(reason) => self.left_out.push((reach.address.clone(), reason.to_owned())),
            None => self.nodes.extend(node.map(|node| TailedNode {
                address: node.address.to_string(),
                tcp: node.tcp_addresses(),
                reach: reach.clone(),
            })),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_channel_that_lasts_keeps_what_a_tail_sees() {
        let of = |channels: &str| {
            let text = format!(r#"{{"topics":[{{"topic_name":"t","channels":[{channels}]}}]}}"#);
            harm(&serde_json::from_str(&text).unwrap())
        };
        let (lasting, ephemeral) = (r#"{"channel_name":"c"}"#, r#"{"channel_name":"e#ephemeral"}"#);
        let tail = r#"{"channel_name":"nsqadmin_tail_0000000a#ephemeral"}"#;
        assert_eq!(of(lasting), None);
        assert_eq!(of(&[tail, ephemeral, lasting].join(",")), None);
        for channels in ["", ephemeral, tail] {
            assert_eq!(of(channels), Some(NO_CHANNELS), "{channels}");
        }
        assert_eq!(harm(&NodeStats::default()), Some(NO_TOPIC));
    }
}
