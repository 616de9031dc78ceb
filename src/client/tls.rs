//! TLS towards nsqd and nsqlookupd, as the options say.

use std::sync::Arc;

use tokio_rustls::rustls::{
    ClientConfig, DigitallySignedStruct, Error, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
    sign::SingleCertAndKey,
};

use super::{error::SetupError, options::Options};
use crate::tls::{Authorities, TrustedServers, identity, provider, versions};

/// Reads the files that the options name. Blocks while it reads.
pub(super) fn client_config(options: &Options) -> Result<ClientConfig, SetupError> {
    let provider = provider();
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(versions(options.tls_min_version))
        .map_err(|error| SetupError::Tls(error.to_string()))?;
    let builder = if options.tls_insecure_skip_verify {
        let anybody = Anybody { provider: Arc::clone(&provider) };
        builder.dangerous().with_custom_certificate_verifier(Arc::new(anybody))
    } else if let Some(path) = &options.tls_root_ca_file {
        let trusted = TrustedServers::by(Authorities::read(path)?)?;
        builder.dangerous().with_custom_certificate_verifier(Arc::new(trusted))
    } else {
        builder.with_root_certificates(Authorities::of_system().roots)
    };
    match (&options.tls_cert, &options.tls_key) {
        (None, None) => Ok(builder.with_no_client_auth()),
        (Some(_), None) => Err(SetupError::HalfAnIdentity("tls_key")),
        (None, Some(_)) => Err(SetupError::HalfAnIdentity("tls_cert")),
        (cert, key) => {
            let own = identity::read(cert.as_deref(), key.as_deref(), &provider)?;
            let own = SingleCertAndKey::from(Arc::unwrap_or_clone(own));
            Ok(builder.with_client_cert_resolver(Arc::new(own)))
        }
    }
}

/// Takes any certificate, as `tls_insecure_skip_verify` wants it. That the peer has its key is checked all the same.
#[derive(Debug)]
struct Anybody {
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
