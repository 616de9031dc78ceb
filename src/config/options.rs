//! The options of nsqd.

use std::{path::PathBuf, time::Duration};

use super::{
    address::ListenAddress,
    declaration::{Bounds, NOT_NEGATIVE, OptionError, OptionSpec, POSITIVE, declare_options, flag},
    durability::Durability,
    host,
    log_level::LogLevel,
    typed::TypedOptions,
    value::OptionType,
};

/// Largest size that the protocol can frame.
const FRAME_BYTES_MAX: i64 = i32::MAX as i64;
/// Frame type, timestamp, attempts and id, which travel in a frame with each message body.
const MESSAGE_OVERHEAD_BYTES: i64 = 30;

const MESSAGE_SIZE: Bounds =
    Bounds::new(1, FRAME_BYTES_MAX - MESSAGE_OVERHEAD_BYTES, "must be [1,2147483617]");
const BODY_SIZE: Bounds = Bounds::new(1, FRAME_BYTES_MAX, "must be [1,2147483647]");
const DEFLATE_LEVEL: Bounds = Bounds::new(1, 9, "must be [1,9]");
const NODE_ID: Bounds = Bounds::up_to(host::NODE_ID_END as i64 - 1, "must be [0,1024)");
const PORT: Bounds = Bounds::up_to(u16::MAX as i64, "must be [0,65535]");
const THREADS: Bounds = Bounds::up_to(1024, "must be [0,1024]");
/// Heartbeats are asked for in steps of no less than a second.
const HEARTBEAT: Bounds = Bounds::new(1_000_000_000, i64::MAX, "must be at least 1s");

/// The name by which `--enable-experiment` opens `POST /debug/crash`.
pub const CHAOS: &str = "chaos";

