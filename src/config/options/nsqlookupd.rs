//! The options of nsqlookupd.

use std::time::Duration;

use super::nsqd::CHAOS;
use crate::config::{
    address::ListenAddress,
    declaration::{NOT_NEGATIVE, OptionError, OptionSpec, Options, declare_options, flag},
    host,
    log_level::LogLevel,
    typed::TypedOptions,
    value::{OptionType, Value},
};

declare_options! {
    /// What an nsqlookupd was told to do: decided, checked and ready for use.
    pub struct NsqlookupdOptions declared in NSQLOOKUPD_OPTIONS {
        /// set log verbosity: debug, info, warn, error, or fatal
        log_level: LogLevel = flag("log-level").key("log_level").default("info"),
        /// log message prefix
        log_prefix: String = flag("log-prefix").key("log_prefix").default("[nsqlookupd] "),

        /// host:port to listen on for nsqds
        tcp_address: ListenAddress =
            flag("tcp-address").key("tcp_address").default("0.0.0.0:4160"),
        /// host:port to listen on for HTTP clients
        http_address: ListenAddress =
            flag("http-address").key("http_address").default("0.0.0.0:4161"),
        /// address of this nsqlookupd, told to nsqds; may be empty
        broadcast_address: String =
            flag("broadcast-address").key("broadcast_address").default_of_host(host::hostname, "lookup1.example.com"),

        /// time that a producer remains in the active list since its last ping
        inactive_producer_timeout: Duration =
            flag("inactive-producer-timeout").key("inactive_producer_timeout").default("5m").within(NOT_NEGATIVE),
        /// time that a producer remains tombstoned for a topic
        tombstone_lifetime: Duration =
            flag("tombstone-lifetime").key("tombstone_lifetime").default("45s").within(NOT_NEGATIVE),

        /// name of an experimental feature to enable (may be given multiple times): chaos (POST /debug/crash)
        experiments: Vec<String> = flag("enable-experiment").key("enable_experiment"),
    }
    without field {
        /// print version string
        bool = flag("version"),
        /// path to config file (TOML)
        String = flag("config"),
        /// [deprecated] has no effect, use --log-level
        bool = flag("verbose"),
    }
}

impl Default for NsqlookupdOptions {
    /// What holds on this machine if nothing is given.
    fn default() -> Self {
        Self::decide(&[]).expect("declared defaults pass their own checks, a test decides them")
    }
}

impl NsqlookupdOptions {
    /// True if actors may be crashed on request.
    pub fn chaos_enabled(&self) -> bool {
        self.experiments.iter().any(|given| given == CHAOS)
    }

    /// Names given to `--enable-experiment` that mean nothing here.
    pub fn unknown_experiments(&self) -> impl Iterator<Item = &str> {
        self.experiments.iter().map(String::as_str).filter(|&name| name != CHAOS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{file, sample::sample};

    #[test]
    fn defaults_are_those_of_upstream() {
        let options = NsqlookupdOptions::default();
        assert_eq!(options.tcp_address.to_string(), "0.0.0.0:4160");
        assert_eq!(options.http_address.to_string(), "0.0.0.0:4161");
        assert_eq!(options.log_prefix, "[nsqlookupd] ");
        assert_eq!(options.log_level, LogLevel::Info);
        assert_eq!(options.broadcast_address, host::hostname());
        assert_eq!(options.inactive_producer_timeout, Duration::from_secs(300));
        assert_eq!(options.tombstone_lifetime, Duration::from_secs(45));
        assert!(!options.chaos_enabled());
    }

    #[test]
    fn every_option_is_read_from_a_file() {
        let text = r#"
            log_level = "error"
            log_prefix = "x"
            tcp_address = "127.0.0.1:1"
            http_address = "127.0.0.1:2"
            broadcast_address = ""
            inactive_producer_timeout = 1500
            tombstone_lifetime = "1m"
            enable_experiment = ["chaos", "other"]
        "#;
        let parsed = file::parse(text, NSQLOOKUPD_OPTIONS).unwrap();
        assert_eq!(parsed.warnings, [""; 0]);
        let options = NsqlookupdOptions::decide(&[&parsed.options]).unwrap();
        let expected = NsqlookupdOptions {
            log_level: LogLevel::Error,
            log_prefix: "x".into(),
            tcp_address: ListenAddress::parse("127.0.0.1:1").unwrap(),
            http_address: ListenAddress::parse("127.0.0.1:2").unwrap(),
            broadcast_address: String::new(),
            inactive_producer_timeout: Duration::from_millis(1500),
            tombstone_lifetime: Duration::from_secs(60),
            experiments: vec!["chaos".into(), "other".into()],
        };
        assert_eq!(options, expected);
        assert!(options.chaos_enabled());
        assert_eq!(options.unknown_experiments().collect::<Vec<_>>(), ["other"]);
    }

    #[test]
    fn the_sample_is_the_committed_one_and_changes_nothing() {
        let text = sample("nsqlookupd", NSQLOOKUPD_OPTIONS);
        let committed = include_str!("../../../contrib/nsqlookupd.cfg.example");
        assert!(
            committed == text,
            "write it: nsq config-sample nsqlookupd > contrib/nsqlookupd.cfg.example"
        );
        let parsed = file::parse(&text, NSQLOOKUPD_OPTIONS).unwrap();
        assert_eq!((parsed.options, parsed.warnings.len()), (TypedOptions::default(), 0));
    }
}
