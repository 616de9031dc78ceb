//! The protocol's bytes.

use crate::support::{Nsqlookupd, commands, eventually, identify_json};

#[test]
fn other_magics_are_refused_without_a_description() {
    let lookupd = Nsqlookupd::start();
    for magic in [b"  V2", b"GET ", b"\0\0\0\0"] {
        let mut peer = lookupd.raw();
        peer.send(magic);
        peer.expect_bytes(b"\0\0\0\x0eE_BAD_PROTOCOL");
        peer.expect_closed();
    }
    let mut peer = lookupd.raw();
    peer.send(b"  V");
    peer.half_close();
    peer.expect_closed();
}

#[test]
fn identify_is_answered_with_who_the_registry_is() {
    let lookupd = Nsqlookupd::with(&["--broadcast-address=lookup1"]);
    let mut link = lookupd.link();
    link.send(&commands::identify(&identify_json("a")));
    let answer = link.response();
    let json: serde_json::Value = serde_json::from_str(&answer).unwrap();
    let expected = format!(
        r#"{{"broadcast_address":"lookup1","hostname":{},"http_port":{},"tcp_port":{},"version":{}}}"#,
        json["hostname"],
        lookupd.http_address().port(),
        lookupd.tcp().port(),
        json["version"],
    );
    assert_eq!(answer, expected);
    assert!(!json["hostname"].as_str().unwrap().is_empty());
}

#[test]
fn requests_are_answered_in_their_order_however_they_come() {
    let lookupd = Nsqlookupd::start();
    let identify = commands::identify(&identify_json("a"));
    let wire = [b"  V1PING\n".as_slice(), &identify, b"REGISTER t c\r\n PING x\nUNREGISTER t\n"];
    let wire = wire.concat();
    let mut all = lookupd.raw();
    all.send(&wire);
    let mut bytewise = lookupd.raw();
    for byte in &wire {
        bytewise.send(std::slice::from_ref(byte));
    }
    for mut peer in [all, bytewise] {
        peer.expect_bytes(b"\0\0\0\x02OK");
        let size = peer.take_bytes(4);
        let answer = peer.take_bytes(usize::from(size[3]));
        assert!(answer.starts_with(b"{\"broadcast_address\""), "{}", answer.escape_ascii());
        peer.expect_bytes(b"\0\0\0\x02OK\0\0\0\x02OK\0\0\0\x02OK");
        peer.half_close();
        peer.expect_closed();
    }
}

#[test]
fn errors_have_upstreams_texts_and_end_the_link() {
    let lookupd = Nsqlookupd::start();
    for (line, expected) in [
        ("", "E_INVALID invalid command "),
        ("ping", "E_INVALID invalid command ping"),
        ("REGISTER t", "E_INVALID client must IDENTIFY"),
        ("UNREGISTER *", "E_INVALID client must IDENTIFY"),
    ] {
        let mut link = lookupd.link();
        link.ask(line, expected);
        link.expect_closed();
    }
    for (line, expected) in [
        ("IDENTIFY", "E_INVALID cannot IDENTIFY again"),
        ("REGISTER", "E_INVALID REGISTER insufficient number of params"),
        ("UNREGISTER", "E_INVALID UNREGISTER insufficient number of params"),
        ("REGISTER a*", "E_BAD_TOPIC REGISTER topic name 'a*' is not valid"),
        ("UNREGISTER  c", "E_BAD_TOPIC UNREGISTER topic name '' is not valid"),
        ("REGISTER t a*", "E_BAD_CHANNEL REGISTER channel name 'a*' is not valid"),
        ("UNREGISTER * *", "E_BAD_TOPIC UNREGISTER topic name '*' is not valid"),
    ] {
        let mut link = lookupd.node("a", &[]);
        link.ask(line, expected);
        link.expect_closed();
    }
}

#[test]
fn identify_is_refused_for_what_is_wrong_with_its_body() {
    let lookupd = Nsqlookupd::start();
    let whole = identify_json("a");
    let replaced = |from, to| commands::identify(&whole.replace(from, to));
    for (request, expected) in [
        (commands::identify(""), "E_BAD_BODY IDENTIFY failed to decode JSON body"),
        (commands::identify("[]"), "E_BAD_BODY IDENTIFY failed to decode JSON body"),
        (replaced("4150", "4150.0"), "E_BAD_BODY IDENTIFY failed to decode JSON body"),
        (replaced("}", "}x"), "E_BAD_BODY IDENTIFY failed to decode JSON body"),
        (commands::identify("null"), "E_BAD_BODY IDENTIFY missing fields"),
        (replaced("4151", "0"), "E_BAD_BODY IDENTIFY missing fields"),
        (replaced("1.3.0", ""), "E_BAD_BODY IDENTIFY missing fields"),
    ] {
        let mut link = lookupd.link();
        link.send(&request);
        link.expect_last(expected);
    }
    let request = commands::identify(&whole);
    for (length, expected) in [
        (11, "E_BAD_BODY IDENTIFY failed to read body size"),
        (20, "E_BAD_BODY IDENTIFY failed to read body"),
    ] {
        let mut link = lookupd.link();
        link.send(&request[..length]);
        link.half_close();
        link.expect_last(expected);
    }
}

#[test]
fn producer_is_gone_with_its_link_whatever_way_it_ends() {
    let lookupd = Nsqlookupd::start();
    let mut failing = lookupd.node("a", &["t"]);
    let closing = lookupd.node("b", &["t"]);
    assert_eq!(lookupd.found("t"), ["a", "b"]);
    failing.ask("NOPE", "E_INVALID invalid command NOPE");
    lookupd.expect_found("t", &["b"]);
    drop(closing);
    lookupd.expect_found("t", &[]);
    eventually("nobody is there", || {
        (lookupd.get("/nodes")["producers"].as_array().unwrap().is_empty()).then_some(())
    });
}
