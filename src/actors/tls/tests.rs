//! Files, and what is said of them.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use rcgen::{CertificateParams, KeyPair};
use tempfile::TempDir;
use tokio_rustls::rustls::{
    pki_types::{CertificateDer, pem::PemObject},
    version::{TLS12, TLS13},
};

use super::*;

/// Files of one test.
struct Dir(TempDir);

impl Dir {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, content: &str) -> PathBuf {
        fs::write(self.path(name), content).unwrap();
        self.path(name)
    }

    /// A self-signed certificate in `<name>.pem`, its key in `<name>.key`.
    fn identity(&self, name: &str) -> (PathBuf, PathBuf) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new([name.to_owned()]).unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let cert = self.write(&format!("{name}.pem"), &certificate.pem());
        (cert, self.write(&format!("{name}.key"), &key.serialize_pem()))
    }

    /// Options with a certificate of that name.
    fn options(&self, name: &str) -> NsqdOptions {
        let (cert, key) = self.identity(name);
        NsqdOptions { tls_cert: Some(cert), tls_key: Some(key), ..NsqdOptions::default() }
    }
}

fn der(path: &Path) -> CertificateDer<'static> {
    CertificateDer::from_pem_file(path).unwrap()
}

/// The certificate that handshakes are shown.
fn shown(tls: &Tls) -> CertificateDer<'static> {
    tls.current.get().identity.cert[0].clone()
}

#[track_caller]
fn refused(options: &NsqdOptions, text: &str) {
    assert_eq!(Tls::new(options).unwrap_err().to_string(), text);
}

#[test]
fn without_a_certificate_there_is_no_tls() {
    assert!(Tls::new(&NsqdOptions::default()).unwrap().is_none());
}

#[test]
fn without_a_certificate_it_cannot_be_required() {
    let text = "cannot require TLS client connections without TLS key and cert";
    for required in [TlsRequired::TcpHttps, TlsRequired::Yes] {
        refused(&NsqdOptions { tls_required: required, ..NsqdOptions::default() }, text);
    }
    for policy in [ClientAuthPolicy::Require, ClientAuthPolicy::RequireVerify] {
        refused(&NsqdOptions { tls_client_auth_policy: policy, ..NsqdOptions::default() }, text);
    }
}

#[test]
fn certificate_and_key_need_each_other() {
    let dir = Dir::new();
    let whole = dir.options("node");
    let failed = "failed to build TLS config -";
    refused(
        &NsqdOptions { tls_key: None, ..whole.clone() },
        &format!(
            "{failed} --tls-key is missing: a certificate needs its key, and a key its certificate"
        ),
    );
    refused(
        &NsqdOptions { tls_cert: None, ..whole.clone() },
        &format!(
            "{failed} --tls-cert is missing: a certificate needs its key, and a key its certificate"
        ),
    );
    let other_key = Some(dir.identity("other").1);
    refused(
        &NsqdOptions { tls_key: other_key, ..whole },
        &format!("{failed} private key does not match the public key of the certificate"),
    );
}