declare_options! {
    /// What an nsqd was told to do: decided, checked and ready for use.
    pub struct NsqdOptions declared in NSQD_OPTIONS {
        /// maximum deflate compression level a client can negotiate (> values == > nsqd CPU usage)
        max_deflate_level: u32 =
            flag("max-deflate-level").key("max_deflate_level").default("6").within(DEFLATE_LEVEL),
        /// unique part for message IDs in range [0,1024); unless given, a hash of the hostname
        node_id: u16 =
            flag("node-id").key("id").default_of_host(host::default_node_id).within(NODE_ID),

        /// set log verbosity: debug, info, warn, error, or fatal
        log_level: LogLevel = flag("log-level").key("log_level").default("info"),
        /// log message prefix
        log_prefix: String = flag("log-prefix").key("log_prefix").default("[nsqd] "),

        /// host:port or path of a unix socket to listen on for TCP clients
        tcp_address: ListenAddress =
            flag("tcp-address").key("tcp_address").default("0.0.0.0:4150"),
        /// host:port or path of a unix socket to listen on for HTTP clients; empty for no HTTP
        http_address: Option<ListenAddress> =
            flag("http-address").key("http_address").default("0.0.0.0:4151"),
        /// address that will be registered with lookupd
        broadcast_address: String =
            flag("broadcast-address").key("broadcast_address").default_of_host(host::hostname),
        /// TCP port that will be registered with lookupd; 0 for the port that is listened on
        broadcast_tcp_port: u16 =
            flag("broadcast-tcp-port").key("broadcast_tcp_port").within(PORT),
        /// HTTP port that will be registered with lookupd; 0 for the port that is listened on
        broadcast_http_port: u16 =
            flag("broadcast-http-port").key("broadcast_http_port").within(PORT),
        /// region of this node, told to clients and lookupd
        topology_region: String = flag("topology-region").key("topology_region"),
        /// zone of this node, told to clients and lookupd
        topology_zone: String = flag("topology-zone").key("topology_zone"),

        /// path to store disk-backed messages; it must exist; empty for the working directory
        data_path: PathBuf = flag("data-path").key("data_path"),
        /// what OK promises: process (the message outlives the end of the process)
        durability: Durability = flag("durability").key("durability").default("process"),
        /// number of the newest messages of each topic to keep in memory
        mem_queue_size: usize =
            flag("mem-queue-size").key("mem_queue_size").default("10000").within(NOT_NEGATIVE),
        /// number of message bytes to keep in memory, over all topics together
        mem_queue_bytes: usize =
            flag("mem-queue-bytes").key("mem_queue_bytes").default("268435456").within(NOT_NEGATIVE),
        /// number of bytes per file of a topic's log before a new one is begun
        max_bytes_per_file: u64 =
            flag("max-bytes-per-file").key("max_bytes_per_file").default("104857600").within(POSITIVE),
        /// longest time between a write to a topic's log and its sync
        sync_timeout: Duration =
            flag("sync-timeout").key("sync_timeout").default("2s").within(POSITIVE),

        /// time to wait before requeueing a message that was not answered
        msg_timeout: Duration =
            flag("msg-timeout").key("msg_timeout").default("1m").within(POSITIVE),
        /// maximum time before a message will be requeued, however often it is touched
        max_msg_timeout: Duration =
            flag("max-msg-timeout").key("max_msg_timeout").default("15m").within(POSITIVE),
        /// maximum size of a single message in bytes
        max_msg_size: usize =
            flag("max-msg-size").key("max_msg_size").default("1048576").within(MESSAGE_SIZE),
        /// maximum requeuing and deferring time of a message
        max_req_timeout: Duration =
            flag("max-req-timeout").key("max_req_timeout").default("1h").within(NOT_NEGATIVE),
        /// maximum size of a single command body in bytes
        max_body_size: usize =
            flag("max-body-size").key("max_body_size").default("5242880").within(BODY_SIZE),
        /// give the messages in flight to a consumer back at once when it disconnects, not after their timeout
        requeue_on_disconnect: bool =
            flag("requeue-on-disconnect").key("requeue_on_disconnect").default("true"),

        /// time a new connection has to say who it is before it is closed
        magic_timeout: Duration =
            flag("magic-timeout").key("magic_timeout").default("10s").within(POSITIVE),
        /// maximum client configurable duration of time between client heartbeats
        max_heartbeat_interval: Duration =
            flag("max-heartbeat-interval").key("max_heartbeat_interval").default("1m").within(HEARTBEAT),
        /// maximum RDY count for a client
        max_rdy_count: u64 =
            flag("max-rdy-count").key("max_rdy_count").default("2500").within(POSITIVE),
        /// maximum client configurable size (in bytes) for a client output buffer
        max_output_buffer_size: usize =
            flag("max-output-buffer-size").key("max_output_buffer_size").default("65536").within(NOT_NEGATIVE),
        /// maximum client configurable duration of time between flushing to a client
        max_output_buffer_timeout: Duration =
            flag("max-output-buffer-timeout").key("max_output_buffer_timeout").default("30s").within(NOT_NEGATIVE),
        /// minimum client configurable duration of time between flushing to a client
        min_output_buffer_timeout: Duration =
            flag("min-output-buffer-timeout").key("min_output_buffer_timeout").default("25ms").within(NOT_NEGATIVE),
        /// default duration of time between flushing data to clients
        output_buffer_timeout: Duration =
            flag("output-buffer-timeout").key("output_buffer_timeout").default("250ms").within(POSITIVE),
        /// maximum channel consumer connection count per nsqd instance; 0 for no limit
        max_channel_consumers: usize =
            flag("max-channel-consumers").key("max_channel_consumers").within(NOT_NEGATIVE),

        /// number of threads that serve topics and clients; 0 to decide by the number of cores
        worker_threads: usize =
            flag("worker-threads").key("worker_threads").within(THREADS),
        /// name of an experimental feature to enable (may be given multiple times): chaos (POST /debug/crash)
        experiments: Vec<String> = flag("enable-experiment").key("enable_experiment"),
    }
    without field {
        /// print version string
        bool = flag("version"),
        /// [deprecated] has no effect, use --log-level
        bool = flag("verbose"),
        /// [deprecated] has no effect, use --node-id
        bool = flag("worker-id"),
        /// has no effect: a topic's log is synced --sync-timeout after its first unsynced write
        u64 = flag("sync-every").key("sync_every").default("2500"),
        /// has no effect: timeouts are exact and nothing is scanned
        u64 = flag("queue-scan-worker-pool-max").key("queue_scan_worker_pool_max").default("4"),
        /// has no effect: timeouts are exact and nothing is scanned
        u64 = flag("queue-scan-selection-count").key("queue_scan_selection_count").default("20"),
    }
}

