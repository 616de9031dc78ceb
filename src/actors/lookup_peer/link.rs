//! A connection to a nsqlookupd: commands leave without waiting for each other, answers come in order.

use std::{collections::VecDeque, io, time::Duration};

use actix_rt::time::{Instant, timeout};
use bytes::BytesMut;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf, split},
    sync::watch,
    time::{MissedTickBehavior, interval_at, sleep_until},
};

use super::{connecting::ConnectError, status::PeerStatus};
use crate::{
    actors::directory::Directory,
    broker::Told,
    protocol::lookup::{
        Decoded, IdentifyAnswer, LookupCommand, MAGIC_V1, PeerInfo, ResponseError, decode_response,
        is_error,
    },
};

/// How often the registry hears that the node is alive.
pub const PING_INTERVAL: Duration = Duration::from_secs(15);
/// Time for an answer; while several are awaited, each gives time for the next. Upstream gives one second, in
/// which nothing else can be done; here nobody waits, and a registry that is busy is not made busier.
pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// Commands on their way. Their answers, 6 bytes each, fit into any socket's buffer.
const UNANSWERED_MAX: usize = 1024;
/// The longest answer that is read.
const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// Room for answers that come together.
const READ_BYTES: usize = 4 * 1024;
/// Changes that are told together are logged one by one up to this number.
const LOGGED_MAX: usize = 16;
/// What is shown of a registry's words.
const SHOWN_BYTES_MAX: usize = 256;

