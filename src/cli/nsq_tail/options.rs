//! The options of `nsq_tail`.

use crate::{
    cli::tool::{IN_FLIGHT, check_client_option},
    config::{
        declaration::{NOT_NEGATIVE, OptionError, OptionSpec, Options, declare_options, flag},
        typed::TypedOptions,
        value::{OptionType, Value},
    },
};

declare_options! {
    /// What `nsq_tail` was told to do, not checked.
    pub struct NsqTailOptions declared in NSQ_TAIL_OPTIONS {
        /// topic to print (may be given multiple times)
        topics: Vec<String> = flag("topic"),
        /// channel to read; one of its own that is gone afterwards unless given
        channel: String = flag("channel"),
        /// messages of a topic to have in flight at most
        max_in_flight: u32 = flag("max-in-flight").default("200").within(IN_FLIGHT),
        /// number of messages to print of one topic before the program ends, 0 for without end
        count: u64 = flag("n").within(NOT_NEGATIVE),
        /// print the topic in front of each message
        print_topic: bool = flag("print-topic"),
        /// print each message as a line of JSON with topic, id, timestamp, attempts and nsqd
        json: bool = flag("json"),
        /// TCP address of an nsqd, host:port (may be given multiple times)
        nsqd_tcp_addresses: Vec<String> = flag("nsqd-tcp-address"),
        /// HTTP address of an nsqlookupd, host:port or URL (may be given multiple times)
        lookupd_http_addresses: Vec<String> = flag("lookupd-http-address"),
        /// option of the consumer, key,value (may be given multiple times)
        consumer_opts: Vec<String> = flag("consumer-opt").checked(check_client_option),
    }
    without field {
        /// print version string
        bool = flag("version"),
    }
}