impl Default for NsqdOptions {
    /// What holds on this machine if nothing is given.
    fn default() -> Self {
        Self::decide(&[]).expect("declared defaults pass their own checks, a test decides them")
    }
}

impl NsqdOptions {
    /// True if actors may be crashed on request.
    pub fn chaos_enabled(&self) -> bool {
        self.experiments.iter().any(|name| name == CHAOS)
    }

    /// Names given to `--enable-experiment` that mean nothing here.
    pub fn unknown_experiments(&self) -> impl Iterator<Item = &str> {
        self.experiments.iter().map(String::as_str).filter(|name| *name != CHAOS)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::config::{flags, usage::usage};

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
            node_id: host::default_node_id().parse().unwrap(),
            log_level: LogLevel::Info,
            log_prefix: "[nsqd] ".to_owned(),
            tcp_address: ListenAddress::Tcp { host: "0.0.0.0".to_owned(), port: 4150 },
            http_address: Some(ListenAddress::Tcp { host: "0.0.0.0".to_owned(), port: 4151 }),
            broadcast_address: host::hostname(),
            broadcast_tcp_port: 0,
            broadcast_http_port: 0,
            topology_region: String::new(),
            topology_zone: String::new(),
            data_path: ".".into(),
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
            worker_threads: 0,
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
                "version" | "verbose" | "worker-id" => None,
                "node-id" => Some("id".to_owned()),
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
            "--enable-experiment=other",
            "--log-level=DEBUG",
        ])
        .unwrap();
        assert_eq!(options.tcp_address, ListenAddress::Unix("/run/nsqd.sock".into()));
        assert_eq!(options.http_address, None);
        assert_eq!(options.data_path, PathBuf::from("data"));
        assert_eq!(options.msg_timeout, Duration::from_millis(1500));
        assert!(!options.requeue_on_disconnect);
        assert!(options.chaos_enabled());
        assert_eq!(options.unknown_experiments().collect::<Vec<_>>(), ["other"]);
        assert_eq!(options.log_level, LogLevel::Debug);
    }

    #[test]
    fn options_without_effect_are_accepted() {
        let arguments = [
            "--verbose",
            "--worker-id",
            "--queue-scan-worker-pool-max=0",
            "--queue-scan-selection-count=0",
        ];
        assert_eq!(decide(&arguments), Ok(NsqdOptions::default()));
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
        refused(
            "--durability=power",
            "--durability power is not available in this version yet, use process",
        );
        refused("--durability=", "--durability must be process");
        refused("--tcp-address=", "--tcp-address must not be empty");
        refused("--tcp-address=a:65536", "--tcp-address has an invalid port: a:65536");
    }

    #[test]
    fn checks_run_in_upstreams_order() {
        let error = decide(&["--node-id=1024", "--max-deflate-level=0"]).unwrap_err();
        assert_eq!(error.flag, "max-deflate-level");
    }

    #[test]
    fn earlier_sources_win() {
        let typed =
            |argument: &str| flags::parse(NSQD_OPTIONS, [argument.to_owned()]).unwrap().options;
        let (first, second) = (typed("--node-id=1"), typed("--node-id=2"));
        let node_id = |sources: &[&TypedOptions]| NsqdOptions::decide(sources).unwrap().node_id;
        assert_eq!(node_id(&[&first, &second]), 1);
        assert_eq!(node_id(&[&second, &first]), 2);
        assert_eq!(node_id(&[&TypedOptions::default(), &second]), 2);
        assert_eq!(node_id(&[]), NsqdOptions::default().node_id);
    }
}
