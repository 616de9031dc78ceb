//! Auth servers over https.

use std::path::PathBuf;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tempfile::TempDir;
use tokio_rustls::rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};

use super::{
    authed, expect_logged,
    server::{AuthServer, Reply},
    turned_away,
};
use crate::support::Nsqd;

const FAILED: &str = "E_AUTH_FAILED AUTH failed";

/// An authority, with its certificate in a file.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    folder: TempDir,
}

impl Authority {
    fn new() -> Self {
        let (mut params, key) = (CertificateParams::default(), KeyPair::generate().unwrap());
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let folder = tempfile::tempdir().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        std::fs::write(folder.path().join("ca.pem"), pem).unwrap();
        Self { issuer: Issuer::new(params, key), folder }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    fn flag(&self) -> String {
        format!("--tls-root-ca-file={}", self.file().display())
    }

    /// A server's identity under that name.
    fn server(&self, name: &str) -> ServerConfig {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new([name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap().der().clone();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        ServerConfig::builder_with_provider(ring::default_provider().into())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .unwrap()
    }
}

fn https(server: &AuthServer, path: &str) -> String {
    format!("--auth-http-address=https://{}{path}", server.address())
}

#[test]
fn a_server_of_a_trusted_authority_is_asked() {
    let authority = Authority::new();
    let server = AuthServer::over_tls(authority.server("127.0.0.1"), Reply::everything());
    let nsqd = Nsqd::with(&[&https(&server, "/auth"), &authority.flag()]);
    authed(&nsqd, "s");
    let query = "common_name=&remote_ip=127.0.0.1&secret=s&tls=false";
    assert_eq!(server.requests()[0].line, format!("GET /auth?{query} HTTP/1.1"));
}

#[test]
fn a_server_that_cannot_be_verified_learns_nothing() {
    let (authority, other) = (Authority::new(), Authority::new());
    let named_otherwise = AuthServer::over_tls(authority.server("auth.test"), Reply::everything());
    let of_another = AuthServer::over_tls(other.server("127.0.0.1"), Reply::everything());
    for server in [&named_otherwise, &of_another] {
        let nsqd = Nsqd::with(&[&https(server, "/auth"), &authority.flag()]);
        turned_away(&nsqd, "s", FAILED);
        expect_logged(&nsqd, &["auth server https://127.0.0.1:", "invalid peer certificate"]);
        assert!(server.requests().is_empty());
    }
    let nsqd = Nsqd::with(&[&https(&of_another, "/auth")]);
    turned_away(&nsqd, "s", FAILED); // no authority of the system either
    assert!(of_another.requests().is_empty());
}

#[test]
fn a_server_that_wants_tls_is_asked_again_over_it() {
    let authority = Authority::new();
    let tls = AuthServer::over_tls(authority.server("127.0.0.1"), Reply::everything());
    let body = format!(r#"{{"message":"TLS required","https_port":{}}}"#, tls.port());
    let plain = AuthServer::always(Reply::Answer("403 Forbidden", Vec::new(), body.into_bytes()));
    for method in ["get", "post"] {
        let method = format!("--auth-http-request-method={method}");
        let nsqd = Nsqd::with(&[&plain.flag(), &authority.flag(), &method]);
        authed(&nsqd, "s");
        let (first, second) = (plain.requests().pop().unwrap(), tls.requests().pop().unwrap());
        assert_eq!((first.line, first.body), (second.line, second.body));
    }
}

#[test]
fn a_server_that_wants_tls_again_is_not_asked_a_third_time() {
    let authority = Authority::new();
    let again = Reply::Answer("403 Forbidden", Vec::new(), br#"{"https_port":1}"#.to_vec());
    let tls = AuthServer::over_tls(authority.server("127.0.0.1"), again);
    let body = format!(r#"{{"https_port":{}}}"#, tls.port());
    let plain = AuthServer::always(Reply::Answer("403 Forbidden", Vec::new(), body.into_bytes()));
    let nsqd = Nsqd::with(&[&plain.flag(), &authority.flag()]);
    turned_away(&nsqd, "s", FAILED);
    assert_eq!((plain.requests().len(), tls.requests().len()), (1, 1));
}
