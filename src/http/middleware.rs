//! What happens around every request.

use std::{
    future::poll_fn,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    task::Poll,
    time::Instant,
};

use actix_web::{
    Error, HttpRequest,
    body::MessageBody,
    dev::{ServiceRequest, ServiceResponse},
    http::{Method, StatusCode},
    middleware::Next,
};

use super::{HttpError, body::KeptBody};
use crate::config::GoDuration;

/// Paths that are asked too often for a line in the log each; they want the request's body, too.
const BUSY_PATHS: [&str; 2] = ["/pub", "/mpub"];

/// Serves one request: its handler may panic, and the log has a line of it.
pub async fn serve<B: MessageBody + 'static>(
    mut request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse, Error> {
    let started = Instant::now();
    let is_busy = BUSY_PATHS.contains(&request.match_info().as_str()); // unescaped, as routes see it
    // All that follows a CONNECT would count as its body.
    let keeps_body = is_busy || request.method() == Method::CONNECT;
    let body = KeptBody::of(&mut request);
    if let Some(unwanted) = body.clone().filter(|_| !keeps_body) {
        unwanted.discard().await;
    }
    let mut response = or_internal_error(next.call(request)).await?.map_into_boxed_body();
    if let Some(body) = body {
        response = body.end_connection_if_left(response);
    }
    if !is_busy {
        log_request(response.status(), response.request(), started);
    }
    Ok(in_camel_case(response))
}

/// A panic in a handler is that request's failure and nobody else's.
async fn or_internal_error<T>(call: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let mut call = pin!(call);
    poll_fn(|cx| {
        catch_unwind(AssertUnwindSafe(|| call.as_mut().poll(cx)))
            .unwrap_or_else(|_panic| Poll::Ready(Err(HttpError::Internal.into())))
    })
    .await
}

/// Header names as upstream writes them, for readers that look for bytes.
fn in_camel_case(mut response: ServiceResponse) -> ServiceResponse {
    response.response_mut().head_mut().set_camel_case_headers(true);
    response
}

fn log_request(status: StatusCode, request: &HttpRequest, started: Instant) {
    let remote = request.peer_addr().map_or_else(|| "@".into(), |peer| peer.to_string());
    let (status, method, uri) = (status.as_u16(), request.method(), request.uri());
    let elapsed = GoDuration::from(started.elapsed());
    log::info!("{status} {method} {uri} ({remote}) {elapsed}");
}
