//! Byte streams in both directions, and those that lie over others: what a broker's connections and a client's have in
//! common.

mod compressed;

use tokio::io::{AsyncRead, AsyncWrite};

pub use compressed::Compressed;

/// A stream in both directions; what TLS and compression put in place of the socket.
pub trait Duplex: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Duplex for S {}
