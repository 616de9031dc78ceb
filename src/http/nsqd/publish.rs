//! `/pub` and `/mpub`.

use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse, web::Payload};
use tokio::sync::oneshot;

use super::{Api, State, batching};
use crate::{
    actors::topic::{Joined, Lost, Publish},
    http::{
        HttpError, Params,
        body::{self, BodyError},
        reply,
    },
};

/// One message: the body as it is.
pub async fn one(
    api: State,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, HttpError> {
    let bytes_max = api.shared.options.max_msg_size;
    let too_big = |error| HttpError::of_body(error, HttpError::MessageTooBig);
    body::check_announced(&request, bytes_max).map_err(too_big)?;
    let body = body::read(payload, bytes_max).await.map_err(too_big)?;
    if body.is_empty() {
        return Err(HttpError::MessageEmpty);
    }
    let params = Params::parse(request.query_string())?;
    let topic = params.topic()?;
    let delay = delay(&params, api.shared.options.max_req_timeout)?;
    let joined = Joined::to(&api.topic_to_publish(&topic).await?, delay);
    joined.push(&body);
    drop(body);
    joined.stored().await.map_err(|Lost| HttpError::Exiting)??;
    Ok(reply::text("OK"))
}

/// Many messages: lines, or framed as in `MPUB`. All of them are published, or none.
pub async fn many(
    api: State,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, HttpError> {
    let limits = api.limits();
    let too_big = |error: BodyError| HttpError::of_body(error, HttpError::BodyTooBig);
    body::check_announced(&request, limits.body_bytes_max).map_err(too_big)?;
    let params = Params::parse(request.query_string())?;
    let topic = params.topic()?;
    let body = body::read(payload, limits.body_bytes_max).await.map_err(too_big)?;
    let batches = if is_binary(&params) {
        batching::binary(&body, limits)?
    } else {
        batching::lines(&body, limits)?
    };
    drop(body); // the batches have it all; it need not wait for the disk with them
    let topic = api.topic_to_publish(&topic).await?; // created even if there is no message
    if let Some(batches) = batches {
        let (reply, stored) = oneshot::channel();
        // Not bounded by the mailbox, but by the connections: each waits for its answer.
        topic.do_send(Publish { batches, delay: Duration::ZERO, commands: 1, reply });
        stored.await.map_err(|_| HttpError::Exiting)??;
    }
    Ok(reply::text("OK"))
}

impl Api {
    fn limits(&self) -> batching::Limits {
        let options = &self.shared.options;
        batching::Limits {
            message_bytes_max: options.max_msg_size,
            body_bytes_max: options.max_body_size,
        }
    }
}

fn delay(params: &Params, max: Duration) -> Result<Duration, HttpError> {
    let Some(text) = params.get("defer") else { return Ok(Duration::ZERO) };
    let millis = text.parse::<i64>().ok().and_then(|millis| u64::try_from(millis).ok());
    let delay = millis.map(Duration::from_millis);
    delay.filter(|delay| *delay <= max).ok_or(HttpError::InvalidDefer)
}

/// `binary` is on by any value but `false` and `0`; upstream deprecates those that say neither.
fn is_binary(params: &Params) -> bool {
    match params.get("binary") {
        None | Some("false" | "0") => false,
        Some("true" | "1") => true,
        Some(other) => {
            log::warn!("deprecated value {other:?} used for /mpub binary param");
            true
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(query: &str) -> Params {
        Params::parse(query).unwrap()
    }

    #[test]
    fn defer_is_a_decimal_number_of_milliseconds_within_its_limit() {
        let max = Duration::from_millis(1000);
        for (query, millis) in [("", 0), ("defer=0", 0), ("defer=%2B5", 5), ("defer=1000", 1000)] {
            assert_eq!(delay(&params(query), max), Ok(Duration::from_millis(millis)), "{query}");
        }
        for query in ["defer=", "defer=-1", "defer=1001", "defer=1.5", "defer=1s", "defer=+5"] {
            assert_eq!(delay(&params(query), max), Err(HttpError::InvalidDefer), "{query}");
        }
        let huge = format!("defer={}", i128::from(i64::MAX) + 1);
        assert_eq!(delay(&params(&huge), Duration::MAX), Err(HttpError::InvalidDefer));
    }

    #[test]
    fn strange_values_of_binary_mean_yes() {
        for (query, binary) in [
            ("", false),
            ("binary=0", false),
            ("binary=false", false),
            ("binary=1", true),
            ("binary=true", true),
            ("binary=True", true),
            ("binary", true),
        ] {
            assert_eq!(is_binary(&params(query)), binary, "{query}");
        }
    }
}
