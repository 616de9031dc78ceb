//! The thread that sends on schedule.

use std::{
    io::{self, ErrorKind},
    num::NonZeroU64,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use rustix::thread::set_current_timer_slack;
use tokio::{net::TcpStream, runtime::Handle, sync::oneshot};

use super::Clock;
use crate::bench::{BenchError, Ledger, Request, Result};

/// How long the thread sleeps without looking whether it is still wanted.
const SLEEP_MAX: Duration = Duration::from_millis(100);

/// Sends everything on schedule: one request for each topic, one stream for each publisher. The thread ends with the work
/// or when nobody waits for it any more.
pub(super) async fn send(
    streams: Vec<Arc<TcpStream>>,
    requests: Vec<Request>,
    ledger: Ledger,
    clock: Arc<Clock>,
) -> Result<()> {
    let (stop, ended) = (Arc::new(AtomicBool::new(false)), oneshot::channel());
    let _stops = StopOnDrop(Arc::clone(&stop));
    let sender = Sender { streams, requests, ledger, clock, stop };
    let handle = Handle::current();
    thread::Builder::new().name("bench-send".to_owned()).spawn(move || {
        let _nobody_waits = ended.0.send(sender.run(&handle));
    })?;
    let panicked = || BenchError::Io(io::Error::other("the sending thread panicked"));
    ended.1.await.unwrap_or_else(|_| Err(panicked()))
}

/// Tells the sending thread that nobody waits any more.
struct StopOnDrop(Arc<AtomicBool>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// What the sending thread has.
struct Sender {
    streams: Vec<Arc<TcpStream>>,
    requests: Vec<Request>,
    ledger: Ledger,
    clock: Arc<Clock>,
    stop: Arc<AtomicBool>,
}

impl Sender {
    fn run(mut self, handle: &Handle) -> Result<()> {
        // A sleep is otherwise 50 µs longer. Where it stays so, the lateness says it.
        let _stays = set_current_timer_slack(Some(NonZeroU64::MIN));
        let (schedule, topics) = (self.clock.schedule, self.requests.len());
        for index in 0..schedule.count() {
            if !self.sleep_until(schedule.due(self.clock.base, index)) {
                return Ok(());
            }
            let publisher = schedule.number(index).publisher as usize;
            let number = self.ledger.begin(publisher, 1);
            self.clock.sending(index);
            let bytes = self.requests[publisher % topics].numbered(number);
            write(&self.streams[publisher], bytes, handle)?;
        }
        Ok(())
    }

    /// False if nobody waits any more.
    fn sleep_until(&self, due: Instant) -> bool {
        loop {
            let left = due.saturating_duration_since(Instant::now());
            if self.stop.load(Ordering::Relaxed) || left.is_zero() {
                return left.is_zero() && !self.stop.load(Ordering::Relaxed);
            }
            thread::sleep(left.min(SLEEP_MAX));
        }
    }
}

/// Writes all of it. Where the server does not read, everybody behind is late, and counted as such.
fn write(stream: &TcpStream, mut bytes: &[u8], handle: &Handle) -> Result<()> {
    while !bytes.is_empty() {
        match stream.try_write(bytes) {
            Ok(written) => bytes = &bytes[written..],
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                handle.block_on(stream.writable())?;
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
