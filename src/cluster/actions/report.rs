//! What has become of an order.

use std::time::Duration;

use serde::Serialize;

use super::{Order, plan::Call};
use crate::cluster::{AskError, ClusterError, Stage};

/// What one node has done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NodeResult {
    /// `host:port`, as it wants to be reached.
    pub address: String,
    /// Which program it is.
    pub stage: Stage,
    /// It is as it was wanted there.
    pub ok: bool,
    /// The status of HTTP, if there was one.
    pub status: Option<u16>,
    /// What has gone wrong, or why there was nothing to do.
    pub text: String,
    /// How long that took, in milliseconds.
    pub ms: u64,
}

impl NodeResult {
    /// Not to have what is to be changed or to go is as good as done.
    pub(super) fn new(
        call: &Call,
        order: &Order,
        done: Result<(), AskError>,
        took: Duration,
    ) -> Self {
        let (ok, status, text) = match done {
            Ok(()) => (true, Some(200), String::new()),
            Err(AskError { status: Some(404), .. }) if !order.action.creates() => {
                (true, Some(404), NOTHING_THERE.to_owned())
            }
            Err(AskError { status, text, .. }) => (false, status, text),
        };
        let ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        Self { address: call.reach.address.clone(), stage: call.stage, ok, status, text, ms }
    }

    fn failure(&self) -> AskError {
        AskError {
            address: self.address.clone(),
            stage: self.stage,
            status: self.status,
            text: self.text.clone(),
        }
    }
}

const NOTHING_THERE: &str = "nothing to do, it is not there";

/// What all nodes have done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ActionReport {
    /// nsqlookupds first.
    pub results: Vec<NodeResult>,
    /// Who could not be asked which nodes there are; some may have been missed.
    pub failures: Vec<AskError>,
}

impl ActionReport {
    /// True if everything is as it was wanted, as far as it is known.
    pub fn is_ok(&self) -> bool {
        self.failures.is_empty() && self.results.iter().all(|result| result.ok)
    }

    /// Everybody who has failed, those who could not be asked before those who have not done it.
    pub fn all_failures(&self) -> Vec<AskError> {
        let failed = self.results.iter().filter(|result| !result.ok);
        self.failures.iter().cloned().chain(failed.map(NodeResult::failure)).collect()
    }

    /// What upstream would call a partial failure though nobody has done anything: all nsqds have failed, or, where only
    /// nsqlookupds were told, all of those.
    pub fn unless_all_failed(self) -> Result<Self, ClusterError> {
        let is_nsqd = |result: &&NodeResult| result.stage == Stage::Nsqd;
        let (nsqds, registries): (Vec<_>, Vec<_>) = self.results.iter().partition(is_nsqd);
        let told = if nsqds.is_empty() { registries } else { nsqds };
        match told.first() {
            Some(first) if told.iter().all(|result| !result.ok) => {
                let failures = told.iter().map(|result| result.failure()).collect();
                Err(ClusterError::NoAnswer { program: first.stage.program(), failures })
            }
            _ => Ok(self),
        }
    }

    /// True if nobody has what the order is about.
    pub(super) fn found_nothing(&self) -> bool {
        let nothing = |result: &NodeResult| result.ok && result.status == Some(404);
        !self.results.is_empty() && self.results.iter().all(nothing)
    }
}

#[cfg(test)]
mod tests {
    use super::{super::Action, *};
    use crate::cluster::Reach;

    fn result(action: Action, stage: Stage, status: Option<u16>) -> NodeResult {
        let channel = if action.is_of_channel() { "c" } else { "" };
        let order = Order::new(action, "t", channel, "").unwrap();
        let call = Call { reach: Reach::at("a:1"), stage, paths: &[] };
        let done = match status {
            Some(200) => Ok(()),
            status => {
                Err(AskError { address: "a:1".into(), stage, status, text: "gone".to_owned() })
            }
        };
        NodeResult::new(&call, &order, done, Duration::from_millis(7))
    }

    fn report(results: &[(Stage, Option<u16>)]) -> ActionReport {
        let results = results.iter();
        let results = results.map(|(stage, status)| result(Action::PauseTopic, *stage, *status));
        ActionReport { results: results.collect(), failures: Vec::new() }
    }

    #[test]
    fn who_does_not_have_it_has_nothing_to_do_unless_it_is_to_be_made() {
        let nothing = result(Action::DeleteTopic, Stage::Nsqd, Some(404));
        assert_eq!(
            (nothing.ok, nothing.status, nothing.text.as_str()),
            (true, Some(404), NOTHING_THERE)
        );
        assert!(!result(Action::CreateChannel, Stage::Nsqd, Some(404)).ok);
        assert!(report(&[(Stage::Nsqd, Some(404)), (Stage::Nsqd, Some(404))]).found_nothing());
        assert!(!report(&[(Stage::Nsqd, Some(404)), (Stage::Nsqd, Some(200))]).found_nothing());
        assert!(!report(&[(Stage::Nsqd, Some(404)), (Stage::Nsqd, None)]).found_nothing());
        assert!(!report(&[]).found_nothing());
    }

    #[test]
    fn all_have_failed_if_every_nsqd_has() {
        let (nsqd, registry) = (Stage::Nsqd, Stage::Nsqlookupd);
        for (results, program) in [
            (&[(registry, Some(200)), (nsqd, None), (nsqd, Some(500))][..], "nsqd"),
            (&[(registry, None)], "nsqlookupd"),
        ] {
            let error = report(results).unless_all_failed().unwrap_err();
            assert!(
                error.to_string().starts_with(&format!("failed to query any {program}: a:1: "))
            );
        }
        for results in [
            &[][..],
            &[(registry, None), (nsqd, Some(200))],
            &[(nsqd, None), (nsqd, Some(200))],
            &[(registry, None), (registry, Some(200))],
        ] {
            assert!(report(results).unless_all_failed().is_ok(), "{results:?}");
        }
    }

    #[test]
    fn a_report_is_fine_only_if_everybody_was_asked_and_has_done_it() {
        assert!(report(&[(Stage::Nsqd, Some(200))]).is_ok());
        let partly = report(&[(Stage::Nsqd, Some(200)), (Stage::Nsqd, Some(503))]);
        assert!(!partly.is_ok());
        let failure = AskError { text: "gone".into(), ..partly.results[1].failure() };
        assert_eq!(partly.all_failures(), std::slice::from_ref(&failure));
        let missed = ActionReport { failures: vec![failure], ..ActionReport::default() };
        assert!(!missed.is_ok());
        assert_eq!(missed.all_failures().len(), 1);
    }

    #[test]
    fn a_result_says_who_what_and_how_long() {
        let json = serde_json::to_string(&result(Action::EmptyTopic, Stage::Nsqd, None)).unwrap();
        assert_eq!(
            json,
            r#"{"address":"a:1","stage":"nsqd","ok":false,"status":null,"text":"gone","ms":7}"#
        );
    }
}
