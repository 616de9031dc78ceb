//! A connection of the load generator, plain or with what IDENTIFY can put around it.

use std::{fmt, io, net::SocketAddr, sync::Arc};

use serde::Serialize;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::{
    TlsConnector,
    rustls::{ClientConfig, pki_types::ServerName},
};

use super::{
    BenchError, Result,
    wire::{self, Frame, Inbox, closed},
};
use crate::protocol::upgrade::{
    Decode, DeflateDecoder, DeflateEncoder, Encode, SnappyDecoder, SnappyEncoder,
};

/// One read of a compressed stream.
const COMPRESSED: usize = 64 << 10;

/// What a connection asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Upgrade {
    /// Nothing.
    Plain,
    /// TLS.
    Tls,
    /// Snappy.
    Snappy,
    /// DEFLATE.
    Deflate,
    /// Snappy over TLS.
    TlsSnappy,
}

impl Upgrade {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Plain, Self::Tls, Self::Snappy, Self::Deflate, Self::TlsSnappy];

    /// What people call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Tls => "TLS",
            Self::Snappy => "snappy",
            Self::Deflate => "deflate",
            Self::TlsSnappy => "TLS + snappy",
        }
    }

    fn has_tls(self) -> bool {
        matches!(self, Self::Tls | Self::TlsSnappy)
    }

    fn identify(self) -> Vec<u8> {
        let (tls, deflate) = (self.has_tls(), self == Self::Deflate);
        let snappy = matches!(self, Self::Snappy | Self::TlsSnappy);
        let negotiate = self != Self::Plain;
        wire::identify(&format!(
            r#"{{"feature_negotiation":{negotiate},"tls_v1":{tls},"snappy":{snappy},"deflate":{deflate},"deflate_level":6,"heartbeat_interval":60000}}"#
        ))
    }

    fn codec(self) -> Option<Codec> {
        match self {
            Self::Plain | Self::Tls => None,
            Self::Snappy | Self::TlsSnappy => {
                Some(Codec::new(SnappyEncoder::default(), SnappyDecoder::default()))
            }
            Self::Deflate => Some(Codec::new(DeflateEncoder::new(1), DeflateDecoder::default())),
        }
    }
}

/// Where to connect, and how.
#[derive(Debug, Clone)]
pub struct Target {
    /// Of the server.
    pub address: SocketAddr,
    /// What is asked for.
    pub upgrade: Upgrade,
    /// What TLS needs.
    pub tls: Option<Arc<ClientConfig>>,
}

impl Target {
    /// Without an upgrade.
    pub fn plain(address: SocketAddr) -> Self {
        Self { address, upgrade: Upgrade::Plain, tls: None }
    }
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

struct Codec {
    encoder: Box<dyn Encode + Send>,
    decoder: Box<dyn Decode + Send>,
    encoded: Vec<u8>,
    /// What was read and not decoded.
    pending: Vec<u8>,
}

impl Codec {
    fn new(encoder: impl Encode + Send + 'static, decoder: impl Decode + Send + 'static) -> Self {
        Self {
            encoder: Box::new(encoder),
            decoder: Box::new(decoder),
            encoded: Vec::new(),
            pending: Vec::new(),
        }
    }

