//! Why a publish has not been confirmed.

use crate::client::error::{ConnectError, Lost, ServerError};

/// Why a publish has not been confirmed, and whether its messages may be stored all the same.
#[derive(Debug, Clone, thiserror::Error)]
pub enum PublishError {
    /// There is no connection. Nothing was sent.
    #[error("{0}")]
    NotConnected(ConnectError),
    /// nsqd has refused it. Nothing is stored.
    #[error("{0}")]
    Refused(ServerError),
    /// The connection was lost before the answer came: nobody knows whether the messages are stored.
    #[error("not connected: {0}; whether it was stored is not known")]
    Lost(Lost),
    /// The producer was stopped. Nothing was sent.
    #[error("stopped")]
    Stopped,
    /// More than the producer may have on its way at all. Nothing was sent.
    #[error("message of {bytes} bytes is more than the {max} bytes that may be on their way")]
    TooLarge {
        /// What the command comes to.
        bytes: usize,
        /// What is allowed.
        max: usize,
    },
    /// No message, or one without content, which nsqd does not take. Nothing was sent.
    #[error("message is empty")]
    Empty,
}

impl PublishError {
    /// True if the messages may have been stored although nothing has confirmed it: whoever publishes them again may
    /// have them twice.
    pub fn may_be_stored(&self) -> bool {
        matches!(self, Self::Lost(_))
    }
}