/// Why a connection has ended.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// There was none.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The socket failed.
    #[error("{0}")]
    Socket(#[from] io::Error),
    /// The registry closed it.
    #[error("connection closed by nsqlookupd")]
    Closed,
    /// No answer.
    #[error("{0} - no answer within {ANSWER_TIMEOUT:?}")]
    Silent(String),
    /// The registry will have nothing of it.
    #[error("{command} - {answer}")]
    Refused {
        /// Of what.
        command: String,
        /// In the registry's words.
        answer: String,
    },
    /// The answer to IDENTIFY is none.
    #[error("IDENTIFY - parsing response: {0}")]
    BadAnswer(#[from] serde_json::Error),
    /// An answer to nothing.
    #[error("an answer that nothing was asked for")]
    Unasked,
    /// Bytes that are no answer.
    #[error("{0}")]
    NotAnAnswer(#[from] ResponseError),
}

/// The connection, once the registry knows who this node is.
pub struct Link<S> {
    address: String,
    reader: ReadHalf<S>,
    writer: WriteHalf<S>,
    input: BytesMut,
    output: BytesMut,
    told: Told,
    /// Commands without an answer, oldest first.
    unanswered: VecDeque<LookupCommand>,
    /// When an answer came last, or was awaited first. That commands leave says nothing of the registry:
    /// the kernel takes them for one that is dead.
    progress: Instant,
    opened: Instant,
    /// Everything there was at the beginning is known.
    is_complete: bool,
}

impl<S: AsyncRead + AsyncWrite> Link<S> {
    /// Says who the node is.
    pub async fn open(
        stream: S,
        address: &str,
        identity: &PeerInfo,
    ) -> Result<(Self, IdentifyAnswer), LinkError> {
        let (mut reader, mut writer) = split(stream);
        let mut request = MAGIC_V1.to_vec();
        LookupCommand::Identify(identity.clone()).encode(&mut request);
        let mut input = BytesMut::new();
        let exchange = async {
            writer.write_all(&request).await?;
            read_answer(&mut reader, &mut input).await
        };
        let silent = |_| LinkError::Silent("IDENTIFY".to_owned());
        let answer = timeout(ANSWER_TIMEOUT, exchange).await.map_err(silent)??;
        if is_error(&answer) {
            return Err(refused("IDENTIFY".to_owned(), &answer));
        }
        let answer = IdentifyAnswer::parse(&answer)?;
        let now = Instant::now();
        let link = Self {
            address: address.to_owned(),
            reader,
            writer,
            input,
            output: BytesMut::new(),
            told: Told::default(),
            unanswered: VecDeque::new(),
            progress: now,
            opened: now,
            is_complete: false,
        };
        Ok((link, answer))
    }

    /// Tells the registry everything that is in `directory`, and what changes there, until the
    /// connection ends.
    pub async fn keep(
        &mut self,
        directory: &Directory,
        status: &watch::Sender<PeerStatus>,
    ) -> LinkError {
        let mut changes = directory.watch();
        let mut pings = interval_at(Instant::now() + PING_INTERVAL, PING_INTERVAL);
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            changes.mark_unchanged();
            self.input.reserve(READ_BYTES);
            self.announce(directory, status);
            let deadline = self.progress + ANSWER_TIMEOUT;
            let (is_waiting, has_output) = (!self.unanswered.is_empty(), !self.output.is_empty());
            let went_on = tokio::select! {
                read = self.reader.read_buf(&mut self.input) => self.received(read, status),
                sent = self.writer.write_buf(&mut self.output), if has_output => {
                    sent.map(drop).map_err(LinkError::from)
                }
                () = sleep_until(deadline), if is_waiting => Err(self.silent()),
                _ = pings.tick() => {
                    log::debug!("LOOKUPD({}): sending heartbeat", self.address);
                    self.ask(LookupCommand::Ping);
                    Ok(())
                }
                // It ends with the process only.
                _ = changes.changed() => Ok(()),
            };
            if let Err(error) = went_on {
                return error;
            }
        }
    }

    /// Asks for what the registry does not know yet, as far as there is room.
    fn announce(&mut self, directory: &Directory, status: &watch::Sender<PeerStatus>) {
        let room = UNANSWERED_MAX.saturating_sub(self.unanswered.len());
        let commands = directory.catch_up(&mut self.told, room);
        if !commands.is_empty() {
            let count = self.told.count();
            status.send_modify(|status| status.registrations = count);
        } else if self.unanswered.is_empty() && !self.is_complete {
            self.is_complete = true;
            let (count, took) = (self.told.count(), self.opened.elapsed());
            log::info!(
                "LOOKUPD({}): knows of {count} topics and channels after {took:?}",
                self.address
            );
        }
        let is_many = commands.len() > LOGGED_MAX;
        for command in commands {
            let level = if is_many { log::Level::Debug } else { log::Level::Info };
            log::log!(level, "LOOKUPD({}): {}", self.address, shown(&command));
            self.ask(command);
        }
    }

    fn ask(&mut self, command: LookupCommand) {
        if self.unanswered.is_empty() {
            self.progress = Instant::now();
        }
        let mut bytes = Vec::new();
        command.encode(&mut bytes);
        self.output.extend_from_slice(&bytes);
        self.unanswered.push_back(command);
    }

    fn received(
        &mut self,
        read: io::Result<usize>,
        status: &watch::Sender<PeerStatus>,
    ) -> Result<(), LinkError> {
        if read? == 0 {
            return Err(LinkError::Closed);
        }
        while let Some(answer) = take_answer(&mut self.input)? {
            self.progress = Instant::now();
            let command = self.unanswered.pop_front().ok_or(LinkError::Unasked)?;
            if is_error(&answer) {
                return Err(refused(shown(&command), &answer));
            }
            if command == LookupCommand::Ping {
                status.send_modify(PeerStatus::pinged);
            }
        }
        Ok(())
    }

    fn silent(&self) -> LinkError {
        LinkError::Silent(self.unanswered.front().map(shown).unwrap_or_default())
    }
}

/// The first answer, which everything else waits for.
async fn read_answer(
    reader: &mut (impl AsyncRead + Unpin),
    input: &mut BytesMut,
) -> Result<BytesMut, LinkError> {
    loop {
        if let Some(answer) = take_answer(input)? {
            return Ok(answer);
        }
        if reader.read_buf(input).await? == 0 {
            return Err(LinkError::Closed);
        }
    }
}

fn take_answer(input: &mut BytesMut) -> Result<Option<BytesMut>, ResponseError> {
    let Decoded::Whole { value, consumed } = decode_response(input, ANSWER_BYTES_MAX)? else {
        return Ok(None);
    };
    let head = consumed - value.len();
    let mut answer = input.split_to(consumed);
    Ok(Some(answer.split_off(head)))
}

fn refused(command: String, answer: &[u8]) -> LinkError {
    let shown = &answer[..answer.len().min(SHOWN_BYTES_MAX)];
    let answer = String::from_utf8_lossy(shown).escape_debug().to_string();
    LinkError::Refused { command, answer }
}

/// As upstream's log has it: `channel REGISTER orders audit`.
fn shown(command: &LookupCommand) -> String {
    let (word, registration) = match command {
        LookupCommand::Identify(_) => return "IDENTIFY".to_owned(),
        LookupCommand::Ping => return "PING".to_owned(),
        LookupCommand::Register(registration) => ("REGISTER", registration),
        LookupCommand::Unregister(registration) => ("UNREGISTER", registration),
    };
    match &registration.channel {
        Some(channel) => format!("channel {word} {} {channel}", registration.topic),
        None => format!("topic {word} {}", registration.topic),
    }
}
