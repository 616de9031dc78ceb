//! What a broker says when it cannot start as it is told to.

use std::fs;

use crate::support::{Ended, command, ours, run_to_end, tls::Authority};

/// Runs a broker that must not start; `words` may be the library's, of which upstream has another.
#[track_caller]
fn refused(flags: &[&str], start: &str, words: &str) {
    let data = tempfile::tempdir().unwrap();
    let data_path = format!("--data-path={}", data.path().display());
    let anywhere = ["tcp", "http", "https"].map(|name| format!("--{name}-address=127.0.0.1:0"));
    let mut all: Vec<_> = anywhere.iter().map(String::as_str).collect();
    all.push(&data_path);
    all.extend(flags);
    let Ended { code, out, err } = run_to_end(command(), all);
    assert_eq!((code, out.as_str()), (Some(1), ""), "{flags:?}: {err}");
    let words = if ours() { words } else { "" };
    let text = format!("FATAL: failed to instantiate nsqd - {start}{words}");
    assert!(err.contains(&text), "{text:?} is not in {err:?}");
    assert!(!err.contains("listening on"), "{err}");
}

const SERVER: &str = "failed to build TLS config - ";
const CLIENT: &str = "failed to build client TLS config - ";

#[test]
fn certificate_and_key_are_named_with_what_is_wrong() {
    let authority = Authority::new();
    let [cert, key] = authority.server("node").flags();
    let [_, other_key] = authority.server("other").flags();
    let broken = authority.path("broken");
    fs::write(&broken, "no PEM").unwrap();
    let broken = broken.display();
    refused(&[&cert], SERVER, "--tls-key is missing");
    refused(&[&key], SERVER, "--tls-cert is missing");
    refused(
        &["--tls-cert=/nope.pem", &key],
        &format!("{SERVER}open /nope.pem: no such file or directory"),
        "\n",
    );
    refused(
        &[&cert, "--tls-key=/nope.pem"],
        &format!("{SERVER}open /nope.pem: no such file or directory"),
        "\n",
    );
    refused(&[&format!("--tls-cert={broken}"), &key], SERVER, "no certificate found in ");
    refused(
        &[&cert, &format!("--tls-key={broken}")],
        SERVER,
        "no private key without a passphrase found in ",
    );
    refused(
        &[&cert, &other_key],
        SERVER,
        "private key does not match the public key of the certificate\n",
    );
}

#[test]
fn tls_that_is_required_needs_a_certificate() {
    for flag in [
        "--tls-required",
        "--tls-required=tcp-https",
        "--tls-client-auth-policy=require",
        "--tls-client-auth-policy=require-verify",
    ] {
        refused(&[flag], "cannot require TLS client connections without TLS key and cert\n", "");
    }
}

#[test]
fn authorities_must_be_there() {
    let authority = Authority::new();
    let [cert, key] = authority.server("node").flags();
    let empty = authority.path("empty");
    fs::write(&empty, "").unwrap();
    let empty = format!("--tls-root-ca-file={}", empty.display());
    let missing = "--tls-root-ca-file=/nope.pem";
    let (no_file, no_pool) =
        ("open /nope.pem: no such file or directory\n", "failed to append certificate to pool\n");
    refused(&[missing], &format!("{CLIENT}{no_file}"), "");
    refused(&[&empty], &format!("{CLIENT}{no_pool}"), "");
    refused(&[&cert, &key, missing], &format!("{SERVER}{no_file}"), "");
    refused(&[&cert, &key, &empty], &format!("{SERVER}{no_pool}"), "");
}

#[test]
fn checks_come_in_upstreams_order() {
    let missing = "--tls-root-ca-file=/nope.pem";
    refused(&["--tls-cert=/nope.pem", "--tls-required", missing], SERVER, "");
    let text = "cannot require TLS client connections without TLS key and cert\n";
    refused(&["--tls-required", missing], text, "");
}

#[test]
fn unknown_policies_and_addresses_are_refused() {
    if !ours() {
        return; // nsqd 1.3 takes an unknown policy for none.
    }
    let [cert, key] = Authority::new().server("node").flags();
    let unknown = "--tls-client-auth-policy=require_verify";
    let text = "--tls-client-auth-policy must be require or require-verify\n";
    refused(&[unknown], text, "");
    refused(&[&cert, &key, unknown], text, "");
    let authority = Authority::new();
    let [cert, key] = authority.server("node").flags();
    let path = "--https-address=/run/https.sock";
    let text = "listen (/run/https.sock) failed - HTTPS needs host:port\n";
    refused(&[&cert, &key, path], text, "");
}

#[test]
fn https_address_in_use_is_fatal() {
    let authority = Authority::new();
    let [cert, key] = authority.server("node").flags();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let flag = format!("--https-address={address}");
    refused(&[&cert, &key, &flag], &format!("listen ({address}) failed - "), "");
}
