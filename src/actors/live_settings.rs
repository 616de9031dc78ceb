//! What can be changed while the node runs.

use tokio::sync::watch;

use crate::config::{
    LogLevel, NsqdOptions,
    peers::{self, PeersError},
};

/// Settings that `PUT /config` changes: the options give the first values, and nothing outlives the process.
#[derive(Debug)]
pub struct LiveSettings {
    log_level: watch::Sender<LogLevel>,
    lookupds: watch::Sender<Vec<String>>,
}

impl LiveSettings {
    /// As the options say.
    pub fn new(options: &NsqdOptions) -> Self {
        Self {
            log_level: watch::Sender::new(options.log_level),
            lookupds: watch::Sender::new(options.nsqlookupd_tcp_addresses.clone()),
        }
    }

    /// The least important lines that are logged.
    pub fn log_level(&self) -> LogLevel {
        *self.log_level.borrow()
    }

    /// Logs from now on what is at least of this level.
    pub fn set_log_level(&self, level: LogLevel) {
        log::set_max_level(level.filter());
        self.log_level.send_replace(level);
    }

    /// The nsqlookupds that this node reports to.
    pub fn lookupds(&self) -> Vec<String> {
        self.lookupds.borrow().clone()
    }

    /// The same for whoever keeps the connections to them: the receiver has the present list and hears of each new one.
    pub fn watch_lookupds(&self) -> watch::Receiver<Vec<String>> {
        self.lookupds.subscribe()
    }

    /// Replaces the list of nsqlookupds; one that is named twice counts once.
    pub fn set_lookupds(&self, addresses: Vec<String>) -> Result<(), PeersError> {
        self.lookupds.send_replace(peers::unlike(addresses)?);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> LiveSettings {
        LiveSettings::new(&NsqdOptions {
            nsqlookupd_tcp_addresses: vec!["first:4160".into()],
            log_level: LogLevel::Warn,
            ..NsqdOptions::default()
        })
    }

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|&text| text.to_owned()).collect()
    }

    #[test]
    fn the_options_give_the_first_values() {
        let settings = settings();
        assert_eq!(settings.log_level(), LogLevel::Warn);
        assert_eq!(settings.lookupds(), ["first:4160"]);
    }

    #[test]
    fn whoever_watches_the_lookupds_hears_of_a_new_list() {
        let settings = settings();
        let mut watching = settings.watch_lookupds();
        assert_eq!(*watching.borrow_and_update(), ["first:4160"]);
        settings.set_lookupds(texts(&["[::1]:4160", "b:1", "b:1"])).unwrap();
        assert!(watching.has_changed().unwrap());
        assert_eq!(*watching.borrow_and_update(), ["[::1]:4160", "b:1"]);
        assert_eq!(settings.lookupds(), ["[::1]:4160", "b:1"]);
    }

    #[test]
    fn a_list_with_something_else_in_it_is_refused_whole() {
        let settings = settings();
        assert!(settings.set_lookupds(texts(&["b:1", "a"])).is_err());
        assert_eq!(settings.lookupds(), ["first:4160"]);
    }
}
