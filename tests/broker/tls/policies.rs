//! Who must show a certificate, and which will do.

use super::{Secure, start, try_upgrade};
use crate::support::{
    Nsqd, ours,
    tls::{Authority, BOTH, Identity, ONLY_1_2, ONLY_1_3},
};

/// Every kind of client.
struct Clients {
    kinds: Vec<(&'static str, Option<Identity>)>,
}

impl Clients {
    fn of(authority: &Authority) -> Self {
        let kinds = vec![
            ("none", None),
            ("signed", Some(authority.client("joe"))),
            ("expired", Some(authority.expired_client("late"))),
            ("for servers", Some(authority.server("other"))),
            ("of a stranger", Some(Authority::new().client("stranger"))),
            ("self-signed", Some(authority.self_signed_client("own"))),
            ("of version 1", Some(authority.version_1())),
        ];
        Self { kinds }
    }

    /// Who is served on both listeners, under both versions of TLS.
    #[track_caller]
    fn expect_served(&self, nsqd: &Nsqd, authority: &Authority, served: &[&str]) {
        let address = nsqd.https_address();
        for (kind, identity) in &self.kinds {
            for versions in [ONLY_1_2, ONLY_1_3, BOTH] {
                let mut peer = authority.peer().speaking(versions);
                if let Some(identity) = identity {
                    peer = peer.showing(identity);
                }
                let (http, tcp) =
                    (peer.try_http(address, "GET", "/ping"), try_upgrade(nsqd, &peer));
                let is_served = served.contains(kind);
                assert_eq!(http.is_ok(), is_served, "HTTPS: {kind} {versions:?}: {http:?}");
                assert_eq!(tcp.is_ok(), is_served, "TCP: {kind} {versions:?}: {:?}", tcp.err());
            }
        }
    }
}

/// Their files live as long as the authority that made them.
#[track_caller]
fn serves(flags: impl Fn(&Authority) -> Vec<String>, served: &[&str]) {
    let authority = Authority::new();
    let clients = Clients::of(&authority);
    let flags = flags(&authority);
    let nsqd =
        start(&authority.server("node"), &flags.iter().map(String::as_str).collect::<Vec<_>>());
    clients.expect_served(&nsqd, &authority, served);
}

const EVERYBODY: [&str; 7] =
    ["none", "signed", "expired", "for servers", "of a stranger", "self-signed", "of version 1"];

fn require_verify(authorities: &std::path::Path) -> Vec<String> {
    vec![
        "--tls-client-auth-policy=require-verify".to_owned(),
        format!("--tls-root-ca-file={}", authorities.display()),
    ]
}

#[test]
fn without_a_policy_nobody_is_asked() {
    serves(|_| Vec::new(), &EVERYBODY);
}

#[test]
fn require_takes_any_certificate() {
    serves(|_| vec!["--tls-client-auth-policy=require".to_owned()], &EVERYBODY[1..]);
}

#[test]
fn require_verify_takes_those_of_the_authority_for_clients() {
    serves(|authority| require_verify(&authority.file()), &["signed"]);
}

#[test]
fn require_verify_takes_certificates_that_are_listed_themselves() {
    let kinds = ["self-signed", "of version 1"];
    for kind in kinds {
        let authority = Authority::new();
        let clients = Clients::of(&authority);
        let listed = clients.kinds.iter().find(|(name, _)| *name == kind).unwrap();
        let flags = require_verify(&listed.1.as_ref().unwrap().cert);
        let flags: Vec<_> = flags.iter().map(String::as_str).collect();
        let nsqd = start(&authority.server("node"), &flags);
        clients.expect_served(&nsqd, &authority, &[kind]);
    }
}

#[test]
fn require_verify_without_a_file_trusts_the_system() {
    let authority = Authority::new();
    let clients = Clients::of(&authority);
    let [cert, key] = authority.server("node").flags();
    let flags = [&cert[..], &key, "--tls-client-auth-policy=require-verify"];
    let system = authority.file().display().to_string();
    let trusting = Nsqd::with_environment(&flags, &[("SSL_CERT_FILE", &system)]);
    clients.expect_served(&trusting, &authority, &["signed"]);
    let other = Authority::new();
    let system = other.file().display().to_string();
    let distrusting = Nsqd::with_environment(&flags, &[("SSL_CERT_FILE", &system)]);
    clients.expect_served(&distrusting, &authority, &[]);
}

#[test]
fn key_must_be_the_certificates() {
    let authority = Authority::new();
    let (joe, mut thief) = (authority.client("joe"), authority.client("thief"));
    thief.cert = joe.cert;
    let flags = ["--tls-client-auth-policy=require"];
    let secure = Secure::of(authority, &flags);
    for versions in [ONLY_1_2, ONLY_1_3] {
        let peer = secure.authority.peer().speaking(versions).showing(&thief);
        let answer = peer.try_http(secure.nsqd.https_address(), "GET", "/ping");
        assert!(answer.is_err(), "{versions:?}: {answer:?}");
        assert!(try_upgrade(&secure.nsqd, &peer).is_err(), "{versions:?}");
    }
}

#[test]
fn refusals_are_logged() {
    if !ours() {
        return; // The words are the library's.
    }
    let authority = Authority::new();
    let file = authority.file();
    let flags = require_verify(&file);
    let secure = Secure::of(authority, &flags.iter().map(String::as_str).collect::<Vec<_>>());
    let address = secure.nsqd.https_address();
    let peer = secure.authority.peer();
    peer.try_http(address, "GET", "/ping").unwrap_err();
    secure.nsqd.expect_line(": peer sent no certificates");
    peer.showing(&Authority::new().client("stranger"))
        .try_http(address, "GET", "/ping")
        .unwrap_err();
    secure.nsqd.expect_line(": invalid peer certificate: ");
}

#[test]
fn certificate_of_version_1_serves_a_broker_too() {
    let authority = Authority::new();
    let secret = authority.version_1();
    let nsqd = start(&secret, &[]);
    // No name stands in it, so that clients of today refuse it. What matters is that it is shown.
    let error = authority.peer().try_http(nsqd.https_address(), "GET", "/ping").unwrap_err();
    assert!(error.to_string().contains("invalid peer certificate"), "{error}");
}
