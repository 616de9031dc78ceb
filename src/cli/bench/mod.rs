//! `nsq bench`: what an nsqd costs, and whether it keeps every message. Works against any NSQ server.

mod bare;
mod consume;
mod idle;
mod latency;
mod options;
mod outcome;
mod publish;
mod session;
mod storm;
mod through;

use std::{fs::OpenOptions, io::Write, path::Path};

use self::{
    bare::Bare,
    consume::Consume,
    idle::Idle,
    latency::Latency,
    options::Server,
    outcome::Outcome,
    publish::Publish,
    session::Session,
    storm::Storm,
    through::{Both, FanOut},
};
use super::{
    console::Console,
    exit_code::ExitCode,
    tool::{self, StopSignals},
};
use crate::bench::{BenchError, Result, usage, within};

/// What is measured. Every kind checks that each message arrives exactly as it was published.
///
/// A run makes topics of its own and deletes them. What it loses is an error; what comes twice is counted.
#[derive(Debug, clap::Subcommand)]
pub enum BenchTool {
    /// Publish, and take everything afterwards to see that it is there
    Publish(Publish),
    /// Take what was published before: the drain of a backlog, or for a time while it stays as deep as it is
    Consume(Consume),
    /// Publish and consume at once
    Both(Both),
    /// Publish to a topic with many channels, each with consumers of its own
    FanOut(FanOut),
    /// Connect, introduce oneself, subscribe and leave, over and over
    Storm(Storm),
    /// Keep connections, topics and channels that do nothing, for their memory and CPU
    Idle(Idle),
    /// Send at a fixed rate, whatever the server does, and time each message from the moment at which it is due
    Latency(Latency),
    /// Be a server that finds commands, answers them and does nothing else: the limit of what a server can do
    #[command(hide = true)]
    Bare(Bare),
}

/// Why there is no result.
enum Ended {
    /// The run has failed, or cannot be started.
    Failed(BenchError),
    /// A signal came.
    Stopped,
}

impl From<BenchError> for Ended {
    fn from(error: BenchError) -> Self {
        Self::Failed(error)
    }
}

impl BenchTool {
    /// Does it, and says what came of it.
    pub fn run(&self, console: &mut Console<'_>) -> ExitCode {
        let server = match self {
            Self::Bare(bare) => return bare.run(console),
            Self::Publish(kind) => &kind.server,
            Self::Consume(kind) => &kind.server,
            Self::Both(kind) => &kind.through.server,
            Self::FanOut(kind) => &kind.through.server,
            Self::Storm(kind) => &kind.server,
            Self::Idle(kind) => &kind.server,
            Self::Latency(kind) => &kind.server,
        };
        if let Err(mistake) = server.check().and_then(|()| self.check()) {
            console.complain(&format!("nsq bench: {mistake}"));
            return ExitCode::Usage;
        }
        match measure(self, server, console) {
            Ok(outcome) => show(&outcome, server.json.as_deref(), console),
            Err(Ended::Stopped) => complain("stopped by a signal", console),
            Err(Ended::Failed(error)) => complain(&error.to_string(), console),
        }
    }

    /// What does not go together is said before anything is done.
    fn check(&self) -> std::result::Result<(), String> {
        match self {
            Self::Publish(kind) => kind.check(),
            Self::Both(kind) => kind.through.check(),
            Self::FanOut(kind) => kind.check(),
            Self::Latency(kind) => kind.check(),
            Self::Consume(kind) => kind.check(),
            Self::Idle(kind) => kind.check(),
            Self::Storm(_) | Self::Bare(_) => Ok(()),
        }
    }

    fn topics(&self) -> usize {
        match self {
            Self::Publish(kind) => kind.payload.topics,
            Self::Consume(kind) => kind.payload.topics,
            Self::Both(kind) => kind.through.payload.topics,
            Self::FanOut(kind) => kind.through.payload.topics,
            Self::Latency(kind) => kind.payload.topics,
            Self::Idle(kind) => kind.topics_made(),
            Self::Storm(_) => 1,
            Self::Bare(_) => 0,
        }
    }

    async fn measure(&self, session: &Session) -> Result<Outcome> {
        match self {
            Self::Publish(kind) => kind.run(session).await,
            Self::Consume(kind) => kind.run(session).await,
            Self::Both(kind) => kind.run(session).await,
            Self::FanOut(kind) => kind.run(session).await,
            Self::Storm(kind) => kind.run(session).await,
            Self::Idle(kind) => kind.run(session).await,
            Self::Latency(kind) => kind.run(session).await,
            Self::Bare(_) => Err(BenchError::Impossible("nothing is measured".to_owned())),
        }
    }
}

fn complain(reason: &str, console: &mut Console<'_>) -> ExitCode {
    console.complain(&format!("nsq bench: {reason}"));
    ExitCode::Failure
}

/// Measures and leaves nothing behind, however it ends.
fn measure(
    tool: &BenchTool,
    server: &Server,
    console: &mut Console<'_>,
) -> std::result::Result<Outcome, Ended> {
    usage::allow_many_files()?;
    let machine = usage::machine();
    if let Some(file) = server.json.as_deref().filter(|file| *file != Path::new("-")) {
        writable(file)?;
    }
    let runtime = tool::runtime().map_err(|refusal| BenchError::Impossible(refusal.0))?;
    runtime.block_on(async {
        let mut stop = StopSignals::new().map_err(BenchError::from)?;
        let session = Session::open(server, tool.topics()).await?;
        let limit = server.timeout;
        let outcome = tokio::select! {
            outcome = within(limit, "the run", tool.measure(&session)) => outcome.map_err(Ended::from),
            () = stop.next() => Err(Ended::Stopped),
        };
        let left = tokio::select! {
            left = session.clean_up() => left,
            () = stop.next() => Err(BenchError::Impossible("stopped again".to_owned())),
        };
        match (outcome, left) {
            (Ok(_), Err(error)) => Err(error.into()),
            (Err(ended), Err(error)) => {
                console.complain(&format!("nsq bench: topics are left: {error}"));
                Err(ended)
            }
            (outcome, Ok(())) => outcome.map(|outcome| outcome.on(machine)),
        }
    })
}

/// Finds out before the run whether its result can be written.
fn writable(file: &Path) -> Result<()> {
    let opened = OpenOptions::new().create(true).append(true).open(file);
    opened.map(drop).map_err(|error| unwritten(file, &error))
}

fn unwritten(file: &Path, error: &std::io::Error) -> BenchError {
    BenchError::Impossible(format!("{}: {error}", file.display()))
}

fn show(outcome: &Outcome, json: Option<&Path>, console: &mut Console<'_>) -> ExitCode {
    match json {
        Some(file) if file == Path::new("-") => console.say(&outcome.json()),
        Some(file) => {
            let written = std::fs::File::create(file)
                .and_then(|mut file| writeln!(file, "{}", outcome.json()));
            match written {
                Ok(()) => console.say(&outcome.table()),
                Err(error) => complain(&unwritten(file, &error).to_string(), console),
            }
        }
        None => console.say(&outcome.table()),
    }
}
