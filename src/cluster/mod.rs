//! Asks many nodes over HTTP and merges what they say. Nodes that do not answer are named and keep nobody else waiting.

pub mod actions;
pub mod answers;
pub mod audit;
mod failure;
mod fan_out;
pub mod history;
mod http;
mod nodes;
pub mod picture;
pub mod problems;
mod producers;
mod publishing;
mod reach;
mod registry_questions;
pub mod roster;
#[cfg(test)]
mod scripted;
pub mod snapshot;
pub mod sources;
mod stats;
pub mod text;
mod topics;
pub mod totals;
mod version;

use std::sync::Arc;

pub use self::{
    failure::{AskError, ClusterError, Merged, Stage, warning},
    http::{Ask, Timeouts},
    nodes::Node,
    producers::producers,
    reach::Reach,
    sources::{Source, Sources, SourcesError},
    stats::{Selection, stats_at, stats_of},
    topics::InactiveTopics,
};

/// Where topics and nodes are learnt from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Mode {
    /// From nsqlookupds.
    #[default]
    Lookupd,
    /// From the nsqds themselves.
    Direct,
}

/// The nsqlookupds or nsqds that are asked, as they were configured at one moment.
#[derive(Debug, Clone)]
pub struct Cluster {
    ask: Ask,
    lookupds: Arc<[String]>,
    nsqds: Arc<[String]>,
}

impl Cluster {
    /// Asks those of the source.
    pub fn new(ask: Ask, source: Source) -> Self {
        let (lookupds, nsqds) = match source {
            Source::Lookupds(lookupds) => (lookupds, Arc::default()),
            Source::Nsqds(nsqds) => (Arc::default(), nsqds),
        };
        Self { ask, lookupds, nsqds }
    }

    /// Who is asked for topics and nodes.
    pub fn mode(&self) -> Mode {
        if self.lookupds.is_empty() { Mode::Direct } else { Mode::Lookupd }
    }

    /// Asks single nodes.
    pub fn ask(&self) -> &Ask {
        &self.ask
    }

    /// The nsqlookupds, `host:port`; none in direct mode.
    pub fn lookupds(&self) -> &[String] {
        &self.lookupds
    }

    /// The nsqds of direct mode as they were given, `host:port`.
    pub fn nsqds(&self) -> &[String] {
        &self.nsqds
    }
}
