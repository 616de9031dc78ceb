//! `GET api/v1/events?view=…`: a view at once, and after each poll.
//!
//! Nothing is queued for a reader: the next event is made when the one before has been taken, of what is newest then. Who is
//! slow misses polls.

use std::{convert::Infallible, sync::Arc, time::Duration};

use actix_web::{
    HttpResponse,
    rt::time::{Instant, sleep_until},
    web::Bytes,
};
use futures_util::stream::unfold;
use tokio::sync::watch;

use super::{
    State,
    sse::{self, HEARTBEAT, Seat},
    views::View,
};
use crate::{
    actors::collector::Seen,
    http::{HttpError, Params, reply},
};

/// Streams that are open at once.
pub const STREAMS_MAX: usize = 256;
/// A quiet stream says something this often.
const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(15);

/// Opens a stream.
pub(super) async fn stream(admin: State, params: Params) -> Result<HttpResponse, HttpError> {
    let view = View::parse(params.get("view").ok_or(HttpError::MissingArg("VIEW"))?)?;
    let seat = admin.streams.take()?;
    admin.shelf.first_seen().await;
    let mut watching = admin.shelf.feed().watch();
    watching.mark_changed(); // what is there is shown at once
    let stream = Looking { admin, view, watching, _seat: seat, is_gone: false };
    Ok(sse::answer(unfold(stream, |mut stream| async move {
        let event = stream.next().await?;
        Some((Ok::<_, Infallible>(event), stream))
    })))
}

struct Looking {
    admin: State,
    view: View,
    watching: watch::Receiver<Arc<Seen>>,
    _seat: Seat,
    /// The reader knows that there is no such thing at present.
    is_gone: bool,
}

impl Looking {
    /// The next event, or a sign of life; none when the process ends.
    async fn next(&mut self) -> Option<Bytes> {
        let until = Instant::now() + HEARTBEAT_INTERVAL;
        loop {
            tokio::select! {
                changed = self.watching.changed() => changed.ok()?,
                () = sleep_until(until) => return Some(HEARTBEAT),
            }
            let seen = Arc::clone(&self.watching.borrow_and_update());
            if let Some(event) = self.event(&seen).await {
                return Some(event);
            }
        }
    }

    async fn event(&mut self, seen: &Arc<Seen>) -> Option<Bytes> {
        let poll = Some(seen.picture.poll);
        let written = match self.admin.shelf.get(&self.view, seen).await {
            Ok(text) => text.now(),
            Err(error) => Err(error),
        };
        match written {
            Ok(json) => {
                self.is_gone = false;
                Some(sse::event("view", poll, &json))
            }
            Err(_) if self.is_gone => None,
            Err(error) => {
                self.is_gone = true;
                let json = reply::to_json(&Gone { message: error.to_string() }).ok()?;
                Some(sse::event("gone", poll, &json))
            }
        }
    }
}

#[derive(serde::Serialize)]
struct Gone {
    message: String,
}
