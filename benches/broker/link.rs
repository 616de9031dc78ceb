//! A connection of the load generator, plain or with what IDENTIFY can put around it.

use std::{fmt, io, net::SocketAddr, sync::Arc};

use nsq_actors::protocol::upgrade::{
    Decode, DeflateDecoder, DeflateEncoder, Encode, SnappyDecoder, SnappyEncoder,
};
use serde::Serialize;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::{
    TlsConnector,
    rustls::{ClientConfig, pki_types::ServerName},
};

use crate::{
    Result,
    wire::{self, Frame, Inbox},
};

/// One read of a compressed stream.
const COMPRESSED: usize = 64 << 10;

/// What a connection asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Upgrade {
    Plain,
    Tls,
    Snappy,
    Deflate,
    TlsSnappy,
}

impl Upgrade {
    pub const ALL: [Self; 5] =
        [Self::Plain, Self::Tls, Self::Snappy, Self::Deflate, Self::TlsSnappy];

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
    pub address: SocketAddr,
    pub upgrade: Upgrade,
    /// What TLS needs.
    pub tls: Option<Arc<ClientConfig>>,
}

impl Target {
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
        let step = self.decoder.decode(&self.pending, room)?;
        self.pending.drain(..step.consumed);
        Ok(step.produced)
    }
}

/// A connection that has said who it is, and got what it asked for.
pub struct Link {
    stream: Box<dyn Stream>,
    codec: Option<Codec>,
    pub inbox: Inbox,
}

impl fmt::Debug for Link {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Link").finish_non_exhaustive()
    }
}

impl Link {
    pub async fn connect(target: &Target, inbox: usize) -> Result<Self> {
        let stream = TcpStream::connect(target.address).await?;
        stream.set_nodelay(true)?;
        let inbox = Inbox::with_capacity(inbox);
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
            let config = target.tls.clone().ok_or("no TLS configuration")?;
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

    pub async fn expect_ok(&mut self) -> Result<()> {
        loop {
            match self.inbox.next_frame()? {
                Some(Frame::Ok) => return Ok(()),
                Some(other) => return Err(format!("{other:?} instead of OK").into()),
                None => self.read().await?,
            }
        }
    }

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

    /// Reads once, or as often as it takes until something can be decoded.
    pub async fn read(&mut self) -> Result<()> {
        let Some(codec) = &mut self.codec else {
            let length = self.stream.read(self.inbox.room()).await?;
            return Ok(self.inbox.filled(length)?);
        };
        loop {
            let produced = codec.decode(self.inbox.room())?;
            if produced > 0 {
                return Ok(self.inbox.filled(produced)?);
            }
            let before = codec.pending.len();
            codec.pending.resize(before + COMPRESSED, 0);
            let length = self.stream.read(&mut codec.pending[before..]).await?;
            codec.pending.truncate(before + length);
            if length == 0 {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
            }
        }
    }
}
