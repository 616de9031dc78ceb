//! Request bodies, bounded while they are read.

use std::{
    cell::RefCell,
    future::poll_fn,
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

/// Reads a body of at most `bytes_max`. One that comes in one piece, as small ones do, is not copied; memory for another grows
/// with what comes of it, whatever its sender says.
pub async fn read<S, E>(mut payload: S, bytes_max: usize) -> Result<Bytes, BodyError>
where
    S: Stream<Item = Result<Bytes, E>> + Unpin,
{
    let mut left = bytes_max;
    let Some(first) = next_within(&mut payload, &mut left).await? else { return Ok(Bytes::new()) };
    let Some(second) = next_within(&mut payload, &mut left).await? else { return Ok(first) };
    let mut body = [first, second].concat();
    while let Some(chunk) = next_within(&mut payload, &mut left).await? {
        body.extend_from_slice(&chunk);
    }
    Ok(body.into())
}

async fn next_within<S, E>(payload: &mut S, left: &mut usize) -> Result<Option<Bytes>, BodyError>
where
    S: Stream<Item = Result<Bytes, E>> + Unpin,
{
    let chunk = next(payload).await?;
    let length = chunk.as_ref().map_or(0, Bytes::len);
    *left = left.checked_sub(length).ok_or(BodyError::TooBig)?;
    Ok(chunk)
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

async fn next<S, E>(payload: &mut S) -> Result<Option<Bytes>, BodyError>
where
    S: Stream<Item = Result<Bytes, E>> + Unpin,
{
    let chunk = match next_soon(payload).await {
        Some(chunk) => chunk,
        None => actix_rt::time::timeout(STALL_TIMEOUT, payload.next())
            .await
            .map_err(|_stalled| BodyError::Broken)?,
    };
    chunk.transpose().map_err(|_| BodyError::Broken)
}

/// What comes next, unless it is still missing at a second look: actix hands a request on before it looks at what of the body
/// came with its head, and a timer would be set for nothing.
async fn next_soon<S: Stream + Unpin>(payload: &mut S) -> Option<Option<S::Item>> {
    let mut looks_again = true;
    poll_fn(|cx| match payload.poll_next_unpin(cx) {
        Poll::Ready(chunk) => Poll::Ready(Some(chunk)),
        Poll::Pending if std::mem::take(&mut looks_again) => {
            cx.waker().wake_by_ref();
            Poll::Pending
        }
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

#[cfg(test)]
mod tests {
    use futures_util::stream;

    use super::*;

    type Chunk = Result<&'static [u8], ()>;

    async fn read_chunks(chunks: &[Chunk], bytes_max: usize) -> Result<Bytes, BodyError> {
        let chunks = chunks.iter().map(|chunk| chunk.map(Bytes::from_static));
        read(stream::iter(chunks), bytes_max).await
    }

    #[actix::test]
    async fn a_body_may_be_as_long_as_the_limit_and_no_longer() {
        let chunks: [Chunk; 4] = [Ok(b"ab"), Ok(b""), Ok(b"c"), Ok(b"d")];
        for count in 0..=chunks.len() {
            let body = chunks[..count].iter().flat_map(|chunk| chunk.unwrap()).copied();
            let body = Bytes::from_iter(body);
            let read = |bytes_max| read_chunks(&chunks[..count], bytes_max);
            assert_eq!(read(body.len()).await.as_ref(), Ok(&body));
            if let Some(less) = body.len().checked_sub(1) {
                assert_eq!(read(less).await, Err(BodyError::TooBig));
            }
        }
        assert_eq!(read_chunks(&[Ok(b"a"), Err(())], 4).await, Err(BodyError::Broken));
    }

    #[actix::test]
    async fn a_body_that_stands_still_is_given_up() {
        tokio::time::pause();
        let silent = stream::pending::<Result<Bytes, ()>>();
        assert_eq!(read(silent, 4).await, Err(BodyError::Broken));
        let silent = stream::iter([Ok::<_, ()>(Bytes::from_static(b"a"))]).chain(stream::pending());
        assert_eq!(read(silent, 4).await, Err(BodyError::Broken));
    }
}
