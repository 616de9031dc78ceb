//! Files: the log of a topic, cursors of its channels; blocking calls, no actix.
//!
//! Everything goes through a [`disk::Disk`]. The byte layouts stand in `docs/storage.md`.

pub mod around_files;
pub mod batch;
mod copies;
pub mod cursor;
pub mod damage;
pub mod data_dir;
pub mod disk;
mod file_name;
pub mod inspection;
pub mod journal;
pub mod log;
pub mod log_reader;
pub mod metadata;
pub mod position;
mod read_only_disk;
pub mod record;
mod recovery;
pub mod repair;
mod replace;
pub mod reserve;
mod retained;
mod scan;
mod segment;
pub mod stored_topic;
mod trimming;
mod unsynced;
pub mod upstream;

#[cfg(test)]
mod backlog_tests;
#[cfg(test)]
pub(crate) mod counting_disk;
#[cfg(test)]
pub(crate) mod failing_disk;
#[cfg(test)]
mod log_tests;
#[cfg(test)]
pub(crate) mod lossy_disk;
#[cfg(test)]
mod recovery_tests;
#[cfg(test)]
mod repair_tests;
#[cfg(test)]
mod stored_topic_tests;
#[cfg(test)]
mod test_log;

pub use around_files::AroundFiles;
pub use batch::{Batch, BatchBuilder, Stamp};
pub use copies::copies_for;
pub use cursor::{Cursor, CursorError, PendingMessage};
pub use damage::{Damage, DamageKind};
pub use data_dir::{DataDir, DataDirError};
pub use disk::{Disk, DiskFile, RealDisk};
pub use journal::Replayed;
pub use log::{Log, LogError, LogOptions};
pub use log_reader::{LogReader, ReadChunk};
pub use metadata::{MetadataError, TopicMetadata};
pub use position::LogPosition;
pub use read_only_disk::ReadOnlyDisk;
pub use record::{BATCH_BYTES_CEILING, BATCH_MESSAGES_MAX, RECORD_HEADER_BYTES, RecordError};
pub use recovery::Recovery;
pub use reserve::Reserve;
pub use stored_topic::{StoredTopic, StoredTopicError};
pub use trimming::Finished;
pub use unsynced::Unsynced;
