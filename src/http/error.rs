//! What can go wrong in a request: the status and the JSON of every error stand here.

use std::borrow::Cow;

use actix_web::{HttpResponse, ResponseError, http::StatusCode};

use serde::Serialize;

use super::{body::BodyError, reply};
use crate::actors::{
    disk_queue::StoreError,
    node::TopicError,
    topic::{ChannelError, PublishError},
};

/// Why a request is not answered with what it asked for; displayed as the answer's `message`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HttpError {
    /// The query string cannot be read.
    InvalidRequest,
    /// A required parameter is not there: its name in capitals.
    MissingArg(&'static str),
    /// A parameter makes no sense: its name in capitals.
    InvalidArg(&'static str),
    /// A bad topic name, where the request is about the topic itself.
    InvalidTopic,
    /// A bad channel name, where the request is about the channel itself.
    InvalidChannel,
    /// No node where one is needed, or one where none is.
    InvalidNode,
    /// Nothing that can be done.
    InvalidAction,
    /// A body that is not what it has to be.
    InvalidBody,
    /// A body that is not the JSON that it has to be, for this reason.
    BadJson(String),
    /// What destroys, without the name of what it destroys.
    Unconfirmed,
    /// `defer` is no time, or out of range.
    InvalidDefer,
    /// `durability` is no level, or one that the topic cannot keep.
    InvalidDurability,
    /// There is no such topic.
    TopicNotFound,
    /// There is no such channel.
    ChannelNotFound,
    /// There is no such node.
    NodeNotFound,
    /// The pages show no such thing.
    ViewNotFound,
    /// The topic has no channel where it would be listened to, in these words.
    NoChannels(String),
    /// As many look as may.
    TooManyStreams,
    /// A message without a body.
    MessageEmpty,
    /// A message larger than `--max-msg-size`.
    MessageTooBig,
    /// A body larger than `--max-body-size`.
    BodyTooBig,
    /// A binary body that does not begin with a possible number of messages.
    BadBody,
    /// A binary body with a message that is cut off or has an impossible size.
    BadMessage,
    /// The topic is being deleted, the node is stopping, or nobody can tell what became of it.
    Exiting,
    /// The log does not take messages, for this reason.
    NotStored(String),
    /// There is no such option, or it cannot be changed.
    InvalidOption,
    /// Not a value of the option.
    InvalidValue,
    /// No value at all, or one larger than `--max-msg-size`.
    ValueSize,
    /// `--enable-experiment=chaos` is off.
    ChaosDisabled,
    /// Not one of those who may do that.
    Forbidden,
    /// The request was made by a page of somebody else.
    CrossOrigin,
    /// Nobody knows from where the request comes.
    InvalidRemoteAddress,
    /// Nobody of those who were asked has given an answer, for these reasons.
    Upstream(String),
    /// There is no such path.
    NotFound,
    /// The path knows other methods: the value of `Allow`.
    MethodNotAllowed(String),
    /// Our own failure, which the log explains.
    Internal,
}

impl HttpError {
    fn status_and_message(&self) -> (u16, Cow<'static, str>) {
        let (status, message) = match self {
            Self::MissingArg(name) => return (400, format!("MISSING_ARG_{name}").into()),
            Self::InvalidArg(name) => return (400, format!("INVALID_ARG_{name}").into()),
            Self::Upstream(text) => return (502, format!("UPSTREAM_ERROR: {text}").into()),
            Self::BadJson(reason) => return (400, reason.clone().into()),
            Self::NotStored(reason) => return (503, reason.clone().into()),
            Self::InvalidRequest => (400, "INVALID_REQUEST"),
            Self::InvalidTopic => (400, "INVALID_TOPIC"),
            Self::InvalidChannel => (400, "INVALID_CHANNEL"),
            Self::InvalidNode => (400, "INVALID_NODE"),
            Self::InvalidAction => (400, "INVALID_ACTION"),
            Self::InvalidBody => (400, "INVALID_BODY"),
            Self::Unconfirmed => (400, "CONFIRM"),
            Self::InvalidDefer => (400, "INVALID_DEFER"),
            Self::InvalidDurability => (400, "INVALID_DURABILITY"),
            Self::TopicNotFound => (404, "TOPIC_NOT_FOUND"),
            Self::ChannelNotFound => (404, "CHANNEL_NOT_FOUND"),
            Self::NodeNotFound => (404, "NODE_NOT_FOUND"),
            Self::ViewNotFound => (404, "VIEW_NOT_FOUND"),
            Self::NoChannels(_) => (409, "NO_CHANNELS"),
            Self::TooManyStreams => (503, "TOO_MANY_STREAMS"),
            Self::MessageEmpty => (400, "MSG_EMPTY"),
            Self::MessageTooBig => (413, "MSG_TOO_BIG"),
            Self::BodyTooBig => (413, "BODY_TOO_BIG"),
            Self::BadBody => (413, "BAD_BODY"),
            Self::BadMessage => (413, "BAD_MESSAGE"),
            Self::Exiting => (503, "EXITING"),
            Self::InvalidOption => (400, "INVALID_OPTION"),
            Self::InvalidValue => (400, "INVALID_VALUE"),
            Self::ValueSize => (413, "INVALID_VALUE"),
            Self::ChaosDisabled => (403, "CHAOS_DISABLED"),
            Self::Forbidden => (403, "FORBIDDEN"),
            Self::CrossOrigin => (403, "CROSS_ORIGIN"),
            Self::InvalidRemoteAddress => (400, "INVALID_REMOTE_ADDR"),
            Self::NotFound => (404, "NOT_FOUND"),
            Self::MethodNotAllowed(_) => (405, "METHOD_NOT_ALLOWED"),
            Self::Internal => (500, "INTERNAL_ERROR"),
        };
        (status, message.into())
    }
}

/// An error with what a person can read of it.
#[derive(Serialize)]
struct Explained<'a> {
    message: &'a str,
    text: &'a str,
}

