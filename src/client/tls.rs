//! TLS towards nsqd and nsqlookupd, as the options say.

use tokio_rustls::rustls::ClientConfig;

use super::{error::SetupError, options::Options};
use crate::tls::{self, Authorities, Trust, identity, provider};

/// Reads the files that the options name. Blocks while it reads.
pub(super) fn client_config(options: &Options) -> Result<ClientConfig, SetupError> {
    let trust = match &options.tls_root_ca_file {
        _ if options.tls_insecure_skip_verify => Trust::Anybody,
        Some(path) => Trust::Only(Authorities::read(path)?),
        None => Trust::System,
    };
    let own = match (&options.tls_cert, &options.tls_key) {
        (None, None) => None,
        (Some(_), None) => return Err(SetupError::HalfAnIdentity("tls_key")),
        (None, Some(_)) => return Err(SetupError::HalfAnIdentity("tls_cert")),
        (cert, key) => Some(identity::read(cert.as_deref(), key.as_deref(), &provider())?),
    };
    Ok(tls::client_config(options.tls_min_version, trust, own)?)
}
