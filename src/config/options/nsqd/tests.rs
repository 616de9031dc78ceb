//! What is declared, decided.

use std::collections::BTreeSet;

use super::*;
use crate::config::{file, flags, usage::usage};

fn decide(arguments: &[&str]) -> Result<NsqdOptions, OptionError> {
    let arguments = arguments.iter().map(|&argument| argument.to_owned());
    let typed = flags::parse(NSQD_OPTIONS, arguments).unwrap().options;
    NsqdOptions::decide(&[&typed])
}

#[track_caller]
fn refused(argument: &str, text: &str) {
    assert_eq!(decide(&[argument]).unwrap_err().to_string(), text);
}

#[test]
fn defaults_are_those_of_upstream() {
    let seconds = Duration::from_secs;
    let expected = NsqdOptions {
        max_deflate_level: 6,
        auth_http_request_method: AuthMethod::Get,
        e2e_processing_latency_percentiles: Percentiles::default(),
        node_id: host::default_node_id().parse().unwrap(),
        log_level: LogLevel::Info,
        log_prefix: "[nsqd] ".to_owned(),
        tcp_address: ListenAddress::Tcp { host: "0.0.0.0".to_owned(), port: 4150 },
        http_address: Some(ListenAddress::Tcp { host: "0.0.0.0".to_owned(), port: 4151 }),
        https_address: Some(ListenAddress::Tcp { host: "0.0.0.0".to_owned(), port: 4152 }),
        broadcast_address: host::hostname(),
        broadcast_tcp_port: 0,
        broadcast_http_port: 0,
        nsqlookupd_tcp_addresses: Vec::new(),
        auth_http_addresses: Vec::new(),
        http_client_connect_timeout: seconds(2),
        http_client_request_timeout: seconds(5),
        topology_region: String::new(),
        topology_zone: String::new(),
        data_path: PathBuf::new(),
        durability: Durability::Process,
        mem_queue_size: 10_000,
        mem_queue_bytes: 256 << 20,
        max_bytes_per_file: 104_857_600,
        sync_timeout: seconds(2),
        msg_timeout: seconds(60),
        max_msg_timeout: seconds(15 * 60),
        max_msg_size: 1_048_576,
        max_req_timeout: seconds(3600),
        max_body_size: 5_242_880,
        requeue_on_disconnect: true,
        magic_timeout: seconds(10),
        max_heartbeat_interval: seconds(60),
        max_rdy_count: 2500,
        max_output_buffer_size: 65_536,
        max_output_buffer_timeout: seconds(30),
        min_output_buffer_timeout: Duration::from_millis(25),
        output_buffer_timeout: Duration::from_millis(250),
        max_channel_consumers: 0,
        statsd_address: String::new(),
        statsd_prefix: "nsq.%s".to_owned(),
        statsd_interval: seconds(60),
        statsd_mem_stats: true,
        statsd_udp_packet_size: 508,
        statsd_exclude_ephemeral: false,
        e2e_processing_latency_window_time: seconds(600),
        metrics_per_client: false,
        tls_cert: None,
        tls_key: None,
        tls_client_auth_policy: ClientAuthPolicy::Off,
        tls_root_ca_file: None,
        tls_required: TlsRequired::No,
        tls_min_version: TlsMinVersion::Tls10,
        deflate: true,
        snappy: true,
        worker_threads: 0,
        sync_every: 2500,
        queue_scan_worker_pool_max: 4,
        queue_scan_selection_count: 20,
        experiments: Vec::new(),
    };
    assert_eq!(NsqdOptions::default(), expected);
}

#[test]
fn every_declaration_is_complete_and_unlike_the_others() {
    let (mut flags, mut keys) = (BTreeSet::new(), BTreeSet::new());
    for spec in NSQD_OPTIONS {
        assert!(flags.insert(spec.flag), "two of --{}", spec.flag);
        assert!(spec.key.is_none_or(|key| keys.insert(key)), "two of {:?}", spec.key);
        assert!(!spec.help.is_empty(), "--{} has no help", spec.flag);
        spec.default_value(); // Panics if the default is not of its kind.
    }
}

#[test]
fn keys_are_flags_with_underscores_or_upstreams_exceptions() {
    for spec in NSQD_OPTIONS {
        let expected = match spec.flag {
            "version" | "config" | "verbose" | "worker-id" => None,
            "node-id" => Some("id".to_owned()),
            "lookupd-tcp-address" => Some("nsqlookupd_tcp_addresses".to_owned()),
            "auth-http-address" => Some("auth_http_addresses".to_owned()),
            "e2e-processing-latency-percentile" => {
                Some("e2e_processing_latency_percentiles".to_owned())
            }
            flag => Some(flag.replace('-', "_")),
        };
        assert_eq!(spec.key.map(str::to_owned), expected, "--{}", spec.flag);
    }
}

