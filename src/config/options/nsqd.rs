//! The options of nsqd.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use crate::config::{
    address::ListenAddress,
    auth::AuthMethod,
    declaration::{
        Bounds, NOT_NEGATIVE, OptionError, OptionSpec, Options, POSITIVE, declare_options, flag,
    },
    durability::Durability,
    host,
    log_level::LogLevel,
    percentiles::Percentiles,
    tls::{ClientAuthPolicy, TlsMinVersion, TlsRequired},
    typed::TypedOptions,
    value::{OptionType, Value},
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
/// What one UDP datagram can carry.
const UDP_PACKET_SIZE: Bounds = Bounds::new(1, 65_507, "must be [1,65507]");
const STATSD_INTERVAL: Bounds = Bounds::new(10_000_000, i64::MAX, "must be at least 10ms");
/// Heartbeats are asked for in steps of no less than a second.
const HEARTBEAT: Bounds = Bounds::new(1_000_000_000, i64::MAX, "must be at least 1s");

/// The name by which `--enable-experiment` opens `POST /debug/crash`.
pub const CHAOS: &str = "chaos";
/// The name by which `--enable-experiment` prefers consumers that are near.
pub const TOPOLOGY_AWARE_CONSUMPTION: &str = "topology-aware-consumption";

declare_options! {
    /// What an nsqd was told to do: decided, checked and ready for use.
    pub struct NsqdOptions declared in NSQD_OPTIONS {
        /// maximum deflate compression level a client can negotiate (> values == > nsqd CPU usage)
        max_deflate_level: u32 =
            flag("max-deflate-level").key("max_deflate_level").default("6").within(DEFLATE_LEVEL),
        /// unique part for message IDs in range [0,1024); unless given, a hash of the hostname
        node_id: u16 =
            flag("node-id").key("id").default_of_host(host::default_node_id, "617").within(NODE_ID),
        /// method with which auth servers are asked: get or post
        auth_http_request_method: AuthMethod =
            flag("auth-http-request-method").key("auth_http_request_method").default("get"),
        /// message processing time percentiles to keep track of (may be given multiple times or comma separated): each 0 < p <= 1
        e2e_processing_latency_percentiles: Percentiles =
            flag("e2e-processing-latency-percentile").key("e2e_processing_latency_percentiles").explains_itself(),

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
        /// host:port to listen on for HTTPS clients; empty, or no certificate, for no HTTPS
        https_address: Option<ListenAddress> =
            flag("https-address").key("https_address").default("0.0.0.0:4152"),
        /// address that will be registered with lookupd
        broadcast_address: String =
            flag("broadcast-address").key("broadcast_address").default_of_host(host::hostname, "nsqd1.example.com"),
        /// TCP port that will be registered with lookupd; 0 for the port that is listened on
        broadcast_tcp_port: u16 =
            flag("broadcast-tcp-port").key("broadcast_tcp_port").within(PORT),
        /// HTTP port that will be registered with lookupd; 0 for the port that is listened on
        broadcast_http_port: u16 =
            flag("broadcast-http-port").key("broadcast_http_port").within(PORT),
        /// lookupd TCP address (may be given multiple times)
        nsqlookupd_tcp_addresses: Vec<String> =
            flag("lookupd-tcp-address").key("nsqlookupd_tcp_addresses"),
        /// host:port or URL of an auth server (may be given multiple times); any makes clients authenticate
        auth_http_addresses: Vec<String> =
            flag("auth-http-address").key("auth_http_addresses"),
        /// timeout for HTTP connects to auth servers and lookupd
        http_client_connect_timeout: Duration =
            flag("http-client-connect-timeout").key("http_client_connect_timeout").default("2s").within(POSITIVE),
        /// timeout for HTTP requests to auth servers and lookupd, from the connect to the last byte
        http_client_request_timeout: Duration =
            flag("http-client-request-timeout").key("http_client_request_timeout").default("5s").within(POSITIVE),
        /// region of this node, told to clients and lookupd
        topology_region: String = flag("topology-region").key("topology_region"),
        /// zone of this node, told to clients and lookupd
        topology_zone: String = flag("topology-zone").key("topology_zone"),

        /// path to store disk-backed messages; it must exist; empty for the working directory
        data_path: PathBuf = flag("data-path").key("data_path"),
        /// what OK promises: process (the message outlives the end of the process) or power (it is on the disk); a topic may be created with another
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

        /// UDP host:port of a statsd daemon for pushing stats; empty for none
        statsd_address: String = flag("statsd-address").key("statsd_address"),
        /// prefix used for keys sent to statsd (%s for host replacement)
        statsd_prefix: String = flag("statsd-prefix").key("statsd_prefix").default("nsq.%s"),
        /// duration between pushing to statsd
        statsd_interval: Duration =
            flag("statsd-interval").key("statsd_interval").default("1m").within(STATSD_INTERVAL),
        /// push memory stats to statsd
        statsd_mem_stats: bool =
            flag("statsd-mem-stats").key("statsd_mem_stats").default("true"),
        /// the size in bytes of statsd UDP packets
        statsd_udp_packet_size: usize =
            flag("statsd-udp-packet-size").key("statsd_udp_packet_size").default("508").within(UDP_PACKET_SIZE),
        /// skip ephemeral topics and channels when pushing to statsd
        statsd_exclude_ephemeral: bool =
            flag("statsd-exclude-ephemeral").key("statsd_exclude_ephemeral"),
        /// calculate end to end latency quantiles for this duration of time
        e2e_processing_latency_window_time: Duration =
            flag("e2e-processing-latency-window-time").key("e2e_processing_latency_window_time").default("10m").within(POSITIVE),
        /// add a time series for each client connection to GET /metrics
        metrics_per_client: bool = flag("metrics-per-client").key("metrics_per_client"),

        /// path to certificate file (PEM); with a certificate and its key, clients may use TLS
        tls_cert: Option<PathBuf> = flag("tls-cert").key("tls_cert"),
        /// path to key file (PEM)
        tls_key: Option<PathBuf> = flag("tls-key").key("tls_key"),
        /// client certificate auth policy ('require' or 'require-verify'); either makes TLS required
        tls_client_auth_policy: ClientAuthPolicy =
            flag("tls-client-auth-policy").key("tls_client_auth_policy"),
        /// path to certificate authority file (PEM), for client certificates and for auth servers
        tls_root_ca_file: Option<PathBuf> = flag("tls-root-ca-file").key("tls_root_ca_file"),
        /// require TLS for client connections (true, false, tcp-https)
        tls_required: TlsRequired = flag("tls-required").key("tls_required"),
        /// minimum TLS version acceptable ('tls1.0', 'tls1.1', 'tls1.2', or 'tls1.3'); versions below 1.2 are not served
        tls_min_version: TlsMinVersion =
            flag("tls-min-version").key("tls_min_version").default("tls1.0"),
        /// enable deflate feature negotiation (client compression)
        deflate: bool = flag("deflate").key("deflate").default("true"),
        /// enable snappy feature negotiation (client compression)
        snappy: bool = flag("snappy").key("snappy").default("true"),

        /// number of threads that serve topics and clients; 0 to decide by the number of cores
        worker_threads: usize =
            flag("worker-threads").key("worker_threads").within(THREADS),
        /// has no effect: a topic's log is synced --sync-timeout after its first unsynced write
        sync_every: i64 = flag("sync-every").key("sync_every").default("2500"),
        /// has no effect: timeouts are exact and nothing is scanned
        queue_scan_worker_pool_max: i64 =
            flag("queue-scan-worker-pool-max").key("queue_scan_worker_pool_max").default("4"),
        /// has no effect: timeouts are exact and nothing is scanned
        queue_scan_selection_count: i64 =
            flag("queue-scan-selection-count").key("queue_scan_selection_count").default("20"),
        /// name of an experimental feature to enable (may be given multiple times): chaos (POST /debug/crash), topology-aware-consumption
        experiments: Vec<String> = flag("enable-experiment").key("enable_experiment"),
    }
    without field {
        /// print version string
        bool = flag("version"),
        /// path to config file (TOML)
        String = flag("config"),
        /// [deprecated] has no effect, use --log-level
        bool = flag("verbose"),
        /// [deprecated] has no effect, use --node-id
        bool = flag("worker-id"),
    }
}

