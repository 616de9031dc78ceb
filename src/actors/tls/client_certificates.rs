//! What a client must show of itself.

use std::sync::Arc;

use tokio_rustls::rustls::{
    DigitallySignedStruct, DistinguishedName, Error, SignatureScheme,
    client::danger::HandshakeSignatureValid,
    crypto::{
        CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
    },
    pki_types::{CertificateDer, UnixTime},
    server::{
        WebPkiClientVerifier,
        danger::{ClientCertVerified, ClientCertVerifier},
    },
};

use super::{current::Current, old_key::OldKey};
use crate::tls::{Authorities, FileError};

/// Checks the certificates of clients against what is current when they connect.
#[derive(Debug)]
pub(super) struct ClientCertificates {
    current: Arc<Current>,
    algorithms: WebPkiSupportedAlgorithms,
}

/// Who is let in under `require-verify`.
#[derive(Debug)]
pub(super) struct Trusted {
    authorities: Authorities,
    verifier: Arc<dyn ClientCertVerifier>,
}

impl Trusted {
    /// Clients with a certificate of these authorities.
    pub(super) fn by(
        authorities: Authorities,
        provider: Arc<CryptoProvider>,
    ) -> Result<Self, FileError> {
        let roots = Arc::new(authorities.roots.clone());
        let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider).build();
        let verifier = verifier.map_err(|error| FileError::Refused(error.to_string()))?;
        Ok(Self { authorities, verifier })
    }

    fn verify(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        if self.authorities.list(certificate, now) {
            return Ok(ClientCertVerified::assertion());
        }
        self.verifier.verify_client_cert(certificate, intermediates, now)
    }
}

impl ClientCertificates {
    pub(super) fn new(current: Arc<Current>, provider: &CryptoProvider) -> Self {
        Self { current, algorithms: provider.signature_verification_algorithms }
    }
}

impl ClientCertVerifier for ClientCertificates {
    /// Names nobody: whom we trust may change while the server runs. Clients then send the certificate they have.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        match &self.current.get().trusted {
            Some(trusted) => trusted.verify(certificate, intermediates, now),
            None => Ok(ClientCertVerified::assertion()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let Some(key) = OldKey::of(certificate) else {
            return verify_tls12_signature(message, certificate, signed, &self.algorithms);
        };
        key.verify_tls12(message, (signed.scheme, signed.signature()), &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        match OldKey::of(certificate) {
            Some(key) => key.verify_tls13(message, signed, &self.algorithms),
            None => verify_tls13_signature(message, certificate, signed, &self.algorithms),
        }
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
