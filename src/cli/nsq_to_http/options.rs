//! The options of `nsq_to_http`.

use std::time::Duration;

use crate::{
    cli::{
        relay::{MANY, STATUS_EVERY, TIMEOUT},
        tool::check_client_option,
    },
    config::{
        declaration::{OptionError, OptionSpec, Options, declare_options, flag},
        typed::TypedOptions,
        value::{OptionType, Value},
    },
};

/// What is said to be sent unless something else is.
pub const CONTENT_TYPE: &str = "application/octet-stream";

declare_options! {
    /// What `nsq_to_http` was told to do, not checked.
    pub struct NsqToHttpOptions declared in NSQ_TO_HTTP_OPTIONS {
        /// topic to consume
        topic: String = flag("topic"),
        /// channel to consume
        channel: String = flag("channel").default("nsq_to_http"),
        /// TCP address of an nsqd, host:port (may be given multiple times)
        nsqd_tcp_addresses: Vec<String> = flag("nsqd-tcp-address"),
        /// HTTP address of an nsqlookupd, host:port or URL (may be given multiple times)
        lookupd_http_addresses: Vec<String> = flag("lookupd-http-address"),
        /// URL for POST requests, whose body is the message (may be given multiple times)
        post_addresses: Vec<String> = flag("post"),
        /// URL for GET requests; its %s is replaced by the message, escaped as in a form, and other percent signs stay (may be given multiple times)
        get_addresses: Vec<String> = flag("get"),
        /// which address a message goes to: round-robin, hostpool, epsilon-greedy or all
        mode: String = flag("mode").default("hostpool"),
        /// number of requests at a time
        handlers: usize = flag("n").default("100").within(MANY),
        /// number of messages in flight at most
        max_in_flight: u32 = flag("max-in-flight").default("200").within(MANY),
        /// fraction of the messages to send, from 0 to 1; the others are finished unsent
        sample: f64 = flag("sample").default("1"),
        /// timeout for HTTP connects
        http_client_connect_timeout: Duration =
            flag("http-client-connect-timeout").default("2s").within(TIMEOUT),
        /// timeout for HTTP requests, from the connect to the last byte
        http_client_request_timeout: Duration =
            flag("http-client-request-timeout").default("20s").within(TIMEOUT),
        /// Content-Type of POST requests
        content_type: String = flag("content-type").default(CONTENT_TYPE),
        /// header for HTTP requests, 'Name: value' (may be given multiple times)
        headers: Vec<String> = flag("header"),
        /// number of requests between two lines of statistics; 0 for none
        status_every: usize = flag("status-every").default("250").within(STATUS_EVERY),
        /// option of the consumer, key,value (may be given multiple times); max_attempts is 0 unless given
        consumer_opts: Vec<String> = flag("consumer-opt").checked(check_client_option),
    }
    without field {
        /// print version string
        bool = flag("version"),
    }
}
