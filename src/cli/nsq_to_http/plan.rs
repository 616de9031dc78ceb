//! What the flags ask for, checked.

use super::{
    PROGRAM,
    headers::{self, headers},
    options::{CONTENT_TYPE, NsqToHttpOptions},
    requests::{Limits, Requests, Targets},
};
use crate::{
    cli::{
        relay::{
            consumer_options,
            destinations::{Destinations, Measured, Spread},
            hosts::Mode,
        },
        tool::{self, Refusal, require},
    },
    client,
    config::typed::TypedOptions,
    protocol::{ChannelName, TopicName},
};

/// What was asked for.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) topic: TopicName,
    pub(super) channel: ChannelName,
    pub(super) nsqds: Vec<String>,
    pub(super) lookupds: Vec<String>,
    pub(super) consumer: client::Options,
    pub(super) destinations: Destinations,
    pub(super) requests: Requests,
    pub(super) handlers: usize,
    pub(super) sample: f64,
}

impl Plan {
    /// Checks in upstream's order.
    pub(super) fn new(typed: &TypedOptions) -> Result<Self, Refusal> {
        let options: NsqToHttpOptions = tool::decide(typed)?;
        let extra_headers = headers::parse(&options.headers)?;
        let is_named = !options.topic.is_empty() && !options.channel.is_empty();
        require(is_named, "--topic and --channel are required")?;
        check_content_type(&options)?;
        let (nsqds, lookupds) = (options.nsqd_tcp_addresses, options.lookupd_http_addresses);
        tool::one_kind(("nsqd-tcp-address", &nsqds), ("lookupd-http-address", &lookupds))?;
        let (posts, gets) = (options.post_addresses, options.get_addresses);
        let targets = Targets::new(&posts, &gets)?;
        let is_fraction = (0.0..=1.0).contains(&options.sample);
        require(is_fraction, "ERROR: --sample must be between 0.0 and 1.0")?;
        let content_type = (!posts.is_empty()).then_some(options.content_type.as_str());
        let headers = headers(content_type, &extra_headers)?;
        let spread = spread(&options.mode)?;
        let limits = Limits {
            connect: options.http_client_connect_timeout,
            request: options.http_client_request_timeout,
            requests: options.handlers,
        };
        let mut consumer = consumer_options(PROGRAM, &options.consumer_opts)?;
        consumer.max_in_flight = options.max_in_flight;
        Ok(Self {
            topic: tool::topic(&options.topic)?,
            channel: tool::channel(&options.channel)?,
            nsqds,
            lookupds,
            consumer,
            destinations: Destinations::new(
                [posts, gets].concat(),
                spread,
                Measured::Successes,
                options.status_every,
            ),
            requests: Requests::new(targets, headers, limits)?,
            handlers: options.handlers,
            sample: options.sample,
        })
    }
}

fn check_content_type(options: &NsqToHttpOptions) -> Result<(), Refusal> {
    if options.content_type == CONTENT_TYPE {
        return Ok(());
    }
    require(!options.post_addresses.is_empty(), "--content-type only used with --post")?;
    require(!options.content_type.is_empty(), "--content-type requires a value when used")
}

/// In upstream every other word means all; `multicast` is how that was once called.
fn spread(mode: &str) -> Result<Spread, Refusal> {
    if matches!(mode, "all" | "multicast") {
        return Ok(Spread::All);
    }
    let unknown = || {
        Refusal::new(format!(
            "--mode must be round-robin, hostpool, epsilon-greedy or all, not {mode:?}"
        ))
    };
    Mode::parse(mode).map(Spread::One).ok_or_else(unknown)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{
        exit_code::ExitCode,
        nsq_to_http::run,
        testing::{self, Ran},
    };

    fn call(arguments: &[&str]) -> Ran {
        testing::call(run, arguments)
    }

    #[track_caller]
    fn refused(arguments: &[&str], reason: &str) {
        testing::refused(run, arguments, reason);
    }

    #[test]
    fn flags_are_checked_in_upstreams_order() {
        let bad_header = "--header value format should be 'key=value'";
        refused(&["--header=a=b"], bad_header);
        let mut flags = vec!["--content-type=", "--sample=1.5", "--mode=hostpol"];
        for (repaired, reason) in [
            (&["--topic=t"][..], "--topic and --channel are required"),
            (&["--post=a"], "--content-type only used with --post"),
            (&["--content-type=a/b"], "--content-type requires a value when used"),
            (&["--nsqd-tcp-address=a:1"], "--nsqd-tcp-address or --lookupd-http-address required"),
            (&["--get=a%s"], "invalid POST address - a: relative URL without a base"),
        ] {
            refused(&flags, reason);
            flags.extend(repaired);
        }
        refused(&flags, "use --get or --post not both");
    }

    #[test]
    fn later_checks_come_in_order_too() {
        let mut flags =
            vec!["--topic=t", "--sample=1.5", "--mode=hostpol", "--nsqd-tcp-address=a:1"];
        refused(&flags, "--get or --post required");
        refused(
            &[&flags[..], &["--lookupd-http-address=b:1"]].concat(),
            "use --nsqd-tcp-address or --lookupd-http-address not both",
        );
        refused(
            &[&flags[..], &["--get=http://a/"]].concat(),
            "invalid GET address - must be a printf string",
        );
        flags.push("--get=http://a/%s");
        refused(&[&flags[..], &["--channel="]].concat(), "--topic and --channel are required");
        refused(&flags, "ERROR: --sample must be between 0.0 and 1.0");
        refused(
            &[&flags[..], &["--sample=nan"]].concat(),
            "ERROR: --sample must be between 0.0 and 1.0",
        );
        flags.push("--sample=0.5");
        refused(
            &flags,
            "--mode must be round-robin, hostpool, epsilon-greedy or all, not \"hostpol\"",
        );
        flags.extend(["--mode=all", "--topic=a$"]);
        refused(&flags, "invalid topic name");
    }

    #[test]
    fn numbers_have_bounds() {
        for (flag, reason) in [
            ("-n=0", "--n must be [1,1000000]"),
            ("--max-in-flight=-1", "--max-in-flight must be [1,1000000]"),
            ("--status-every=-1", "--status-every must be [0,1000000]"),
            (
                "--http-client-request-timeout=0",
                "--http-client-request-timeout must be greater than 0",
            ),
        ] {
            refused(&[flag], reason);
        }
    }

    #[test]
    fn options_of_the_consumer_are_flag_errors() {
        let ran = call(&["--consumer-opt=max_attemps,3"]);
        assert_eq!((ran.code, ran.out.as_str()), (ExitCode::Usage, ""));
        let start = "invalid value \"max_attemps,3\" for flag -consumer-opt: invalid option max_attemps\n\
                     Usage of nsq_to_http:\n";
        assert!(ran.err.starts_with(start), "{}", ran.err);
    }

    #[test]
    fn modes_have_names() {
        assert_eq!(spread("hostpool"), Ok(Spread::One(Mode::Hostpool)));
        assert_eq!(spread("multicast"), Ok(Spread::All));
        assert!(spread("").is_err());
    }

    #[test]
    fn the_version_is_the_programs_own() {
        let ran = call(&["--version"]);
        assert_eq!(ran.code, ExitCode::Success);
        assert_eq!(ran.out, format!("nsq_to_http v{}\n", crate::config::NSQ_VERSION));
    }
}
