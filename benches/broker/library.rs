//! What the client library costs: publishing and consuming through it, on both of tokio's runtimes.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use nsq_actors::bench::Meter;
use nsq_actors::client::{
    ChannelName, Consumer, ConsumerBuilder, Options, Producer, Receipt, TopicName,
};
use serde::Serialize;
use tokio::{runtime, sync::Notify};

use crate::{
    Result,
    cases::{BATCH, BODY_SIZE, CHANNEL, RDY, Sample, TOPIC},
    server::{Program, Server},
};

const MESSAGES: f64 = 1_000_000.0;
const RUNS_MAX: u32 = 3;
/// Receipts that are held before the oldest is waited for.
const WINDOW: usize = 4096;
/// The same for commands of many messages.
const WINDOW_MULTI: usize = 16;
const HANDLERS: usize = 8;

/// The runs of one kind of work on one runtime.
#[derive(Debug, Serialize)]
pub struct Row {
    pub work: Work,
    pub threads: usize,
    pub runs: Vec<Sample>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Work {
    /// One PUB for each message.
    Enqueue,
    /// MPUB.
    EnqueueMulti,
    /// A stream, as much at once as there is.
    Stream,
    /// A handler for each message.
    Handler,
}

impl Row {
    pub fn name(&self) -> String {
        let work = match self.work {
            Work::Enqueue => "enqueue".to_owned(),
            Work::EnqueueMulti => format!("enqueue_multi of {BATCH}"),
            Work::Stream => "stream".to_owned(),
            Work::Handler => format!("handle, {HANDLERS} at once"),
        };
        let threads = if self.threads == 1 { "1 thread" } else { "2 threads" };
        format!("{work}, {threads}")
    }
}

pub fn description() -> String {
    format!("{BODY_SIZE} B, one connection, max_in_flight {RDY}, {MESSAGES:.0} messages a run")
}

/// Runs all works in turn; the first round only warms up.
pub fn measure(program: &Program, runs: u32, scale: f64) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for threads in [1, 2] {
        for work in [Work::Enqueue, Work::EnqueueMulti, Work::Stream, Work::Handler] {
            rows.push(Row { work, threads, runs: Vec::new() });
        }
    }
    let messages = (MESSAGES * scale) as u64;
    for run in 0..=runs.min(RUNS_MAX) {
        for row in &mut rows {
            let sample = run_on(program, row.work, row.threads, messages)?;
            if run > 0 {
                row.runs.push(sample);
            }
        }
    }
    Ok(rows)
}

fn run_on(program: &Program, work: Work, threads: usize, messages: u64) -> Result<Sample> {
    let server = program.start()?;
    let runtime = match threads {
        1 => runtime::Builder::new_current_thread().enable_all().build()?,
        _ => runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build()?,
    };
    let sample = runtime.block_on(run_work(&server, work, messages))?;
    drop(runtime);
    server.stop()?;
    Ok(sample)
}

async fn run_work(server: &Server, work: Work, messages: u64) -> Result<Sample> {
    let address = server.tcp().to_string();
    let producer = Producer::new(&address, &Options::default())?;
    match work {
        Work::Enqueue | Work::EnqueueMulti => {
            producer.connect().await?;
            let meter = Meter::start(Some(server.pid()))?;
            // A task of its own, as in a program.
            let publish = publish(producer.clone(), work, messages);
            tokio::spawn(publish).await??;
            let sample = Sample::of(&meter, messages, messages)?;
            producer.stop().await;
            Ok(sample)
        }
        Work::Stream | Work::Handler => {
            publish(producer.clone(), Work::EnqueueMulti, messages).await?;
            producer.stop().await;
            server.wait_until_quiet()?;
            let meter = Meter::start(Some(server.pid()))?;
            let received = match work {
                Work::Stream => tokio::spawn(stream(address, messages)).await??,
                _ => handle(address, messages).await?,
            };
            Sample::of(&meter, messages, received)
        }
    }
}

async fn publish(producer: Producer, work: Work, messages: u64) -> Result<()> {
    let (topic, body) = (TopicName::parse(TOPIC)?, vec![b'x'; BODY_SIZE]);
    let bodies = vec![body.clone(); BATCH as usize];
    let (commands, window) = match work {
        Work::Enqueue => (messages, WINDOW),
        _ => (messages / u64::from(BATCH), WINDOW_MULTI),
    };
    let mut receipts: VecDeque<Receipt> = VecDeque::with_capacity(window);
    for _ in 0..commands {
        if receipts.len() == window
            && let Some(oldest) = receipts.pop_front()
        {
            oldest.await?;
        }
        receipts.push_back(match work {
            Work::Enqueue => producer.enqueue(&topic, &body).await?,
            _ => producer.enqueue_multi(&topic, &bodies).await?,
        });
    }
    for receipt in receipts {
        receipt.await?;
    }
    Ok(())
}

fn consumer(address: String) -> Result<ConsumerBuilder> {
    let options = Options { max_in_flight: u32::try_from(RDY)?, ..Options::default() };
    let (topic, channel) = (TopicName::parse(TOPIC)?, ChannelName::parse(CHANNEL)?);
    Ok(Consumer::builder(topic, channel).options(options).nsqd(address))
}

async fn stream(address: String, messages: u64) -> Result<u64> {
    let mut stream = consumer(address)?.stream().await?;
    let mut received = 0;
    while received < messages {
        for message in stream.next_many(RDY as usize).await {
            received += 1;
            message.finish();
        }
    }
    stream.consumer().stop().await;
    Ok(received)
}

async fn handle(address: String, messages: u64) -> Result<u64> {
    let (received, done) = (Arc::new(AtomicU64::new(0)), Arc::new(Notify::new()));
    let (count, finished) = (Arc::clone(&received), Arc::clone(&done));
    let consumer = consumer(address)?
        .handle(HANDLERS, move |_message| {
            if count.fetch_add(1, Ordering::Relaxed) + 1 == messages {
                finished.notify_one();
            }
            async { Ok(()) }
        })
        .await?;
    done.notified().await;
    consumer.stop().await;
    Ok(received.load(Ordering::Relaxed))
}
