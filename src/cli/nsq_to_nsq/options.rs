//! The options of `nsq_to_nsq`.

use crate::{
    cli::{
        relay::{MANY, STATUS_EVERY},
        tool::check_client_option,
    },
    config::{
        declaration::{OptionError, OptionSpec, Options, declare_options, flag},
        typed::TypedOptions,
        value::{OptionType, Value},
    },
};

declare_options! {
    /// What `nsq_to_nsq` was told to do, not checked.
    pub struct NsqToNsqOptions declared in NSQ_TO_NSQ_OPTIONS {
        /// topic to consume (may be given multiple times)
        topics: Vec<String> = flag("topic"),
        /// channel to consume
        channel: String = flag("channel").default("nsq_to_nsq"),
        /// topic to publish to; each source topic's own unless given
        destination_topic: String = flag("destination-topic"),
        /// TCP address of an nsqd to publish to, host:port (may be given multiple times)
        destination_nsqd_tcp_addresses: Vec<String> = flag("destination-nsqd-tcp-address"),
        /// TCP address of an nsqd, host:port (may be given multiple times)
        nsqd_tcp_addresses: Vec<String> = flag("nsqd-tcp-address"),
        /// HTTP address of an nsqlookupd, host:port or URL (may be given multiple times)
        lookupd_http_addresses: Vec<String> = flag("lookupd-http-address"),
        /// number of messages in flight at most, for each topic
        max_in_flight: u32 = flag("max-in-flight").default("200").within(MANY),
        /// which address a message goes to: round-robin, hostpool or epsilon-greedy
        mode: String = flag("mode").default("hostpool"),
        /// number of messages between two lines of statistics; 0 for none
        status_every: usize = flag("status-every").default("250").within(STATUS_EVERY),
        /// field of JSON objects to pass on; other fields are left out (may be given multiple times)
        whitelist_json_fields: Vec<String> = flag("whitelist-json-field"),
        /// pass on only JSON objects that have this field
        require_json_field: String = flag("require-json-field"),
        /// pass on only JSON objects whose required field has this value
        require_json_value: String = flag("require-json-value"),
        /// topic for messages that are no JSON object where fields are asked for; they are dropped unless given
        invalid_json_topic: String = flag("invalid-json-topic"),
        /// option of the consumers, key,value (may be given multiple times); max_attempts is 0 unless given
        consumer_opts: Vec<String> = flag("consumer-opt").checked(check_client_option),
        /// option of the producers, key,value (may be given multiple times)
        producer_opts: Vec<String> = flag("producer-opt").checked(check_client_option),
    }
    without field {
        /// print version string
        bool = flag("version"),
    }
}
