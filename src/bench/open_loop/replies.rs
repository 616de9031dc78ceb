//! What the server answers to publishers.

use std::{io::ErrorKind, sync::Arc, time::Instant};

use tokio::net::TcpStream;

use super::Clock;
use crate::bench::{
    BenchError, Door, Number, Result,
    connection::REPLIES,
    http::{Answers, Http},
    link,
    wire::{Inbox, closed},
};

/// The sending thread must not be disturbed by a NOP of another one, so there are no heartbeats.
const IDENTIFY: &str = r#"{"heartbeat_interval":-1}"#;

/// What the server has answered a publisher.
pub(super) enum Replies {
    Nsq(Inbox),
    Http(Answers),
}

impl Replies {
    /// Connects, and introduces itself where that is the custom.
    pub(super) async fn connect(door: &Door) -> Result<(TcpStream, Self)> {
        match door {
            Door::Tcp(target) => {
                let inbox = Inbox::with_capacity(REPLIES);
                let (stream, inbox) = link::introduced(target.address, IDENTIFY, inbox).await?;
                Ok((stream, Self::Nsq(inbox)))
            }
            Door::Http(address) => {
                let (stream, answers) = Http::connect(*address).await?.into_parts();
                Ok((stream, Self::Http(answers)))
            }
        }
    }

    /// Reads until everything that this publisher sends has its OK.
    pub(super) async fn count(
        mut self,
        stream: Arc<TcpStream>,
        publisher: u32,
        clock: Arc<Clock>,
    ) -> Result<()> {
        let schedule = clock.schedule;
        let left = schedule.count().saturating_sub(publisher.into());
        let (mut answered, requests) = (0, left.div_ceil(schedule.publishers.into()));
        while answered < requests {
            stream.readable().await?;
            let oks = match self.read(&stream) {
                Err(BenchError::Io(error)) if error.kind() == ErrorKind::WouldBlock => continue,
                oks => oks?,
            };
            let now = Instant::now();
            for sequence in answered..answered + oks {
                clock.accepted(Number { publisher, sequence }, now);
            }
            answered += oks;
        }
        Ok(())
    }

    fn read(&mut self, stream: &TcpStream) -> Result<u64> {
        match self {
            Self::Nsq(inbox) => {
                let length = stream.try_read(inbox.room())?;
                inbox.filled(length)?;
                Ok(inbox.count_oks()?.count)
            }
            Self::Http(answers) => match stream.try_read_buf(answers.room())? {
                0 => Err(closed()),
                _ => answers.count_oks("publishing"),
            },
        }
    }
}
