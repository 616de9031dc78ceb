//! `nsq log`: looks at the data path of an nsqd that does not run.

mod dump;
mod repair;
mod verify;

use std::{fmt::Display, path::PathBuf, sync::Arc};

use self::dump::Dump;
use super::{console::Console, exit_code::ExitCode};
use crate::storage::{DataDir, DataDirError, Disk, ReadOnlyDisk};

/// What to do. All of it takes the lock of the data path, so that no nsqd runs on it meanwhile.
#[derive(Debug, clap::Subcommand)]
pub enum LogTool {
    /// Read every byte and say what is there and what is damaged; changes nothing
    ///
    /// Exit code 0: clean; 1: something is damaged; 2: the data path cannot be read, or an nsqd runs on it.
    Verify(DataPath),
    /// Print messages as lines of JSON; changes nothing
    ///
    /// Exit code 0: all were printed; 1: some are damaged; 2: the data path cannot be read, or an nsqd runs on it.
    Dump(Dump),
    /// Make a damaged data path clean; what is taken out is kept in DIR/repaired-<time>
    ///
    /// Exit code 0: it is clean now; 2: it is not, or an nsqd runs on it.
    Repair(DataPath),
}

/// Whose data.
#[derive(Debug, clap::Args)]
pub struct DataPath {
    /// The --data-path of an nsqd
    #[arg(value_name = "DIR")]
    pub dir: PathBuf,
}

impl LogTool {
    /// Does it, and says what came of it.
    pub fn run(&self, console: &mut Console<'_>) -> ExitCode {
        match self {
            Self::Verify(path) => verify::run(&path.dir, console),
            Self::Dump(dump) => dump.run(console),
            Self::Repair(path) => repair::run(&path.dir, console),
        }
    }
}

impl DataPath {
    /// Takes the lock. What an interrupted deletion has left is removed, if the disk lets it.
    fn open(dir: &std::path::Path, disk: Arc<dyn Disk>) -> Result<DataDir, DataDirError> {
        let data_dir = DataDir::open(dir, Arc::new(ReadOnlyDisk))?;
        data_dir.topics()?; // nothing is created where no data is
        drop(data_dir);
        DataDir::open(dir, disk)
    }
}

/// Says why a data path, or a topic, cannot be read.
fn unreadable(error: impl Display, console: &mut Console<'_>) -> ExitCode {
    console.complain(&format!("nsq log: {error}"));
    ExitCode::Usage
}

/// The worse of two ends.
fn worse(one: ExitCode, other: ExitCode) -> ExitCode {
    if other as u8 > one as u8 { other } else { one }
}
