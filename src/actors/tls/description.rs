//! What is told of a TLS connection, in upstream's words.

use tokio_rustls::rustls::{CipherSuite, ProtocolVersion, pki_types::CertificateDer};
use x509_cert::{Certificate, der::Decode};

/// A cipher suite's name in `/stats`. Upstream knows few of the names, none of TLS 1.3 among them, and gives the number of
/// the others; of those it knows, these can be negotiated here.
pub fn cipher_suite_name(suite: CipherSuite) -> String {
    match suite {
        CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 => {
            "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256".to_owned()
        }
        CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 => {
            "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256".to_owned()
        }
        other => format!("Unknown {}", u16::from(other)),
    }
}

/// A version's name in `/stats`.
pub fn version_name(version: ProtocolVersion) -> String {
    match version {
        ProtocolVersion::TLSv1_2 => "TLS1.2".to_owned(),
        ProtocolVersion::TLSv1_3 => "TLS1.3".to_owned(),
        other => format!("Unknown {}", u16::from(other)),
    }
}

/// Whose a certificate is and how long it holds, for the log.
pub(super) fn describe(certificate: Option<&CertificateDer<'_>>) -> String {
    let parsed = certificate.and_then(|certificate| Certificate::from_der(certificate).ok());
    parsed.map_or_else(String::new, |certificate| {
        let certificate = certificate.tbs_certificate();
        let (subject, until) = (certificate.subject(), certificate.validity().not_after);
        format!("certificate of {:?} is valid until {until}", subject.to_string())
    })
}

/// The common name of a certificate's subject, as auth servers are told it; empty if there is none. Whatever a client
/// has sent may stand in it.
pub fn common_name(certificate: &CertificateDer<'_>) -> String {
    let name = Certificate::from_der(certificate)
        .ok()
        .and_then(|certificate| certificate.tbs_certificate().subject().common_name().ok()?);
    name.map(|name| name.value().into_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, DnValue, KeyPair};

    use super::*;

    #[test]
    fn cipher_suites_have_upstreams_names_or_their_number() {
        for (suite, name) in [
            (
                CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
                "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
            ),
            (
                CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
                "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
            ),
            (CipherSuite::TLS13_AES_128_GCM_SHA256, "Unknown 4865"),
            (CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, "Unknown 49200"),
        ] {
            assert_eq!(cipher_suite_name(suite), name);
        }
    }

    #[test]
    fn versions_have_upstreams_names() {
        assert_eq!(version_name(ProtocolVersion::TLSv1_2), "TLS1.2");
        assert_eq!(version_name(ProtocolVersion::TLSv1_3), "TLS1.3");
    }

    fn certificate_of(names: &[(DnType, DnValue)]) -> CertificateDer<'static> {
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        for (kind, name) in names {
            params.distinguished_name.push(kind.clone(), name.clone());
        }
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().clone()
    }

    #[test]
    fn common_name_is_the_subjects_and_may_be_missing() {
        let printable = DnValue::PrintableString("joe".try_into().unwrap());
        let bmp = DnValue::BmpString("jöe".try_into().unwrap());
        let organization = (DnType::OrganizationName, DnValue::from("org"));
        for (names, expected) in [
            (vec![organization.clone(), (DnType::CommonName, "jöe".into())], "jöe"),
            (vec![(DnType::CommonName, printable)], "joe"),
            (vec![(DnType::CommonName, bmp)], "jöe"),
            (vec![organization], ""),
            (vec![], ""),
        ] {
            assert_eq!(common_name(&certificate_of(&names)), expected, "{names:?}");
        }
    }

    #[test]
    fn common_name_of_what_is_no_certificate_is_empty() {
        let whole = certificate_of(&[(DnType::CommonName, "joe".into())]);
        for end in 0..whole.len() {
            assert_eq!(common_name(&CertificateDer::from(&whole[..end])), "", "cut at {end}");
        }
        for place in 0..whole.len() {
            let mut damaged = whole.to_vec();
            damaged[place] ^= 0xff;
            common_name(&CertificateDer::from(damaged)); // Whatever it finds, it comes back.
        }
    }
}
