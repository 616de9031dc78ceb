//! What has been done through us.

use std::collections::VecDeque;

use serde::Serialize;

use super::actions::NodeResult;

/// Entries that are kept.
const ENTRIES_MAX: usize = 500;
/// Results that are kept of an entry.
const RESULTS_MAX: usize = 100;

/// Somebody has changed something, or has tried to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AuditEntry {
    /// When, in milliseconds since 1970.
    pub at: u64,
    /// Who, if anybody knows.
    pub user: Option<String>,
    /// From where, `ip:port`.
    pub remote_ip: String,
    /// On whose behalf, as proxies have it in `X-Forwarded-For`.
    pub forwarded_for: Option<String>,
    /// What, such as `delete_topic`.
    pub action: String,
    /// To which topic.
    pub topic: String,
    /// To which channel of it, if to one.
    pub channel: Option<String>,
    /// On which node, if on one only.
    pub node: Option<String>,
    /// It is as it was wanted everywhere.
    pub ok: bool,
    /// What has gone wrong; empty if nothing has.
    pub text: String,
    /// What the nodes have done; those who have failed come first if there are too many.
    pub results: Vec<NodeResult>,
}

impl AuditEntry {
    /// Leaves out results beyond a limit.
    fn bounded(mut self) -> Self {
        if self.results.len() > RESULTS_MAX {
            self.results.sort_by_key(|result| result.ok);
            self.results.truncate(RESULTS_MAX);
        }
        self
    }
}

/// The last entries.
#[derive(Debug, Default)]
pub struct AuditTrail(VecDeque<AuditEntry>);

impl AuditTrail {
    /// Adds an entry, and forgets the oldest one if there are too many.
    pub fn add(&mut self, entry: AuditEntry) {
        if self.0.len() >= ENTRIES_MAX {
            self.0.pop_back();
        }
        self.0.push_front(entry.bounded());
    }

    /// The newest first.
    pub fn entries(&self) -> impl Iterator<Item = &AuditEntry> {
        self.0.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::Stage;

    fn entry(at: u64) -> AuditEntry {
        AuditEntry {
            at,
            user: None,
            remote_ip: "10.0.0.1:5".into(),
            forwarded_for: None,
            action: "pause_topic".into(),
            topic: "t".into(),
            channel: None,
            node: None,
            ok: true,
            text: String::new(),
            results: Vec::new(),
        }
    }

    #[test]
    fn the_newest_come_first_and_the_oldest_go() {
        let mut trail = AuditTrail::default();
        (0..600).for_each(|at| trail.add(entry(at)));
        let kept: Vec<_> = trail.entries().map(|entry| entry.at).collect();
        assert_eq!((kept.len(), kept[0], kept[499]), (500, 599, 100));
    }

    #[test]
    fn who_has_failed_is_not_left_out() {
        let result = |index| NodeResult {
            address: format!("n{index}:1"),
            stage: Stage::Nsqd,
            ok: index != 250,
            status: None,
            text: String::new(),
            ms: 0,
        };
        let mut trail = AuditTrail::default();
        trail.add(AuditEntry { results: (0..300).map(result).collect(), ..entry(0) });
        let kept = &trail.entries().next().unwrap().results;
        assert_eq!((kept.len(), kept[0].address.as_str()), (RESULTS_MAX, "n250:1"));
    }

    #[test]
    fn an_entry_is_one_line() {
        let json = serde_json::to_string(&AuditEntry { text: "a\nb".into(), ..entry(7) }).unwrap();
        assert_eq!(
            json,
            r#"{"at":7,"user":null,"remote_ip":"10.0.0.1:5","forwarded_for":null,"action":"pause_topic","topic":"t","channel":null,"node":null,"ok":true,"text":"a\nb","results":[]}"#
        );
    }
}
