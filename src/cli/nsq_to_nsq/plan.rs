//! What the flags ask for, checked.

use std::{collections::BTreeSet, time::Duration};

use super::{PROGRAM, json_filter::JsonFilter, options::NsqToNsqOptions};
use crate::{
    cli::{
        relay::{
            consumer_options,
            destinations::{Destinations, Measured, Spread},
            hosts::Mode,
        },
        tool::{self, Refusal, require},
    },
    client::{self, Producer, ProducerLimits},
    config::typed::TypedOptions,
    protocol::{ChannelName, TopicName},
};

/// How long a single destination may be away before messages go back to their source; of several, the next one is better.
const PATIENCE: Duration = Duration::from_secs(5);

/// What was asked for.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) topics: BTreeSet<TopicName>,
    pub(super) channel: ChannelName,
    pub(super) nsqds: Vec<String>,
    pub(super) lookupds: Vec<String>,
    pub(super) consumer: client::Options,
    pub(super) producers: Vec<Producer>,
    pub(super) destinations: Destinations,
    /// Each source topic's own unless given.
    pub(super) destination_topic: Option<TopicName>,
    pub(super) filter: Option<JsonFilter>,
    pub(super) invalid_topic: Option<TopicName>,
}

impl Plan {
    /// Checks in upstream's order.
    pub(super) fn new(typed: &TypedOptions) -> Result<Self, Refusal> {
        let options: NsqToNsqOptions = tool::decide(typed)?;
        let is_named = !options.topics.is_empty() && !options.channel.is_empty();
        require(is_named, "--topic and --channel are required")?;
        let topics = options.topics.iter().map(|topic| named(topic, "--topic is invalid"));
        let topics: BTreeSet<_> = topics.collect::<Result<_, _>>()?;
        let destination_topic =
            optional_topic(&options.destination_topic, "--destination-topic is invalid")?;
        let channel = ChannelName::parse(&options.channel)
            .map_err(|_| Refusal::new("--channel is invalid"))?;
        let (nsqds, lookupds) = (&options.nsqd_tcp_addresses, &options.lookupd_http_addresses);
        tool::one_kind(("nsqd-tcp-address", nsqds), ("lookupd-http-address", lookupds))?;
        let addresses = options.destination_nsqd_tcp_addresses.clone();
        require(!addresses.is_empty(), "--destination-nsqd-tcp-address required")?;
        let mode = Mode::parse(&options.mode).ok_or_else(|| bad_mode(&options.mode))?;
        let (filter, invalid_topic) = filter(&options)?;
        refuse_circles(&options, &topics, destination_topic.as_ref(), invalid_topic.as_ref())?;
        let mut consumer = consumer_options(PROGRAM, &options.consumer_opts)?;
        consumer.max_in_flight = options.max_in_flight;
        let producers = producers(&addresses, &options.producer_opts)?;
        let spread = Spread::One(mode);
        Ok(Self {
            topics,
            channel,
            nsqds: options.nsqd_tcp_addresses,
            lookupds: options.lookupd_http_addresses,
            consumer,
            producers,
            destinations: Destinations::new(
                addresses,
                spread,
                Measured::Everything,
                options.status_every,
            ),
            destination_topic,
            filter,
            invalid_topic,
        })
    }
}

fn named(topic: &str, reason: &str) -> Result<TopicName, Refusal> {
    TopicName::parse(topic).map_err(|_| Refusal::new(reason))
}

fn optional_topic(topic: &str, reason: &str) -> Result<Option<TopicName>, Refusal> {
    (!topic.is_empty()).then(|| named(topic, reason)).transpose()
}

fn bad_mode(mode: &str) -> Refusal {
    Refusal(format!("--mode must be round-robin, hostpool or epsilon-greedy, not {mode:?}"))
}

fn filter(options: &NsqToNsqOptions) -> Result<(Option<JsonFilter>, Option<TopicName>), Refusal> {
    let (field, value) = (&options.require_json_field, &options.require_json_value);
    require(
        value.is_empty() || !field.is_empty(),
        "--require-json-value only used with --require-json-field",
    )?;
    let filter = JsonFilter::new(&options.whitelist_json_fields, field, value);
    let invalid = optional_topic(&options.invalid_json_topic, "--invalid-json-topic is invalid")?;
    require(
        invalid.is_none() || filter.is_some(),
        "--invalid-json-topic only used with --whitelist-json-field or --require-json-field",
    )?;
    Ok((filter, invalid))
}

