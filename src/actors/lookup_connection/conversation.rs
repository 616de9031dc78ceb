//! What is said on a link, from the magic to the end.

use std::{
    convert::Infallible,
    future::poll_fn,
    io,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use actix::Addr;
use actix_rt::time::{Instant, timeout};
use tokio::io::AsyncWriteExt;

use super::{LINGER, LinkSpec, MAGIC_TIMEOUT, WRITE_TIMEOUT, hearing::Hearing};
use crate::{
    actors::{
        client_connection::input::Input,
        lookup_registry::{
            LookupRegistry,
            messages::{Applied, Apply},
        },
        lookup_shared::LookupShared,
    },
    broker::{LinkId, registrations::NotAdded},
    protocol::lookup::{self, LookupCommand, LookupError, OK},
    stream::Duplex,
};

/// A link's socket and what has come from it.
pub(super) struct Conversation {
    id: LinkId,
    remote: Arc<str>,
    registry: Addr<LookupRegistry>,
    shared: Arc<LookupShared>,
    stream: Box<dyn Duplex>,
    input: Input,
    hearing: Hearing,
}

/// Why a link ends.
#[derive(Debug, thiserror::Error)]
enum Ended {
    #[error("EOF")]
    AtEnd,
    #[error("{0}")]
    Said(LookupError),
    #[error("nothing heard for {0:?}")]
    Silent(Duration),
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("the registry was restarted")]
    Forgotten,
}

impl Conversation {
    pub fn new(spec: LinkSpec, stream: Box<dyn Duplex>) -> Self {
        Self {
            id: spec.id,
            remote: spec.remote,
            registry: spec.registry,
            shared: spec.shared,
            stream,
            input: Input::default(),
            hearing: Hearing::new(),
        }
    }

    /// Speaks with the peer until one of both ends it.
    pub async fn hold(mut self) {
        let Err(ended) = self.converse().await;
        self.log_end(&ended);
        if let Ended::Said(error) = ended {
            self.say_last(&error).await;
        }
    }

    async fn converse(&mut self) -> Result<Infallible, Ended> {
        let magic = timeout(MAGIC_TIMEOUT, self.hear_magic()).await;
        magic.map_err(|_| Ended::Silent(MAGIC_TIMEOUT))??;
        log::info!("CLIENT({}): desired protocol magic '  V1'", self.remote);
        let mut heard_at = Instant::now();
        loop {
            if self.input.may_decode() {
                let hearing = &mut self.hearing;
                self.input.decode(|buf| hearing.decode(buf));
            }
            let commands = self.hearing.take_commands();
            if !commands.is_empty() {
                self.answer(commands).await?;
                heard_at = Instant::now();
            } else if let Some(error) = self.hearing.take_error() {
                return Err(Ended::Said(error));
            } else {
                self.hear_more(heard_at).await?;
            }
        }
    }

    async fn hear_magic(&mut self) -> Result<(), Ended> {
        while !self.hearing.knows_protocol() {
            if self.read().await? == 0 {
                return Err(Ended::AtEnd);
            }
            if let Some(error) = self.hearing.take_error() {
                return Err(Ended::Said(error));
            }
        }
        Ok(())
    }

    /// Half a command is no sign of life.
    async fn hear_more(&mut self, heard_at: Instant) -> Result<(), Ended> {
        let silence_max = self.shared.silence_max();
        let left = silence_max.saturating_sub(heard_at.elapsed());
        match timeout(left, self.read()).await {
            Err(_) => Err(Ended::Silent(silence_max)),
            Ok(Err(error)) => Err(error.into()),
            Ok(Ok(0)) => {
                let missing = self.hearing.end(self.input.pending());
                Err(missing.map_or(Ended::AtEnd, Ended::Said))
            }
            Ok(Ok(_)) => Ok(()),
        }
    }

    /// The number of bytes that came; 0 at the end.
    async fn read(&mut self) -> io::Result<usize> {
        let (input, stream, hearing) = (&mut self.input, &mut self.stream, &mut self.hearing);
        poll_fn(|cx| input.poll_read(&mut **stream, cx, |buf| hearing.decode(buf))).await
    }

    async fn answer(&mut self, commands: Vec<LookupCommand>) -> Result<(), Ended> {
        let answers: Vec<bool> = commands.iter().map(|command| self.note(command)).collect();
        let (link, remote) = (self.id, Arc::clone(&self.remote));
        let applied = self.registry.send(Apply { link, remote, commands }).await;
        let Applied { count, refused } = applied.map_err(|_| Ended::Forgotten)?;
        let mut out = Vec::new();
        for &is_identify in answers.iter().take(count) {
            let answer = if is_identify { &*self.shared.identify_answer } else { OK };
            lookup::encode_response(answer, &mut out);
        }
        self.write(&out).await?;
        match refused {
            None => Ok(()),
            Some(NotAdded::Full) => Err(Ended::Said(LookupError::Full)),
            Some(NotAdded::UnknownProducer) => Err(Ended::Forgotten),
        }
    }

    /// True for IDENTIFY, which has an answer of its own.
    fn note(&self, command: &LookupCommand) -> bool {
        let LookupCommand::Identify(info) = command else { return false };
        log::info!(
            "CLIENT({}): IDENTIFY Address:{} TCP:{} HTTP:{} Version:{}",
            self.remote,
            info.broadcast_address.escape_debug(),
            info.tcp_port,
            info.http_port,
            info.version.escape_debug(),
        );
        true
    }

    async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let written = timeout(WRITE_TIMEOUT, self.stream.write_all(bytes)).await;
        written.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }

    /// Tells the peer what was wrong, and reads on for a while: to close with bytes unread would make the kernel throw
    /// the answer away.
    async fn say_last(&mut self, error: &LookupError) {
        let mut out = Vec::new();
        lookup::encode_error(error, &mut out);
        if self.write(&out).await.is_err() || self.stream.shutdown().await.is_err() {
            return;
        }
        self.hearing.stop();
        let until_end = async { while self.read().await.is_ok_and(|count| count > 0) {} };
        let _ = timeout(LINGER, until_end).await;
    }

    fn log_end(&self, ended: &Ended) {
        let (remote, counters) = (&self.remote, &self.shared.counters);
        if let Ended::Said(error) = ended {
            counters.errors.fetch_add(1, Relaxed);
            log::error!("[{remote}] - {}", error.to_string().escape_debug());
        }
        log::info!("PROTOCOL(V1): [{remote}] exiting ioloop");
        match ended {
            Ended::AtEnd => log::info!("client({remote}) - EOF"),
            Ended::Said(_) => {}
            Ended::Silent(_) => {
                counters.silent.fetch_add(1, Relaxed);
                log::warn!("client({remote}) - {ended}");
            }
            Ended::Io(_) | Ended::Forgotten => log::warn!("client({remote}) - {ended}"),
        }
    }
}
