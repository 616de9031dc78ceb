//! The beginning and the end of a log: opening it, and deleting its topic.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, atomic::Ordering},
};

use actix::{Handler, ResponseFuture};

use super::{Delete, DiskQueue, Files, Open, Opened, StoreError};
use crate::{
    actors::{
        disk_threads::{DiskThreads, Sizes},
        shared::Shared,
    },
    config::Durability,
    protocol::TopicName,
    storage::StoredTopic,
};

/// The thread that gives the space of deleted topics back. One does: a removal takes long, and the disk has other things to do.
pub fn removers() -> DiskThreads {
    DiskThreads::new("disk-remove", Sizes { enough: 1, max: 1 })
}

impl Handler<Open> for DiskQueue {
    type Result = ResponseFuture<Result<Opened, StoreError>>;

    fn handle(&mut self, _: Open, ctx: &mut Self::Context) -> Self::Result {
        self.must_open = false;
        self.schedule_sync(ctx); // what an earlier process wrote may not be durable
        let (dir, topic, shared) = (self.dir.clone(), self.topic.clone(), Arc::clone(&self.shared));
        let gauges = Arc::clone(&self.gauges);
        let opened = self.run_in(&self.writes, move |files| {
            let opened = open(files, &dir, &topic, &shared)?;
            files.with_log(|log| {
                gauges.set_size(log);
                Ok(())
            })?;
            Ok(opened)
        });
        let (synced, default) = (self.sync(), self.shared.options.durability);
        Box::pin(async move {
            let opened = opened.await?;
            // What is there already may be shown to consumers: it must not be lost after that. If it
            // cannot be synced, the log is poisoned, and what can be read of it still is.
            if opened.metadata.durability.unwrap_or(default) == Durability::Power {
                match synced.await {
                    Err(error @ (StoreError::NotOpen | StoreError::Disk(_))) => return Err(error),
                    Ok(()) | Err(StoreError::Poisoned(_)) => {}
                }
            }
            Ok(opened)
        })
    }
}

fn open(
    files: &Files,
    dir: &Path,
    topic: &TopicName,
    shared: &Arc<Shared>,
) -> Result<Opened, StoreError> {
    let _nothing_is_removed = files.removing.lock().unwrap_or_else(PoisonError::into_inner);
    let mut slot = files.log.lock().unwrap_or_else(PoisonError::into_inner);
    files.check_not_deleted()?; // its directory must not be made again
    *slot = None;
    files.log.clear_poison();
    if let Some(retired) = shared.data.finish_retiring(topic)? {
        shared.journal.forget(topic);
        remove_later(shared, retired); // of an earlier topic, whose messages must not come back
    }
    if shared.journal.names(topic) && !shared.data.has_topic(topic)? {
        shared.journal.end_earlier(topic)?;
    }
    shared.data.create_topic(topic)?;
    let stored = StoredTopic::open(dir, shared.log.clone())?;
    let StoredTopic { mut log, recovery, metadata, metadata_damage, channels } = stored;
    if let Some(reason) = files.poisoned() {
        log.poison(reason);
    }
    *files.reader.write().unwrap_or_else(PoisonError::into_inner) = Some(log.reader());
    *slot = Some(log);
    Ok(Opened { recovery, metadata, metadata_damage, channels })
}

impl Handler<Delete> for DiskQueue {
    type Result = ResponseFuture<Result<(), StoreError>>;

    fn handle(&mut self, _: Delete, _: &mut Self::Context) -> Self::Result {
        self.must_open = true;
        let (turn, files) = (self.turn(&self.small_files), Arc::clone(&self.files));
        let (topic, shared) = (self.topic.clone(), Arc::clone(&self.shared));
        Box::pin(async move {
            let turn = turn.await;
            let (name, of_topic) = (topic.clone(), Arc::clone(&shared));
            let retire = move || {
                let _until_done = turn;
                retire(&files, &name, &of_topic)
            };
            let retired = actix_rt::task::spawn_blocking(retire).await;
            // Not before: calls that were under way may have failed meanwhile.
            shared.health.forget(&topic);
            // The topic is gone; nobody waits for its space to be free as well.
            if let Some(retired) = retired.unwrap_or(Err(StoreError::NotOpen))? {
                remove_later(&shared, retired);
            }
            Ok(())
        })
    }
}

/// Takes the topic from the disk, if that has not been done: another one of its name may be there then.
fn retire(
    files: &Files,
    topic: &TopicName,
    shared: &Shared,
) -> Result<Option<PathBuf>, StoreError> {
    let _nothing_is_removed = files.removing.lock().unwrap_or_else(PoisonError::into_inner);
    let mut log = files.log.lock().unwrap_or_else(PoisonError::into_inner);
    *log = None;
    files.deleted.store(true, Ordering::Relaxed);
    if files.retired.load(Ordering::Relaxed) {
        return Ok(None);
    }
    let retired = shared.data.retire_topic(topic)?;
    shared.journal.forget(topic);
    files.retired.store(true, Ordering::Relaxed);
    Ok(retired)
}

/// Deletes what is left of a topic that could not be deleted, and is not there any more; harmless if there is nothing.
pub async fn delete_rest(topic: TopicName, shared: Arc<Shared>) -> Result<(), StoreError> {
    let data = Arc::clone(&shared);
    let finish = move || {
        let retired = data.data.finish_retiring(&topic);
        retired.inspect(|retired| {
            if retired.is_some() {
                data.journal.forget(&topic);
            }
        })
    };
    let retire = actix_rt::task::spawn_blocking(finish);
    let retired = retire.await.map_err(|_panicked| StoreError::NotOpen)?;
    if let Some(retired) = retired? {
        remove_later(&shared, retired);
    }
    Ok(())
}

/// Gives the space of a topic's files back, one topic after the other.
fn remove_later(shared: &Arc<Shared>, retired: PathBuf) {
    let data = Arc::clone(shared);
    let remove = move || {
        if let Err(error) = data.data.remove_retired(&retired) {
            log::warn!("a deleted topic's files will be removed by the next start: {error}");
        }
    };
    drop(shared.removers.run(remove)); // it runs all the same
}