#[test]
fn help_lists_every_option_once_in_order() {
    let text = usage("nsqd", NSQD_OPTIONS, &TypedOptions::default());
    let listed: Vec<_> = text
        .lines()
        .filter_map(|line| line.strip_prefix("  -"))
        .map(|line| line.split(' ').next().unwrap())
        .collect();
    let mut expected: Vec<_> = NSQD_OPTIONS.iter().map(|spec| spec.flag).collect();
    expected.sort_unstable();
    assert_eq!(listed, expected);
}

#[test]
fn values_are_taken_over() {
    let options = decide(&[
        "--tcp-address=/run/nsqd.sock",
        "--http-address=",
        "--data-path",
        "data",
        "--msg-timeout=1500ms",
        "--requeue-on-disconnect=false",
        "--enable-experiment=chaos",
        "--enable-experiment=topology-aware-consumption",
        "--enable-experiment=other",
        "--log-level=DEBUG",
    ])
    .unwrap();
    assert_eq!(options.tcp_address, ListenAddress::Unix("/run/nsqd.sock".into()));
    assert_eq!(options.http_address, None);
    assert_eq!(options.data_path, PathBuf::from("data"));
    assert_eq!(options.msg_timeout, Duration::from_millis(1500));
    assert!(!options.requeue_on_disconnect);
    assert!(options.chaos_enabled() && options.prefers_near_consumers());
    assert_eq!(options.unknown_experiments().collect::<Vec<_>>(), ["other"]);
    assert_eq!(options.log_level, LogLevel::Debug);
}

#[test]
fn options_without_effect_are_accepted() {
    assert_eq!(decide(&["--verbose", "--worker-id"]), Ok(NsqdOptions::default()));
    for flag in ["sync-every", "queue-scan-worker-pool-max", "queue-scan-selection-count"] {
        for value in ["-1", "0", "9223372036854775807"] {
            assert!(decide(&[&format!("--{flag}={value}")]).is_ok(), "--{flag}={value}");
        }
    }
}

#[test]
fn every_option_with_a_key_can_be_asked_for_by_it() {
    let options = NsqdOptions::default();
    for spec in NSQD_OPTIONS {
        if let Some(key) = spec.key {
            assert_eq!(options.value(key), Some(spec.default_value()), "{key}");
        }
        assert_eq!(
            options.value(spec.flag),
            spec.key.filter(|&key| key == spec.flag).map(|_| spec.default_value())
        );
    }
    for none in ["", "node_id", "lookupd_tcp_address", "config", "version", "worker_id"] {
        assert_eq!(options.value(none), None, "{none}");
    }
}

#[test]
fn data_goes_to_the_working_directory_unless_a_path_is_given() {
    assert_eq!(NsqdOptions::default().data_dir(), Path::new("."));
    assert_eq!(decide(&["--data-path=/data"]).unwrap().data_dir(), Path::new("/data"));
}

#[test]
fn bounds_hold_on_both_sides() {
    for (flag, allowed, refused, rule) in [
        ("max-deflate-level", "1", "0", "must be [1,9]"),
        ("max-deflate-level", "9", "10", "must be [1,9]"),
        ("node-id", "0", "-1", "must be [0,1024)"),
        ("node-id", "1023", "1024", "must be [0,1024)"),
        ("broadcast-tcp-port", "0", "-1", "must be [0,65535]"),
        ("broadcast-tcp-port", "65535", "65536", "must be [0,65535]"),
        ("broadcast-http-port", "0", "-1", "must be [0,65535]"),
        ("broadcast-http-port", "65535", "65536", "must be [0,65535]"),
        ("mem-queue-size", "0", "-1", "must not be negative"),
        ("mem-queue-bytes", "0", "-1", "must not be negative"),
        ("max-bytes-per-file", "1", "0", "must be greater than 0"),
        ("sync-timeout", "1ns", "0", "must be greater than 0"),
        ("msg-timeout", "1ns", "0", "must be greater than 0"),
        ("max-msg-timeout", "1ns", "-1ns", "must be greater than 0"),
        ("max-msg-size", "1", "0", "must be [1,2147483617]"),
        ("max-msg-size", "2147483617", "2147483618", "must be [1,2147483617]"),
        ("max-req-timeout", "0", "-1ns", "must not be negative"),
        ("max-body-size", "1", "0", "must be [1,2147483647]"),
        ("max-body-size", "2147483647", "2147483648", "must be [1,2147483647]"),
        ("magic-timeout", "1ns", "0", "must be greater than 0"),
        ("max-heartbeat-interval", "1s", "999999999ns", "must be at least 1s"),
        ("max-rdy-count", "1", "0", "must be greater than 0"),
        ("max-output-buffer-size", "0", "-1", "must not be negative"),
        ("max-output-buffer-timeout", "0", "-1ns", "must not be negative"),
        ("min-output-buffer-timeout", "0", "-1ns", "must not be negative"),
        ("output-buffer-timeout", "1ns", "0", "must be greater than 0"),
        ("max-channel-consumers", "0", "-1", "must not be negative"),
        ("statsd-interval", "10ms", "9999999ns", "must be at least 10ms"),
        ("statsd-udp-packet-size", "1", "0", "must be [1,65507]"),
        ("statsd-udp-packet-size", "65507", "65508", "must be [1,65507]"),
        ("e2e-processing-latency-window-time", "1ns", "0", "must be greater than 0"),
        ("http-client-connect-timeout", "1ns", "0", "must be greater than 0"),
        ("http-client-request-timeout", "1ns", "0", "must be greater than 0"),
        ("worker-threads", "0", "-1", "must be [0,1024]"),
        ("worker-threads", "1024", "1025", "must be [0,1024]"),
    ] {
        let typed = |value| decide(&[&format!("--{flag}={value}")]);
        assert!(typed(allowed).is_ok(), "--{flag}={allowed}");
        let error = typed(refused).unwrap_err().to_string();
        assert_eq!(error, format!("--{flag} {rule}"), "--{flag}={refused}");
    }
}

