//! What happens around every request.

use std::{
    future::poll_fn,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    task::Poll,
    time::Instant,
};

use actix_web::{
    Error, HttpRequest, HttpResponse,
    body::MessageBody,
    dev::{ServiceRequest, ServiceResponse},
    http::{StatusCode, Version, header::HOST},
    middleware::Next,
};

use super::{HttpError, body::KeptBody, reply};
use crate::config::GoDuration;

/// Paths that are asked too often for a line in the log each; they want the request's body, too.
const BUSY_PATHS: [&str; 2] = ["/pub", "/mpub"];

/// Serves one request: it must be HTTP, its handler may panic, and the log has a line of it.
pub async fn serve<B: MessageBody + 'static>(
    mut request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse, Error> {
    let started = Instant::now();
    let is_busy = BUSY_PATHS.contains(&request.path());
    if request.version() == Version::HTTP_11 && !request.headers().contains_key(HOST) {
        return Ok(request.into_response(without_host()));
    }
    let body = KeptBody::of(&mut request);
    if let Some(unwanted) = body.clone().filter(|_| !is_busy) {
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

fn without_host() -> HttpResponse {
    let body = "400 Bad Request: missing required Host header";
    let mut response = reply::plain(StatusCode::BAD_REQUEST, body);
    response.head_mut().set_connection_type(actix_web::http::ConnectionType::Close);
    response
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
