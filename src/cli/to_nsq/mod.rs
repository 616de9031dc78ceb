//! `to_nsq`: publishes what it reads.

mod delimiter;
mod input;
mod lane;
mod options;
mod rate;
mod records;

use std::{
    collections::BTreeSet,
    os::fd::AsFd,
    pin::pin,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use futures_util::future::try_join_all;
use tokio::{
    sync::{mpsc, watch},
    time::{sleep, timeout},
};

pub use self::options::{TO_NSQ_OPTIONS, ToNsqOptions};
use self::{
    input::{Input, Source},
    lane::Lane,
    rate::Rate,
    records::{Batch, BatchLimits, ReadError, Records},
};
use super::{
    console::Console,
    exit_code::ExitCode,
    logging::{self, OwnLines},
    progress::Progress,
    tool::{self, Refusal, StopSignals, require},
};
use crate::{client, config::typed::TypedOptions, protocol::TopicName};

pub(super) const PROGRAM: &str = "to_nsq";
/// Well below what an nsqd takes in one command unless it is told otherwise.
const BATCH: BatchLimits = BatchLimits { count: 2000, bytes: 128 * 1024 };
/// Batches that were read and are not on their way yet.
const BATCHES_WAITING: usize = 4;
/// How long a stop waits until all that was read is stored.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// Runs `to_nsq` with the arguments behind its name.
pub fn run(arguments: &[String], input: impl AsFd, console: &mut Console<'_>) -> ExitCode {
    tool::run::<ToNsqOptions>(PROGRAM, arguments, console, |typed, _| {
        let plan = Plan::new(typed)?;
        logging::init_utility(OwnLines::Plain);
        tool::block_on(publish(plan, input))?
    })
}

/// What was read, up to an empty batch or an error.
type Read = mpsc::Receiver<Result<Batch, ReadError>>;

/// What was asked for, checked.
struct Plan {
    topic: TopicName,
    addresses: BTreeSet<String>,
    delimiter: Vec<u8>,
    rate: Option<Rate>,
    retry_for: Duration,
    options: client::Options,
}

impl Plan {
    fn new(typed: &TypedOptions) -> Result<Self, Refusal> {
        let options: ToNsqOptions = tool::decide(typed)?;
        require(!options.topic.is_empty(), "--topic required")?;
        let delimiter = delimiter::parse(&options.delimiter).map_err(Refusal)?;
        let topic =
            TopicName::parse(&options.topic).map_err(|_| Refusal::new("--topic is invalid"))?;
        let client = tool::client_options(PROGRAM, &options.producer_opts)
            .map_err(|error| Refusal(format!("failed to create nsq.Producer - {error}")))?;
        require(!options.nsqd_tcp_addresses.is_empty(), "--nsqd-tcp-address required")?;
        Ok(Self {
            topic,
            addresses: options.nsqd_tcp_addresses.into_iter().collect(),
            delimiter,
            rate: Rate::new(options.rate, Instant::now()),
            retry_for: options.retry_for,
            options: client,
        })
    }
}

async fn publish(plan: Plan, input: impl AsFd) -> Result<(), Refusal> {
    let mut stop = StopSignals::new().map_err(Refusal::new)?;
    if let Some(rate) = &plan.rate {
        log::info!("Throttling messages rate to max:{}/second", rate.per_second());
    }
    let limits = match &plan.rate {
        Some(rate) => BatchLimits { count: rate.batch_max().min(BATCH.count), ..BATCH },
        None => BATCH,
    };
    let (input, stopper) = Input::new(input).map_err(Refusal::new)?;
    let records = read(Records::new(input, &plan.delimiter, limits))?;
    // With the last that was read the lanes end, for which a stop leaves them a moment.
    let (stopped, is_stopped) = watch::channel(false);
    let mut publishing = pin!(deal(plan, records, is_stopped));
    tokio::select! {
        published = &mut publishing => return published,
        () = stop.next() => {}
    }
    drop(stopper);
    let _ = stopped.send(true); // who deals is still there, it has not ended
    tokio::select! {
        published = &mut publishing => published,
        () = sleep(STOP_TIMEOUT) => Err(not_all()),
        () = stop.next() => Err(not_all()),
    }
}

fn not_all() -> Refusal {
    Refusal::new("stopped before all that was read is known to be stored")
}

/// Reads on a thread of its own, as that may take for ever.
fn read(mut records: Records<impl Source + Send + 'static>) -> Result<Read, Refusal> {
    let (sender, receiver) = mpsc::channel(BATCHES_WAITING);
    let read_on = move || {
        loop {
            let batch = records.next_batch();
            let is_last = batch.as_ref().map_or(true, Batch::is_empty);
            if sender.blocking_send(batch).is_err() || is_last {
                return;
            }
        }
    };
    thread::Builder::new().name("input".into()).spawn(read_on).map_err(Refusal::new)?;
    Ok(receiver)
}

/// Publishes everything to every nsqd, and waits until all is stored.
async fn deal(plan: Plan, records: Read, is_stopped: watch::Receiver<bool>) -> Result<(), Refusal> {
    let Plan { topic, addresses, rate, retry_for, options, .. } = plan;
    let (senders, receivers): (Vec<_>, Vec<_>) =
        addresses.iter().map(|_| mpsc::channel(BATCHES_WAITING)).unzip();
    let lanes = addresses.iter().zip(receivers).map(|(address, batches)| async {
        let lane = Lane::connect(address, topic.clone(), &options, retry_for).await?;
        lane.run(batches).await
    });
    let mut publishing = pin!(try_join_all(lanes));
    let handed_out = tokio::select! {
        published = &mut publishing => return published.map(drop), // one has failed
        handed_out = hand_out(records, rate, senders, is_stopped.clone()) => handed_out,
    };
    if handed_out == Ok(0) && *is_stopped.borrow() {
        return Ok(()); // whether there is a connection does not matter
    }
    publishing.await?;
    handed_out.map(drop)
}

/// Hands every batch to every lane until there are no more; how many there were. A stop ends the reading, and what was read
/// by then no longer waits for its turn.
async fn hand_out(
    mut records: Read,
    mut rate: Option<Rate>,
    lanes: Vec<mpsc::Sender<Arc<Batch>>>,
    mut is_stopped: watch::Receiver<bool>,
) -> Result<usize, Refusal> {
    let progress = Progress::start();
    let mut count = 0;
    loop {
        let batch = records.recv().await.unwrap_or_else(|| Ok(Batch::default()));
        let batch = Arc::new(batch.map_err(Refusal::new)?);
        if batch.is_empty() {
            return Ok(count);
        }
        count += 1;
        if let Some(rate) = &mut rate {
            let pause = rate.take(batch.len(), Instant::now());
            let _in_time = timeout(pause, is_stopped.wait_for(|&stopped| stopped)).await;
        }
        for lane in &lanes {
            let _failed = lane.send(Arc::clone(&batch)).await;
        }
        progress.add(batch.len(), batch.bytes());
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;
    use crate::cli::testing::{self, run_with};

    fn input() -> File {
        File::open("/dev/null").unwrap()
    }

    #[track_caller]
    fn refused(arguments: &[&str], reason: &str) {
        let to_nsq =
            |arguments: &[String], console: &mut Console<'_>| run(arguments, input(), console);
        testing::refused(to_nsq, arguments, reason);
    }

    #[test]
    fn flags_are_checked_in_upstreams_order() {
        let mut flags = vec!["--delimiter="];
        refused(&flags, "--topic required");
        flags.push("--topic=a b");
        refused(&flags, "--delimiter must not be empty");
        flags.push("--delimiter=,");
        refused(&flags, "--topic is invalid");
        flags.push("--topic=t");
        flags.push("--producer-opt=heartbeat_interval,90s");
        refused(
            &flags,
            "failed to create nsq.Producer - HeartbeatInterval 1m30s must be less than ReadTimeout 1m0s",
        );
        flags.push("--producer-opt=heartbeat_interval,9s");
        refused(&flags, "--nsqd-tcp-address required");
    }

    #[test]
    fn an_nsqd_that_is_not_there_at_the_start_is_an_error_at_once() {
        let reason = "dial tcp 127.0.0.1:1: connect: connection refused";
        refused(&["--topic=t", "--nsqd-tcp-address=127.0.0.1:1"], reason);
    }

    #[test]
    fn bad_producer_options_are_bad_flags() {
        let arguments = ["--producer-opt=bogus,1".to_owned()];
        let ran = run_with(|console| run(&arguments, input(), console));
        assert_eq!(ran.code, ExitCode::Usage);
        let expected = "invalid value \"bogus,1\" for flag -producer-opt: invalid option bogus\nUsage of to_nsq:\n";
        assert!(ran.err.starts_with(expected), "{}", ran.err);
    }
}
