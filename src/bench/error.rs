//! Why a run has failed.

use std::{io, net::SocketAddr, time::Duration};

use tokio_rustls::rustls::pki_types::InvalidDnsNameError;

/// What ends a run. None of it is tried again: a figure of a run that had trouble says nothing.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// Nobody listens there, or not for us.
    #[error("cannot connect to {address}: {error}")]
    NotConnected {
        /// Where.
        address: SocketAddr,
        /// Why.
        error: io::Error,
    },
    /// A connection broke.
    #[error("a connection broke: {0}")]
    Io(#[from] io::Error),
    /// The server refused a command.
    #[error("the server answered {0:?}")]
    Refused(String),
    /// The server refused a request over HTTP.
    #[error("{request} was answered with status {status}: {body:?}")]
    HttpRefused {
        /// Its method and target.
        request: String,
        /// Of the answer.
        status: u16,
        /// What the answer says.
        body: String,
    },
    /// The server does not speak the protocol.
    #[error("{0}")]
    Protocol(String),
    /// A message is not as it was published, or never was.
    #[error("a message is not as it was published: {0}")]
    Wrong(String),
    /// Messages have not come.
    #[error(
        "lost: {missing} of {expected} messages of topic={topic} channel={channel}, nothing more has come for {silence:?}"
    )]
    Lost {
        /// Where they were published.
        topic: String,
        /// Where they were to come.
        channel: String,
        /// How many.
        missing: u64,
        /// Of how many.
        expected: u64,
        /// How long nothing has come.
        silence: Duration,
    },
    /// What was to be done takes too long.
    #[error("{what} took longer than {limit:?}")]
    TooLong {
        /// What.
        what: &'static str,
        /// The limit.
        limit: Duration,
    },
    /// What was asked for cannot be done or measured.
    #[error("{0}")]
    Impossible(String),
}

impl From<InvalidDnsNameError> for BenchError {
    fn from(error: InvalidDnsNameError) -> Self {
        Self::Impossible(error.to_string())
    }
}
