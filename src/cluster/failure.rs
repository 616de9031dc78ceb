//! What goes wrong with questions to many nodes.

use std::fmt;

use serde::Serialize;

/// What a node was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// An nsqlookupd's list of topics.
    Topics,
    /// An nsqlookupd's channels of a topic.
    Channels,
    /// An nsqlookupd's list of nodes.
    Nodes,
    /// An nsqlookupd's nodes that have a topic.
    Lookup,
    /// What a node says of itself.
    Info,
    /// An nsqd's statistics.
    Stats,
    /// To do something, in an nsqlookupd.
    Nsqlookupd,
    /// To do something, in an nsqd.
    Nsqd,
}

impl Stage {
    /// Who answers questions of this kind, as upstream's messages call it.
    pub fn program(self) -> &'static str {
        match self {
            Self::Topics | Self::Channels | Self::Nodes | Self::Lookup | Self::Nsqlookupd => {
                "nsqlookupd"
            }
            Self::Info | Self::Stats | Self::Nsqd => "nsqd",
        }
    }
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{address}: {text}")]
pub struct AskError {
    /// Who was asked, `host:port`.
    pub address: String,
    /// What for.
    pub stage: Stage,
    /// The status of HTTP, if there was one.
    pub status: Option<u16>,
    /// What has gone wrong.
    pub text: String,
}

/// What nodes have said together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Merged<T> {
    /// Of those that have answered.
    pub known: T,
    /// How many that are.
    pub answered: usize,
    /// Those that have not, each with the reason.
    pub failures: Vec<AskError>,
}

impl<T> Merged<T> {
    /// Puts answers together; None is one that knows nothing of the kind.
    pub(super) fn fold<A>(
        mut known: T,
        answers: impl IntoIterator<Item = Result<A, AskError>>,
        mut add: impl FnMut(&mut T, A),
    ) -> Self {
        let (mut answered, mut failures) = (0, Vec::new());
        for answer in answers {
            match answer {
                Ok(answer) => {
                    add(&mut known, answer);
                    answered += 1;
                }
                Err(failure) => failures.push(failure),
            }
        }
        Self { known, answered, failures }
    }

    /// What is known, unless all who were asked have failed. None of none is an empty answer. Failures go to those that
    /// were there before.
    pub fn unless_all_failed(self, before: &mut Vec<AskError>) -> Result<T, ClusterError> {
        if let (0, [first, ..]) = (self.answered, &self.failures[..]) {
            let program = first.stage.program();
            return Err(ClusterError::NoAnswer { program, failures: self.failures });
        }
        before.extend(self.failures);
        Ok(self.known)
    }
}

/// Why a question to the cluster has no answer at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClusterError {
    /// Everybody who was asked has failed.
    #[error("failed to query any {program}: {}", Lines(failures))]
    NoAnswer {
        /// Who they are.
        program: &'static str,
        /// Each with its reason.
        failures: Vec<AskError>,
    },
    /// Nobody knows the topic.
    #[error("topic not found")]
    TopicNotFound,
    /// Nobody knows the channel.
    #[error("channel not found")]
    ChannelNotFound,
    /// No node has this address.
    #[error("node not found")]
    NodeNotFound,
    /// The addresses that an order is to go to have no part in it.
    #[error("nothing to do at these addresses")]
    NotConcerned,
}

impl ClusterError {
    /// That something is not known, unless those who have failed may know it.
    pub fn unknown(what: Self, failures: &[AskError]) -> Self {
        match failures.last() {
            None => what,
            Some(last) => {
                Self::NoAnswer { program: last.stage.program(), failures: failures.to_vec() }
            }
        }
    }
}

struct Lines<'a>(&'a [AskError]);

impl fmt::Display for Lines<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, failure) in self.0.iter().enumerate() {
            let end = if index == 0 { "" } else { "\n" };
            write!(formatter, "{end}{failure}")?;
        }
        Ok(())
    }
}

/// Upstream's `message`: empty without failures, else `WARNING: ` and who has failed, stage by stage.
pub fn warning(failures: &[AskError]) -> String {
    if failures.is_empty() {
        return String::new();
    }
    let stages = failures.chunk_by(|one, next| one.stage == next.stage);
    let stages: Vec<_> = stages.map(|stage| Lines(stage).to_string()).collect();
    format!("WARNING: {}", stages.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(address: &str, stage: Stage) -> AskError {
        AskError { address: address.to_owned(), stage, status: None, text: "gone".to_owned() }
    }

    #[test]
    fn a_warning_names_who_has_failed_stage_by_stage() {
        assert_eq!(warning(&[]), "");
        let failures = [
            failure("a:1", Stage::Lookup),
            failure("b:1", Stage::Lookup),
            failure("c:1", Stage::Stats),
        ];
        assert_eq!(warning(&failures), "WARNING: a:1: gone\nb:1: gone; c:1: gone");
    }

    #[test]
    fn all_have_failed_only_if_somebody_was_asked_and_nobody_has_answered() {
        let merged = |answered, failures: &[AskError]| Merged {
            known: 7,
            answered,
            failures: failures.to_vec(),
        };
        let failed = [failure("a:1", Stage::Nodes), failure("b:1", Stage::Nodes)];
        let mut failures = Vec::new();
        assert_eq!(merged(0, &[]).unless_all_failed(&mut failures), Ok(7));
        assert_eq!(merged(1, &failed[..1]).unless_all_failed(&mut failures), Ok(7));
        assert_eq!(failures, failed[..1]);
        failures.clear();
        let error = merged(0, &failed).unless_all_failed(&mut failures).unwrap_err();
        assert_eq!(error.to_string(), "failed to query any nsqlookupd: a:1: gone\nb:1: gone");
    }

    #[test]
    fn a_later_stage_without_anybody_is_empty_whatever_failed_before() {
        let mut failures = vec![failure("a:1", Stage::Lookup)];
        let none = Merged { known: (), answered: 0, failures: Vec::new() };
        assert_eq!(none.unless_all_failed(&mut failures), Ok(()));
    }

    #[test]
    fn failures_are_written_with_their_stage() {
        let failure = AskError { status: Some(503), ..failure("a:1", Stage::Stats) };
        let json = serde_json::to_string(&failure).unwrap();
        assert_eq!(json, r#"{"address":"a:1","stage":"stats","status":503,"text":"gone"}"#);
    }
}
