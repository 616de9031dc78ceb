//! Keys in certificates of X.509 version 1, which rustls does not read and some tools still make.

use tokio_rustls::rustls::{
    CertificateError, DigitallySignedStruct, Error, SignatureScheme,
    client::danger::HandshakeSignatureValid,
    crypto::{WebPkiSupportedAlgorithms, verify_tls13_signature_with_raw_key},
    pki_types::{CertificateDer, SignatureVerificationAlgorithm, SubjectPublicKeyInfoDer},
    server::ParsedCertificate,
};
use x509_cert::{
    der::{Decode, Encode},
    spki::SubjectPublicKeyInfoRef,
};

use crate::tls::identity::public_key;

/// The public key of such a certificate.
pub(super) struct OldKey(Vec<u8>);

impl OldKey {
    /// None if rustls can read the certificate, or nobody can.
    pub(super) fn of(certificate: &CertificateDer<'_>) -> Option<Self> {
        match ParsedCertificate::try_from(certificate) {
            Ok(_) => None,
            Err(_) => public_key(certificate).map(Self),
        }
    }

    pub(super) fn verify_tls13(
        &self,
        message: &[u8],
        signed: &DigitallySignedStruct,
        algorithms: &WebPkiSupportedAlgorithms,
    ) -> Result<HandshakeSignatureValid, Error> {
        let key = SubjectPublicKeyInfoDer::from(&self.0[..]);
        verify_tls13_signature_with_raw_key(message, &key, signed, algorithms)
    }

    /// Under TLS 1.2 a scheme does not fix the curve: any algorithm of the scheme may be the key's.
    pub(super) fn verify_tls12(
        &self,
        message: &[u8],
        (scheme, signature): (SignatureScheme, &[u8]),
        algorithms: &WebPkiSupportedAlgorithms,
    ) -> Result<HandshakeSignatureValid, Error> {
        let key = SubjectPublicKeyInfoRef::from_der(&self.0);
        let key = key.map_err(|_| CertificateError::BadEncoding)?;
        let kind = algorithm_of(&key).ok_or(CertificateError::BadEncoding)?;
        let bits = key.subject_public_key.raw_bytes();
        let verifies = |algorithm: &&dyn SignatureVerificationAlgorithm| {
            algorithm.public_key_alg_id().as_ref() == kind
                && algorithm.verify_signature(bits, message, signature).is_ok()
        };
        let mut of_scheme = algorithms.mapping.iter().filter(|(known, _)| *known == scheme);
        match of_scheme.any(|(_, candidates)| candidates.iter().any(verifies)) {
            true => Ok(HandshakeSignatureValid::assertion()),
            false => Err(CertificateError::BadSignature.into()),
        }
    }
}

/// What kind of key it is, encoded as rustls keeps it: without the frame around both parts.
fn algorithm_of(key: &SubjectPublicKeyInfoRef<'_>) -> Option<Vec<u8>> {
    let mut algorithm = key.algorithm.oid.to_der().ok()?;
    if let Some(parameters) = key.algorithm.parameters {
        algorithm.extend(parameters.to_der().ok()?);
    }
    Some(algorithm)
}

#[cfg(test)]
mod tests {
    use tokio_rustls::rustls::pki_types::pem::PemObject;

    use super::*;
    use crate::actors::tls::provider;

    const CERTIFICATE: &str = include_str!("../../../tests/broker/support/version_1.pem");
    /// Made with `openssl dgst -sign`, of `handshake`.
    const WITH_SHA256: [u8; 70] =
        hex("30440220434a50d75cae999200ccc0ca4fae70f481c0ed239ba7fb4f2b11f38cb8254006\
         02203a44064b7bbea56c35deebca889c6811200471e97364778bf5293c9b6f18ff92");
    const WITH_SHA384: [u8; 71] =
        hex("3045022100ad16c409e085312f5f29ca4efaf11e97ef1126e2f03a809cea79587003205b3c\
         0220109e428cacbb0890a1b54e7554b21a84d397b39aa097cd019e56cad68d5736ab");

    const fn hex<const LENGTH: usize>(text: &str) -> [u8; LENGTH] {
        let (text, mut bytes, mut at) = (text.as_bytes(), [0; LENGTH], 0);
        assert!(text.len() == 2 * LENGTH);
        while at < text.len() {
            let digit = match text[at] {
                digit @ b'0'..=b'9' => digit - b'0',
                letter => letter - b'a' + 10,
            };
            bytes[at / 2] = bytes[at / 2] << 4 | digit;
            at += 1;
        }
        bytes
    }

    fn is_valid(message: &[u8], scheme: SignatureScheme, signature: &[u8]) -> bool {
        let certificate = CertificateDer::from_pem_slice(CERTIFICATE.as_bytes()).unwrap();
        let key = OldKey::of(&certificate).unwrap();
        let algorithms = provider().signature_verification_algorithms;
        key.verify_tls12(message, (scheme, signature), &algorithms).is_ok()
    }

    #[test]
    fn hash_may_be_another_than_the_curves() {
        use SignatureScheme as Scheme;
        for (scheme, signature, valid) in [
            (Scheme::ECDSA_NISTP256_SHA256, &WITH_SHA256[..], true),
            (Scheme::ECDSA_NISTP384_SHA384, &WITH_SHA384, true),
            (Scheme::ECDSA_NISTP256_SHA256, &WITH_SHA384, false),
            (Scheme::ECDSA_NISTP384_SHA384, &WITH_SHA256, false),
            (Scheme::RSA_PKCS1_SHA256, &WITH_SHA256, false),
            (Scheme::ECDSA_SHA1_Legacy, &WITH_SHA256, false),
            (Scheme::ECDSA_NISTP256_SHA256, &[], false),
        ] {
            assert_eq!(is_valid(b"handshake", scheme, signature), valid, "{scheme:?}");
        }
        assert!(!is_valid(b"another", Scheme::ECDSA_NISTP256_SHA256, &WITH_SHA256));
    }

    #[test]
    fn certificates_that_rustls_reads_are_left_to_it() {
        let key = rcgen::KeyPair::generate().unwrap();
        let new = rcgen::CertificateParams::default().self_signed(&key).unwrap();
        assert!(OldKey::of(new.der()).is_none());
        assert!(OldKey::of(&CertificateDer::from(&b"no certificate"[..])).is_none());
    }
}
