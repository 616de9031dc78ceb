//! The options of `nsq_to_file`.

use std::path::PathBuf;

use crate::{
    cli::tool::IN_FLIGHT,
    config::{
        GoDuration,
        declaration::{OptionError, OptionSpec, Options, declare_options, flag},
        typed::TypedOptions,
        value::{OptionType, Value},
    },
};

declare_options! {
    /// What `nsq_to_file` was told to do, not checked.
    pub struct NsqToFileOptions declared in NSQ_TO_FILE_OPTIONS {
        /// topic to archive (may be given multiple times)
        topics: Vec<String> = flag("topic"),
        /// archive the topics that match this regular expression
        topic_pattern: String = flag("topic-pattern"),
        /// time between two looks for new topics that match, 0 for none
        topic_refresh: GoDuration = flag("topic-refresh").default("1m"),
        /// channel to read
        channel: String = flag("channel").default("nsq_to_file"),
        /// TCP address of an nsqd, host:port (may be given multiple times)
        nsqd_tcp_addresses: Vec<String> = flag("nsqd-tcp-address"),
        /// HTTP address of an nsqlookupd, host:port or URL (may be given multiple times)
        lookupd_http_addresses: Vec<String> = flag("lookupd-http-address"),
        /// messages of a topic to have in flight at most, and to write between two syncs
        max_in_flight: u32 = flag("max-in-flight").default("200").within(IN_FLIGHT),
        /// option of the consumer, key,value (may be given multiple times); one that is no option is ignored with a warning
        consumer_opts: Vec<String> = flag("consumer-opt"),
        /// timeout for HTTP connects to nsqlookupd when topics are looked for
        http_client_connect_timeout: GoDuration = flag("http-client-connect-timeout").default("2s"),
        /// timeout for HTTP requests to nsqlookupd when topics are looked for
        http_client_request_timeout: GoDuration = flag("http-client-request-timeout").default("5s"),

        /// directory for finished files
        output_dir: PathBuf = flag("output-dir").default("/tmp"),
        /// directory for files that are being written; the output directory unless given
        work_dir: PathBuf = flag("work-dir"),
        /// what <DATETIME> becomes, in the manner of strftime
        datetime_format: String = flag("datetime-format").default("%Y-%m-%d_%H"),
        /// names of files, with <TOPIC>, <HOST>, <PID>, <DATETIME> and <REV>, a number that counts up
        filename_format: String =
            flag("filename-format").default("<TOPIC>.<HOST><REV>.<DATETIME>.log"),
        /// what <HOST> becomes, with <SHORT_HOST> and <HOSTNAME>; the short name of the host unless given
        host_identifier: String = flag("host-identifier"),
        /// compress with gzip
        gzip: bool = flag("gzip"),
        /// level of compression, 1 (fastest) to 9 (smallest)
        gzip_level: i64 = flag("gzip-level").default("6"),
        /// open files for messages only
        skip_empty_files: bool = flag("skip-empty-files"),
        /// begin a new file when one has more bytes than this before compression, 0 for no limit
        rotate_size: u64 = flag("rotate-size"),
        /// begin a new file when one was opened longer ago than this, 0 for no limit
        rotate_interval: GoDuration = flag("rotate-interval"),
        /// longest time between two syncs; what is not synced is not finished
        sync_interval: GoDuration = flag("sync-interval").default("30s"),

        /// set log verbosity: debug, info, warn, error, or fatal
        log_level: String = flag("log-level").default("info"),
        /// log message prefix
        log_prefix: String = flag("log-prefix").default("[nsq_to_file] "),
    }
    without field {
        /// print version string
        bool = flag("version"),
    }
}
