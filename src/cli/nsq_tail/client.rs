//! The consumers of `nsq_tail`, on a thread of their own.

use std::{process, sync::Arc, thread, time::Duration};

use futures_util::future::join_all;
use tokio::{
    sync::{Notify, mpsc, oneshot},
    time::sleep,
};

use crate::{
    cli::{
        exit_code::ExitCode,
        tool::{self, Refusal, StopSignals},
    },
    client::{Consumer, ConsumerBuilder, Delivery, Messages},
};

/// Messages that are printed with one write.
const TOGETHER_MAX: usize = 512;
/// How long a stop waits until what has come is printed and finished: whoever is to read it may never do so.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);
/// How long printing may then go on without a consumer.
const LATE_PRINTING_TIMEOUT: Duration = Duration::from_secs(1);

/// Messages of one topic that came together.
pub(super) struct Arrived {
    /// Its number.
    pub(super) topic: usize,
    pub(super) deliveries: Vec<Delivery>,
}

/// The client's side, which never waits for the terminal: heartbeats go on while a pager is read. After a signal it ends the
/// process should printing not come to an end.
pub(super) struct Client {
    /// Ends with the consumers.
    pub(super) arrived: mpsc::Receiver<Arrived>,
    /// Has them stop.
    pub(super) stop: Arc<Notify>,
    ended: oneshot::Receiver<Result<(), Refusal>>,
    _printing: oneshot::Sender<()>,
}

impl Client {
    /// Starts a consumer for each topic.
    pub(super) fn start(consumers: Vec<ConsumerBuilder>) -> Result<Self, Refusal> {
        let (sender, arrived) = mpsc::channel(1);
        let (done, ended) = oneshot::channel();
        let (printing, printed) = oneshot::channel();
        let stop = Arc::new(Notify::new());
        let told = Arc::clone(&stop);
        let runtime = tool::runtime()?;
        let signals = runtime.block_on(async { StopSignals::new() });
        let mut signals = signals.map_err(Refusal::new)?;
        let run = async move || {
            let result = consume(consumers, sender, &told, &mut signals).await;
            let is_signalled = result == Ok(true);
            let _ = done.send(result.map(drop)); // the other side may have ended
            leave(is_signalled, printed, &mut signals).await;
        };
        let run = move || runtime.block_on(run());
        thread::Builder::new().name("client".into()).spawn(run).map_err(Refusal::new)?;
        Ok(Self { arrived, stop, ended, _printing: printing })
    }

    /// Waits for the end of the consumers; why, if that is an error.
    pub(super) fn end(self) -> Result<(), Refusal> {
        self.ended.blocking_recv().unwrap_or_else(|_| Err(Refusal::new("the client has failed")))
    }
}

/// Until the consumers have ended. True after a signal; another one ends the process, and with it the connections, so that
/// what is not printed goes back at once.
async fn consume(
    consumers: Vec<ConsumerBuilder>,
    sender: mpsc::Sender<Arrived>,
    told: &Notify,
    signals: &mut StopSignals,
) -> Result<bool, Refusal> {
    let Some(streams) = signals.unless_stopped(subscribe(consumers)).await else {
        return Ok(true);
    };
    let streams = streams?;
    let all: Vec<_> = streams.iter().map(|stream| stream.consumer().clone()).collect();
    let handing = join_all(
        streams.into_iter().enumerate().map(|(topic, stream)| hand_over(topic, stream, &sender)),
    );
    tokio::pin!(handing);
    let is_signalled = tokio::select! {
        _ = &mut handing => return Ok(false),
        () = signals.next() => true,
        () = told.notified() => false,
    };
    all.iter().for_each(Consumer::begin_stop);
    if signals.unless_stopped(handing).await.is_none() {
        log::warn!("second signal, exiting at once");
        exit();
    }
    Ok(is_signalled)
}

async fn subscribe(consumers: Vec<ConsumerBuilder>) -> Result<Vec<Messages>, Refusal> {
    let mut streams = Vec::with_capacity(consumers.len());
    for consumer in consumers {
        let subscribed = consumer.stop_timeout(STOP_TIMEOUT).stream().await;
        streams.push(subscribed.map_err(Refusal::new)?);
    }
    Ok(streams)
}

async fn hand_over(topic: usize, mut messages: Messages, sender: &mpsc::Sender<Arrived>) {
    loop {
        let deliveries = messages.next_many(TOGETHER_MAX).await;
        if deliveries.is_empty() || sender.send(Arrived { topic, deliveries }).await.is_err() {
            break;
        }
    }
    messages.consumer().ended().await;
}

/// Waits until everything is printed. After a signal that may not take long.
async fn leave(is_signalled: bool, printed: oneshot::Receiver<()>, signals: &mut StopSignals) {
    let patience = if is_signalled { LATE_PRINTING_TIMEOUT } else { Duration::MAX };
    tokio::select! {
        _ = printed => return,
        () = signals.next() => {}
        () = sleep(patience) => {}
    }
    log::warn!("exiting, not all that has come is printed");
    exit();
}

fn exit() -> ! {
    process::exit(ExitCode::Success as i32)
}
