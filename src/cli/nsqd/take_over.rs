//! The start on a data path of upstream's nsqd: its topics become ours before anybody can connect.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use tokio::sync::oneshot;

use crate::{
    actors::tls::Tls,
    cli::{service::DaemonError, signals::Signals},
    storage::{
        DataDir, LogOptions,
        upstream::{Observer, TakeOverError, take_over},
    },
};

type Done = (DataDir, Result<(), TakeOverError>);

/// Imports what is there, on a thread of its own: it may be many gigabytes. `None` if the process
/// was told to stop meanwhile; the next start then begins again.
pub(super) async fn until_taken_over(
    data: DataDir,
    log: LogOptions,
    signals: &mut Signals,
    tls: Option<&Arc<Tls>>,
) -> Result<Option<DataDir>, DaemonError> {
    let is_cancelled = Arc::new(AtomicBool::new(false));
    let mut done = start(data, log, Arc::clone(&is_cancelled))
        .map_err(|error| DaemonError::NotStarted(error.to_string()))?;
    let taken_over = tokio::select! {
        taken_over = &mut done => taken_over,
        () = signals.until_stop(tls) => {
            is_cancelled.store(true, Ordering::Relaxed);
            let _ = done.await; // no file is written to once the process says that it is gone
            return Ok(None);
        }
    };
    match taken_over {
        Ok((data, Ok(()))) => Ok(Some(data)),
        Ok((_, Err(error))) => Err(DaemonError::NotLoaded(error.to_string())),
        Err(_) => Err(DaemonError::Broken("the takeover of upstream's files panicked".into())),
    }
}

fn start(
    data: DataDir,
    log: LogOptions,
    is_cancelled: Arc<AtomicBool>,
) -> io::Result<oneshot::Receiver<Done>> {
    let (send, done) = oneshot::channel();
    let run = move || {
        let mut observer = Observer {
            say: &mut |level, text| log::log!(level, "{text}"),
            is_cancelled: &|| is_cancelled.load(Ordering::Relaxed),
        };
        let time = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ").to_string();
        let taken_over = take_over(&data, &log, &time, &mut observer);
        let _ = send.send((data, taken_over));
    };
    thread::Builder::new().name("take-over".into()).spawn(run)?;
    Ok(done)
}
