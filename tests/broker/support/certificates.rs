//! Certificates made for one test.

use std::{fs, sync::Arc};

use rcgen::{CertificateParams, CertifiedKey, DnType, KeyPair};
use tempfile::TempDir;
use tokio_rustls::rustls::{
    ClientConfig, ConfigBuilder, RootCertStore, SupportedCipherSuite,
    client::WantsClientCert,
    crypto::{
        CryptoProvider,
        ring::{
            self,
            cipher_suite::{TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, TLS13_AES_128_GCM_SHA256},
        },
    },
    pki_types::PrivateKeyDer,
};

/// The certificate of a broker, and what its clients need.
pub struct Certificates {
    directory: TempDir,
    server: CertifiedKey<KeyPair>,
}

impl Certificates {
    pub fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let server = certificate("localhost");
        fs::write(directory.path().join("cert.pem"), server.cert.pem()).unwrap();
        fs::write(directory.path().join("key.pem"), server.signing_key.serialize_pem()).unwrap();
        Self { directory, server }
    }

    /// What makes a broker use them.
    pub fn flags(&self) -> Vec<String> {
        let path = self.directory.path().display();
        vec![
            format!("--tls-cert={path}/cert.pem"),
            format!("--tls-key={path}/key.pem"),
            "--https-address=127.0.0.1:0".to_owned(),
        ]
    }

    /// A client that trusts the broker and shows nothing of itself.
    pub fn client(&self) -> Arc<ClientConfig> {
        Arc::new(self.builder(TLS13_AES_128_GCM_SHA256).with_no_client_auth())
    }

    /// The same with an older version.
    pub fn client_of_1_2(&self) -> Arc<ClientConfig> {
        let builder = self.builder(TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256);
        Arc::new(builder.with_no_client_auth())
    }

    /// A client with a certificate of its own in this name.
    pub fn client_named(&self, name: &str) -> Arc<ClientConfig> {
        let client = certificate(name);
        let key = PrivateKeyDer::try_from(client.signing_key.serialize_der()).unwrap();
        let chain = vec![client.cert.der().clone()];
        let builder = self.builder(TLS13_AES_128_GCM_SHA256);
        Arc::new(builder.with_client_auth_cert(chain, key).unwrap())
    }

    /// A client of one cipher suite, and of the version that it belongs to.
    fn builder(&self, suite: SupportedCipherSuite) -> ConfigBuilder<ClientConfig, WantsClientCert> {
        let mut roots = RootCertStore::empty();
        roots.add(self.server.cert.der().clone()).unwrap();
        let provider = CryptoProvider { cipher_suites: vec![suite], ..ring::default_provider() };
        ClientConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(&[suite.version()])
            .unwrap()
            .with_root_certificates(roots)
    }
}

fn certificate(name: &str) -> CertifiedKey<KeyPair> {
    let signing_key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new([name.to_owned()]).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    let cert = params.self_signed(&signing_key).unwrap();
    CertifiedKey { cert, signing_key }
}
