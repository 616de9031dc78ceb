//! TLS of a node: what its listeners show and ask for, read from files and read again on request.
//!
//! Both listeners share one configuration of rustls. Certificate, key and trusted authorities are looked up in
//! [`Current`] by each handshake, so that they can be replaced under a running server; connections that stand are not
//! touched.

mod client;
mod client_certificates;
mod current;
mod description;
mod error;
mod old_key;
#[cfg(test)]
mod tests;

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio_rustls::{
    TlsAcceptor,
    rustls::{ServerConfig, server::NoServerSessionStorage},
};

pub use self::{
    client::client_config,
    description::{cipher_suite_name, common_name, version_name},
    error::TlsError,
};
use self::{
    client_certificates::{ClientCertificates, Trusted},
    current::{Current, Material},
};
pub use crate::tls::FileError;
use crate::{
    config::{ClientAuthPolicy, NsqdOptions, TlsMinVersion, TlsRequired},
    tls::{Authorities, identity, provider, versions},
};

/// How long a peer may take for its handshake.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);

/// TLS as its options say, ready for handshakes.
#[derive(Debug)]
pub struct Tls {
    server: Arc<ServerConfig>,
    current: Arc<Current>,
    files: Files,
    required: TlsRequired,
    /// Held while files are read, so that whoever reads last has read the newest.
    reading: Mutex<()>,
}

/// Where to read, and what for.
#[derive(Debug)]
struct Files {
    cert: Option<PathBuf>,
    key: Option<PathBuf>,
    authorities: Option<PathBuf>,
    policy: ClientAuthPolicy,
}

impl Tls {
    /// Reads the files that the options name. There is no TLS without a certificate, unless something asks for it.
    pub fn new(options: &NsqdOptions) -> Result<Option<Self>, TlsError> {
        let required = options.tls_required_in_effect();
        let asked_for = options.tls_cert.is_some() || options.tls_key.is_some();
        let tls = asked_for.then(|| Self::build(options)).transpose().map_err(TlsError::Server)?;
        if tls.is_none() && required != TlsRequired::No {
            return Err(TlsError::NoCertificate);
        }
        client::check_authorities(options.tls_root_ca_file.as_deref())?;
        Ok(tls)
    }

    fn build(options: &NsqdOptions) -> Result<Self, FileError> {
        let files = Files {
            cert: options.tls_cert.clone(),
            key: options.tls_key.clone(),
            authorities: options.tls_root_ca_file.clone(),
            policy: options.tls_client_auth_policy,
        };
        let current = Arc::new(Current::new(files.read()?));
        let server = server_config(files.policy, options.tls_min_version, &current)
            .map_err(|error| FileError::Refused(error.to_string()))?;
        let required = options.tls_required_in_effect();
        Ok(Self { server: Arc::new(server), current, files, required, reading: Mutex::default() })
    }

    /// For one handshake or many: each uses what is current when it begins.
    pub fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.server))
    }

    /// Of whom TLS is required.
    pub fn required(&self) -> TlsRequired {
        self.required
    }

    /// What is to say of the current certificate.
    pub fn certificate(&self) -> String {
        description::describe(self.current.get().identity.cert.first())
    }

    /// Reads the files again, for all handshakes from now on. If one of them cannot be used everything stays as it was.
    /// Blocks while it reads.
    pub fn reload(&self) -> Result<(), TlsError> {
        let _last = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        let material = self.files.read().map_err(TlsError::Server)?;
        self.current.replace(material);
        Ok(())
    }
}

impl Files {
    fn read(&self) -> Result<Material, FileError> {
        let provider = provider();
        let identity = identity::read(self.cert.as_deref(), self.key.as_deref(), &provider)?;
        let trusted = match self.policy {
            ClientAuthPolicy::RequireVerify => {
                let authorities = Authorities::read_or_system(self.authorities.as_deref())?;
                Some(Trusted::by(authorities, provider)?)
            }
            ClientAuthPolicy::Off | ClientAuthPolicy::Require => {
                // Not needed, and yet a mistake in the name of the file is better found now.
                self.authorities.as_deref().map(Authorities::read).transpose()?;
                None
            }
        };
        Ok(Material { identity, trusted })
    }
}

fn server_config(
    policy: ClientAuthPolicy,
    min_version: TlsMinVersion,
    current: &Arc<Current>,
) -> Result<ServerConfig, tokio_rustls::rustls::Error> {
    let provider = provider();
    let certificates = Arc::new(ClientCertificates::new(Arc::clone(current), &provider));
    let builder = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(versions(min_version))?;
    let resolver = Arc::clone(current);
    Ok(match policy {
        ClientAuthPolicy::Off => builder.with_no_client_auth().with_cert_resolver(resolver),
        ClientAuthPolicy::Require | ClientAuthPolicy::RequireVerify => {
            let builder = builder.with_client_cert_verifier(certificates);
            let mut config = builder.with_cert_resolver(resolver);
            // A session that is resumed is not verified again: it would outlive its certificate, and its authority.
            config.session_storage = Arc::new(NoServerSessionStorage {});
            config
        }
    })
}
