//! TLS towards other servers, where the node is the client.

use std::{path::Path, sync::Arc};

use tokio_rustls::rustls::ClientConfig;

use super::{FileError, TlsError, authorities::Authorities, provider, versions};
use crate::config::NsqdOptions;

/// How the node connects to an auth server over https: the server's certificate must come from an authority of
/// `--tls-root-ca-file`, else of the system. The files are read now.
pub fn client_config(options: &NsqdOptions) -> Result<ClientConfig, TlsError> {
    build(options).map_err(TlsError::Client)
}

fn build(options: &NsqdOptions) -> Result<ClientConfig, FileError> {
    let authorities = Authorities::read_or_system(options.tls_root_ca_file.as_deref())?;
    let config = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(versions(options.tls_min_version))
        .map_err(|error| FileError::Refused(error.to_string()))?;
    Ok(config.with_root_certificates(Arc::new(authorities.roots)).with_no_client_auth())
}

/// Finds at the start what [`client_config`] would find later.
pub(super) fn check_authorities(path: Option<&Path>) -> Result<(), TlsError> {
    path.map_or(Ok(()), |path| Authorities::read(path).map(drop)).map_err(TlsError::Client)
}
