//! Request bodies, bounded while they are read.

use std::{
    cell::RefCell,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
    time::Duration,
};

use actix_web::{
    HttpMessage, HttpRequest,
    body::{BodySize, BoxBody, MessageBody},
    dev::{Payload, ServiceRequest, ServiceResponse},
    error::PayloadError,
    http::header::CONTENT_LENGTH,
    web::Bytes,
};
use futures_util::{Stream, StreamExt};

/// How long a body may stand still.
const STALL_TIMEOUT: Duration = Duration::from_secs(60);
/// Room for a body before anything of it is there; the peer's word counts for no more than this.
const CAPACITY_MAX: usize = 64 * 1024;
/// How much of a body that nobody wants is read, to keep the connection for the next request.
const DISCARD_MAX: usize = 256 * 1024;

/// Why a body was not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyError {
    /// More than is allowed.
    TooBig,
    /// The peer went away, or does not go on, or its framing is wrong.
    Broken,
}

/// The length that a request announces.
pub fn announced(request: &HttpRequest) -> Option<u64> {
    request.headers().get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Refuses a body that announces more than `bytes_max`, before any of it is read.
pub fn check_announced(request: &HttpRequest, bytes_max: usize) -> Result<(), BodyError> {
    match announced(request) {
        Some(length) if length > bytes_max as u64 => Err(BodyError::TooBig),
        _ => Ok(()),
    }
}

/// Reads a body of at most `bytes_max` behind what is in `buf`.
pub async fn read<S, B, E>(
    mut payload: S,
    bytes_max: usize,
    mut buf: Vec<u8>,
) -> Result<Vec<u8>, BodyError>
where
    S: Stream<Item = Result<B, E>> + Unpin,
    B: AsRef<[u8]>,
{
    let end = buf.len() + bytes_max;
    buf.reserve(bytes_max.min(CAPACITY_MAX));
    while let Some(chunk) = next(&mut payload).await? {
        let chunk = chunk.as_ref();
        if chunk.len() > end - buf.len() {
            return Err(BodyError::TooBig);
        }
        buf.extend_from_slice(chunk);
    }
    Ok(buf)
}

/// A request's body, kept until the response is sent.
///
/// A chunked body that its handler drops halfway would be read on by actix, however much comes, to
/// find the next request behind it. As long as somebody has the body, the connection ends instead.
#[derive(Clone)]
pub struct KeptBody(Rc<RefCell<Incoming>>);

struct Incoming {
    payload: Payload,
    ended: bool,
}

impl KeptBody {
    /// Takes the body, if there is one, and leaves a way to read it in its place.
    pub fn of(request: &mut ServiceRequest) -> Option<Self> {
        let payload = request.take_payload();
        if matches!(payload, Payload::None) {
            return None;
        }
        let kept = Self(Rc::new(RefCell::new(Incoming { payload, ended: false })));
        request.set_payload(Payload::Stream { payload: Box::pin(kept.clone()) });
        Some(kept)
    }

    /// Reads over a body that nobody wants. A large one is left, which ends the connection.
    pub async fn discard(mut self) {
        let mut left = DISCARD_MAX;
        while let Ok(Some(chunk)) = next(&mut self).await {
            match left.checked_sub(chunk.len()) {
                Some(less) => left = less,
                None => return,
            }
        }
    }

    /// Lets the connection end after `response`, unless all of the body was read.
    pub fn end_connection_if_left(self, response: ServiceResponse) -> ServiceResponse {
        if self.0.borrow().ended {
            return response;
        }
        response.map_body(|_, body| BoxBody::new(WithRequestBody { body, _kept: self }))
    }
}

impl Stream for KeptBody {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut incoming = self.0.borrow_mut();
        let polled = Pin::new(&mut incoming.payload).poll_next(cx);
        incoming.ended |= matches!(polled, Poll::Ready(None));
        polled
    }
}

/// A response's body that keeps the request's.
struct WithRequestBody {
    body: BoxBody,
    _kept: KeptBody,
}

impl MessageBody for WithRequestBody {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Pin::new(&mut self.body).poll_next(cx)
    }
}

async fn next<S, B, E>(payload: &mut S) -> Result<Option<B>, BodyError>
where
    S: Stream<Item = Result<B, E>> + Unpin,
{
    match actix_rt::time::timeout(STALL_TIMEOUT, payload.next()).await {
        Ok(chunk) => chunk.transpose().map_err(|_| BodyError::Broken),
        Err(_) => Err(BodyError::Broken),
    }
}

#[cfg(test)]
mod tests {
    use futures_util::stream;

    use super::*;

    type Chunk = Result<&'static [u8], ()>;

    async fn read_chunks(chunks: &[Chunk], bytes_max: usize) -> Result<Vec<u8>, BodyError> {
        read(stream::iter(chunks.to_vec()), bytes_max, b"=".to_vec()).await
    }

    #[actix::test]
    async fn a_body_may_be_as_long_as_the_limit_and_no_longer() {
        let chunks: [Chunk; 3] = [Ok(b"ab"), Ok(b""), Ok(b"cd")];
        assert_eq!(read_chunks(&chunks, 4).await.unwrap(), b"=abcd");
        assert_eq!(read_chunks(&chunks, 3).await, Err(BodyError::TooBig));
        assert_eq!(read_chunks(&[Ok(b"a"), Err(())], 4).await, Err(BodyError::Broken));
    }

    #[actix::test]
    async fn a_body_that_stands_still_is_given_up() {
        tokio::time::pause();
        let silent = stream::pending::<Chunk>();
        assert_eq!(read(silent, 4, Vec::new()).await, Err(BodyError::Broken));
    }
}