#[test]
fn what_cannot_be_done_is_refused() {
    refused("--auth-http-request-method=GET", "--auth-http-request-method must be post or get");
    refused(
        "--e2e-processing-latency-percentile=1.1",
        "invalid E2E processing latency percentile: 1.1",
    );
    refused(
        "--tls-client-auth-policy=verify",
        "--tls-client-auth-policy must be require or require-verify",
    );
    refused("--durability=", "--durability must be process or power");
    refused("--tcp-address=", "--tcp-address must not be empty");
    refused("--tcp-address=a:65536", "--tcp-address has an invalid port: a:65536");
}

#[test]
fn checks_run_in_upstreams_order() {
    let error = decide(&["--node-id=1024", "--max-deflate-level=0"]).unwrap_err();
    assert_eq!(error.flag, "max-deflate-level");
}

fn typed(arguments: &[&str]) -> TypedOptions {
    flags::parse(NSQD_OPTIONS, arguments.iter().map(|&text| text.to_owned())).unwrap().options
}

fn in_file(text: &str) -> TypedOptions {
    file::parse(text, NSQD_OPTIONS).unwrap().options
}

#[test]
fn flags_win_over_the_file_and_the_file_over_the_default() {
    let (flags, file, none) = (typed(&["--node-id=1"]), in_file("id = 2"), TypedOptions::default());
    let node_id = |sources: &[&TypedOptions]| NsqdOptions::decide(sources).unwrap().node_id;
    assert_eq!(node_id(&[&flags, &file]), 1);
    assert_eq!(node_id(&[&flags, &none]), 1);
    assert_eq!(node_id(&[&none, &file]), 2);
    assert_eq!(node_id(&[&none, &none]), NsqdOptions::default().node_id);
}

#[test]
fn switches_and_empty_values_are_values_too() {
    let file = in_file("deflate = true\nhttp_address = '127.0.0.1:1'\nmax_channel_consumers = 5");
    let flags = typed(&["--deflate=false", "--http-address=", "--max-channel-consumers=0"]);
    let options = NsqdOptions::decide(&[&flags, &file]).unwrap();
    assert!(!options.deflate);
    assert_eq!((options.http_address, options.max_channel_consumers), (None, 0));
}

#[test]
fn a_list_of_flags_replaces_the_list_of_the_file() {
    let file = in_file("nsqlookupd_tcp_addresses = ['a:1', 'b:1']");
    let flags = typed(&["--lookupd-tcp-address=c:1"]);
    let lookupds =
        |sources: &[&TypedOptions]| NsqdOptions::decide(sources).unwrap().nsqlookupd_tcp_addresses;
    assert_eq!(lookupds(&[&flags, &file]), ["c:1"]);
    assert_eq!(lookupds(&[&TypedOptions::default(), &file]), ["a:1", "b:1"]);
}

#[test]
fn policy_for_client_certificates_requires_tls() {
    for (required, policy, in_effect) in [
        ("false", "", TlsRequired::No),
        ("tcp-https", "", TlsRequired::TcpHttps),
        ("true", "", TlsRequired::Yes),
        ("false", "require", TlsRequired::Yes),
        ("false", "require-verify", TlsRequired::Yes),
        ("tcp-https", "require", TlsRequired::TcpHttps),
        ("true", "require-verify", TlsRequired::Yes),
    ] {
        let required = format!("--tls-required={required}");
        let policy = format!("--tls-client-auth-policy={policy}");
        let options = decide(&[&required, &policy]).unwrap();
        assert_eq!(options.tls_required_in_effect(), in_effect, "{required} {policy}");
    }
}