impl Default for NsqdOptions {
    /// What holds on this machine if nothing is given.
    fn default() -> Self {
        Self::decide(&[]).expect("declared defaults pass their own checks, a test decides them")
    }
}

impl NsqdOptions {
    /// The directory of `--data-path`: without one, the working directory.
    pub fn data_dir(&self) -> &Path {
        if self.data_path.as_os_str().is_empty() { Path::new(".") } else { &self.data_path }
    }

    /// True if actors may be crashed on request.
    pub fn chaos_enabled(&self) -> bool {
        self.has_experiment(CHAOS)
    }

    /// True if consumers in this node's zone or region come first.
    pub fn prefers_near_consumers(&self) -> bool {
        self.has_experiment(TOPOLOGY_AWARE_CONSUMPTION)
    }

    fn has_experiment(&self, name: &str) -> bool {
        self.experiments.iter().any(|given| given == name)
    }

    /// Of whom TLS is required: a policy for the certificates of clients makes sense only if nobody can come without TLS.
    pub fn tls_required_in_effect(&self) -> TlsRequired {
        match (self.tls_required, self.tls_client_auth_policy) {
            (TlsRequired::No, ClientAuthPolicy::Require | ClientAuthPolicy::RequireVerify) => {
                TlsRequired::Yes
            }
            (required, _) => required,
        }
    }

    /// Names given to `--enable-experiment` that mean nothing here.
    pub fn unknown_experiments(&self) -> impl Iterator<Item = &str> {
        let known = [CHAOS, TOPOLOGY_AWARE_CONSUMPTION];
        self.experiments.iter().map(String::as_str).filter(move |name| !known.contains(name))
    }
}

#[cfg(test)]
mod tests;
