//! A full disk: cursors are written into the room that was kept for them, nothing else is, and the
//! room is taken again as soon as there is some.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Instant,
};

use super::{disk_queue::StoreError, shared::Shared};
use crate::storage::{CursorError, MetadataError, reserve::PROBE_PAUSE};

/// A failed write of a small file.
pub trait SmallFileError {
    /// There was no room.
    fn is_disk_full(&self) -> bool;
}

impl SmallFileError for CursorError {
    fn is_disk_full(&self) -> bool {
        self.is_disk_full()
    }
}

impl SmallFileError for MetadataError {
    fn is_disk_full(&self) -> bool {
        self.is_disk_full()
    }
}

/// Replaces a small file by one of so many bytes, on a full disk with the help of the room that is kept
/// for that. Waits for the disk.
pub fn replace_small<E: SmallFileError>(
    shared: &Shared,
    bytes: usize,
    replace: impl Fn() -> Result<(), E>,
) -> Result<(), E> {
    let replaced = match replace() {
        Err(error) if error.is_disk_full() => {
            shared.reserve.give_back(bytes);
            replace()
        }
        replaced => replaced,
    };
    replaced.inspect(|()| shared.reserve.keep_for(bytes, Instant::now()))
}

/// Refuses what would take up the room that is left for cursors.
pub fn check_room(shared: &Shared) -> Result<(), StoreError> {
    if shared.reserve.is_held() { Ok(()) } else { Err(StoreError::Disk(NO_ROOM.into())) }
}

const NO_ROOM: &str = "no space left on device: what is left is kept for the channels' cursors";

/// Takes the reserve again when there is room, if it is not held. One task does, whoever asks.
pub fn take_reserve_again(shared: &Arc<Shared>) {
    if shared.reserve.is_held() || shared.taking_reserve.swap(true, Ordering::Relaxed) {
        return;
    }
    shared.health.disk_is_full(NO_ROOM);
    let shared = Arc::clone(shared);
    actix_rt::spawn(async move {
        while !shared.reserve.is_held() {
            actix_rt::time::sleep(PROBE_PAUSE).await;
            let taker = Arc::clone(&shared);
            let take = actix_rt::task::spawn_blocking(move || taker.reserve.take());
            let _still_full = take.await;
        }
        shared.health.disk_has_room();
        shared.taking_reserve.store(false, Ordering::Relaxed);
        take_reserve_again(&shared); // it may have been given back just now
    });
}