    fn decode(&mut self, room: &mut [u8]) -> Result<usize> {
        let step = self.decoder.decode(&self.pending, room).map_err(io::Error::other)?;
        self.pending.drain(..step.consumed);
        Ok(step.produced)
    }
}

/// Connects without an upgrade and introduces itself with this IDENTIFY, which must be answered with OK.
pub async fn introduced(
    address: SocketAddr,
    identify: &str,
    mut inbox: Inbox,
) -> Result<(TcpStream, Inbox)> {
    let mut stream = connect(address).await?;
    stream.write_all(&[wire::MAGIC, &wire::identify(identify)].concat()).await?;
    loop {
        match inbox.next_frame()? {
            Some(Frame::Ok) => return Ok((stream, inbox)),
            Some(other) => return Err(unexpected(&other)),
            None => {
                let length = stream.read(inbox.room()).await?;
                inbox.filled(length)?;
            }
        }
    }
}

/// A socket that sends at once.
pub(super) async fn connect(address: SocketAddr) -> Result<TcpStream> {
    let stream = TcpStream::connect(address).await;
    let stream = stream.map_err(|error| BenchError::NotConnected { address, error })?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

fn unexpected(frame: &Frame<'_>) -> BenchError {
    BenchError::Protocol(format!("{frame:?} instead of OK"))
}

/// A connection that has said who it is, and got what it asked for.
pub struct Link {
    stream: Box<dyn Stream>,
    codec: Option<Codec>,
    /// What has come.
    pub inbox: Inbox,
}

impl fmt::Debug for Link {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Link").finish_non_exhaustive()
    }
}

impl Link {
    /// Connects and waits until everything asked for is there.
    pub async fn connect(target: &Target, inbox: Inbox) -> Result<Self> {
        let stream = connect(target.address).await?;
        let mut link = Self { stream: Box::new(stream), codec: None, inbox };
        link.send(&[wire::MAGIC, &target.upgrade.identify()].concat()).await?;
        if target.upgrade == Upgrade::Plain {
            link.expect_ok().await?;
        } else {
            link.skip_json().await?;
            link.upgrade(target).await?;
        }
        Ok(link)
    }

    async fn upgrade(&mut self, target: &Target) -> Result<()> {
        if target.upgrade.has_tls() {
            let no_tls = || BenchError::Impossible("no TLS configuration".to_owned());
            let config = target.tls.clone().ok_or_else(no_tls)?;
            let stream = std::mem::replace(&mut self.stream, Box::new(tokio::io::empty()));
            let name = ServerName::try_from("localhost")?;
            let stream = TlsConnector::from(config).connect(name, stream).await?;
            self.stream = Box::new(stream);
            self.expect_ok().await?;
        }
        self.codec = target.upgrade.codec();
        if let Some(codec) = &mut self.codec {
            codec.pending = self.inbox.take();
            self.expect_ok().await?;
        }
        Ok(())
    }

    /// The answer to IDENTIFY, behind which compressed bytes may have come already.
    async fn skip_json(&mut self) -> Result<()> {
        while !self.inbox.skip_frame() {
            self.read().await?;
        }
        Ok(())
    }

    /// Waits for the OK of a command; heartbeats are answered.
    pub async fn expect_ok(&mut self) -> Result<()> {
        loop {
            match self.inbox.next_frame()? {
                Some(Frame::Ok) => return Ok(()),
                Some(Frame::Heartbeat) => self.send(wire::NOP).await?,
                Some(other) => return Err(unexpected(&other)),
                None => self.read().await?,
            }
        }
    }

    /// Sends all of it at once.
    pub async fn send(&mut self, bytes: &[u8]) -> Result<()> {
        match &mut self.codec {
            None => self.stream.write_all(bytes).await?,
            Some(codec) => {
                codec.encoded.clear();
                codec.encoder.encode(bytes, &mut codec.encoded);
                codec.encoder.flush(&mut codec.encoded);
                self.stream.write_all(&codec.encoded).await?;
            }
        }
        Ok(self.stream.flush().await?)
    }

    /// Reads once, or as often as it takes until something can be decoded. Nothing is lost when it is not waited for to
    /// the end.
    pub async fn read(&mut self) -> Result<()> {
        let Some(codec) = &mut self.codec else {
            let length = self.stream.read(self.inbox.room()).await?;
            return self.inbox.filled(length);
        };
        loop {
            let produced = codec.decode(self.inbox.room())?;
            if produced > 0 {
                return self.inbox.filled(produced);
            }
            codec.pending.reserve(COMPRESSED);
            if self.stream.read_buf(&mut codec.pending).await? == 0 {
                return Err(closed());
            }
        }
    }
}
