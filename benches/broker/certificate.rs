//! A certificate for one run of the bench.

use std::{fs, path::Path, sync::Arc};

use rcgen::{CertifiedKey, generate_simple_self_signed};
use tempfile::TempDir;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto::ring};

use crate::Result;

/// Files for the broker, and a client that trusts them.
#[derive(Debug)]
pub struct Certificate {
    directory: TempDir,
    client: Arc<ClientConfig>,
}

impl Certificate {
    pub fn new(below: &Path) -> Result<Self> {
        let directory = TempDir::with_prefix_in("bench-tls-", below)?;
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(["localhost".to_owned()])?;
        fs::write(directory.path().join("cert.pem"), cert.pem())?;
        fs::write(directory.path().join("key.pem"), signing_key.serialize_pem())?;
        let mut roots = RootCertStore::empty();
        roots.add(cert.der().clone())?;
        let client = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self { directory, client: Arc::new(client) })
    }

    /// What makes the broker use it.
    pub fn flags(&self) -> Vec<String> {
        let path = self.directory.path().display();
        vec![
            format!("--tls-cert={path}/cert.pem"),
            format!("--tls-key={path}/key.pem"),
            "--https-address=127.0.0.1:0".to_owned(),
        ]
    }

    pub fn client(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.client)
    }
}
