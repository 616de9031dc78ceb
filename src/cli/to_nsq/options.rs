//! The options of `to_nsq`.

use std::time::Duration;

use crate::{
    cli::tool::check_client_option,
    config::{
        declaration::{OptionError, OptionSpec, Options, declare_options, flag},
        typed::TypedOptions,
        value::{OptionType, Value},
    },
};

declare_options! {
    /// What `to_nsq` was told to do, not checked.
    pub struct ToNsqOptions declared in TO_NSQ_OPTIONS {
        /// topic to publish to
        topic: String = flag("topic"),
        /// TCP address of an nsqd to publish to, host:port (may be given multiple times; each gets every message)
        nsqd_tcp_addresses: Vec<String> = flag("nsqd-tcp-address"),
        /// what stands between two messages: any text, with \n \r \t \0 \\ \xNN in texts of two bytes or more
        delimiter: String = flag("delimiter").default("\n"),
        /// messages per second, less than 1 for no limit
        rate: i64 = flag("rate"),
        /// how long an nsqd that was connected may be away before that is an error; 0 for not at all
        retry_for: Duration = flag("retry-for").default("30s"),
        /// option of the producer, key,value (may be given multiple times)
        producer_opts: Vec<String> = flag("producer-opt").checked(check_client_option),
    }
    without field {
        /// print version string
        bool = flag("version"),
    }
}
