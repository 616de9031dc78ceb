//! The handshake of a connection that goes over to TLS.

use std::{
    future::Future,
    io,
    pin::Pin,
    task::{self, Poll, ready},
};

use actix_rt::time::{Sleep, sleep};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::{
    TlsAcceptor,
    server::{FallibleAccept, TlsStream},
};

use crate::actors::tls::HANDSHAKE_TIMEOUT;
use crate::stream::Duplex;

/// A handshake under way. It gives the socket back if it fails, for the error to be said in the clear.
pub(super) struct Handshake(FallibleAccept<Deadlined>);

/// A socket whose reads and writes fail from some moment on.
pub(super) struct Deadlined {
    socket: Box<dyn Duplex>,
    deadline: Option<Pin<Box<Sleep>>>,
}

impl Handshake {
    /// Begins, in the role of the server.
    pub(super) fn new(acceptor: &TlsAcceptor, socket: Box<dyn Duplex>) -> Self {
        let deadline = Some(Box::pin(sleep(HANDSHAKE_TIMEOUT)));
        Self(acceptor.accept(Deadlined { socket, deadline }).into_fallible())
    }
}

impl Future for Handshake {
    type Output = Result<TlsStream<Deadlined>, (String, Box<dyn Duplex>)>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(match ready!(Pin::new(&mut self.0).poll(cx)) {
            Ok(mut stream) => {
                stream.get_mut().0.deadline = None;
                Ok(stream)
            }
            Err((error, deadlined)) => Err((describe(&error), deadlined.socket)),
        })
    }
}

/// Says whose error it is, as Go does it.
fn describe(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::InvalidData => format!("tls: {error}"),
        io::ErrorKind::UnexpectedEof => "EOF".to_owned(),
        _ => error.to_string(),
    }
}

impl Deadlined {
    fn check(&mut self, cx: &mut task::Context<'_>) -> io::Result<()> {
        match &mut self.deadline {
            Some(deadline) => match deadline.as_mut().poll(cx) {
                Poll::Ready(()) => Err(io::Error::new(io::ErrorKind::TimedOut, "i/o timeout")),
                Poll::Pending => Ok(()),
            },
            None => Ok(()),
        }
    }
}

impl AsyncRead for Deadlined {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut task::Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check(cx)?;
        Pin::new(&mut self.socket).poll_read(cx, buf)
    }
}

impl AsyncWrite for Deadlined {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut task::Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.check(cx)?;
        Pin::new(&mut self.socket).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut task::Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.check(cx)?;
        Pin::new(&mut self.socket).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}
