//! Views that are written down, for all who look at the same.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use actix_web::{rt::time::timeout, web::block};
use tokio::sync::OnceCell;

use super::{Scene, View, render};
use crate::{
    actors::{
        clock,
        collector::{Feed, Seen},
    },
    cluster::picture::ms,
    http::HttpError,
};

/// Views that are kept; others are written for each who asks.
const KEPT_MAX: usize = 1024;
/// Who comes before the first poll waits for it, but not longer.
const FIRST_POLL_WAIT: Duration = Duration::from_secs(3);

/// A view as of one poll.
#[derive(Debug, Clone)]
pub struct Text(Arc<Vec<u8>>);

impl Text {
    /// The JSON, with the time as it is now.
    pub fn now(&self) -> Result<Vec<u8>, HttpError> {
        let rest = self.0.strip_prefix(b"{").ok_or(HttpError::Internal)?;
        let mut text = format!("{{\"now\":{},", ms(clock::now())).into_bytes();
        text.extend_from_slice(rest);
        Ok(text)
    }
}

type Written = Arc<OnceCell<Result<Text, HttpError>>>;

/// The views of the newest poll.
#[derive(Debug)]
pub struct Shelf {
    feed: Arc<Feed>,
    written: Mutex<(u64, HashMap<View, Written>)>,
}

impl Shelf {
    /// An empty one.
    pub fn new(feed: Arc<Feed>) -> Self {
        Self { feed, written: Mutex::default() }
    }

    /// What is seen.
    pub fn feed(&self) -> &Arc<Feed> {
        &self.feed
    }

    /// The newest picture; the first one is waited for.
    pub async fn first_seen(&self) -> Arc<Seen> {
        let mut watching = self.feed.watch();
        let first = timeout(FIRST_POLL_WAIT, watching.wait_for(|seen| seen.picture.poll > 0));
        drop(first.await);
        self.feed.seen()
    }

    /// A view of that picture. An error says that there is no such thing in it.
    pub async fn get(&self, view: &View, seen: &Arc<Seen>) -> Result<Text, HttpError> {
        let cell = self.cell(view, seen.picture.poll);
        cell.get_or_init(|| self.write(view.clone(), Arc::clone(seen))).await.clone()
    }

    fn cell(&self, view: &View, poll: u64) -> Written {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        let (newest, kept) = &mut *written;
        if poll > *newest {
            kept.clear();
            *newest = poll;
        }
        if poll < *newest || (kept.len() >= KEPT_MAX && !kept.contains_key(view)) {
            return Written::default();
        }
        Arc::clone(kept.entry(view.clone()).or_default())
    }

    async fn write(&self, view: View, seen: Arc<Seen>) -> Result<Text, HttpError> {
        let feed = Arc::clone(&self.feed);
        let written = block(move || {
            let history = feed.history();
            render(&view, &Scene { seen: &seen, history: &history })
        });
        written.await.map_err(|_| HttpError::Internal)?.map(|text| Text(Arc::new(text)))
    }
}
