//! What the operating system tells a daemon to do.

use std::{io, sync::Arc, thread};

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::actors::tls::Tls;

/// The signals that mean something; as long as this lives, none of them ends the process by itself.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    pub(super) fn new() -> io::Result<Self> {
        // Once somebody has listened to a signal it no longer ends the process.
        for meaningless in [SignalKind::user_defined1(), SignalKind::user_defined2()] {
            drop(signal(meaningless)?);
        }
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// Waits until the process is asked to stop. SIGHUP asks for that only if there is no certificate to read again.
    pub(super) async fn until_stop(&mut self, tls: Option<&Arc<Tls>>) {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return,
                _ = self.interrupt.recv() => return,
                _ = self.hangup.recv() => match tls {
                    Some(tls) => reload(tls),
                    None => return,
                },
            }
        }
    }
}

/// Reads files, which may take its time, on a thread that nothing waits for.
fn reload(tls: &Arc<Tls>) {
    let tls = Arc::clone(tls);
    let read = move || match tls.reload() {
        Ok(()) => log::info!("TLS: certificates read again: {}", tls.certificate()),
        Err(error) => log::error!("TLS: certificates not read again, the old ones stay: {error}"),
    };
    if let Err(error) = thread::Builder::new().name("tls-reload".into()).spawn(read) {
        log::error!("TLS: certificates not read again, the old ones stay: {error}");
    }
}
