//! Messages between the connections and those who handle them.

use std::{
    collections::VecDeque,
    mem,
    pin::pin,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::Notify;

use super::message::Delivery;

/// A queue for any number on both sides. It is bounded by what is in flight.
#[derive(Default)]
pub(super) struct Queue {
    inner: Mutex<Inner>,
    filled: Notify,
}

#[derive(Default)]
struct Inner {
    deliveries: VecDeque<Delivery>,
    is_closed: bool,
}

impl Queue {
    /// Appends all of `deliveries`. What comes into a closed queue is given back.
    pub(super) fn push(&self, deliveries: &mut Vec<Delivery>) {
        let mut inner = self.inner();
        if inner.is_closed {
            drop(inner);
            give_back(deliveries.drain(..));
            return;
        }
        inner.deliveries.extend(deliveries.drain(..));
        drop(inner);
        self.filled.notify_one();
    }

    /// Waits for a message; `None` when none will come any more. Those of connections that are gone are left out.
    pub(super) async fn next(&self) -> Option<Delivery> {
        loop {
            let delivery = self.first().await?;
            if !delivery.is_orphaned() {
                return Some(delivery);
            }
        }
    }

    async fn first(&self) -> Option<Delivery> {
        loop {
            let mut notified = pin!(self.filled.notified());
            notified.as_mut().enable();
            {
                let mut inner = self.inner();
                if let Some(delivery) = inner.deliveries.pop_front() {
                    let has_more = !inner.deliveries.is_empty();
                    drop(inner);
                    if has_more {
                        self.filled.notify_one();
                    }
                    return Some(delivery);
                }
                if inner.is_closed {
                    return None;
                }
            }
            notified.await;
        }
    }

    /// Takes up to `limit` messages that are there.
    pub(super) fn take(&self, limit: usize, into: &mut Vec<Delivery>) {
        let mut inner = self.inner();
        let count = limit.min(inner.deliveries.len());
        into.extend(inner.deliveries.drain(..count).filter(|delivery| !delivery.is_orphaned()));
    }

    /// No more messages will come; those that are there can still be taken.
    pub(super) fn close(&self) {
        self.inner().is_closed = true;
        self.filled.notify_waiters();
    }

    /// Nobody takes messages any more.
    pub(super) fn abandon(&self) {
        self.close();
        give_back(mem::take(&mut self.inner().deliveries));
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// To others, at once.
fn give_back(deliveries: impl IntoIterator<Item = Delivery>) {
    for delivery in deliveries {
        delivery.requeue(Duration::ZERO);
    }
}
