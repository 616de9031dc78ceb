//! All that the disk holds of one topic, read together: each part is judged by the others.

use std::{io, path::Path};

use crate::{
    config::Durability,
    protocol::names::ChannelName,
    storage::{
        cursor::{Cursor, CursorError},
        damage::{Damage, DamageKind},
        log::{Log, LogError, LogOptions},
        metadata::{MetadataError, TopicMetadata},
        recovery::Recovery,
    },
};

/// A topic as it was found.
#[derive(Debug)]
pub struct StoredTopic {
    /// Its log, which goes on above everything that cursors and metadata know of.
    pub log: Log,
    /// Where the log begins and ends, and what was found damaged and is still wanted.
    pub recovery: Recovery,
    /// The topic's own state.
    pub metadata: TopicMetadata,
    /// What is wrong with the file of the metadata, if it had to be replaced by assumptions.
    pub metadata_damage: Option<MetadataError>,
    /// Channels with a cursor file, readable or not.
    pub channels: Vec<ChannelName>,
}

/// Why a topic cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum StoredTopicError {
    /// The log.
    #[error(transparent)]
    Log(#[from] LogError),
    /// A cursor.
    #[error(transparent)]
    Cursor(#[from] CursorError),
    /// `topic.meta`: the file system, or a version from the future.
    #[error(transparent)]
    Metadata(#[from] MetadataError),
    /// The directory.
    #[error("cannot list the channels: {0}")]
    List(#[from] io::Error),
}

impl StoredTopic {
    /// Reads the topic in `dir`, which must exist. Damaged files are no errors: they are reported,
    /// and what they cost is duplicates or speed.
    pub fn open(dir: &Path, options: LogOptions) -> Result<Self, StoredTopicError> {
        let disk = options.disk.clone();
        let (mut log, mut recovery) = Log::open(dir, options)?;
        let (metadata, metadata_damage) = match TopicMetadata::load(&*disk, dir) {
            Ok(metadata) => (metadata.unwrap_or_default(), None),
            Err(damage) if damage.is_damage() => (assumed(), Some(damage)),
            Err(error) => return Err(error.into()),
        };
        let channels = Cursor::channels(&*disk, dir)?;
        let mut cursors = Vec::with_capacity(channels.len());
        for channel in &channels {
            cursors.push(match Cursor::load(&*disk, dir, channel) {
                Err(error @ CursorError::Io { .. }) => return Err(error.into()),
                // A channel without a usable cursor begins at the log's beginning.
                loaded => loaded.ok().flatten(),
            });
        }
        // After a loss of power the log can end before what is known of it: numbers that look
        // finished, or handed out, must not come back with other messages.
        let known = cursors.iter().flatten().map(Cursor::known_end).chain(metadata.held_from);
        let known_end = known.max().unwrap_or(0);
        log.resume_at(known_end);
        recovery.next_seq = recovery.next_seq.max(known_end);
        let wanted_from = wanted_from(&cursors, &metadata);
        recovery.damaged.retain(|damage| is_wanted(damage, wanted_from));
        Ok(Self { log, recovery, metadata, metadata_damage, channels })
    }
}

/// The border between what the topic holds and what its channels were given; `None` if they were
/// given everything.
pub fn held_from(metadata: &TopicMetadata, has_channels: bool, recovery: &Recovery) -> Option<u64> {
    match (metadata.paused || metadata.awaits_channels, has_channels) {
        (_, false) => Some(metadata.held_from.unwrap_or(recovery.first_seq)),
        (true, true) => metadata.held_from,
        (false, true) => None,
    }
}

/// What holds for a topic whose metadata is damaged: whatever promise was made to it is kept.
fn assumed() -> TopicMetadata {
    TopicMetadata::new(false, None, Some(Durability::Power))
}

/// No channel, also none to come, wants what lies below.
pub(super) fn wanted_from(cursors: &[Option<Cursor>], metadata: &TopicMetadata) -> u64 {
    let floors = cursors.iter().map(|cursor| cursor.as_ref().map_or(0, |cursor| cursor.floor));
    floors.min().or(metadata.held_from).unwrap_or(0)
}

/// Segments are removed one by one, and a loss of power can bring some of them back: a gap between
/// those is no damage.
pub(super) fn is_wanted(damage: &Damage, wanted_from: u64) -> bool {
    damage.kind != DamageKind::Records || damage.end_seq.is_none_or(|end| end > wanted_from)
}
