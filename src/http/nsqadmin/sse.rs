//! Streams of server-sent events.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use actix_web::{
    HttpResponse,
    http::header::{CACHE_CONTROL, CONTENT_ENCODING, HeaderName},
    web::Bytes,
};
use futures_util::Stream;

use crate::http::HttpError;

const TYPE: &str = "text/event-stream; charset=utf-8";
/// Proxies that gather an answer before they pass it on do not with this.
const UNBUFFERED: (HeaderName, &str) = (HeaderName::from_static("x-accel-buffering"), "no");

/// A comment, so that who is in between does not take the stream for dead.
pub(super) const HEARTBEAT: Bytes = Bytes::from_static(b": still here\n\n");

/// One event. `json` is one line.
pub(super) fn event(name: &str, id: Option<u64>, json: &[u8]) -> Bytes {
    let mut text = Vec::with_capacity(json.len() + name.len() + 48);
    text.extend_from_slice(format!("event: {name}\n").as_bytes());
    if let Some(id) = id {
        text.extend_from_slice(format!("id: {id}\n").as_bytes());
    }
    text.extend_from_slice(b"data: ");
    text.extend_from_slice(json);
    text.extend_from_slice(b"\n\n");
    text.into()
}

/// The answer that goes on as long as its reader is there. It is not compressed: events would wait for each other.
pub(super) fn answer(
    events: impl Stream<Item = Result<Bytes, Infallible>> + 'static,
) -> HttpResponse {
    HttpResponse::Ok()
        .content_type(TYPE)
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((CONTENT_ENCODING, "identity"))
        .insert_header(UNBUFFERED)
        .streaming(events)
}

/// So many streams and no more.
#[derive(Debug)]
pub struct Seats {
    free: Arc<AtomicUsize>,
}

/// One of them; free again when this is dropped.
#[derive(Debug)]
pub struct Seat(Arc<AtomicUsize>);

impl Seats {
    /// That many.
    pub fn new(count: usize) -> Self {
        Self { free: Arc::new(AtomicUsize::new(count)) }
    }

    /// Takes one.
    pub fn take(&self) -> Result<Seat, HttpError> {
        let fewer = |free: usize| free.checked_sub(1);
        match self.free.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fewer) {
            Ok(_) => Ok(Seat(Arc::clone(&self.free))),
            Err(_) => Err(HttpError::TooManyStreams),
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_end_with_an_empty_line() {
        let text = event("view", Some(7), br#"{"a":1}"#);
        assert_eq!(text, "event: view\nid: 7\ndata: {\"a\":1}\n\n");
        assert_eq!(event("end", None, b"{}"), "event: end\ndata: {}\n\n");
    }

    #[test]
    fn a_seat_is_free_again_when_it_is_left() {
        let seats = Seats::new(1);
        let seat = seats.take().unwrap();
        assert_eq!(seats.take().unwrap_err(), HttpError::TooManyStreams);
        drop(seat);
        assert!(seats.take().is_ok());
    }
}