#[test]
fn files_that_cannot_be_used_are_named_with_what_is_wrong() {
    let dir = Dir::new();
    let whole = dir.options("node");
    let missing = dir.path("missing");
    let empty = dir.write("empty", "");
    let broken =
        dir.write("broken", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    let garbled =
        dir.write("garbled", "-----BEGIN CERTIFICATE-----\n*\n-----END CERTIFICATE-----\n");
    let unsupported =
        dir.write("bad", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n");
    let locked = dir.write(
        "locked",
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
    );
    for (cert, said) in [
        (&missing, format!("open {}: no such file or directory", missing.display())),
        (&empty, format!("no certificate found in {}", empty.display())),
        (&broken, format!("certificate in {} cannot be read", broken.display())),
        (&garbled, format!("certificate in {} cannot be read", garbled.display())),
    ] {
        let options = NsqdOptions { tls_cert: Some(cert.clone()), ..whole.clone() };
        refused(&options, &format!("failed to build TLS config - {said}"));
    }
    for (key, said) in [
        (&missing, format!("open {}: no such file or directory", missing.display())),
        (&locked, format!("no private key without a passphrase found in {}", locked.display())),
    ] {
        let options = NsqdOptions { tls_key: Some(key.clone()), ..whole.clone() };
        refused(&options, &format!("failed to build TLS config - {said}"));
    }
    let options = NsqdOptions { tls_key: Some(unsupported.clone()), ..whole };
    let error = Tls::new(&options).unwrap_err().to_string();
    let said =
        format!("failed to build TLS config - key in {} cannot be used: ", unsupported.display());
    assert!(error.starts_with(&said), "{error}");
}

#[test]
fn authorities_are_read_though_nobody_needs_them_yet() {
    let dir = Dir::new();
    let (missing, empty) = (dir.path("missing"), dir.write("empty", "no PEM at all\n"));
    for (with_certificate, failed) in
        [(true, "failed to build TLS config"), (false, "failed to build client TLS config")]
    {
        let options = if with_certificate { dir.options("node") } else { NsqdOptions::default() };
        for (file, said) in [
            (&missing, format!("open {}: no such file or directory", missing.display())),
            (&empty, "failed to append certificate to pool".to_owned()),
        ] {
            let options = NsqdOptions { tls_root_ca_file: Some(file.clone()), ..options.clone() };
            refused(&options, &format!("{failed} - {said}"));
            let error = client_config(&options).unwrap_err().to_string();
            assert_eq!(error, format!("failed to build client TLS config - {said}"));
        }
    }
}

#[test]
fn damaged_authorities_are_passed_over_while_one_is_left() {
    let dir = Dir::new();
    let (good, _) = dir.identity("good");
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let garbled = "-----BEGIN CERTIFICATE-----\n*\n-----END CERTIFICATE-----\n";
    let cut = "-----BEGIN CERTIFICATE-----\nAAAA\n";
    let text = [broken, garbled, &fs::read_to_string(good).unwrap(), cut].concat();
    let authorities = Authorities::read(&dir.write("all", &text)).unwrap();
    assert_eq!(authorities.roots.len(), 1);
}

#[test]
fn reload_shows_the_new_certificate_and_a_failing_one_keeps_the_old() {
    let dir = Dir::new();
    let options = dir.options("node");
    let tls = Tls::new(&options).unwrap().unwrap();
    let cert = options.tls_cert.unwrap();
    let (first, view) = (der(&cert), tls.current.get());
    dir.identity("node");
    let second = der(&cert);
    assert_ne!(first, second);
    assert_eq!(shown(&tls), first, "nothing is read unasked");
    tls.reload().unwrap();
    assert_eq!(shown(&tls), second);
    assert_eq!(view.identity.cert[0], first, "a handshake under way keeps what it began with");
    fs::write(&cert, "broken").unwrap();
    let error = tls.reload().unwrap_err().to_string();
    let said = format!("failed to build TLS config - no certificate found in {}", cert.display());
    assert_eq!(error, said);
    assert_eq!(shown(&tls), second);
}

#[test]
fn older_minimum_versions_are_served_as_1_2() {
    for (min, oldest) in [
        (TlsMinVersion::Tls10, &TLS12),
        (TlsMinVersion::Tls11, &TLS12),
        (TlsMinVersion::Tls12, &TLS12),
        (TlsMinVersion::Tls13, &TLS13),
    ] {
        assert_eq!(versions(min).last(), Some(&oldest), "{min}");
    }
}

#[test]
fn sessions_are_not_resumed_where_clients_show_certificates() {
    let dir = Dir::new();
    let options = dir.options("node");
    for (policy, resumed) in [
        (ClientAuthPolicy::Off, true),
        (ClientAuthPolicy::Require, false),
        (ClientAuthPolicy::RequireVerify, false),
    ] {
        let options = NsqdOptions {
            tls_client_auth_policy: policy,
            tls_root_ca_file: options.tls_cert.clone(),
            ..options.clone()
        };
        let tls = Tls::new(&options).unwrap().unwrap();
        assert_eq!(tls.server.session_storage.can_cache(), resumed, "{policy:?}");
    }
}

#[test]
fn every_handshake_uses_the_same_configuration() {
    let dir = Dir::new();
    let tls = Tls::new(&dir.options("node")).unwrap().unwrap();
    assert!(Arc::ptr_eq(tls.acceptor().config(), &tls.server));
}
