//! From the address of a nsqlookupd to a connection.

use std::{io, time::Duration};

use actix_rt::time::timeout;
use tokio::net::{TcpStream, lookup_host};

/// Time for a connect to one address.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// Time to find out the addresses of a name: what a resolver gives one of its servers.
const RESOLVE_TIMEOUT: Duration = Duration::from_secs(5);
/// Addresses of one name that are tried.
const ADDRESSES_MAX: usize = 16;

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The name has no address now.
    #[error("failed to connect: address not found: {0}")]
    NotFound(io::Error),
    /// The resolver says nothing.
    #[error("failed to connect: address not found within {RESOLVE_TIMEOUT:?}")]
    NotFoundInTime,
    /// No address takes connections; of the last one that was tried, why.
    #[error("failed to connect: {0}")]
    Refused(io::Error),
    /// The last address that was tried says nothing.
    #[error("failed to connect within {CONNECT_TIMEOUT:?}")]
    Silent,
}

/// Looks up the addresses of `host:port` anew, as pods and leases change them, and tries one after the other.
pub async fn connect(address: &str) -> Result<TcpStream, ConnectError> {
    let found = match timeout(RESOLVE_TIMEOUT, lookup_host(address)).await {
        Ok(found) => found.map_err(ConnectError::NotFound)?,
        Err(_elapsed) => return Err(ConnectError::NotFoundInTime),
    };
    let mut error = ConnectError::NotFound(io::ErrorKind::NotFound.into());
    for address in found.take(ADDRESSES_MAX) {
        match timeout(CONNECT_TIMEOUT, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                let _best_effort = stream.set_nodelay(true);
                return Ok(stream);
            }
            Ok(Err(refused)) => error = ConnectError::Refused(refused),
            Err(_elapsed) => error = ConnectError::Silent,
        }
    }
    Err(error)
}
