//! What is decided and checked of the options together, before anything runs.

use std::{fmt::Display, path::Path, sync::Arc};

use reqwest::Url;
use tokio_rustls::rustls::{ClientConfig, sign::CertifiedKey};

use crate::{
    cli::service::{DaemonError, not_started},
    config::{NsqadminOptions, TlsMinVersion, peers},
    http::nsqadmin::{Access, BasePath, Graphite},
    tls::{Authorities, FileError, Trust, client_config, identity, provider},
};

/// What nsqadmin runs with, besides the options themselves.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) base: BasePath,
    pub(super) access: Access,
    /// For all whom it asks or tells something.
    pub(super) tls: ClientConfig,
    pub(super) graphite: Option<Url>,
    pub(super) notified: Option<Url>,
}

impl Plan {
    /// Checks the options, in upstream's order and mostly with its words.
    pub(super) fn new(options: &NsqadminOptions) -> Result<Self, DaemonError> {
        check_sources(options)?;
        let tls = tls(options)?;
        check_addresses("lookupd-http-address", &options.nsqlookupd_http_addresses)?;
        check_addresses("nsqd-http-address", &options.nsqd_http_addresses)?;
        Ok(Self {
            tls,
            graphite: url("graphite-url", &options.graphite_url)?,
            access: Access::new(options).map_err(not_started)?,
            base: BasePath::parse(&options.base_path)
                .map_err(|reason| unparsed("base-path", &options.base_path, reason))?,
            notified: url("notification-http-endpoint", &options.notification_http_endpoint)?,
        })
    }
}

fn check_sources(options: &NsqadminOptions) -> Result<(), DaemonError> {
    let (lookupds, nsqds) = (&options.nsqlookupd_http_addresses, &options.nsqd_http_addresses);
    match (lookupds.is_empty(), nsqds.is_empty()) {
        (true, true) => Err(not_started("--nsqd-http-address or --lookupd-http-address required")),
        (false, false) => {
            Err(not_started("use --nsqd-http-address or --lookupd-http-address not both"))
        }
        _ => Ok(()),
    }
}

/// Only the form counts: a name that nobody knows today may be known tomorrow.
fn check_addresses(flag: &str, addresses: &[String]) -> Result<(), DaemonError> {
    match addresses.iter().find(|address| !peers::is_host_and_port(address)) {
        Some(address) => {
            Err(not_started(format!("failed to resolve --{flag} ({address}) - not host:port")))
        }
        None => Ok(()),
    }
}

/// None for an empty text.
fn url(flag: &str, text: &str) -> Result<Option<Url>, DaemonError> {
    if text.is_empty() {
        return Ok(None);
    }
    Graphite::parse_url(text).map(Some).map_err(|reason| unparsed(flag, text, reason))
}

fn unparsed(flag: &str, text: &str, reason: impl Display) -> DaemonError {
    not_started(format!("failed to parse --{flag} ({text}) - {reason}"))
}

fn tls(options: &NsqadminOptions) -> Result<ClientConfig, DaemonError> {
    let identity =
        shown(options.http_client_tls_cert.as_deref(), options.http_client_tls_key.as_deref())?;
    let authorities =
        options.http_client_tls_root_ca_file.as_deref().map(authorities).transpose()?;
    let trust = match authorities {
        _ if options.http_client_tls_insecure_skip_verify => Trust::Anybody,
        Some(authorities) => Trust::Only(authorities),
        None => Trust::System,
    };
    client_config(TlsMinVersion::default(), trust, identity).map_err(not_started)
}

fn shown(
    cert: Option<&Path>,
    key: Option<&Path>,
) -> Result<Option<Arc<CertifiedKey>>, DaemonError> {
    const KEY: &str = "--http-client-tls-key";
    const CERT: &str = "--http-client-tls-cert";
    let (Some(cert), Some(key)) = (cert, key) else {
        return match (cert, key) {
            (Some(_), None) => Err(not_started(format!("{KEY} must be specified with {CERT}"))),
            (None, Some(_)) => Err(not_started(format!("{CERT} must be specified with {KEY}"))),
            _ => Ok(None),
        };
    };
    identity::read(Some(cert), Some(key), &provider()).map(Some).map_err(|error| {
        let (cert, key) = (cert.display(), key.display());
        not_started(format!("failed to LoadX509KeyPair {cert}, {key} - {error}"))
    })
}

