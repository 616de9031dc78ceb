//! `/ping`, `/info` and `/debug/crash`.

use std::time::Duration;

use actix_rt::time::timeout;
use actix_web::{HttpResponse, http::StatusCode};
use serde::Serialize;

use super::State;
use crate::{
    actors::{lookup_registry::messages::RegistrySnapshot, snapshot::Observe, supervisor::Crash},
    config::NSQ_VERSION,
    http::{HttpError, Params, ask::ask, reply},
};

/// How long a registry may take to say that it lives.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(3);

/// Whether the registry answers.
pub async fn ping(api: State) -> HttpResponse {
    let answer = ask(&api.registry, Observe::<RegistrySnapshot>::new);
    match timeout(ANSWER_TIMEOUT, answer).await {
        Ok(Ok(_)) => reply::plain(StatusCode::OK, "OK"),
        _ => reply::plain(StatusCode::INTERNAL_SERVER_ERROR, "NOK - the registry does not answer"),
    }
}

/// Which version this is.
pub async fn info() -> Result<HttpResponse, HttpError> {
    #[derive(Serialize)]
    struct Info {
        version: &'static str,
    }
    reply::json(&Info { version: NSQ_VERSION })
}

/// Answers when the actor has been told; it panics a moment later.
pub async fn crash(api: State, params: Params) -> Result<HttpResponse, HttpError> {
    if !api.shared.options.chaos_enabled() {
        return Err(HttpError::ChaosDisabled);
    }
    match params.get("actor").ok_or(HttpError::MissingArg("ACTOR"))? {
        "registry" => api.registry.do_send(Crash),
        "listener" => api.listener.do_send(Crash),
        _ => return Err(HttpError::InvalidArg("ACTOR")),
    }
    Ok(reply::empty())
}
