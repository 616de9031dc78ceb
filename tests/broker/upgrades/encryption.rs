//! The handshake, and what depends on it.

use std::{
    io::{ErrorKind, Read, Write},
    net::Shutdown,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio_rustls::rustls::{ClientConfig, ClientConnection, pki_types::ServerName};

use super::{Secure, TLS, Wish, expect_json, upgrade};
use crate::support::{Client, Nsqd, commands, ours};

/// How long nsqd waits for a handshake.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);

/// A client with which a handshake has been agreed on and not begun.
#[track_caller]
fn before_handshake(nsqd: &Nsqd) -> Client {
    let mut client = nsqd.client();
    client.send(&commands::identify(&TLS.to_json()));
    expect_json(&mut client);
    client
}

/// Everything that comes on the socket until the broker closes.
#[track_caller]
fn raw_rest(client: &Client) -> Vec<u8> {
    let mut rest = Vec::new();
    match client.stream().read_to_end(&mut rest) {
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
        Err(error) => panic!("not closed: {error}"),
    }
    rest
}

/// Everything that comes on the socket in and behind a handshake that fails.
#[track_caller]
fn raw_failure(client: &Client, config: &Arc<ClientConfig>) -> Vec<u8> {
    let name = ServerName::try_from("localhost").unwrap();
    let mut tls = ClientConnection::new(Arc::clone(config), name).unwrap();
    let (mut socket, mut received, mut buffer) = (client.stream(), Vec::new(), [0; 4096]);
    let mut failed = false;
    while !failed {
        while tls.wants_write() {
            tls.write_tls(&mut socket).unwrap();
        }
        let count = socket.read(&mut buffer).unwrap();
        received.extend_from_slice(&buffer[..count]);
        tls.read_tls(&mut &buffer[..count]).unwrap();
        failed = tls.process_new_packets().is_err();
    }
    [received, raw_rest(client)].concat()
}

/// Behind whatever TLS had to say comes the error, in the clear.
#[track_caller]
fn expect_identify_failed(raw: &[u8], cause: &str) {
    let text = format!("E_IDENTIFY_FAILED IDENTIFY failed {cause}");
    let size = u32::try_from(4 + text.len()).unwrap();
    let frame = [&size.to_be_bytes(), &[0, 0, 0, 1][..], text.as_bytes()].concat();
    let shown = String::from_utf8_lossy(raw);
    assert!(raw.ends_with(&frame) || !ours() && shown.contains("failed tls: "), "{shown:?}");
}

#[test]
fn what_is_no_handshake_is_answered_in_the_clear() {
    let secure = Secure::with(&[]);
    let client = before_handshake(&secure.nsqd);
    client.stream().write_all(&commands::publish("orders", b"no TLS")).unwrap();
    let raw = raw_rest(&client);
    expect_identify_failed(&raw, "tls: received corrupt message of type InvalidContentType");
    assert!(secure.nsqd.topic("orders").is_null());
}

#[test]
fn who_leaves_in_the_handshake_gets_to_know_why() {
    let secure = Secure::with(&[]);
    let client = before_handshake(&secure.nsqd);
    client.stream().shutdown(Shutdown::Write).unwrap();
    expect_identify_failed(&raw_rest(&client), "EOF");
}

#[test]
fn a_handshake_has_five_seconds_in_which_no_heartbeat_comes() {
    if !ours() {
        return; // With nsqd 1.3, one may come.
    }
    let secure = Secure::with(&[]);
    let mut client = secure.nsqd.client();
    let mut json = TLS.to_json();
    json.insert_str(1, r#""heartbeat_interval":1000,"#);
    client.send(&commands::identify(&json));
    expect_json(&mut client);
    let begun = Instant::now();
    let rest = raw_rest(&client);
    assert!(begun.elapsed() >= HANDSHAKE_TIMEOUT - Duration::from_millis(100));
    let text = String::from_utf8_lossy(&rest[8..]).into_owned();
    assert!(text.starts_with("E_IDENTIFY_FAILED IDENTIFY failed "), "{text}");
    assert!(text.ends_with("i/o timeout"), "{text}");
}

#[test]
fn a_handshake_holds_up_nobody_and_no_stop() {
    let mut secure = Secure::with(&["--worker-threads=1"]);
    let mut silent: Vec<_> = (0..20).map(|_| before_handshake(&secure.nsqd)).collect();
    secure.client(TLS).expect_alive();
    silent.push(before_handshake(&secure.nsqd));
    let begun = Instant::now();
    assert_eq!(secure.nsqd.terminate().code(), Some(0));
    assert!(begun.elapsed() < HANDSHAKE_TIMEOUT - Duration::from_secs(1), "it has waited");
    silent.iter_mut().for_each(Client::expect_closed);
}

#[test]
fn both_versions_are_spoken() {
    let secure = Secure::with(&[]);
    for config in [secure.config(), secure.config_of_1_2()] {
        upgrade(secure.nsqd.client(), TLS, &config).expect_alive();
    }
}

#[test]
fn a_required_client_certificate_that_is_missing_is_named() {
    let secure = Secure::with(&["--tls-client-auth-policy=require"]);
    for config in [secure.config(), secure.config_of_1_2()] {
        let raw = raw_failure(&before_handshake(&secure.nsqd), &config);
        expect_identify_failed(&raw, "tls: peer sent no certificates");
    }
    secure.nsqd.expect_line(" TLS handshake failed: tls: peer sent no certificates");

    let named = secure.authority.peer().showing(&secure.authority.client("joe")).config();
    upgrade(secure.nsqd.client(), TLS, &named).expect_alive();
}

#[test]
fn where_tls_is_required_only_identify_works_without_it() {
    for flag in ["--tls-required", "--tls-required=tcp-https"] {
        let secure = Secure::with(&[flag]);
        for line in ["NOP\n", "PUB orders\n", "SUB orders audit\n", "BOGUS\n", "AUTH\n", "\n"] {
            let mut client = secure.nsqd.client();
            client.send(line.as_bytes());
            let command = line.trim_end().split(' ').next().unwrap();
            let text = format!("E_INVALID cannot {command} in current state (TLS required)");
            client.expect_fatal(&text);
        }
        let mut client = secure.nsqd.client_with("{}");
        client.send(&commands::publish("orders", b"in the clear"));
        client.expect_fatal("E_INVALID cannot PUB in current state (TLS required)");
        secure.client(TLS).expect_alive();
        secure.client(Wish { tls: true, ..super::SNAPPY }).expect_alive();
        if flag.ends_with("tcp-https") {
            assert!(secure.nsqd.topic("orders").is_null());
        }
    }
}

#[test]
fn compression_alone_does_not_count_as_tls() {
    let secure = Secure::with(&["--tls-required=tcp-https"]);
    let mut client = super::compressed(&secure.nsqd, super::SNAPPY);
    client.send(commands::NOP);
    client.expect_fatal("E_INVALID cannot NOP in current state (TLS required)");
}

#[test]
fn a_stop_ends_tls_in_its_own_words() {
    if !ours() {
        return; // nsqd 1.3 just ends the socket.
    }
    let mut secure = Secure::with(&[]);
    let mut client = secure.client(TLS);
    client.expect_alive();
    assert_eq!(secure.nsqd.terminate().code(), Some(0));
    client.expect_end_of_tls();
}

#[test]
fn who_ends_the_socket_without_a_word_is_still_answered() {
    let secure = Secure::with(&[]);
    let mut client = secure.client(TLS);
    client.send(&commands::publish("orders", b"and gone"));
    client.half_close();
    client.expect_ok();
    client.expect_closed();
    assert_eq!(secure.nsqd.topic("orders")["message_count"], 1);
}
