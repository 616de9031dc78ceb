//! `nsq_tail`: prints messages.

mod client;
mod format;
mod options;

use std::{
    io::{self, ErrorKind},
    time::Duration,
};

pub use self::options::{NSQ_TAIL_OPTIONS, NsqTailOptions};
use self::{
    client::{Arrived, Client},
    format::{Facts, Format},
};
use super::{
    console::Console,
    exit_code::ExitCode,
    logging::{self, OwnLines},
    tool::{self, Refusal, require},
};
use crate::{
    client::{Consumer, ConsumerBuilder, Delivery, Options},
    config::typed::TypedOptions,
    protocol::{ChannelName, TopicName},
};

pub(super) const PROGRAM: &str = "nsq_tail";

/// Runs `nsq_tail` with the arguments behind its name.
pub fn run(arguments: &[String], console: &mut Console<'_>) -> ExitCode {
    tool::run::<NsqTailOptions>(PROGRAM, arguments, console, |typed, console| {
        let plan = Plan::new(typed)?;
        logging::init_utility(OwnLines::Plain);
        tail(plan, console)
    })
}

/// What was asked for, checked.
struct Plan {
    topics: Vec<TopicName>,
    channel: ChannelName,
    /// Of each topic.
    count: Option<u64>,
    format: Format,
    nsqds: Vec<String>,
    lookupds: Vec<String>,
    options: Options,
}

impl Plan {
    fn new(typed: &TypedOptions) -> Result<Self, Refusal> {
        let options: NsqTailOptions = tool::decide(typed)?;
        let (nsqds, lookupds) = (options.nsqd_tcp_addresses, options.lookupd_http_addresses);
        tool::one_kind(("nsqd-tcp-address", &nsqds), ("lookupd-http-address", &lookupds))?;
        require(!options.topics.is_empty(), "--topic required")?;
        let topics = tool::topics(&options.topics)?;
        let channel = match options.channel.as_str() {
            "" => ephemeral_channel(),
            name => tool::channel(name)?,
        };
        let count = Some(options.count).filter(|&count| count > 0);
        let mut client = tool::client_options(PROGRAM, &options.consumer_opts)?;
        let wanted = count.and_then(|count| u32::try_from(count).ok()).unwrap_or(u32::MAX);
        client.max_in_flight = options.max_in_flight.min(wanted);
        let format = match (options.json, options.print_topic) {
            (true, _) => Format::Json,
            (false, true) => Format::WithTopic,
            (false, false) => Format::Raw,
        };
        Ok(Self { topics, channel, count, format, nsqds, lookupds, options: client })
    }
}

/// A channel that is gone with its last consumer.
fn ephemeral_channel() -> ChannelName {
    let name = format!("tail{:06}#ephemeral", fastrand::u32(..1_000_000));
    ChannelName::parse(name).expect("letters, digits and the suffix are a name")
}

impl Plan {
    fn consumer(&self, topic: &TopicName) -> ConsumerBuilder {
        log::info!("Adding consumer for topic: {topic}");
        Consumer::builder(topic.clone(), self.channel.clone())
            .options(self.options.clone())
            .nsqds(self.nsqds.clone())
            .lookupds(self.lookupds.clone())
    }
}

fn tail(plan: Plan, console: &mut Console<'_>) -> Result<(), Refusal> {
    let mut client = Client::start(plan.topics.iter().map(|topic| plan.consumer(topic)).collect())?;
    let mut printing =
        Printing { left: vec![plan.count; plan.topics.len()], plan, lines: Vec::new() };
    let mut failed = None;
    let mut is_done = false;
    while let Some(arrived) = client.arrived.blocking_recv() {
        if is_done {
            arrived.deliveries.into_iter().for_each(give_back);
            continue;
        }
        match printing.print(arrived, console) {
            Ok(goes_on) => is_done = !goes_on,
            Err(error) => (failed, is_done) = (Some(error), true),
        }
        if is_done {
            client.stop.notify_one();
        }
    }
    match failed {
        Some(error) if error.kind() != ErrorKind::BrokenPipe => {
            return Err(Refusal(format!("ERROR: failed to write to os.Stdout - {error}")));
        }
        _ => {}
    }
    client.end()
}

