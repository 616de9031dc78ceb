//! How a client speaks TLS: whom it trusts, and what it shows of itself.

use std::sync::Arc;

use tokio_rustls::rustls::{
    ClientConfig,
    sign::{CertifiedKey, SingleCertAndKey},
};

use super::{Authorities, FROM_1_2, FileError, TrustedServers, any_server::AnyServer, provider};

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

/// Speaks TLS as told, and shows `identity` to servers that ask for a certificate.
pub fn client_config(
    trust: Trust,
    identity: Option<Arc<CertifiedKey>>,
) -> Result<ClientConfig, FileError> {
    let config = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&FROM_1_2)
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
