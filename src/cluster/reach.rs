//! Where nodes are asked.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

/// How long a node is asked elsewhere before its own address is tried again.
const AGAIN_AFTER: Duration = Duration::from_secs(30);
/// Addresses that are remembered.
const REMEMBERED_MAX: usize = 1024;

/// Where a node is asked.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reach {
    /// `host:port`, as it wants to be reached.
    pub address: String,
    /// Where it can be reached, too.
    pub otherwise: Option<String>,
}

impl Reach {
    /// A node with one address.
    pub fn at(address: impl Into<String>) -> Self {
        Self { address: address.into(), otherwise: None }
    }
}

/// Addresses at which nobody could be reached of late. Whoever can be reached elsewhere is not waited for at them.
#[derive(Debug, Clone, Default)]
pub(super) struct Unreachable(Arc<Mutex<HashMap<String, Instant>>>);

impl Unreachable {
    pub(super) fn add(&self, address: &str) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= REMEMBERED_MAX {
            known.clear();
        }
        known.insert(address.to_owned(), Instant::now());
    }

    /// Where to ask a node first.
    pub(super) fn address_of<'a>(&self, node: &'a Reach) -> &'a str {
        let Some(other) = &node.otherwise else { return &node.address };
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match known.get(&node.address) {
            Some(since) if since.elapsed() < AGAIN_AFTER => other,
            _ => &node.address,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_could_not_be_reached_is_asked_elsewhere_if_there_is_an_elsewhere() {
        let unreachable = Unreachable::default();
        let node = Reach { address: "a:1".to_owned(), otherwise: Some("b:1".to_owned()) };
        assert_eq!(unreachable.address_of(&node), "a:1");
        unreachable.add("a:1");
        assert_eq!(unreachable.address_of(&node), "b:1");
        assert_eq!(unreachable.address_of(&Reach::at("a:1")), "a:1");
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let unreachable = Unreachable::default();
        for number in 0..5 * REMEMBERED_MAX {
            unreachable.add(&number.to_string());
        }
        assert!(unreachable.0.lock().unwrap().len() <= REMEMBERED_MAX);
    }
}
