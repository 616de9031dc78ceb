//! Answers, and what stands in them besides what was asked for.

use std::fmt;

use actix_web::{HttpResponse, ResponseError, http::StatusCode, web};
use serde::Serialize;

use crate::{
    cluster::{AskError, ClusterError, warning},
    http::{HttpError, reply},
};

/// What was asked for, and who did not answer.
#[derive(Serialize)]
struct Answer<T> {
    #[serde(flatten)]
    body: T,
    /// As upstream words it.
    message: String,
    failures: Vec<AskError>,
}

/// 200 with what `body` makes. It is made and written down on a thread of its own, as there may be very much.
pub(in super::super) async fn answer<T: Serialize>(
    failures: Vec<AskError>,
    body: impl FnOnce() -> T + Send + 'static,
) -> Result<HttpResponse, ApiError> {
    let message = warning(&failures);
    if !failures.is_empty() {
        log::warn!("API: {}", one_line(&message));
    }
    let written = web::block(move || reply::to_json(&Answer { body: body(), message, failures }));
    let written = written.await.map_err(|_| HttpError::Internal)?;
    Ok(written.map(reply::json_text)?)
}

/// As it stands in the log: what nodes are registered as may hold anything.
fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' => line.push_str("; "),
            character if character.is_control() => line.extend(character.escape_default()),
            character => line.push(character),
        }
    }
    line
}

/// Why a request is not answered with what it asked for.
#[derive(Debug)]
pub(in super::super) enum ApiError {
    Http(HttpError),
    Cluster(ClusterError),
}

impl From<HttpError> for ApiError {
    fn from(error: HttpError) -> Self {
        Self::Http(error)
    }
}

impl From<ClusterError> for ApiError {
    fn from(error: ClusterError) -> Self {
        if let ClusterError::NoAnswer { .. } = error {
            log::error!("API: {}", one_line(&error.to_string()));
        }
        Self::Cluster(error)
    }
}

impl ApiError {
    fn as_http(&self) -> HttpError {
        match self {
            Self::Http(error) => error.clone(),
            Self::Cluster(ClusterError::TopicNotFound) => HttpError::TopicNotFound,
            Self::Cluster(ClusterError::ChannelNotFound) => HttpError::ChannelNotFound,
            Self::Cluster(ClusterError::NodeNotFound) => HttpError::NodeNotFound,
            Self::Cluster(ClusterError::NotConcerned) => HttpError::InvalidNode,
            Self::Cluster(error @ ClusterError::NoAnswer { .. }) => {
                HttpError::Upstream(error.to_string())
            }
        }
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_http().fmt(formatter)
    }
}

impl std::error::Error for ApiError {}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        self.as_http().status_code()
    }

    fn error_response(&self) -> HttpResponse {
        #[derive(Serialize)]
        struct Failed<'a> {
            message: String,
            failures: &'a [AskError],
        }
        let error = self.as_http();
        let Self::Cluster(ClusterError::NoAnswer { failures, .. }) = self else {
            return error.error_response();
        };
        reply::json_error(error.status_code(), &Failed { message: error.to_string(), failures })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_begins_no_line_of_the_log() {
        assert_eq!(one_line("a:1: gone\nb:1: \"no\""), "a:1: gone; b:1: \"no\"");
        assert_eq!(one_line("a\r\nAUDIT {}\u{1b}[1m\u{85}"), r"a\r; AUDIT {}\u{1b}[1m\u{85}");
    }
}
