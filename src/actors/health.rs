//! Whether the node can store messages.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::protocol::TopicName;

/// Topics whose log cannot be written now, with the reason. Written by the logs' actors when that
/// changes, read by `/ping` and `/stats`.
#[derive(Debug, Default)]
pub struct Health {
    broken: Mutex<BTreeMap<TopicName, Broken>>,
    /// Why nothing is published at all, if so.
    full: Mutex<Option<String>>,
}

#[derive(Debug)]
struct Broken {
    reason: String,
    /// No write that succeeds later makes it good.
    for_good: bool,
}

impl Health {
    /// A topic's log refused a write.
    pub fn failed(&self, topic: &TopicName, reason: &str) {
        let mut broken = self.broken();
        if broken.get(topic).is_some_and(|broken| broken.for_good) {
            return;
        }
        let now = Broken { reason: reason.to_owned(), for_good: false };
        if broken.insert(topic.clone(), now).is_none() {
            log::error!("topic={topic} cannot be written: {reason}; publishes to it fail");
        }
    }

    /// The disk has failed a topic's log: what it holds is not known for sure until it is read again
    /// by another process.
    pub fn failed_for_good(&self, topic: &TopicName, reason: &str) {
        let mut broken = self.broken();
        if broken.get(topic).is_none_or(|broken| !broken.for_good) {
            log::error!(
                "topic={topic} the disk failed: {reason}; publishes to it fail until nsqd is \
                 started again on a disk that works"
            );
            broken.insert(topic.clone(), Broken { reason: reason.to_owned(), for_good: true });
        }
    }

    /// A topic's log took a write again.
    pub fn recovered(&self, topic: &TopicName) {
        let mut broken = self.broken();
        if broken.get(topic).is_some_and(|broken| !broken.for_good) {
            broken.remove(topic);
            log::info!("topic={topic} can be written again");
        }
    }

    /// Nothing is published to any topic until there is room on the disk.
    pub fn disk_is_full(&self, reason: &str) {
        log::error!("NSQ: the disk is full: {reason}; publishes fail until there is room");
        *self.full() = Some(reason.to_owned());
    }

    /// There is room again.
    pub fn disk_has_room(&self) {
        log::info!("NSQ: there is room on the disk again");
        *self.full() = None;
    }

    /// A topic is gone, with whatever was wrong with it.
    pub fn forget(&self, topic: &TopicName) {
        self.broken().remove(topic);
    }

    /// `OK`, or `NOK - ` and the first reason.
    pub fn summary(&self) -> String {
        if let Some(reason) = &*self.full() {
            return format!("NOK - {reason}");
        }
        match self.broken().first_key_value() {
            Some((_, broken)) => format!("NOK - {}", broken.reason),
            None => "OK".into(),
        }
    }

    fn full(&self) -> MutexGuard<'_, Option<String>> {
        self.full.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn broken(&self) -> MutexGuard<'_, BTreeMap<TopicName, Broken>> {
        self.broken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_healthy_log_does_not_hide_a_broken_one() {
        let (health, a, b) =
            (Health::default(), TopicName::parse("a").unwrap(), TopicName::parse("b").unwrap());
        health.failed(&a, "no space left on device");
        health.recovered(&b);
        assert_eq!(health.summary(), "NOK - no space left on device");
        health.recovered(&a);
        assert_eq!(health.summary(), "OK");
    }

    #[test]
    fn a_full_disk_is_worse_than_a_broken_log() {
        let (health, a) = (Health::default(), TopicName::parse("a").unwrap());
        health.failed(&a, "input/output error");
        health.disk_is_full("no space left on device");
        health.disk_is_full("no space left on device");
        assert_eq!(health.summary(), "NOK - no space left on device");
        health.disk_has_room();
        assert_eq!(health.summary(), "NOK - input/output error");
    }

    #[test]
    fn what_a_disk_has_failed_stays_so_until_it_is_gone() {
        let (health, a) = (Health::default(), TopicName::parse("a").unwrap());
        health.failed(&a, "no space left on device");
        health.failed_for_good(&a, "cannot sync");
        health.failed(&a, "log is out of service");
        health.recovered(&a);
        assert_eq!(health.summary(), "NOK - cannot sync");
        health.forget(&a);
        assert_eq!(health.summary(), "OK");
    }
}
