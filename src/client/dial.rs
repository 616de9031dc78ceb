//! Connecting to an nsqd: TCP, IDENTIFY, the upgrades, AUTH.

use std::{future::Future, io, net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    net::{TcpSocket, TcpStream, lookup_host},
    time::{Instant, timeout, timeout_at},
};
use tokio_rustls::{
    TlsConnector,
    rustls::pki_types::{IpAddr, ServerName},
};

use super::{
    delay::after,
    error::{ConnectError, Lost, ServerError, SetupError},
    options::Options,
    tls,
    wire::{HEARTBEAT, Incoming, Wire},
};
use crate::{
    os_error::os_text,
    protocol::{
        Agreement, Introduction, Magic,
        outgoing::{put_auth, put_identify, put_nop},
        text_excerpt,
        upgrade::{Decode, DeflateDecoder, DeflateEncoder, Encode, SnappyDecoder, SnappyEncoder},
    },
    stream::{Compressed, Duplex},
};

/// The least that an address of several gets of the time for a connect.
const SHARE_MIN: Duration = Duration::from_millis(250);
/// As Go says it.
const TIMEOUT: &str = "i/o timeout";

/// Options that were checked, with what their files hold.
#[derive(Clone)]
pub(super) struct Settings {
    pub(super) options: Arc<Options>,
    tls: Option<TlsConnector>,
}

impl Settings {
    /// Reads the files that the options name. Blocks while it reads.
    pub(super) fn new(options: &Options) -> Result<Self, SetupError> {
        options.check()?;
        let tls = match options.uses_tls() {
            true => Some(TlsConnector::from(Arc::new(tls::client_config(options)?))),
            false => None,
        };
        Ok(Self { options: Arc::new(options.clone()), tls })
    }
}

/// A connection whose upgrades are done.
pub(super) struct Connected {
    pub(super) wire: Wire,
    pub(super) agreement: Agreement,
}

/// Connects to `address`, `host:port`.
pub(super) async fn connect(address: &str, settings: &Settings) -> Result<Connected, ConnectError> {
    let options = &settings.options;
    let socket = dial(address, options).await?;
    let mut wire = Wire::new(Box::new(socket), options.read_timeout, options.write_timeout);
    let agreement = introduce(&mut wire, options).await?;
    upgrade(&mut wire, address, settings, &agreement).await?;
    if agreement.auth_required {
        authorize(&mut wire, options).await?;
    }
    if options.heartbeat_interval.0.is_none() {
        wire.wait_for_ever();
    }
    Ok(Connected { wire, agreement })
}

async fn dial(address: &str, options: &Options) -> Result<TcpStream, ConnectError> {
    let deadline = after(Instant::now(), options.dial_timeout);
    let found = match timeout_at(deadline, lookup_host(address)).await {
        Err(_elapsed) => Err(TIMEOUT.to_owned()),
        Ok(Err(error)) => Err(connect_failed(&error)),
        Ok(Ok(candidates)) => {
            let connect = |candidate| dial_one(candidate, options.local_addr);
            dial_in_turn(&candidates.collect::<Vec<_>>(), deadline, connect).await
        }
    };
    found.map_err(|reason| ConnectError::Dial { address: address.to_owned(), reason })
}

/// Tries the addresses of a name. Those that are left share the time that is left, so that one that does not answer does
/// not keep the others from being tried.
async fn dial_in_turn<T, F>(
    candidates: &[SocketAddr],
    deadline: Instant,
    connect: impl Fn(SocketAddr) -> F,
) -> Result<T, String>
where
    F: Future<Output = io::Result<T>>,
{
    let mut last = connect_failed(&io::ErrorKind::AddrNotAvailable.into());
    for (candidate, still) in candidates.iter().zip((1..=candidates.len()).rev()) {
        let left = deadline.saturating_duration_since(Instant::now());
        let share = left / u32::try_from(still).unwrap_or(u32::MAX);
        match timeout(share.max(SHARE_MIN.min(left)), connect(*candidate)).await {
            Ok(Ok(socket)) => return Ok(socket),
            Ok(Err(error)) => last = connect_failed(&error),
            Err(_elapsed) => last = TIMEOUT.to_owned(),
        }
    }
    Err(last)
}

fn connect_failed(error: &io::Error) -> String {
    format!("connect: {}", os_text(error))
}

async fn dial_one(address: SocketAddr, local: Option<SocketAddr>) -> io::Result<TcpStream> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    if let Some(local) = local {
        socket.bind(local)?;
    }
    let stream = socket.connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

async fn introduce(wire: &mut Wire, options: &Options) -> Result<Agreement, ConnectError> {
    let introduction = Introduction {
        client_id: &options.client_id,
        hostname: &options.hostname,
        user_agent: &options.user_agent,
        short_id: &options.client_id,
        long_id: &options.hostname,
        tls_v1: options.uses_tls(),
        deflate: options.deflate,
        deflate_level: i32::from(options.deflate_level),
        snappy: options.snappy,
        feature_negotiation: true,
        heartbeat_interval: options.heartbeat_interval.0,
        sample_rate: options.sample_rate,
        output_buffer_size: options.output_buffer_size,
        output_buffer_timeout: options.output_buffer_timeout.0,
        msg_timeout: options.msg_timeout,
        topology_region: &options.topology_region,
        topology_zone: &options.topology_zone,
    };
    wire.output().extend_from_slice(&Magic::V2);
    put_identify(wire.output(), &introduction.to_json());
    wire.write().await?;
    match read_answer(wire).await? {
        Ok(answer) => {
            Agreement::parse(&answer).map_err(|error| ConnectError::Agreement(text_excerpt(error)))
        }
        Err(error) => Err(ConnectError::Identify(error.text)),
    }
}

