//! The options of nsqadmin.

use std::{path::PathBuf, time::Duration};

use crate::config::{
    address::ListenAddress,
    declaration::{Bounds, OptionError, OptionSpec, Options, POSITIVE, declare_options, flag},
    log_level::LogLevel,
    typed::TypedOptions,
    value::{OptionType, Value},
};

/// More often is a burden for the nodes, less often is no picture of the present.
const POLL_INTERVAL: Bounds = Bounds::new(100_000_000, 3_600_000_000_000, "must be [100ms,1h]");

declare_options! {
    /// What an nsqadmin was told to do: decided, checked one by one and ready for use.
    pub struct NsqadminOptions declared in NSQADMIN_OPTIONS {
        /// set log verbosity: debug, info, warn, error, or fatal
        log_level: LogLevel = flag("log-level").key("log_level").default("info"),
        /// log message prefix
        log_prefix: String = flag("log-prefix").key("log_prefix").default("[nsqadmin] "),

        /// host:port to listen on for HTTP clients
        http_address: ListenAddress =
            flag("http-address").key("http_address").default("0.0.0.0:4171"),
        /// path below which everything is served, as behind a proxy
        base_path: String = flag("base-path").key("base_path").default("/"),
        /// path of a directory to read the pages from instead of those in the program (for their development)
        dev_static_dir: Option<PathBuf> = flag("dev-static-dir").key("dev_static_dir"),

        /// host:port of an nsqlookupd's HTTP API (may be given multiple times)
        nsqlookupd_http_addresses: Vec<String> =
            flag("lookupd-http-address").key("nsqlookupd_http_addresses"),
        /// host:port of an nsqd's HTTP API, where there is no nsqlookupd (may be given multiple times)
        nsqd_http_addresses: Vec<String> = flag("nsqd-http-address").key("nsqd_http_addresses"),
        /// interval between two looks at all nodes, which feed the pages and their history
        poll_interval: Duration =
            flag("poll-interval").key("poll_interval").default("2s").within(POLL_INTERVAL),

        /// timeout for HTTP connects to nsqlookupd and nsqd
        http_client_connect_timeout: Duration =
            flag("http-client-connect-timeout").key("http_client_connect_timeout").default("2s").within(POSITIVE),
        /// timeout for HTTP requests to nsqlookupd and nsqd, from the connect to the last byte
        http_client_request_timeout: Duration =
            flag("http-client-request-timeout").key("http_client_request_timeout").default("5s").within(POSITIVE),
        /// accept any certificate of those that are asked over HTTPS
        http_client_tls_insecure_skip_verify: bool =
            flag("http-client-tls-insecure-skip-verify").key("http_client_tls_insecure_skip_verify"),
        /// path to the certificate authorities to trust instead of the system's (PEM)
        http_client_tls_root_ca_file: Option<PathBuf> =
            flag("http-client-tls-root-ca-file").key("http_client_tls_root_ca_file"),
        /// path to the certificate to show to those that are asked over HTTPS (PEM)
        http_client_tls_cert: Option<PathBuf> =
            flag("http-client-tls-cert").key("http_client_tls_cert"),
        /// path to the key of that certificate (PEM)
        http_client_tls_key: Option<PathBuf> =
            flag("http-client-tls-key").key("http_client_tls_key"),

        /// URL of Graphite; enables links to its graphs
        graphite_url: String = flag("graphite-url").key("graphite_url"),
        /// fetch Graphite's graphs for the browser, which then need not reach it
        proxy_graphite: bool = flag("proxy-graphite").key("proxy_graphite"),
        /// prefix used for keys sent to statsd (%s for host replacement, must match nsqd)
        statsd_prefix: String = flag("statsd-prefix").key("statsd_prefix").default("nsq.%s"),
        /// format of counter stats keys as statsd writes them (%s for the key); empty for the key itself
        statsd_counter_format: String =
            flag("statsd-counter-format").key("statsd_counter_format").default("stats.counters.%s.count"),
        /// format of gauge stats keys as statsd writes them (%s for the key); empty for the key itself
        statsd_gauge_format: String =
            flag("statsd-gauge-format").key("statsd_gauge_format").default("stats.gauges.%s"),
        /// interval between nsqd's pushes to statsd (must match nsqd)
        statsd_interval: Duration =
            flag("statsd-interval").key("statsd_interval").default("60s").within(POSITIVE),

        /// URL that is told of every administrative action by POST
        notification_http_endpoint: String =
            flag("notification-http-endpoint").key("notification_http_endpoint"),
        /// path of a file that gets a line of JSON for every administrative action
        audit_log: Option<PathBuf> = flag("audit-log").key("audit_log"),

        /// network from which /config may be used (CIDR); empty for all
        allow_config_from_cidr: String =
            flag("allow-config-from-cidr").key("allow_config_from_cidr").default("127.0.0.1/8"),
        /// HTTP header in which an authenticating proxy names the user
        acl_http_header: String =
            flag("acl-http-header").key("acl_http_header").default("X-Forwarded-User"),
        /// name of a user who may change something (may be given multiple times); without any everybody may
        admin_users: Vec<String> = flag("admin-user").key("admin_users"),
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

impl Default for NsqadminOptions {
    /// What holds if nothing is given; it lacks the addresses of those to ask.
    fn default() -> Self {
        Self::decide(&[]).expect("declared defaults pass their own checks, a test decides them")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{file, sample::sample};

    #[test]
    fn defaults_are_those_of_upstream() {
        let options = NsqadminOptions::default();
        assert_eq!(options.http_address.to_string(), "0.0.0.0:4171");
        assert_eq!(options.log_prefix, "[nsqadmin] ");
        assert_eq!(options.log_level, LogLevel::Info);
        assert_eq!(options.base_path, "/");
        assert_eq!(options.http_client_connect_timeout, Duration::from_secs(2));
        assert_eq!(options.http_client_request_timeout, Duration::from_secs(5));
        assert_eq!(options.statsd_prefix, "nsq.%s");
        assert_eq!(options.statsd_counter_format, "stats.counters.%s.count");
        assert_eq!(options.statsd_gauge_format, "stats.gauges.%s");
        assert_eq!(options.statsd_interval, Duration::from_secs(60));
        assert_eq!(options.allow_config_from_cidr, "127.0.0.1/8");
        assert_eq!(options.acl_http_header, "X-Forwarded-User");
        assert!(options.admin_users.is_empty() && !options.proxy_graphite);
        assert_eq!(options.poll_interval, Duration::from_secs(2)); // ours
    }

    #[test]
    fn every_option_is_read_from_a_file() {
        let text = r#"
            log_level = "error"
            log_prefix = "x"
            http_address = "127.0.0.1:2"
            base_path = "/nsq"
            dev_static_dir = "static"
            nsqlookupd_http_addresses = ["a:1", "b:1"]
            nsqd_http_addresses = ["c:1"]
            poll_interval = "1m"
            http_client_connect_timeout = 1500
            http_client_request_timeout = "9s"
            http_client_tls_insecure_skip_verify = true
            http_client_tls_root_ca_file = "ca.pem"
            http_client_tls_cert = "cert.pem"
            http_client_tls_key = "key.pem"
            graphite_url = "http://g"
            proxy_graphite = true
            statsd_prefix = "p"
            statsd_counter_format = "c"
            statsd_gauge_format = ""
            statsd_interval = "10s"
            notification_http_endpoint = "http://n"
            audit_log = "audit.log"
            allow_config_from_cidr = ""
            acl_http_header = "X-User"
            admin_users = ["carol"]
        "#;
        let parsed = file::parse(text, NSQADMIN_OPTIONS).unwrap();
        assert_eq!(parsed.warnings, [""; 0]);
        let options = NsqadminOptions::decide(&[&parsed.options]).unwrap();
        let expected = NsqadminOptions {
            log_level: LogLevel::Error,
            log_prefix: "x".into(),
            http_address: ListenAddress::parse("127.0.0.1:2").unwrap(),
            base_path: "/nsq".into(),
            dev_static_dir: Some("static".into()),
            nsqlookupd_http_addresses: vec!["a:1".into(), "b:1".into()],
            nsqd_http_addresses: vec!["c:1".into()],
            poll_interval: Duration::from_secs(60),
            http_client_connect_timeout: Duration::from_millis(1500),
            http_client_request_timeout: Duration::from_secs(9),
            http_client_tls_insecure_skip_verify: true,
            http_client_tls_root_ca_file: Some("ca.pem".into()),
            http_client_tls_cert: Some("cert.pem".into()),
            http_client_tls_key: Some("key.pem".into()),
            graphite_url: "http://g".into(),
            proxy_graphite: true,
            statsd_prefix: "p".into(),
            statsd_counter_format: "c".into(),
            statsd_gauge_format: String::new(),
            statsd_interval: Duration::from_secs(10),
            notification_http_endpoint: "http://n".into(),
            audit_log: Some("audit.log".into()),
            allow_config_from_cidr: String::new(),
            acl_http_header: "X-User".into(),
            admin_users: vec!["carol".into()],
        };
        assert_eq!(options, expected);
    }

    #[test]
    fn nodes_are_asked_neither_all_the_time_nor_hardly_ever() {
        for (text, is_allowed) in [("99ms", false), ("100ms", true), ("1h", true), ("61m", false)] {
            let file = file::parse(&format!("poll_interval = '{text}'"), NSQADMIN_OPTIONS).unwrap();
            let decided = NsqadminOptions::decide(&[&file.options]);
            assert_eq!(decided.is_ok(), is_allowed, "{text}");
        }
    }

    #[test]
    fn the_sample_is_the_committed_one_and_changes_nothing() {
        let text = sample("nsqadmin", NSQADMIN_OPTIONS);
        let committed = include_str!("../../../contrib/nsqadmin.cfg.example");
        assert!(
            committed == text,
            "write it: nsq config-sample nsqadmin > contrib/nsqadmin.cfg.example"
        );
        let parsed = file::parse(&text, NSQADMIN_OPTIONS).unwrap();
        assert_eq!((parsed.options, parsed.warnings.len()), (TypedOptions::default(), 0));
    }
}
