//! Whom a node trusts: the certificate authorities of a file, else those of the system.

use std::{path::Path, time::Duration};

use tokio_rustls::rustls::{
    RootCertStore,
    pki_types::{CertificateDer, UnixTime, pem::PemObject},
};
use x509_cert::{Certificate, der::Decode};

use super::{FileError, identity::read_file};

/// Trusted certificates.
#[derive(Debug)]
pub struct Authorities {
    /// What chains must end in.
    pub roots: RootCertStore,
    /// The same as they stand in the file.
    certificates: Vec<CertificateDer<'static>>,
}

impl Authorities {
    /// Those of the file. Like in upstream, what cannot be read is passed over as long as something is left; the log
    /// has a line of it.
    pub fn read(path: &Path) -> Result<Self, FileError> {
        let pem = read_file(path)?;
        let listed = CertificateDer::pem_slice_iter(&pem).filter_map(Result::ok);
        let found = Self::of(listed.collect());
        if found.roots.is_empty() {
            return Err(FileError::NoAuthority);
        }
        let ignored = found.certificates.len() - found.roots.len();
        if ignored > 0 {
            log::warn!("TLS: {ignored} certificates of {} are damaged and ignored", path.display());
        }
        Ok(found)
    }

    /// Those that the system trusts; there may be none, and then nobody is trusted.
    pub fn of_system() -> Self {
        let found = rustls_native_certs::load_native_certs();
        for error in &found.errors {
            log::warn!("TLS: certificate authorities of the system: {error}");
        }
        Self::of(found.certs)
    }

    /// The file's, else the system's.
    pub fn read_or_system(path: Option<&Path>) -> Result<Self, FileError> {
        path.map_or_else(|| Ok(Self::of_system()), Self::read)
    }

    fn of(certificates: Vec<CertificateDer<'static>>) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(certificates.iter().cloned());
        Self { roots, certificates }
    }

    /// True if this very certificate is listed, and valid at that time. So a self-signed certificate can be trusted
    /// by naming it, as in upstream, though chains cannot be built from it.
    pub fn list(&self, certificate: &CertificateDer<'_>, now: UnixTime) -> bool {
        self.certificates.contains(certificate) && is_valid(certificate, now)
    }
}

fn is_valid(certificate: &CertificateDer<'_>, now: UnixTime) -> bool {
    let now = Duration::from_secs(now.as_secs());
    Certificate::from_der(certificate).is_ok_and(|certificate| {
        let validity = certificate.tbs_certificate().validity();
        (validity.not_before.to_unix_duration()..=validity.not_after.to_unix_duration())
            .contains(&now)
    })
}
