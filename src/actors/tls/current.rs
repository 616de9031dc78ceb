//! What was read from the files, to be replaced as a whole while handshakes go on.

use std::sync::{Arc, PoisonError, RwLock};

use tokio_rustls::rustls::{
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};

use super::client_certificates::Trusted;

/// The content of the files.
#[derive(Debug)]
pub(super) struct Material {
    /// The node's certificate and key.
    pub(super) identity: Arc<CertifiedKey>,
    /// Whose clients are let in; without it, those with any certificate are, if one is asked for at all.
    pub(super) trusted: Option<Trusted>,
}

/// The content that handshakes use from now on.
#[derive(Debug)]
pub(super) struct Current(RwLock<Arc<Material>>);

impl Current {
    pub(super) fn new(material: Material) -> Self {
        Self(RwLock::new(Arc::new(material)))
    }

    /// One handshake's view.
    pub(super) fn get(&self) -> Arc<Material> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn replace(&self, material: Material) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(material);
    }
}

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.get().identity))
    }
}
