//! What a client must show of itself.

use std::sync::Arc;

use tokio_rustls::rustls::{
    DigitallySignedStruct, DistinguishedName, Error, SignatureScheme,
    client::danger::HandshakeSignatureValid,
    crypto::{
        CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
        verify_tls13_signature_with_raw_key,
    },
    pki_types::{CertificateDer, SubjectPublicKeyInfoDer, UnixTime},
    server::{
        ParsedCertificate, WebPkiClientVerifier,
        danger::{ClientCertVerified, ClientCertVerifier},
    },
};

use super::{FileError, authorities::Authorities, current::Current, identity::public_key};

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
        match key_of_old_certificate(certificate) {
            Some(key) => {
                verify_tls13_signature_with_raw_key(message, &key, signed, &self.algorithms)
            }
            None => verify_tls12_signature(message, certificate, signed, &self.algorithms),
        }
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        match key_of_old_certificate(certificate) {
            Some(key) => {
                verify_tls13_signature_with_raw_key(message, &key, signed, &self.algorithms)
            }
            None => verify_tls13_signature(message, certificate, signed, &self.algorithms),
        }
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// The key of a certificate of X.509 version 1, which rustls does not read and which some tools still make. Its signature
/// is checked as TLS 1.3 does; under 1.2 that leaves out PKCS #1, which clients choose last.
fn key_of_old_certificate(
    certificate: &CertificateDer<'_>,
) -> Option<SubjectPublicKeyInfoDer<'static>> {
    match ParsedCertificate::try_from(certificate) {
        Ok(_) => None,
        Err(_) => public_key(certificate).map(SubjectPublicKeyInfoDer::from),
    }
}
