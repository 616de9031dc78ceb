//! Whom to ask about the cluster.

use std::sync::Arc;

use tokio::sync::watch;

use crate::config::peers::{self, PeersError};

/// The list of addresses that is asked first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// nsqlookupds, `host:port` of their HTTP API; they know the nsqds.
    Lookupds(Arc<[String]>),
    /// The nsqds themselves, as nobody knows of others.
    Nsqds(Arc<[String]>),
}

/// Both lists, of which the one of nsqlookupds can be changed while others use it.
#[derive(Debug)]
pub struct Sources {
    lookupds: watch::Sender<Arc<[String]>>,
    nsqds: Arc<[String]>,
}

/// Why the list of nsqlookupds stays as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SourcesError {
    /// The new list cannot be used.
    #[error("{0}")]
    Peers(#[from] PeersError),
    /// There would be nobody to ask.
    #[error("no addresses, neither of nsqlookupds nor of nsqds")]
    Nobody,
}

impl Sources {
    /// As configured.
    pub fn new(lookupds: Vec<String>, nsqds: Vec<String>) -> Self {
        Self { lookupds: watch::Sender::new(lookupds.into()), nsqds: nsqds.into() }
    }

    /// Whom to ask now: nsqlookupds, as soon as there are any.
    pub fn now(&self) -> Source {
        let lookupds = self.lookupds();
        if lookupds.is_empty() { Source::Nsqds(self.nsqds()) } else { Source::Lookupds(lookupds) }
    }

    /// The nsqlookupds; none where the nsqds are asked themselves.
    pub fn lookupds(&self) -> Arc<[String]> {
        Arc::clone(&self.lookupds.borrow())
    }

    /// The nsqds that are configured; they are not asked while there are nsqlookupds.
    pub fn nsqds(&self) -> Arc<[String]> {
        Arc::clone(&self.nsqds)
    }

    /// Tells of each new list of nsqlookupds.
    pub fn watch_lookupds(&self) -> watch::Receiver<Arc<[String]>> {
        self.lookupds.subscribe()
    }

    /// Replaces the list of nsqlookupds; an empty one means to ask the configured nsqds.
    pub fn set_lookupds(&self, addresses: Vec<String>) -> Result<(), SourcesError> {
        let addresses = peers::unlike(addresses)?;
        if addresses.is_empty() && self.nsqds.is_empty() {
            return Err(SourcesError::Nobody);
        }
        self.lookupds.send_replace(addresses.into());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|&text| text.to_owned()).collect()
    }

    #[test]
    fn nsqlookupds_are_asked_as_soon_as_there_are_any() {
        let sources = Sources::new(Vec::new(), texts(&["n:4151"]));
        assert_eq!(sources.now(), Source::Nsqds(texts(&["n:4151"]).into()));
        let mut watching = sources.watch_lookupds();
        sources.set_lookupds(texts(&["l:4161", "l:4161"])).unwrap();
        assert!(watching.has_changed().unwrap());
        assert_eq!(watching.borrow_and_update()[..], ["l:4161"]);
        assert_eq!(sources.now(), Source::Lookupds(texts(&["l:4161"]).into()));
        sources.set_lookupds(Vec::new()).unwrap();
        assert_eq!(sources.now(), Source::Nsqds(texts(&["n:4151"]).into()));
    }

    #[test]
    fn a_list_that_cannot_be_used_changes_nothing() {
        let sources = Sources::new(texts(&["l:4161"]), Vec::new());
        assert_eq!(sources.set_lookupds(Vec::new()), Err(SourcesError::Nobody));
        let refused = sources.set_lookupds(texts(&["http://l:4161"]));
        assert_eq!(refused, Err(SourcesError::Peers(PeersError::BadAddress)));
        assert_eq!(sources.lookupds()[..], ["l:4161"]);
    }
}
