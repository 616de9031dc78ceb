//! `/debug/freememory`: memory that holds copies is given back.

use actix_web::{HttpResponse, http::StatusCode};

use crate::{
    actors::node::FreeMemory,
    http::{
        HttpError,
        nsqd::{State, ask},
        reply,
    },
};

/// Drops the messages that are in memory and in the log; consumers that are behind read the log.
pub async fn free(api: State) -> Result<HttpResponse, HttpError> {
    ask(&api.node, || FreeMemory).await?;
    Ok(reply::plain(StatusCode::OK, ""))
}