/// Somebody else is to have it, at once.
fn give_back(delivery: Delivery) {
    let _gone = delivery.requeue(Duration::ZERO);
}

struct Printing {
    plan: Plan,
    /// Messages to print of each topic.
    left: Vec<Option<u64>>,
    lines: Vec<u8>,
}

impl Printing {
    /// Prints messages and finishes them; false once enough of a topic are printed. What is not printed is given back.
    fn print(&mut self, arrived: Arrived, console: &mut Console<'_>) -> io::Result<bool> {
        let Arrived { topic, mut deliveries } = arrived;
        let wanted = self.left[topic].and_then(|left| usize::try_from(left).ok());
        let count = deliveries.len().min(wanted.unwrap_or(usize::MAX));
        let surplus = deliveries.split_off(count);
        self.lines.clear();
        for delivery in &deliveries {
            put(self.plan.format, &self.plan.topics[topic], delivery, &mut self.lines);
        }
        if let Err(error) = console.write(&self.lines) {
            deliveries.into_iter().chain(surplus).for_each(give_back);
            return Err(error);
        }
        for delivery in deliveries {
            let _gone = delivery.finish();
        }
        surplus.into_iter().for_each(give_back);
        let left = &mut self.left[topic];
        *left = left.map(|left| left - count as u64);
        Ok(*left != Some(0))
    }
}

fn put(format: Format, topic: &TopicName, delivery: &Delivery, out: &mut Vec<u8>) {
    let id = match format {
        Format::Json => delivery.id().to_string(),
        Format::Raw | Format::WithTopic => String::new(),
    };
    let facts = Facts {
        topic: topic.as_str(),
        id: &id,
        timestamp: delivery.timestamp_ns(),
        attempts: delivery.attempts(),
        nsqd: delivery.nsqd_address(),
        body: delivery.body(),
    };
    format.put(facts, out);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::testing;

    #[track_caller]
    fn refused(arguments: &[&str], reason: &str) {
        testing::refused(run, arguments, reason);
    }

    #[test]
    fn messages_in_flight_are_one_at_least_and_no_more_than_nsqd_can_count() {
        for count in ["0", "-1", "2147483649", "5000000000"] {
            let flag = format!("--max-in-flight={count}");
            refused(&[&flag], "--max-in-flight must be [1,2147483648]");
        }
        refused(
            &["--max-in-flight=2147483648"],
            "--nsqd-tcp-address or --lookupd-http-address required",
        );
    }

    #[test]
    fn flags_are_checked_in_upstreams_order() {
        refused(&[], "--nsqd-tcp-address or --lookupd-http-address required");
        let nsqd = "--nsqd-tcp-address=127.0.0.1:1";
        let both = "use --nsqd-tcp-address or --lookupd-http-address not both";
        refused(&[nsqd, "--lookupd-http-address=a:1"], both);
        refused(&[nsqd], "--topic required");
        refused(&[nsqd, "--topic=a b"], "invalid topic name");
        refused(&[nsqd, "--topic=t", "--channel=a b"], "invalid channel name");
        refused(&["--lookupd-http-address=a", "--topic=t"], "missing port");
    }

    #[test]
    fn an_nsqd_that_is_not_there_at_the_start_is_an_error() {
        let reason = "(127.0.0.1:1) dial tcp 127.0.0.1:1: connect: connection refused";
        refused(&["--nsqd-tcp-address=127.0.0.1:1", "--topic=t"], reason);
    }

    #[test]
    fn channels_of_its_own_are_ephemeral() {
        let name = ephemeral_channel();
        assert!(
            name.is_ephemeral() && name.as_str().starts_with("tail") && name.as_str().len() == 20
        );
    }
}