fn authorities(path: &Path) -> Result<Authorities, DaemonError> {
    Authorities::read(path).map_err(|error| {
        let path = path.display();
        not_started(match error {
            FileError::NoAuthority => format!("failed to AppendCertsFromPEM {path}"),
            error => format!("failed to read TLS root CA file {path} - {error}"),
        })
    })
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair};

    use super::*;

    fn options(change: impl Fn(&mut NsqadminOptions)) -> NsqadminOptions {
        let mut options = NsqadminOptions {
            nsqlookupd_http_addresses: vec!["lookup1:4161".into()],
            http_client_tls_insecure_skip_verify: true, // reads no file of the system
            ..NsqadminOptions::default()
        };
        change(&mut options);
        options
    }

    #[track_caller]
    fn refused(change: impl Fn(&mut NsqadminOptions), text: &str) {
        let error = Plan::new(&options(change)).unwrap_err();
        assert_eq!(error, not_started(text));
    }

    #[test]
    fn somebody_must_be_asked_in_one_way() {
        refused(
            |options| options.nsqlookupd_http_addresses.clear(),
            "--nsqd-http-address or --lookupd-http-address required",
        );
        refused(
            |options| options.nsqd_http_addresses = vec!["n:4151".into()],
            "use --nsqd-http-address or --lookupd-http-address not both",
        );
    }

    #[test]
    fn addresses_need_a_host_and_a_port_and_nothing_else() {
        for address in ["lookup1", "http://lookup1:4161", "lookup1:", ":4161", "a:1,b:2"] {
            refused(
                |options| options.nsqlookupd_http_addresses.push(address.into()),
                &format!("failed to resolve --lookupd-http-address ({address}) - not host:port"),
            );
        }
        refused(
            |options| {
                options.nsqlookupd_http_addresses.clear();
                options.nsqd_http_addresses = vec!["n".into()];
            },
            "failed to resolve --nsqd-http-address (n) - not host:port",
        );
        let unknown = options(|options| {
            options.nsqlookupd_http_addresses.push("nobody.invalid:4161".into());
        });
        assert!(Plan::new(&unknown).is_ok());
    }

    #[test]
    fn urls_and_paths_are_read() {
        refused(
            |options| options.graphite_url = "graphite".into(),
            "failed to parse --graphite-url (graphite) - relative URL without a base",
        );
        refused(
            |options| options.notification_http_endpoint = "mailto:ops".into(),
            "failed to parse --notification-http-endpoint (mailto:ops) - not the URL of a web server",
        );
        refused(
            |options| options.base_path = "/a b".into(),
            "failed to parse --base-path (/a b) - ' ' cannot stand in it",
        );
        refused(
            |options| options.allow_config_from_cidr = "x".into(),
            "failed to parse --allow-config-from-cidr (x) - invalid CIDR address: x",
        );
    }

    #[test]
    fn a_certificate_and_its_key_come_together() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        refused(
            |options| options.http_client_tls_cert = Some("cert.pem".into()),
            "--http-client-tls-key must be specified with --http-client-tls-cert",
        );
        refused(
            |options| options.http_client_tls_key = Some("key.pem".into()),
            "--http-client-tls-cert must be specified with --http-client-tls-key",
        );
        let (cert, key) = (path("cert.pem"), path("key.pem"));
        let both = |options: &mut NsqadminOptions| {
            options.http_client_tls_cert = Some(cert.clone());
            options.http_client_tls_key = Some(key.clone());
        };
        let (shown_cert, shown_key) = (cert.display(), key.display());
        refused(
            both,
            &format!(
                "failed to LoadX509KeyPair {shown_cert}, {shown_key} - \
                 open {shown_cert}: no such file or directory"
            ),
        );
        let pair = KeyPair::generate().unwrap();
        let params = CertificateParams::new(["admin".to_owned()]).unwrap();
        std::fs::write(&cert, params.self_signed(&pair).unwrap().pem()).unwrap();
        std::fs::write(&key, pair.serialize_pem()).unwrap();
        assert!(Plan::new(&options(both)).is_ok());
    }

    #[test]
    fn a_file_of_authorities_must_have_some() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let path = file.path().to_owned();
        refused(
            |options| options.http_client_tls_root_ca_file = Some(path.clone()),
            &format!("failed to AppendCertsFromPEM {}", path.display()),
        );
        refused(
            |options| options.http_client_tls_root_ca_file = Some("/nope.pem".into()),
            "failed to read TLS root CA file /nope.pem - open /nope.pem: no such file or directory",
        );
    }
}
