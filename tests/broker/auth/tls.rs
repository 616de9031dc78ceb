//! Auth servers over https.

use super::{
    GRANTED, auth, authed, expect_logged,
    server::{AuthServer, Reply},
    turned_away,
};
use crate::{
    support::{Nsqd, tls::Authority},
    upgrades::{TLS, upgrade},
};

const FAILED: &str = "E_AUTH_FAILED AUTH failed";

fn trusting(authority: &Authority) -> String {
    format!("--tls-root-ca-file={}", authority.file().display())
}

fn https(server: &AuthServer, path: &str) -> String {
    format!("--auth-http-address=https://{}{path}", server.address())
}

#[test]
fn a_server_of_a_trusted_authority_is_asked() {
    let authority = Authority::new();
    let server = AuthServer::over_tls(authority.server("auth").served(), Reply::everything());
    let nsqd = Nsqd::with(&[&https(&server, "/auth"), &trusting(&authority)]);
    authed(&nsqd, "s");
    let query = "common_name=&remote_ip=127.0.0.1&secret=s&tls=false";
    assert_eq!(server.requests()[0].line, format!("GET /auth?{query} HTTP/1.1"));
}

#[test]
fn a_server_that_cannot_be_verified_learns_nothing() {
    let (authority, other) = (Authority::new(), Authority::new());
    let named_otherwise =
        AuthServer::over_tls(authority.client("auth").served(), Reply::everything());
    let of_another = AuthServer::over_tls(other.server("auth").served(), Reply::everything());
    for server in [&named_otherwise, &of_another] {
        let nsqd = Nsqd::with(&[&https(server, "/auth"), &trusting(&authority)]);
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
    let tls = AuthServer::over_tls(authority.server("auth").served(), Reply::everything());
    let body = format!(r#"{{"message":"TLS required","https_port":{}}}"#, tls.port());
    let plain = AuthServer::always(Reply::Answer("403 Forbidden", Vec::new(), body.into_bytes()));
    for method in ["get", "post"] {
        let method = format!("--auth-http-request-method={method}");
        let nsqd = Nsqd::with(&[&plain.flag(), &trusting(&authority), &method]);
        authed(&nsqd, "s");
        let (first, second) = (plain.requests().pop().unwrap(), tls.requests().pop().unwrap());
        assert_eq!((first.line, first.body), (second.line, second.body));
    }
}

#[test]
fn a_server_that_wants_tls_again_is_not_asked_a_third_time() {
    let authority = Authority::new();
    let again = Reply::Answer("403 Forbidden", Vec::new(), br#"{"https_port":1}"#.to_vec());
    let tls = AuthServer::over_tls(authority.server("auth").served(), again);
    let body = format!(r#"{{"https_port":{}}}"#, tls.port());
    let plain = AuthServer::always(Reply::Answer("403 Forbidden", Vec::new(), body.into_bytes()));
    let nsqd = Nsqd::with(&[&plain.flag(), &trusting(&authority)]);
    turned_away(&nsqd, "s", FAILED);
    assert_eq!((plain.requests().len(), tls.requests().len()), (1, 1));
}

#[test]
fn a_client_over_tls_is_asked_about_with_its_common_name() {
    let authority = Authority::new();
    let server = AuthServer::always(Reply::everything());
    let [cert, key] = authority.server("nsqd").flags();
    let policies = [
        ("--tls-client-auth-policy=require-verify", Some("joe smith"), "joe+smith"),
        ("--tls-client-auth-policy=require", Some("joe smith"), "joe+smith"),
        ("--tls-client-auth-policy=", None, ""),
    ];
    for (policy, shown, name) in policies {
        let tcp_only = "--tls-required=tcp-https";
        let flags = [&server.flag(), &cert, &key, policy, &trusting(&authority), tcp_only];
        let nsqd = Nsqd::with(&flags);
        let peer = match shown {
            Some(name) => authority.peer().showing(&authority.client(name)),
            None => authority.peer(),
        };
        let mut client = upgrade(nsqd.client(), TLS, &peer.config());
        client.send(&auth("s"));
        client.expect_response(GRANTED);
        client.publish("orders", b"one");
        let query = format!("common_name={name}&remote_ip=127.0.0.1&secret=s&tls=true");
        let asked = server.requests().pop().unwrap();
        assert_eq!(asked.line, format!("GET /auth?{query} HTTP/1.1"));
    }
}
