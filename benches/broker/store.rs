//! What the log costs the server: this package's nsqd with its logs on the disk, and with logs that
//! take everything and keep nothing.

use std::{
    env,
    io::{self, IoSlice, stderr, stdout},
    path::Path,
    process::ExitCode,
    sync::Arc,
};

use clap::ValueEnum;
use nsq_actors::{
    cli::{
        Console,
        nsqd::{self, daemon},
        service::{DaemonError, Listening},
    },
    config::NsqdOptions,
    storage::{AroundFiles, DiskFile},
};
use serde::Serialize;

use crate::{
    Result,
    cases::{self, Case, Load, Sample},
    server::Program,
};

/// The hidden first argument that turns the bench into an nsqd; where it keeps its logs follows, then
/// nsqd's flags.
const FLAG: &str = "--nsqd-on";

/// Where logs are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Store {
    Disk,
    Nowhere,
}

impl Store {
    /// The arguments that start an nsqd with such logs.
    pub fn command(self) -> Vec<String> {
        let name = self.to_possible_value().map(|value| value.get_name().to_owned());
        vec![FLAG.to_owned(), name.unwrap_or_default()]
    }
}

/// The same load on both, runs of the same index one after the other.
#[derive(Debug, Serialize)]
pub struct LogCost {
    pub load: Load,
    pub nowhere: Vec<Sample>,
    pub disk: Vec<Sample>,
}

/// Publishes with `--durability=process`, on a log and on none in turn. The first pair warms up.
pub fn measure(program: &Program, runs: u32, scale: f64) -> Result<Vec<LogCost>> {
    let with = |store| program.keeping_logs(store);
    let (nowhere, disk) = (with(Store::Nowhere)?, with(Store::Disk)?);
    let loads = [Case::PubWait, Case::Mpub].map(|case| case.load().scaled(scale));
    let compare = |load: Load| {
        let mut cost = LogCost { load: load.clone(), nowhere: Vec::new(), disk: Vec::new() };
        for run in 0..=runs {
            let pair = [&nowhere, &disk].map(|program| cases::run_on(program.start()?, &load));
            let [nowhere, disk] = pair;
            if run > 0 {
                cost.nowhere.push(nowhere?);
                cost.disk.push(disk?);
            }
        }
        Ok(cost)
    };
    loads.into_iter().map(compare).collect()
}

/// Runs the nsqd that this process was started as, if it was.
pub fn nsqd_asked_for() -> Option<ExitCode> {
    let mut arguments = env::args_os().skip(1).map_while(|argument| argument.into_string().ok());
    let is_nsqd = arguments.next()? == FLAG;
    let store = Store::from_str(&arguments.next().filter(|_| is_nsqd)?, false).ok()?;
    let daemon = match store {
        Store::Disk => daemon::run,
        Store::Nowhere => run_without_store,
    };
    let (arguments, mut out, mut err) = (arguments.collect::<Vec<_>>(), stdout(), stderr());
    Some(nsqd::run(&arguments, daemon, &mut Console::new(&mut out, &mut err)).into())
}

fn run_without_store(
    options: NsqdOptions,
    on_ready: &mut dyn FnMut(&Listening),
) -> std::result::Result<(), DaemonError> {
    daemon::run_on(Arc::new(NoStore), options, on_ready)
}

/// Takes what is written to a file that is there, which only logs do, and keeps nothing of it.
#[derive(Debug)]
struct NoStore;

#[derive(Debug)]
struct Unwritten(Arc<dyn DiskFile>);

impl AroundFiles for NoStore {
    fn opened(&self, _: &Path, file: Arc<dyn DiskFile>) -> Arc<dyn DiskFile> {
        Arc::new(Unwritten(file))
    }

    fn created(&self, _: &Path, file: Arc<dyn DiskFile>) -> Arc<dyn DiskFile> {
        file
    }
}

impl DiskFile for Unwritten {
    fn write_at(&self, parts: &[IoSlice<'_>], _offset: u64) -> io::Result<usize> {
        Ok(parts.iter().map(|part| part.len()).sum())
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.0.read_at(buffer, offset)
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn size(&self) -> io::Result<u64> {
        self.0.size()
    }
}
