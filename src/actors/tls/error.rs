//! Why there is no TLS.

use crate::tls::FileError;

/// Why a node cannot do what its options say about TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The node cannot be a server with these files.
    #[error("failed to build TLS config - {0}")]
    Server(#[source] FileError),
    /// Clients are to use TLS and there is none.
    #[error("cannot require TLS client connections without TLS key and cert")]
    NoCertificate,
    /// The node cannot be a client of other servers with these files.
    #[error("failed to build client TLS config - {0}")]
    Client(#[source] FileError),
}
