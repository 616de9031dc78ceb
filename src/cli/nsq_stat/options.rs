//! The options of `nsq_stat`.

use crate::config::{
    GoDuration,
    declaration::{OptionError, OptionSpec, Options, declare_options, flag},
    typed::TypedOptions,
    value::{OptionType, Value},
};

declare_options! {
    /// What `nsq_stat` was told to do, not checked.
    pub struct NsqStatOptions declared in NSQ_STAT_OPTIONS {
        /// topic to show
        topic: String = flag("topic"),
        /// channel to show
        channel: String = flag("channel"),
        /// HTTP address of an nsqlookupd, host:port (may be given multiple times)
        lookupd_http_addresses: Vec<String> = flag("lookupd-http-address"),
        /// HTTP address of an nsqd, host:port (may be given multiple times)
        nsqd_http_addresses: Vec<String> = flag("nsqd-http-address"),
        /// time between two lines
        interval: GoDuration = flag("interval").default("2s"),
        /// number of lines to print; without end unless given
        count: i64 = flag("count"),
        /// timeout for HTTP connects
        http_client_connect_timeout: GoDuration =
            flag("http-client-connect-timeout").default("2s"),
        /// timeout for HTTP requests, from the connect to the last byte
        http_client_request_timeout: GoDuration =
            flag("http-client-request-timeout").default("5s"),
    }
    without field {
        /// print version string
        bool = flag("version"),
    }
}