/// The next frame that is no heartbeat.
async fn read_answer(wire: &mut Wire) -> Result<Result<bytes::Bytes, ServerError>, Lost> {
    loop {
        match wire.read_frame().await? {
            Incoming::Response(data) if &data[..] == HEARTBEAT => {
                put_nop(wire.output());
                wire.write().await?;
            }
            Incoming::Response(data) => return Ok(Ok(data)),
            Incoming::Error(text) => return Ok(Err(ServerError::new(&text))),
            Incoming::Message(_) => {
                return Err(Lost::Protocol("message before SUB".to_owned()));
            }
        }
    }
}

/// TLS, then a compression: what nsqd has agreed to, each confirmed by an `OK` inside it.
async fn upgrade(
    wire: &mut Wire,
    address: &str,
    settings: &Settings,
    agreement: &Agreement,
) -> Result<(), ConnectError> {
    if let Some(connector) = &settings.tls {
        if !agreement.tls_v1 {
            return Err(ConnectError::NoTls);
        }
        let (below, read) = wire.take_stream();
        if !read.is_empty() {
            // nsqd waits for the handshake: somebody else has put words into its mouth.
            return Err(ConnectError::Tls("bytes in the clear before the handshake".to_owned()));
        }
        wire.set_stream(encrypt(connector, address, below, settings).await?);
        confirm(wire, "TLS").await?;
    }
    if agreement.deflate && settings.options.deflate {
        let encoder = DeflateEncoder::new(i32::from(settings.options.deflate_level));
        compress(wire, encoder, DeflateDecoder::default());
        confirm(wire, "Deflate").await?;
    } else if agreement.snappy && settings.options.snappy {
        compress(wire, SnappyEncoder::default(), SnappyDecoder::default());
        confirm(wire, "Snappy").await?;
    }
    Ok(())
}

/// nsqd does not wait before it begins: what was read behind its last frame is compressed already.
fn compress<E, D>(wire: &mut Wire, encoder: E, decoder: D)
where
    E: Encode + Unpin + Send + 'static,
    D: Decode + Unpin + Send + 'static,
{
    let (below, read) = wire.take_stream();
    wire.set_stream(Box::new(Compressed::behind(read, below, encoder, decoder)));
}

async fn encrypt(
    connector: &TlsConnector,
    address: &str,
    below: Box<dyn Duplex>,
    settings: &Settings,
) -> Result<Box<dyn Duplex>, ConnectError> {
    let failed = |error: &dyn std::fmt::Display| ConnectError::Tls(error.to_string());
    let name = server_name(address).map_err(|error| failed(&error))?;
    let handshake = connector.connect(name, below);
    match timeout(settings.options.read_timeout, handshake).await {
        Err(_elapsed) => Err(failed(&format!("handshake: {TIMEOUT}"))),
        Ok(Err(error)) => Err(failed(&error)),
        Ok(Ok(stream)) => Ok(Box::new(stream)),
    }
}

/// The host of `host:port`, without the brackets of IPv6.
fn server_name(
    address: &str,
) -> Result<ServerName<'static>, tokio_rustls::rustls::pki_types::InvalidDnsNameError> {
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    match host.parse::<std::net::IpAddr>() {
        Ok(ip) => Ok(ServerName::IpAddress(IpAddr::from(ip))),
        Err(_) => ServerName::try_from(host.to_owned()),
    }
}

async fn confirm(wire: &mut Wire, upgrade: &'static str) -> Result<(), ConnectError> {
    match read_answer(wire).await? {
        Ok(answer) if &answer[..] == b"OK" => Ok(()),
        _ => Err(ConnectError::Upgrade { upgrade }),
    }
}

async fn authorize(wire: &mut Wire, options: &Options) -> Result<(), ConnectError> {
    if options.auth_secret.is_empty() {
        return Err(ConnectError::AuthRequired);
    }
    put_auth(wire.output(), options.auth_secret.as_bytes());
    wire.write().await?;
    match read_answer(wire).await? {
        Ok(_) => Ok(()),
        Err(error) => Err(ConnectError::AuthFailed(error.text)),
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    fn address(port: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], port))
    }

    async fn dial_all(
        ports: impl Iterator<Item = u16>,
        connect: impl AsyncFn(u16) -> io::Result<u16>,
    ) -> (Result<u16, String>, Duration) {
        let start = Instant::now();
        let candidates: Vec<_> = ports.map(address).collect();
        let deadline = start + Duration::from_secs(1);
        let dialled = dial_in_turn(&candidates, deadline, |candidate| connect(candidate.port()));
        (dialled.await, start.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_that_does_not_answer_leaves_time_for_the_next() {
        let second_answers = async |port| if port == 2 { Ok(port) } else { pending().await };
        let (dialled, took) = dial_all(1..=2, second_answers).await;
        assert_eq!(dialled, Ok(2));
        assert!(took < Duration::from_secs(1), "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn all_addresses_together_take_no_longer_than_one() {
        let (dialled, took) = dial_all(1..=100, async |_| pending().await).await;
        assert_eq!(dialled, Err("i/o timeout".to_owned()));
        assert!(took <= Duration::from_millis(1010), "{took:?}");
        let refuses = async |_| Err(io::Error::from_raw_os_error(111));
        let (dialled, took) = dial_all(1..=2, refuses).await;
        assert_eq!(dialled, Err("connect: connection refused".to_owned()));
        assert_eq!(took, Duration::ZERO);
    }

    #[test]
    fn server_name_is_the_host_of_the_address() {
        for (address, name) in
            [("localhost:4150", "localhost"), ("127.0.0.1:1", "127.0.0.1"), ("[::1]:4150", "::1")]
        {
            assert_eq!(server_name(address).unwrap().to_str(), name);
        }
        assert!(server_name(":4150").is_err());
    }
}
