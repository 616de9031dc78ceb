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
    broken: Mutex<BTreeMap<TopicName, String>>,
}

impl Health {
    /// A topic's log refused a write.
    pub fn failed(&self, topic: &TopicName, reason: &str) {
        if self.broken().insert(topic.clone(), reason.to_owned()).is_none() {
            log::error!("topic={topic} cannot be written: {reason}; publishes to it fail");
        }
    }

    /// A topic's log took a write again, or is gone.
    pub fn recovered(&self, topic: &TopicName) {
        if self.broken().remove(topic).is_some() {
            log::info!("topic={topic} can be written again");
        }
    }

    /// `OK`, or `NOK - ` and the first reason.
    pub fn summary(&self) -> String {
        match self.broken().first_key_value() {
            Some((_, reason)) => format!("NOK - {reason}"),
            None => "OK".into(),
        }
    }

    fn broken(&self) -> MutexGuard<'_, BTreeMap<TopicName, String>> {
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
}
