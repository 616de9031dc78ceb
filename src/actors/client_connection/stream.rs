//! The byte stream under a connection.

use std::{fmt, io, os::fd::AsFd};

use crate::stream::Duplex;

/// An accepted socket on its way to the thread that will serve it.
pub enum Stream {
    /// TCP.
    Tcp(std::net::TcpStream),
    /// A unix socket.
    Unix(std::os::unix::net::UnixStream),
}

impl Stream {
    /// Takes a TCP socket from the accepting thread.
    pub fn tcp(stream: tokio::net::TcpStream) -> io::Result<Self> {
        stream.into_std().map(Self::Tcp)
    }

    /// Takes a unix socket from the accepting thread.
    pub fn unix(stream: tokio::net::UnixStream) -> io::Result<Self> {
        stream.into_std().map(Self::Unix)
    }

    /// Gives the socket to the runtime of the calling thread.
    pub fn open(self) -> io::Result<Box<dyn Duplex>> {
        Ok(match self {
            Self::Tcp(stream) => Box::new(tokio::net::TcpStream::from_std(stream)?),
            Self::Unix(stream) => Box::new(tokio::net::UnixStream::from_std(stream)?),
        })
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let socket = match self {
            Self::Tcp(stream) => stream.as_fd(),
            Self::Unix(stream) => stream.as_fd(),
        };
        fmt::Debug::fmt(&socket, formatter)
    }
}
