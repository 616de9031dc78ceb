//! Listening sockets: bound before anything is served.

use std::{
    io,
    net::{SocketAddr, ToSocketAddrs},
    os::unix::net::{UnixListener, UnixStream},
    path::{Path, PathBuf},
};

use crate::config::ListenAddress;

/// A socket that is bound, and what to call it.
#[derive(Debug)]
pub struct Bound {
    /// The socket.
    pub listener: BoundListener,
    /// `ip:port`, or the path.
    pub address: String,
    /// The port; -1 for a unix socket.
    pub port: i32,
    /// A unix socket's file, removed when this is dropped.
    pub file: Option<SocketFile>,
}

/// The file of a unix socket; goes with whoever bound it.
#[derive(Debug)]
pub struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.0) {
            log::warn!("{} not removed: {error}", self.0.display());
        }
    }
}

/// A bound socket of either kind.
#[derive(Debug)]
pub enum BoundListener {
    /// TCP, of either family.
    Tcp(std::net::TcpListener),
    /// A unix socket.
    Unix(UnixListener),
}

/// Connections that may wait to be accepted: storms come when a node is back.
const BACKLOG: i32 = 4096;

impl Bound {
    /// Binds `address`.
    pub fn new(address: &ListenAddress) -> io::Result<Self> {
        match address {
            ListenAddress::Tcp { host, port } => bind_tcp(host, *port),
            ListenAddress::Unix(path) => {
                let listener = bind_unix(path)?;
                let address = path.display().to_string();
                let file = Some(SocketFile(path.clone()));
                Ok(Self { listener: BoundListener::Unix(listener), address, port: -1, file })
            }
        }
    }
}

fn bind_tcp(host: &str, port: u16) -> io::Result<Bound> {
    let host = if host.is_empty() { "0.0.0.0" } else { host };
    let mut last_error = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in (host, port).to_socket_addrs()? {
        match bind_tcp_to(address) {
            Ok(listener) => {
                let local = listener.local_addr()?;
                return Ok(Bound {
                    listener: BoundListener::Tcp(listener),
                    address: local.to_string(),
                    port: i32::from(local.port()),
                    file: None,
                });
            }
            Err(error) => last_error = error,
        }
    }
    Err(last_error)
}

fn bind_tcp_to(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    use socket2::{Domain, Protocol, Type};
    let socket =
        socket2::Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Binds a unix socket; a file that a killed process has left behind is replaced.
fn bind_unix(path: &Path) -> io::Result<UnixListener> {
    let bound = match UnixListener::bind(path) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => match UnixStream::connect(path) {
            Err(refused) if refused.kind() == io::ErrorKind::ConnectionRefused => {
                std::fs::remove_file(path)?;
                UnixListener::bind(path)
            }
            _ => Err(error),
        },
        bound => bound,
    }?;
    bound.set_nonblocking(true)?;
    Ok(bound)
}
