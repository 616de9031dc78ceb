//! Certificates made for one test, and peers that use them.

use std::{
    fs, io,
    io::Write,
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    sync::Arc,
};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, date_time_ymd,
};
use tempfile::TempDir;
use tokio_rustls::rustls::{
    ClientConfig, ClientConnection, RootCertStore, ServerConfig, StreamOwned,
    SupportedProtocolVersion,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject},
    sign::{CertifiedKey, SingleCertAndKey},
    version::{TLS12, TLS13},
};

use super::{
    http::{self, Response},
    wait::DEADLINE,
};

/// A certificate of X.509 version 1 with its key, as `openssl x509 -req` makes them. rcgen cannot.
const VERSION_1: &str = include_str!("version_1.pem");

/// Both versions that there are.
pub const BOTH: &[&SupportedProtocolVersion] = &[&TLS13, &TLS12];
/// The newer.
pub const ONLY_1_3: &[&SupportedProtocolVersion] = &[&TLS13];
/// The older.
pub const ONLY_1_2: &[&SupportedProtocolVersion] = &[&TLS12];

/// A certificate authority, with a directory for what it makes.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    directory: Arc<TempDir>,
}

/// A certificate and its key, as files.
#[derive(Debug, Clone)]
pub struct Identity {
    pub cert: PathBuf,
    pub key: PathBuf,
    _directory: Arc<TempDir>,
}

impl Authority {
    pub fn new() -> Self {
        let mut params = params("test authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let authority = Self { issuer, directory: Arc::new(tempfile::tempdir().unwrap()) };
        fs::write(authority.file(), authority.issuer.pem()).unwrap();
        authority
    }

    /// Its own certificate.
    pub fn file(&self) -> PathBuf {
        self.directory.path().join("authority.pem")
    }

    /// A path for any other file.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// A certificate for a broker on this machine. One of the same name is replaced.
    pub fn server(&self, name: &str) -> Identity {
        let mut params = params(name);
        params.subject_alt_names =
            CertificateParams::new(["localhost".to_owned(), "127.0.0.1".to_owned()])
                .unwrap()
                .subject_alt_names;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        self.sign(name, &params)
    }

    /// A certificate for a client of that common name.
    pub fn client(&self, name: &str) -> Identity {
        self.sign(name, &client_params(name))
    }

    /// The same, out of date.
    pub fn expired_client(&self, name: &str) -> Identity {
        let mut params = client_params(name);
        params.not_after = date_time_ymd(2020, 1, 1);
        self.sign(name, &params)
    }

    /// The same, from nobody but itself, as `openssl req -x509` makes them.
    pub fn self_signed_client(&self, name: &str) -> Identity {
        let mut params = params(name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        self.write(name, &params.self_signed(&key).unwrap().pem(), &key)
    }

    /// Of X.509 version 1, signed by itself, certificate and key in one file.
    pub fn version_1(&self) -> Identity {
        let path = self.path("version_1.pem");
        fs::write(&path, VERSION_1).unwrap();
        self.identity(path.clone(), path)
    }

    fn sign(&self, name: &str, params: &CertificateParams) -> Identity {
        let key = KeyPair::generate().unwrap();
        self.write(name, &params.signed_by(&key, &self.issuer).unwrap().pem(), &key)
    }

    fn write(&self, name: &str, certificate: &str, key: &KeyPair) -> Identity {
        let (cert, key_file) = (format!("{name}.pem"), format!("{name}.key"));
        let identity = self.identity(self.path(&cert), self.path(&key_file));
        fs::write(&identity.cert, certificate).unwrap();
        fs::write(&identity.key, key.serialize_pem()).unwrap();
        identity
    }

    fn identity(&self, cert: PathBuf, key: PathBuf) -> Identity {
        Identity { cert, key, _directory: Arc::clone(&self.directory) }
    }

    /// A peer that trusts whom the authority has signed.
    pub fn peer(&self) -> TlsPeer {
        TlsPeer::trusting(&self.file())
    }
}

fn params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

fn client_params(name: &str) -> CertificateParams {
    let mut params = params(name);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params
}

impl Identity {
    /// What makes a broker use it.
    pub fn flags(&self) -> [String; 2] {
        [format!("--tls-cert={}", self.cert.display()), format!("--tls-key={}", self.key.display())]
    }

    /// The certificate itself.
    pub fn certificate(&self) -> CertificateDer<'static> {
        CertificateDer::from_pem_file(&self.cert).unwrap()
    }

    /// What a server needs that is to show it.
    pub fn served(&self) -> ServerConfig {
        let key = PrivateKeyDer::from_pem_file(&self.key).unwrap();
        ServerConfig::builder_with_provider(ring::default_provider().into())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![self.certificate()], key)
            .unwrap()
    }
}