/// A message must not come back to where it was taken from.
fn refuse_circles(
    options: &NsqToNsqOptions,
    topics: &BTreeSet<TopicName>,
    destination: Option<&TopicName>,
    invalid: Option<&TopicName>,
) -> Result<(), Refusal> {
    let mut sources = options.nsqd_tcp_addresses.iter();
    let Some(address) =
        sources.find(|source| options.destination_nsqd_tcp_addresses.contains(source))
    else {
        return Ok(());
    };
    let stays = destination.is_none_or(|topic| topics.contains(topic))
        || invalid.is_some_and(|topic| topics.contains(topic));
    require(
        !stays,
        &format!(
            "{address} is source and destination of the same topic: messages would come back for ever"
        ),
    )
}

fn producers(addresses: &[String], texts: &[String]) -> Result<Vec<Producer>, Refusal> {
    let options = tool::client_options(PROGRAM, texts)?;
    let patience = if addresses.len() > 1 { Duration::ZERO } else { PATIENCE };
    let limits = ProducerLimits { connect_patience: patience, ..ProducerLimits::default() };
    let producer = |address: &String| {
        Producer::with_limits(address, &options, limits.clone()).map_err(Refusal::new)
    };
    addresses.iter().map(producer).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{
        exit_code::ExitCode,
        nsq_to_nsq::run,
        testing::{self, Ran},
    };

    fn call(arguments: &[&str]) -> Ran {
        testing::call(run, arguments)
    }

    #[track_caller]
    fn refused(arguments: &[&str], reason: &str) {
        testing::refused(run, arguments, reason);
    }

    const SOURCE: &str = "--nsqd-tcp-address=a:1";
    const DESTINATION: &str = "--destination-nsqd-tcp-address=b:1";

    #[test]
    fn flags_are_checked_in_upstreams_order() {
        let mut flags = vec!["--destination-topic=b$", "--mode=all", "--require-json-value=1"];
        refused(&flags, "--topic and --channel are required");
        refused(&["--topic=t", "--channel="], "--topic and --channel are required");
        refused(&["--topic=t", "--topic=a$"], "--topic is invalid");
        flags.push("--topic=t");
        refused(&flags, "--destination-topic is invalid");
        flags.push("--destination-topic=t");
        refused(&[&flags[..], &["--channel=c$"]].concat(), "--channel is invalid");
        for (repaired, reason) in [
            (SOURCE, "--nsqd-tcp-address or --lookupd-http-address required"),
            (DESTINATION, "--destination-nsqd-tcp-address required"),
            (
                "--mode=hostpool",
                "--mode must be round-robin, hostpool or epsilon-greedy, not \"all\"",
            ),
            ("--require-json-field=f", "--require-json-value only used with --require-json-field"),
        ] {
            refused(&flags, reason);
            flags.push(repaired);
        }
        refused(
            &[&flags[..], &["--lookupd-http-address=c:1"]].concat(),
            "use --nsqd-tcp-address or --lookupd-http-address not both",
        );
    }

    #[test]
    fn the_topic_for_what_is_no_json_must_make_sense() {
        let flags = ["--topic=t", SOURCE, DESTINATION, "--invalid-json-topic=x"];
        refused(
            &flags,
            "--invalid-json-topic only used with --whitelist-json-field or --require-json-field",
        );
        let bad = [&flags[..3], &["--invalid-json-topic=x$", "--require-json-field=a"]].concat();
        refused(&bad, "--invalid-json-topic is invalid");
    }

    #[test]
    fn messages_do_not_come_back() {
        let same = "--destination-nsqd-tcp-address=a:1";
        let reason =
            "a:1 is source and destination of the same topic: messages would come back for ever";
        refused(&["--topic=t", "--topic=u", SOURCE, same], reason);
        refused(&["--topic=t", SOURCE, same, DESTINATION, "--destination-topic=t"], reason);
        let elsewhere =
            ["--topic=t", SOURCE, same, "--destination-topic=u", "--require-json-field=f"];
        refused(&[&elsewhere[..], &["--invalid-json-topic=t"]].concat(), reason);
        let typed = |arguments: &[&str]| {
            let arguments = arguments.iter().map(|&argument| argument.to_owned());
            crate::config::flags::parse(super::super::NSQ_TO_NSQ_OPTIONS, arguments)
                .unwrap()
                .options
        };
        assert!(Plan::new(&typed(&elsewhere)).is_ok());
        assert!(Plan::new(&typed(&["--topic=t", SOURCE, DESTINATION])).is_ok());
    }

    #[test]
    fn the_version_is_the_programs_own() {
        let ran = call(&["--version"]);
        assert_eq!(ran.code, ExitCode::Success);
        assert_eq!(ran.out, format!("nsq_to_nsq v{}\n", crate::config::NSQ_VERSION));
    }
}
