//! Where topics are, for those who have only their names.

use std::sync::{PoisonError, RwLock};

use actix::{Addr, WeakAddr};
use hashbrown::HashMap;

use super::Topic;
use crate::protocol::TopicName;

/// The topics that the node has at this moment, as the node would tell them: whoever finds one here need not ask it, which takes
/// two turns of another thread. Written by the node alone, whenever what it has changes.
#[derive(Debug, Default)]
pub struct TopicAddresses(RwLock<HashMap<TopicName, WeakAddr<Topic>>>);

impl TopicAddresses {
    /// The node's topic of this name. If there is none, the node knows whether there can be one.
    pub fn get(&self, name: &TopicName) -> Option<Addr<Topic>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(name)?.upgrade()
    }

    /// The node has a new topic.
    pub fn insert(&self, name: TopicName, topic: &Addr<Topic>) {
        self.change(|topics| topics.insert(name, topic.downgrade()));
    }

    /// The node has a topic no longer.
    pub fn remove(&self, name: &TopicName) {
        self.change(|topics| topics.remove(name));
    }

    /// The node has none but those for which `is_there` holds.
    pub fn retain(&self, is_there: impl Fn(&TopicName) -> bool) {
        self.change(|topics| topics.retain(|name, _| is_there(name)));
    }

    fn change<T>(&self, change: impl FnOnce(&mut HashMap<TopicName, WeakAddr<Topic>>) -> T) {
        change(&mut self.0.write().unwrap_or_else(PoisonError::into_inner));
    }
}