/// How a peer behaves in handshakes.
#[derive(Clone)]
pub struct TlsPeer {
    trusted: PathBuf,
    identity: Option<Identity>,
    versions: &'static [&'static SupportedProtocolVersion],
    protocols: Vec<Vec<u8>>,
}

/// A connection whose handshake is done.
pub type TlsStream = StreamOwned<ClientConnection, TcpStream>;

impl TlsPeer {
    /// A peer without a certificate.
    pub fn trusting(authorities: &Path) -> Self {
        let protocols = Vec::new();
        Self { trusted: authorities.to_owned(), identity: None, versions: BOTH, protocols }
    }

    /// With a certificate to show, if it is asked for.
    pub fn showing(mut self, identity: &Identity) -> Self {
        self.identity = Some(identity.clone());
        self
    }

    /// Speaking no others.
    pub fn speaking(mut self, versions: &'static [&'static SupportedProtocolVersion]) -> Self {
        self.versions = versions;
        self
    }

    /// Offering protocols by ALPN.
    pub fn offering(mut self, protocols: &[&str]) -> Self {
        self.protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        self
    }

    /// For whoever makes connections otherwise.
    pub fn config(&self) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(&self.trusted).unwrap()).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(self.versions)
            .unwrap()
            .with_root_certificates(roots);
        let mut config = match &self.identity {
            Some(identity) => {
                let key = PrivateKeyDer::from_pem_file(&identity.key).unwrap();
                let key = ring::sign::any_supported_type(&key).unwrap();
                // Unseen by rustls, which would not show a certificate that it does not understand.
                let shown = CertifiedKey::new(vec![identity.certificate()], key);
                builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(shown)))
            }
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols.clone_from(&self.protocols);
        Arc::new(config)
    }

    /// Connects and agrees. Under TLS 1.3 the server's objections to a certificate come only behind this.
    pub fn connect(&self, address: SocketAddr) -> io::Result<TlsStream> {
        self.agree(TcpStream::connect_timeout(&address, DEADLINE)?)
    }

    /// The same on a connection that stands.
    pub fn agree(&self, stream: TcpStream) -> io::Result<TlsStream> {
        stream.set_read_timeout(Some(DEADLINE))?;
        stream.set_write_timeout(Some(DEADLINE))?;
        let name = ServerName::from(stream.peer_addr()?.ip());
        let client = ClientConnection::new(self.config(), name).map_err(io::Error::other)?;
        let mut stream = StreamOwned::new(client, stream);
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock)?;
        }
        Ok(stream)
    }

    /// One request on a connection of its own; an error if the handshake fails on either side.
    pub fn try_http(&self, address: SocketAddr, method: &str, path: &str) -> io::Result<Response> {
        let mut stream = self.connect(address)?;
        stream.write_all(&http::request_bytes(method, path, b""))?;
        http::try_read_response(&mut stream, false)
    }

    /// The same where it must succeed.
    #[track_caller]
    pub fn http(&self, address: SocketAddr, method: &str, path: &str) -> Response {
        self.try_http(address, method, path).unwrap()
    }
}
