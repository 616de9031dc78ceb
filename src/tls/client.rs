//! How a client speaks TLS: whom it trusts, and what it shows of itself.

use std::sync::Arc;

use tokio_rustls::rustls::{
    ClientConfig,
    sign::{CertifiedKey, SingleCertAndKey},
};

use super::{
    Authorities, FileError, any_server::AnyServer, provider, trusted_servers::TrustedServers,
    versions,
};
use crate::config::TlsMinVersion;

/// Whom a client takes for the server that it wants.
#[derive(Debug)]
pub enum Trust {
    /// Those that an authority of the system vouches for.
    System,
    /// Those that these authorities vouch for, and nobody else.
    Only(Authorities),
    /// Everybody.
    Anybody,
}

/// Speaks TLS from that version on, and shows `identity` to servers that ask for a certificate.
pub fn client_config(
    min: TlsMinVersion,
    trust: Trust,
    identity: Option<Arc<CertifiedKey>>,
) -> Result<ClientConfig, FileError> {
    let config = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(versions(min))
        .map_err(|error| FileError::Refused(error.to_string()))?;
    let config = match trust {
        Trust::System => config.with_root_certificates(Authorities::of_system().roots),
        Trust::Only(authorities) => {
            let trusted = TrustedServers::by(authorities)?;
            config.dangerous().with_custom_certificate_verifier(Arc::new(trusted))
        }
        Trust::Anybody => {
            config.dangerous().with_custom_certificate_verifier(Arc::new(AnyServer::new()))
        }
    };
    Ok(match identity {
        Some(identity) => {
            config.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(identity)))
        }
        None => config.with_no_client_auth(),
    })
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
    use tempfile::TempDir;
    use tokio_rustls::rustls::{
        ClientConnection, Error, ServerConfig, ServerConnection,
        pki_types::{PrivateKeyDer, ServerName},
        server::WebPkiClientVerifier,
    };

    use super::*;
    use crate::tls::identity;

    /// An authority with what it has signed, in files.
    struct Signed {
        directory: TempDir,
        issuer: CertifiedIssuer<'static, KeyPair>,
    }

    impl Signed {
        fn new() -> Self {
            let mut params = CertificateParams::new(Vec::new()).unwrap();
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            let issuer =
                CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
            let directory = tempfile::tempdir().unwrap();
            std::fs::write(directory.path().join("ca.pem"), issuer.pem()).unwrap();
            Self { directory, issuer }
        }

        fn authorities(&self) -> Authorities {
            Authorities::read(&self.directory.path().join("ca.pem")).unwrap()
        }

        fn sign(&self, name: &str) -> (PathBuf, PathBuf) {
            let key = KeyPair::generate().unwrap();
            let params = CertificateParams::new([name.to_owned()]).unwrap();
            let path = |kind| self.directory.path().join(format!("{name}.{kind}.pem"));
            std::fs::write(path("cert"), params.signed_by(&key, &self.issuer).unwrap().pem())
                .unwrap();
            std::fs::write(path("key"), key.serialize_pem()).unwrap();
            (path("cert"), path("key"))
        }

        fn identity(&self, name: &str) -> Arc<CertifiedKey> {
            let (cert, key) = self.sign(name);
            identity::read(Some(&cert), Some(&key), &provider()).unwrap()
        }

        /// A server of that name that wants to see certificates of `clients`, if there are any.
        fn server(&self, name: &str, clients: Option<&Self>) -> ServerConfig {
            let config = ServerConfig::builder_with_provider(provider());
            let config = config.with_safe_default_protocol_versions().unwrap();
            let config = match clients {
                None => config.with_no_client_auth(),
                Some(clients) => {
                    let roots = Arc::new(clients.authorities().roots);
                    let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider());
                    config.with_client_cert_verifier(verifier.build().unwrap())
                }
            };
            let key = KeyPair::generate().unwrap();
            let params = CertificateParams::new([name.to_owned()]).unwrap();
            let certificate = params.signed_by(&key, &self.issuer).unwrap();
            let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
            config.with_single_cert(vec![certificate.der().clone()], key).unwrap()
        }
    }

    fn config(trust: Trust, identity: Option<Arc<CertifiedKey>>) -> ClientConfig {
        client_config(TlsMinVersion::default(), trust, identity).unwrap()
    }

    /// A handshake in memory with `nsqd1`.
    fn agree(client: ClientConfig, server: ServerConfig) -> Result<(), Error> {
        let name = ServerName::try_from("nsqd1").unwrap();
        let mut client = ClientConnection::new(Arc::new(client), name).unwrap();
        let mut server = ServerConnection::new(Arc::new(server)).unwrap();
        while client.is_handshaking() || server.is_handshaking() || client.wants_write() {
            let mut bytes = Vec::new();
            while client.wants_write() {
                client.write_tls(&mut bytes).unwrap();
            }
            server.read_tls(&mut bytes.as_slice()).unwrap();
            server.process_new_packets()?;
            let mut bytes = Vec::new();
            while server.wants_write() {
                server.write_tls(&mut bytes).unwrap();
            }
            client.read_tls(&mut bytes.as_slice()).unwrap();
            client.process_new_packets()?;
        }
        Ok(())
    }

    #[test]
    fn the_given_authorities_are_trusted_and_no_others() {
        let (ours, others) = (Signed::new(), Signed::new());
        let client = || config(Trust::Only(ours.authorities()), None);
        assert_eq!(agree(client(), ours.server("nsqd1", None)), Ok(()));
        assert!(agree(client(), ours.server("nsqd2", None)).is_err());
        assert!(agree(client(), others.server("nsqd1", None)).is_err());
    }

    #[test]
    fn everybody_is_trusted_if_told_so() {
        let client = config(Trust::Anybody, None);
        assert_eq!(agree(client, Signed::new().server("other", None)), Ok(()));
    }

    #[test]
    fn a_certificate_is_shown_to_those_who_ask() {
        let signed = Signed::new();
        let client = |identity| config(Trust::Only(signed.authorities()), identity);
        let server = || signed.server("nsqd1", Some(&signed));
        assert!(agree(client(None), server()).is_err());
        assert_eq!(agree(client(Some(signed.identity("nsqadmin"))), server()), Ok(()));
        let stranger = Signed::new().identity("nsqadmin");
        assert!(agree(client(Some(stranger)), server()).is_err());
    }
}
