//! The audit log: in memory for the pages, as lines of our log, and in a file if one is named.

use std::{
    fs::OpenOptions,
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use actix_web::web;

use super::Caller;
use crate::{
    actors::clock,
    cluster::audit::{AuditEntry, AuditTrail},
};

const NS_PER_MS: i64 = 1_000_000;

/// Where all that is done is written down.
#[derive(Debug, Default)]
pub struct AuditLog {
    trail: Mutex<AuditTrail>,
    file: Option<PathBuf>,
    /// Lets one line be written after the other.
    writing: tokio::sync::Mutex<()>,
    file_error: Mutex<Option<String>>,
}

impl AuditLog {
    /// Writes into `file`, too, which is opened for each line so that it can be moved away.
    pub fn new(file: Option<PathBuf>) -> Self {
        Self { file, ..Self::default() }
    }

    /// Writes down what was done. Never fails: that the file cannot be written has a line in our log.
    pub async fn record(&self, entry: AuditEntry) {
        let line = serde_json::to_string(&entry).unwrap_or_default(); // texts and numbers cannot fail
        log::info!("AUDIT {line}");
        locked(&self.trail).add(entry);
        let Some(path) = self.file.clone() else { return };
        let _turn = self.writing.lock().await;
        let shown = path.display().to_string();
        let written = web::block(move || append(&path, &line)).await;
        let error = match written {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(error) => Some(error.to_string()),
        };
        if let Some(error) = &error {
            log::error!("AUDIT: {shown}: the last entry could not be written: {error}");
        }
        *locked(&self.file_error) = error.map(|error| format!("{shown}: {error}"));
    }

    /// The last entries, the newest first.
    pub fn entries(&self) -> Vec<AuditEntry> {
        locked(&self.trail).entries().cloned().collect()
    }

    /// Why the file has not got the last entry, if it has not.
    pub fn file_error(&self) -> Option<String> {
        locked(&self.file_error).clone()
    }
}

impl Caller {
    /// An entry of what this caller has done now, successfully and to no single channel or node.
    pub fn audit_entry(&self, action: &str, topic: &str) -> AuditEntry {
        AuditEntry {
            at: u64::try_from(clock::wall_ns() / NS_PER_MS).unwrap_or_default(),
            user: self.user.clone(),
            remote_ip: self.remote_ip.clone(),
            forwarded_for: self.forwarded_for.clone(),
            action: action.to_owned(),
            topic: topic.to_owned(),
            channel: None,
            node: None,
            ok: true,
            text: String::new(),
            results: Vec::new(),
        }
    }
}

fn append(path: &Path, line: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().append(true).create(true).open(path)?;
    file.write_all(format!("{line}\n").as_bytes())
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller() -> Caller {
        Caller {
            user: Some("carol".into()),
            remote_ip: "10.1.2.3:5".into(),
            forwarded_for: Some("192.0.2.7, \"evil\"".into()),
            user_agent: String::new(),
            url: String::new(),
        }
    }

    #[actix::test]
    async fn entries_are_kept_and_written_line_by_line() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("audit.log");
        let audit = AuditLog::new(Some(file.clone()));
        audit.record(caller().audit_entry("pause_topic", "a")).await;
        audit.record(caller().audit_entry("delete_topic", "b")).await;
        let topics: Vec<_> = audit.entries().into_iter().map(|entry| entry.topic).collect();
        assert_eq!((topics, audit.file_error()), (vec!["b".to_owned(), "a".to_owned()], None));
        let text = std::fs::read_to_string(file).unwrap();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 2);
        assert!(
            lines[0].contains(
                r#""user":"carol","remote_ip":"10.1.2.3:5","forwarded_for":"192.0.2.7, \"evil\"","action":"pause_topic","topic":"a""#
            ),
            "{text}"
        );
    }

    #[actix::test]
    async fn a_file_that_cannot_be_written_is_said_until_it_can_be() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("later").join("audit.log");
        let audit = AuditLog::new(Some(file.clone()));
        audit.record(caller().audit_entry("pause_topic", "a")).await;
        let error = audit.file_error().unwrap();
        assert!(error.contains("audit.log: No such file"), "{error}");
        assert_eq!(audit.entries().len(), 1);
        std::fs::create_dir(file.parent().unwrap()).unwrap();
        audit.record(caller().audit_entry("pause_topic", "a")).await;
        assert_eq!(audit.file_error(), None);
    }
}
