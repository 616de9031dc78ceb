//! The certificate that a node shows, with its key.

use std::{fs, path::Path, sync::Arc};

use tokio_rustls::rustls::{
    crypto::CryptoProvider,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    sign::{CertifiedKey, SigningKey},
};
use x509_cert::{
    Certificate,
    der::{Decode, Encode},
};

use super::FileError;

/// Reads certificate and key, which may be in one file. The certificate comes first in its file, those that
/// lead from it to a known authority follow.
pub fn read(
    cert: Option<&Path>,
    key: Option<&Path>,
    provider: &CryptoProvider,
) -> Result<Arc<CertifiedKey>, FileError> {
    let cert = cert.ok_or(FileError::Alone("tls-cert"))?;
    let key = key.ok_or(FileError::Alone("tls-key"))?;
    let chain = read_chain(cert)?;
    let key = read_key(key, provider)?;
    match public_key(&chain[0]) {
        None => Err(FileError::BadCertificate(cert.to_owned())),
        Some(public) if !fits(&*key, &public) => Err(FileError::Mismatch),
        Some(_) => Ok(Arc::new(CertifiedKey::new(chain, key))),
    }
}

/// At least one certificate.
fn read_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, FileError> {
    let pem = read_file(path)?;
    let chain: Vec<_> = CertificateDer::pem_slice_iter(&pem)
        .collect::<Result<_, _>>()
        .map_err(|_| FileError::BadCertificate(path.to_owned()))?;
    if chain.is_empty() {
        return Err(FileError::nothing("certificate", path));
    }
    Ok(chain)
}

fn read_key(path: &Path, provider: &CryptoProvider) -> Result<Arc<dyn SigningKey>, FileError> {
    let pem = read_file(path)?;
    let key = PrivateKeyDer::from_pem_slice(&pem)
        .map_err(|_| FileError::nothing("private key without a passphrase", path))?;
    let key = provider.key_provider.load_private_key(key);
    key.map_err(|source| FileError::BadKey { path: path.to_owned(), source })
}

/// The whole file.
pub fn read_file(path: &Path) -> Result<Vec<u8>, FileError> {
    fs::read(path).map_err(|error| FileError::unreadable(path, error))
}

/// A certificate's public key as DER. rustls itself would refuse certificates of X.509 version 1, which many a
/// script for self-made certificates still writes.
pub fn public_key(certificate: &CertificateDer<'_>) -> Option<Vec<u8>> {
    let certificate = Certificate::from_der(certificate).ok()?;
    certificate.tbs_certificate().subject_public_key_info().to_der().ok()
}

/// A key that does not know its public half is taken at its word.
fn fits(key: &dyn SigningKey, public: &[u8]) -> bool {
    key.public_key().is_none_or(|own| own.as_ref() == public)
}
