//! TLS, as far as servers and clients share it: the cryptography, the versions, and what is read from files.

mod any_server;
mod authorities;
mod client;
mod error;
pub mod identity;
mod trusted_servers;

use std::sync::Arc;

use tokio_rustls::rustls::{
    ClientConfig, RootCertStore, SupportedProtocolVersion,
    crypto::{CryptoProvider, ring},
    version::{TLS12, TLS13},
};

pub use self::{
    authorities::Authorities,
    client::{Trust, client_config},
    error::FileError,
};
use crate::config::TlsMinVersion;

/// The only cryptography there is: nothing depends on what a process has installed as its default.
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

/// What is served, whatever older version is asked for.
static FROM_1_2: [&SupportedProtocolVersion; 2] = [&TLS13, &TLS12];
static FROM_1_3: [&SupportedProtocolVersion; 1] = [&TLS13];

/// What is spoken where `min` is the least that is asked for.
pub fn versions(min: TlsMinVersion) -> &'static [&'static SupportedProtocolVersion] {
    match min {
        TlsMinVersion::Tls10 | TlsMinVersion::Tls11 | TlsMinVersion::Tls12 => &FROM_1_2,
        TlsMinVersion::Tls13 => &FROM_1_3,
    }
}

/// For clients that speak to nobody over TLS.
pub fn trusting_nobody() -> ClientConfig {
    trusting(RootCertStore::empty())
}

/// For clients of servers that the system trusts. Reads its authorities, which may take its time.
pub fn trusting_the_system() -> ClientConfig {
    trusting(Authorities::of_system().roots)
}

fn trusting(roots: RootCertStore) -> ClientConfig {
    ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&FROM_1_2)
        .expect("the provider has suites for both versions")
        .with_root_certificates(roots)
        .with_no_client_auth()
}
