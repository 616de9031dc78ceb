//! What may lie between a peer and its socket. None of it is code of the broker.

use std::{
    io::{self, Read, Write},
    net::TcpStream,
    sync::{Arc, Mutex},
};

use tokio_rustls::rustls::{ClientConfig, ClientConnection, StreamOwned, pki_types::ServerName};

/// A blocking stream in both directions.
pub trait Wire: Read + Write + Send {}

impl<S: Read + Write + Send> Wire for S {}

/// The socket itself.
pub struct Plain(pub Arc<TcpStream>);

impl Read for Plain {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        (&*self.0).read(buf)
    }
}

impl Write for Plain {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        (&*self.0).write(buf)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// One of two owners of a stream.
#[derive(Clone)]
struct Half(Arc<Mutex<Box<dyn Wire>>>);

impl Read for Half {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.lock().unwrap().read(buf)
    }
}

impl Write for Half {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(buf)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.lock().unwrap().flush()
    }
}

/// A stream whose directions have nothing to do with each other.
struct Halves<R, W>(R, W);

impl<R: Read, W> Read for Halves<R, W> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.read(buf)
    }
}

impl<R, W: Write> Write for Halves<R, W> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.1.write(buf)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.1.flush()
    }
}

/// A stream of which the beginning has been read already.
pub fn behind(beginning: Vec<u8>, below: Box<dyn Wire>) -> Box<dyn Wire> {
    let half = Half(Arc::new(Mutex::new(below)));
    Box::new(Halves(io::Cursor::new(beginning).chain(half.clone()), half))
}

/// Snappy's framing format, as the crate `snap` has it.
pub fn snappy(below: Box<dyn Wire>) -> Box<dyn Wire> {
    let half = Half(Arc::new(Mutex::new(below)));
    let (reader, writer) = (half.clone(), half);
    Box::new(Halves(snap::read::FrameDecoder::new(reader), snap::write::FrameEncoder::new(writer)))
}

/// Raw DEFLATE.
pub fn deflate(below: Box<dyn Wire>) -> Box<dyn Wire> {
    use flate2::{Compression, read::DeflateDecoder, write::DeflateEncoder};
    let half = Half(Arc::new(Mutex::new(below)));
    let (reader, writer) = (half.clone(), half);
    let writer = DeflateEncoder::new(writer, Compression::fast());
    Box::new(Halves(DeflateDecoder::new(reader), writer))
}

/// TLS, in the role of the client and agreed upon.
pub fn tls(below: Box<dyn Wire>, config: &Arc<ClientConfig>) -> io::Result<Box<dyn Wire>> {
    let name = ServerName::try_from("localhost").unwrap();
    let client = ClientConnection::new(Arc::clone(config), name).map_err(io::Error::other)?;
    let mut stream = StreamOwned::new(client, below);
    while stream.conn.is_handshaking() {
        stream.conn.complete_io(&mut stream.sock)?;
    }
    Ok(Box::new(stream))
}
