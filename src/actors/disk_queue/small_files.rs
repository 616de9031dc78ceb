//! The small files beside a log: cursors and the topic's own state.

use std::sync::Arc;

use actix::{Handler, ResponseFuture};

use super::{DiskQueue, LoadCursor, RemoveCursor, SaveCursor, SaveMetadata, StoreError};
use crate::{
    actors::{
        full_disk::{check_room, replace_small, take_reserve_again},
        shared::Shared,
    },
    storage::{Cursor, CursorError, TopicMetadata},
};

/// A file of metadata has less.
const METADATA_BYTES: usize = 4096;

impl DiskQueue {
    /// Runs `job`, which replaces a small file, when all before it have run.
    fn replace(
        &self,
        job: impl FnOnce(&Shared) -> Result<(), StoreError> + Send + 'static,
    ) -> ResponseFuture<Result<(), StoreError>> {
        let (shared, for_job) = (Arc::clone(&self.shared), Arc::clone(&self.shared));
        let replaced = self.run_in(&self.small_files, move |_| job(&for_job));
        Box::pin(async move {
            let replaced = replaced.await;
            take_reserve_again(&shared);
            replaced
        })
    }
}

impl Handler<LoadCursor> for DiskQueue {
    type Result = ResponseFuture<Result<Option<Cursor>, StoreError>>;

    fn handle(&mut self, load: LoadCursor, _: &mut Self::Context) -> Self::Result {
        let (dir, topic, shared) = (self.dir.clone(), self.topic.clone(), Arc::clone(&self.shared));
        self.run_in(&self.small_files, move |_| {
            match Cursor::load(&*shared.log.disk, &dir, &load.channel) {
                Ok(cursor) => Ok(cursor),
                Err(error @ CursorError::Io { .. }) => Err(error.into()),
                Err(damaged) => {
                    let channel = &load.channel;
                    log::error!(
                        "topic={topic} channel={channel} cursor is unreadable: {damaged}; \
                         its messages are delivered again from the beginning of the log"
                    );
                    Ok(None)
                }
            }
        })
    }
}

impl Handler<SaveCursor> for DiskQueue {
    type Result = ResponseFuture<Result<(), StoreError>>;

    fn handle(&mut self, mut save: SaveCursor, _: &mut Self::Context) -> Self::Result {
        let (dir, shared) = (self.dir.clone(), Arc::clone(&self.shared));
        if save.is_new
            && let Err(full) = check_room(&shared)
        {
            return Box::pin(async { Err(full) });
        }
        self.replace(move |shared| {
            save.cursor.pending.sort_unstable_by_key(|pending| pending.seq);
            let SaveCursor { channel, cursor, durable, is_new } = &save;
            let save = || cursor.save(&*shared.log.disk, &dir, channel, *durable);
            let bytes = cursor.file_bytes();
            Ok(if *is_new { save() } else { replace_small(shared, bytes, save) }?)
        })
    }
}

impl Handler<RemoveCursor> for DiskQueue {
    type Result = ResponseFuture<Result<(), StoreError>>;

    fn handle(&mut self, remove: RemoveCursor, _: &mut Self::Context) -> Self::Result {
        let (dir, shared) = (self.dir.clone(), Arc::clone(&self.shared));
        self.run_in(&self.small_files, move |_| {
            let disk = &*shared.log.disk;
            Ok(Cursor::remove(disk, &dir, &remove.channel, remove.durable)?)
        })
    }
}

impl Handler<SaveMetadata> for DiskQueue {
    type Result = ResponseFuture<Result<(), StoreError>>;

    fn handle(&mut self, save: SaveMetadata, _: &mut Self::Context) -> Self::Result {
        let dir = self.dir.clone();
        let file = TopicMetadata::path(&dir);
        log::info!("NSQ: persisting topic/channel metadata to {}", file.display());
        self.replace(move |shared| {
            let saved = || save.0.save(&*shared.log.disk, &dir, true);
            Ok(replace_small(shared, METADATA_BYTES, saved)?)
        })
    }
}
