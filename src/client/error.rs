//! What can go wrong between a client and its servers.

use std::{io, sync::Arc, time::Duration};

use crate::{
    client::options::OptionError,
    os_error::os_text,
    protocol::{FrameError, excerpt},
    tls::FileError,
};

/// Why a producer or a consumer cannot be made as its options say.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// An option is out of its bounds, or does not go with another.
    #[error("{0}")]
    Option(#[from] OptionError),
    /// A certificate without its key, or a key without its certificate: the option that is missing.
    #[error("{0} is missing: a certificate needs its key, and a key its certificate")]
    HalfAnIdentity(&'static str),
    /// A file of certificates or keys cannot be used.
    #[error("{0}")]
    TlsFile(#[from] FileError),
    /// TLS cannot be set up like that.
    #[error("TLS: {0}")]
    Tls(String),
    /// No HTTP client can be made like that, as with a user agent that is no header.
    #[error("HTTP client: {0}")]
    Http(String),
    /// The address of an nsqlookupd cannot be used.
    #[error("{0}")]
    Lookupd(#[from] super::lookup::LookupdAddressError),
    /// Neither an nsqd nor an nsqlookupd was named.
    #[error("no address of an nsqd or nsqlookupd")]
    NoAddress,
    /// Both were named.
    #[error("addresses of nsqd and of nsqlookupd exclude each other")]
    BothAddresses,
    /// An nsqd that was named cannot be reached at the start.
    #[error("({address}) {error}")]
    Connect {
        /// Which.
        address: String,
        /// Why.
        error: ConnectError,
    },
}

/// Why there is no connection to an nsqd.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ConnectError {
    /// Nobody answers there, or the name is not known.
    #[error("dial tcp {address}: {reason}")]
    Dial {
        /// Where.
        address: String,
        /// What the operating system says.
        reason: String,
    },
    /// nsqd has refused the IDENTIFY.
    #[error("failed to IDENTIFY - {0}")]
    Identify(String),
    /// The answer to IDENTIFY is not JSON as it should be.
    #[error("failed to IDENTIFY - answer cannot be read: {0}")]
    Agreement(String),
    /// TLS was asked for and nsqd has none. Nothing goes on in the clear instead.
    #[error("TLS is asked for and nsqd does not offer it")]
    NoTls,
    /// The handshake of TLS has failed.
    #[error("TLS: {0}")]
    Tls(String),
    /// An upgrade was not confirmed.
    #[error("invalid response from {upgrade} upgrade")]
    Upgrade {
        /// TLS, snappy or deflate.
        upgrade: &'static str,
    },
    /// nsqd wants a secret, and the options have none.
    #[error("Auth Required")]
    AuthRequired,
    /// nsqd does not take the secret.
    #[error("Auth Failed {0}")]
    AuthFailed(String),
    /// The connection was lost meanwhile.
    #[error("{0}")]
    Lost(#[from] Lost),
}

impl ConnectError {
    /// True if the next attempt may well succeed: nobody has answered yet.
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::Dial { .. } | Self::Lost(_))
    }
}

/// Why a connection that stood is gone.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Lost {
    /// nsqd has closed it.
    #[error("EOF")]
    Closed,
    /// It was closed here.
    #[error("closed")]
    ClosedHere,
    /// Nothing came within `read_timeout`, not even a heartbeat.
    #[error("read: i/o timeout")]
    ReadTimeout,
    /// nsqd has taken nothing within `write_timeout`.
    #[error("write: i/o timeout")]
    WriteTimeout,
    /// A command was not answered in this time.
    #[error("no answer within {0:?}")]
    NoAnswer(Duration),
    /// nsqd has sent what is no frame, or an answer to nothing.
    #[error("{0}")]
    Protocol(String),
    /// The operating system, TLS or a compressed stream says so.
    #[error("{}", os_text(.0))]
    Io(Arc<io::Error>),
}

impl From<io::Error> for Lost {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Self::Closed,
            _ => Self::Io(Arc::new(error)),
        }
    }
}

impl From<FrameError> for Lost {
    fn from(error: FrameError) -> Self {
        Self::Protocol(error.to_string())
    }
}

/// An error frame of nsqd.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct ServerError {
    /// The text, such as `E_BAD_TOPIC PUB topic name "a$" is not valid`; no more than its first 512 bytes.
    pub text: String,
}

impl ServerError {
    /// The code in front of the text, such as `E_BAD_TOPIC`.
    pub fn code(&self) -> &str {
        self.text.split(' ').next().unwrap_or_default()
    }

    /// Keeps no more than the beginning of a text that is too long.
    pub(super) fn new(text: &[u8]) -> Self {
        Self { text: String::from_utf8_lossy(excerpt(text)).into_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_servers_are_kept_up_to_a_length() {
        let error = ServerError::new(b"E_BAD_TOPIC not valid");
        assert_eq!((error.code(), error.text.as_str()), ("E_BAD_TOPIC", "E_BAD_TOPIC not valid"));
        assert_eq!(ServerError::new(&[b'x'; 10_000]).text.len(), 512);
    }
}
