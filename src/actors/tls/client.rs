//! TLS towards other servers, where the node is the client.

use std::path::Path;

use tokio_rustls::rustls::ClientConfig;

use super::TlsError;
use crate::{
    config::NsqdOptions,
    tls::{self, Authorities, FileError, Trust},
};

/// How the node connects to an auth server over https: the server's certificate must come from an authority of
/// `--tls-root-ca-file`, or be listed there itself; without that file the system's authorities decide. The files are read
/// now.
pub fn client_config(options: &NsqdOptions) -> Result<ClientConfig, TlsError> {
    build(options).map_err(TlsError::Client)
}

fn build(options: &NsqdOptions) -> Result<ClientConfig, FileError> {
    let trust = match &options.tls_root_ca_file {
        Some(path) => Trust::Only(Authorities::read(path)?),
        None => Trust::System,
    };
    tls::client_config(options.tls_min_version, trust, None)
}

/// Finds at the start what [`client_config`] would find later.
pub(super) fn check_authorities(path: Option<&Path>) -> Result<(), TlsError> {
    path.map_or(Ok(()), |path| Authorities::read(path).map(drop)).map_err(TlsError::Client)
}

#[cfg(test)]
mod tests {
    use std::{fs, path::PathBuf, sync::Arc};

    use rcgen::{
        BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd,
    };
    use tempfile::TempDir;
    use tokio_rustls::rustls::{
        ClientConnection, ConnectionCommon, Error, ProtocolVersion, ServerConfig, ServerConnection,
        SideData, pki_types::ServerName, version::TLS12,
    };

    use super::*;
    use crate::{actors::tls::Tls, config::TlsMinVersion, tls::provider};

    /// An auth server's files, and our options for it.
    struct Server {
        directory: TempDir,
        tls: Tls,
    }

    impl Server {
        /// `signed`: by an authority in `authority.pem`, else by itself in the manner of `openssl req -x509`.
        fn new(signed: bool, change: impl Fn(&mut CertificateParams)) -> Self {
            let directory = tempfile::tempdir().unwrap();
            let issuer = CertifiedIssuer::self_signed(authority(&[]), KeyPair::generate().unwrap());
            let (issuer, key) = (issuer.unwrap(), KeyPair::generate().unwrap());
            let mut params = if signed { named() } else { authority(&["auth.local"]) };
            change(&mut params);
            let certificate = match signed {
                true => params.signed_by(&key, &issuer),
                false => params.self_signed(&key),
            };
            let file = |name: &str, content: String| -> PathBuf {
                let path = directory.path().join(name);
                fs::write(&path, content).unwrap();
                path
            };
            file("authority.pem", issuer.pem());
            let options = NsqdOptions {
                tls_cert: Some(file("own.pem", certificate.unwrap().pem())),
                tls_key: Some(file("own.key", key.serialize_pem())),
                ..NsqdOptions::default()
            };
            let tls = Tls::new(&options).unwrap().unwrap();
            Self { directory, tls }
        }

        /// The version agreed upon with a client that trusts this file.
        fn agree(&self, trusted: &str, name: &str) -> Result<ProtocolVersion, Error> {
            let options = NsqdOptions {
                tls_root_ca_file: Some(self.directory.path().join(trusted)),
                tls_min_version: TlsMinVersion::Tls12,
                ..NsqdOptions::default()
            };
            agree(client_config(&options).unwrap(), name, Arc::clone(&self.tls.server))
        }
    }

    fn named() -> CertificateParams {
        CertificateParams::new(["auth.local".to_owned()]).unwrap()
    }

    fn authority(names: &[&str]) -> CertificateParams {
        let names: Vec<_> = names.iter().map(|&name| name.to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params
    }

    /// A handshake in memory.
    fn agree(
        client: ClientConfig,
        name: &str,
        server: Arc<ServerConfig>,
    ) -> Result<ProtocolVersion, Error> {
        let name = ServerName::try_from(name.to_owned()).unwrap();
        let mut client = ClientConnection::new(Arc::new(client), name).unwrap();
        let mut server = ServerConnection::new(server).unwrap();
        while client.is_handshaking() || server.is_handshaking() {
            pass(&mut client, &mut server)?;
            pass(&mut server, &mut client)?;
        }
        Ok(client.protocol_version().unwrap())
    }

    fn pass<A: SideData, B: SideData>(
        from: &mut ConnectionCommon<A>,
        to: &mut ConnectionCommon<B>,
    ) -> Result<(), Error> {
        let mut bytes = Vec::new();
        while from.wants_write() {
            from.write_tls(&mut bytes).unwrap();
        }
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            to.read_tls(&mut rest).unwrap();
            to.process_new_packets()?;
        }
        Ok(())
    }

    #[test]
    fn servers_of_the_authority_are_trusted_and_those_that_are_listed() {
        let signed = Server::new(true, |_| {});
        assert!(signed.agree("authority.pem", "auth.local").is_ok());
        assert!(signed.agree("own.pem", "auth.local").is_ok());
        let own = Server::new(false, |_| {});
        assert!(own.agree("own.pem", "auth.local").is_ok());
        assert!(own.agree("authority.pem", "auth.local").is_err());
    }

    #[test]
    fn name_and_time_must_be_right_in_both_cases() {
        for (signed, trusted) in [(true, "authority.pem"), (false, "own.pem")] {
            let server = Server::new(signed, |_| {});
            assert!(server.agree(trusted, "other.local").is_err(), "{trusted}");
            let late = Server::new(signed, |params| params.not_after = date_time_ymd(2020, 1, 1));
            assert!(late.agree(trusted, "auth.local").is_err(), "{trusted}");
            let early = Server::new(signed, |params| params.not_before = date_time_ymd(3000, 1, 1));
            assert!(early.agree(trusted, "auth.local").is_err(), "{trusted}");
        }
    }

    #[test]
    fn minimum_version_holds_for_the_client_too() {
        let server = Server::new(true, |_| {});
        let options = |min| NsqdOptions {
            tls_root_ca_file: Some(server.directory.path().join("authority.pem")),
            tls_min_version: min,
            ..NsqdOptions::default()
        };
        let old = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&TLS12])
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&server.tls.current) as Arc<_>);
        let old = Arc::new(old);
        for (min, agreed) in [
            (TlsMinVersion::Tls10, Some(ProtocolVersion::TLSv1_2)),
            (TlsMinVersion::Tls12, Some(ProtocolVersion::TLSv1_2)),
            (TlsMinVersion::Tls13, None),
        ] {
            let client = client_config(&options(min)).unwrap();
            assert_eq!(agree(client, "auth.local", Arc::clone(&old)).ok(), agreed, "{min}");
        }
        assert_eq!(server.agree("authority.pem", "auth.local"), Ok(ProtocolVersion::TLSv1_3));
    }
}
