//! Servers of HTTP/1, in the clear and over TLS, with the same bounds.

use std::{future::Future, io, net::SocketAddr, thread::available_parallelism, time::Duration};

use actix_http::HttpService;
use actix_rt::{net::TcpStream, time::timeout};
use actix_service::{ServiceFactoryExt, map_config};
use actix_web::{
    App, Error, HttpServer,
    body::MessageBody,
    dev::{AppConfig, Server, ServiceFactory, ServiceRequest, ServiceResponse, fn_service},
};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy, sink};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use crate::actors::{socket::BoundListener, tls::HANDSHAKE_TIMEOUT};

/// An idle connection is kept longer than clients commonly do, so that they are the ones to close it.
const KEEP_ALIVE: Duration = Duration::from_secs(300);
/// How long a request's head may take to arrive.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a refused body is read and dropped, so that its sender can read why before it is cut off.
/// actix takes the time from a clock that is up to 500 ms late: at least 200 ms are left of it.
const LINGER: Duration = Duration::from_millis(700);
/// How long requests may go on when the server stops.
const SHUTDOWN_TIMEOUT_SECS: u64 = 1;
/// From so many cores on, HTTP gets two of them.
const CORES_OF_BIG_MACHINE: usize = 8;

/// The first byte of every TLS connection.
const HANDSHAKE_RECORD: u8 = 0x16;
/// What is said to those who begin with anything else; upstream says the same.
const PLAIN_ON_TLS: &[u8] =
    b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n";
/// How much of what they say is read, so that they can read the answer.
const PLAIN_BYTES_MAX: u64 = 64 * 1024;

/// What an application is made of, whatever the bodies of its answers are.
pub trait Content:
    ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<Self::Body>,
        Error = Error,
        InitError = (),
    > + 'static
{
    /// The bodies of its answers.
    type Body: MessageBody + 'static;
}

impl<T, B> Content for T
where
    T: ServiceFactory<
            ServiceRequest,
            Config = (),
            Response = ServiceResponse<B>,
            Error = Error,
            InitError = (),
        > + 'static,
    B: MessageBody + 'static,
{
    type Body = B;
}

/// Serves `app` in the clear.
pub fn serve<F, T>(listener: BoundListener, app: F) -> io::Result<impl Future<Output = ()>>
where
    F: Fn() -> App<T> + Send + Clone + 'static,
    T: Content,
{
    let server = HttpServer::new(app)
        .workers(worker_count())
        .keep_alive(KEEP_ALIVE)
        .client_request_timeout(HEAD_TIMEOUT)
        .client_disconnect_timeout(LINGER)
        .shutdown_timeout(SHUTDOWN_TIMEOUT_SECS)
        .disable_signals();
    let server = match listener {
        BoundListener::Tcp(socket) => server.listen(socket)?,
        BoundListener::Unix(socket) => server.listen_uds(socket)?,
    };
    Ok(until_it_ends("HTTP", server.run()))
}

/// Serves `app` over TLS, with threads of its own: whoever is slow with handshakes holds up nobody on the other listener.
///
/// `HttpServer` is not used, as it would offer HTTP/2 whenever some crate has switched it on in actix-http; upstream offers
/// nothing by ALPN. Only a TCP socket will do.
pub fn serve_tls<F, T>(
    listener: BoundListener,
    acceptor: TlsAcceptor,
    app: F,
) -> io::Result<impl Future<Output = ()>>
where
    F: Fn() -> App<T> + Send + Clone + 'static,
    T: Content,
{
    let BoundListener::Tcp(listener) = listener else {
        return Err(io::ErrorKind::Unsupported.into());
    };
    let server = Server::build()
        .workers(worker_count())
        .shutdown_timeout(SHUTDOWN_TIMEOUT_SECS)
        .disable_signals()
        .listen("https", listener, move || {
            let acceptor = acceptor.clone();
            let http = HttpService::build()
                .keep_alive(KEEP_ALIVE)
                .client_request_timeout(HEAD_TIMEOUT)
                .client_disconnect_timeout(LINGER)
                .secure()
                .h1(map_config(app(), |()| AppConfig::default()))
                .map_err(|error| log::debug!("HTTPS: connection ended: {error}"));
            fn_service(move |stream| accept(acceptor.clone(), stream)).and_then(http)
        })?
        .run();
    Ok(until_it_ends("HTTPS", server))
}

async fn until_it_ends(name: &str, server: Server) {
    if let Err(error) = server.await {
        log::error!("{name}: server failed: {error}");
    }
}

fn worker_count() -> usize {
    let cores = available_parallelism().map_or(1, usize::from);
    if cores >= CORES_OF_BIG_MACHINE { 2 } else { 1 }
}

/// The handshake of one connection. Upstream has a line in the log for each that fails, too; peers that only look whether
/// the port is open are nothing to warn of.
async fn accept(
    acceptor: TlsAcceptor,
    stream: TcpStream,
) -> Result<(TlsStream<TcpStream>, Option<SocketAddr>), ()> {
    let peer = stream.peer_addr().ok();
    let remote = peer.map(|peer| peer.to_string()).unwrap_or_default();
    match timeout(HANDSHAKE_TIMEOUT, handshake(acceptor, stream)).await {
        Ok(Ok(stream)) => return Ok((stream, peer)),
        Ok(Err(error)) if error.kind() == io::ErrorKind::InvalidData => {
            log::warn!("HTTPS: TLS handshake error from {remote}: {error}");
        }
        Ok(Err(error)) => log::debug!("HTTPS: no TLS handshake with {remote}: {error}"),
        Err(_elapsed) => log::warn!("HTTPS: TLS handshake error from {remote}: i/o timeout"),
    }
    Err(())
}

async fn handshake(acceptor: TlsAcceptor, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
    stream.set_nodelay(true)?;
    let mut first = [0];
    match stream.peek(&mut first).await? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        _ if first == [HANDSHAKE_RECORD] => acceptor.accept(stream).await,
        _ => refuse_plain(stream).await,
    }
}

/// Says what is wrong, and reads on for a while: an answer is lost when its connection is closed with bytes unread.
async fn refuse_plain<T>(mut stream: TcpStream) -> io::Result<T> {
    stream.write_all(PLAIN_ON_TLS).await?;
    stream.shutdown().await?;
    copy(&mut stream.take(PLAIN_BYTES_MAX), &mut sink()).await?;
    Err(io::Error::new(
        io::ErrorKind::InvalidData,
        "client sent an HTTP request to an HTTPS server",
    ))
}