impl std::fmt::Display for HttpError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.status_and_message().1)
    }
}

impl std::error::Error for HttpError {}

impl ResponseError for HttpError {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.status_and_message().0)
            .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse {
        if let Self::NoChannels(text) = self {
            let body = Explained { message: &self.to_string(), text };
            return reply::json_error(self.status_code(), &body);
        }
        let mut response = reply::error(self.status_code(), &self.status_and_message().1);
        if let Self::MethodNotAllowed(allow) = self {
            reply::set_allow(&mut response, allow);
        }
        response
    }
}

impl From<TopicError> for HttpError {
    fn from(error: TopicError) -> Self {
        match error {
            TopicError::NotFound => Self::TopicNotFound,
            TopicError::Exiting => Self::Exiting,
            TopicError::NotRemoved => Self::Internal,
        }
    }
}

impl From<ChannelError> for HttpError {
    fn from(error: ChannelError) -> Self {
        match error {
            ChannelError::NotFound => Self::ChannelNotFound,
            ChannelError::Exiting => Self::Exiting,
            ChannelError::Store(error) => error.into(),
        }
    }
}

impl From<StoreError> for HttpError {
    fn from(error: StoreError) -> Self {
        log::error!("HTTP: request not stored: {error}");
        Self::NotStored(error.to_string())
    }
}

impl From<PublishError> for HttpError {
    fn from(error: PublishError) -> Self {
        match error {
            PublishError::Exiting => Self::Exiting,
            PublishError::Store(reason) => Self::NotStored(reason),
        }
    }
}

impl HttpError {
    /// What a body's failure means where a larger one is called `too_big`.
    pub fn of_body(error: BodyError, too_big: Self) -> Self {
        match error {
            BodyError::TooBig => too_big,
            BodyError::Broken => Self::Internal,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn is(error: &HttpError, status: u16, message: &str) {
        assert_eq!((error.status_code().as_u16(), error.to_string().as_str()), (status, message));
    }

    #[test]
    fn errors_have_upstreams_status_and_message() {
        is(&HttpError::InvalidRequest, 400, "INVALID_REQUEST");
        is(&HttpError::MissingArg("CHANNEL"), 400, "MISSING_ARG_CHANNEL");
        is(&HttpError::InvalidArg("TOPIC"), 400, "INVALID_ARG_TOPIC");
        is(&HttpError::InvalidTopic, 400, "INVALID_TOPIC");
        is(&HttpError::InvalidChannel, 400, "INVALID_CHANNEL");
        is(&HttpError::InvalidNode, 400, "INVALID_NODE");
        is(&HttpError::InvalidAction, 400, "INVALID_ACTION");
        is(&HttpError::InvalidBody, 400, "INVALID_BODY");
        is(&HttpError::BadJson("EOF".into()), 400, "EOF");
        is(&HttpError::Unconfirmed, 400, "CONFIRM");
        is(&HttpError::NodeNotFound, 404, "NODE_NOT_FOUND");
        is(&HttpError::InvalidDefer, 400, "INVALID_DEFER");
        is(&HttpError::InvalidDurability, 400, "INVALID_DURABILITY");
        is(&HttpError::TopicNotFound, 404, "TOPIC_NOT_FOUND");
        is(&HttpError::ChannelNotFound, 404, "CHANNEL_NOT_FOUND");
        is(&HttpError::MessageEmpty, 400, "MSG_EMPTY");
        is(&HttpError::MessageTooBig, 413, "MSG_TOO_BIG");
        is(&HttpError::BodyTooBig, 413, "BODY_TOO_BIG");
        is(&HttpError::BadBody, 413, "BAD_BODY");
        is(&HttpError::BadMessage, 413, "BAD_MESSAGE");
        is(&HttpError::Exiting, 503, "EXITING");
        is(&HttpError::InvalidOption, 400, "INVALID_OPTION");
        is(&HttpError::InvalidValue, 400, "INVALID_VALUE");
        is(&HttpError::ValueSize, 413, "INVALID_VALUE");
        is(&HttpError::Forbidden, 403, "FORBIDDEN");
        is(&HttpError::CrossOrigin, 403, "CROSS_ORIGIN");
        is(&HttpError::InvalidRemoteAddress, 400, "INVALID_REMOTE_ADDR");
        is(&HttpError::Upstream("a: gone".into()), 502, "UPSTREAM_ERROR: a: gone");
        is(&HttpError::NotFound, 404, "NOT_FOUND");
        is(&HttpError::MethodNotAllowed("GET".into()), 405, "METHOD_NOT_ALLOWED");
        is(&HttpError::Internal, 500, "INTERNAL_ERROR");
    }

    #[test]
    fn a_log_that_takes_nothing_is_not_called_exiting() {
        is(&PublishError::Store("disk full".into()).into(), 503, "disk full");
        is(&PublishError::Exiting.into(), 503, "EXITING");
        is(&ChannelError::Store(StoreError::NotOpen).into(), 503, "the log is not open");
    }
}
