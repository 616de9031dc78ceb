//! Nodes are found through nsqlookupds.

use std::net::SocketAddr;

use super::{
    audit, producer,
    scripted::{ScriptedNsqd, within},
    topic,
};
use crate::{
    auth::server::{AuthServer as HttpServer, Reply},
    support::{Nsqd, free_address},
};

/// What an nsqlookupd says that knows these nodes.
fn nodes(addresses: &[SocketAddr]) -> Reply {
    let node = |address: &SocketAddr| {
        format!(r#"{{"broadcast_address":"127.0.0.1","tcp_port":{}}}"#, address.port())
    };
    let nodes: Vec<_> = addresses.iter().map(node).collect();
    Reply::ok(format!(r#"{{"channels":[],"producers":[{}]}}"#, nodes.join(",")).as_bytes())
}

#[tokio::test(flavor = "multi_thread")]
async fn all_nsqlookupds_are_asked_at_the_start_and_know_together() {
    let (first, second) = (Nsqd::start(), Nsqd::start());
    for node in [&first, &second] {
        producer(node).publish(&topic("orders"), "one").await.unwrap();
    }
    let lookupds = [
        HttpServer::always(nodes(&[first.tcp()])),
        HttpServer::always(nodes(&[first.tcp(), second.tcp()])),
        HttpServer::always(Reply::status("404 Not Found")),
        HttpServer::always(Reply::status("500 Internal Server Error")),
    ];
    let mut addresses: Vec<_> = lookupds.iter().map(HttpServer::address).collect();
    addresses.insert(0, free_address().to_string());
    let texts = ["max_in_flight,2", "auth_secret,s"];
    let mut messages = audit(&texts).lookupds(addresses).stream().await.unwrap();
    for _ in 0..2 {
        assert!(within(messages.next()).await.unwrap().finish());
    }
    within(messages.consumer().stop()).await;
    for lookupd in &lookupds {
        let asked = lookupd.requests();
        assert_eq!(asked[0].line, "GET /lookup?topic=orders HTTP/1.1");
        assert_eq!(asked[0].header("accept"), "application/vnd.nsq; version=1.0");
        assert_eq!(asked[0].header("authorization"), "Bearer s");
    }
}

#[tokio::test]
async fn nodes_that_come_later_are_found_by_the_next_poll() {
    let node = ScriptedNsqd::start().await;
    let address = node.address();
    let lookupd = HttpServer::scripted(move |_, before| match before {
        0 => Reply::status("404 Not Found"),
        1 => Reply::Close,
        _ => nodes(&[address]),
    });
    let texts = ["lookupd_poll_interval,20ms", "auth_secret,s", "skip_lookupd_authorization,false"];
    let messages = audit(&texts).lookupd(lookupd.address()).stream().await.unwrap();
    node.consumer().await.expect(b"RDY 1\n").await;
    assert_eq!(lookupd.requests()[0].header("authorization"), "");
    within(messages.consumer().stop()).await;
}

#[tokio::test]
async fn a_node_that_makes_no_sense_hides_no_other() {
    let node = ScriptedNsqd::start().await;
    let body = format!(
        r#"{{"producers":[{{"broadcast_address":"a","tcp_port":70000}},null,{{}},
            {{"broadcast_address":"127.0.0.1","tcp_port":{}}}]}}"#,
        node.address().port()
    );
    let lookupd = HttpServer::scripted(move |_, _| Reply::ok(body.as_bytes()));
    let _messages = audit(&[]).lookupd(lookupd.address()).stream().await.unwrap();
    node.consumer().await.expect(b"RDY 1\n").await;
}

/// An interval of five minutes is not waited for when a connection is lost.
#[tokio::test]
async fn a_lost_connection_is_a_reason_to_ask() {
    let node = ScriptedNsqd::start().await;
    let address = node.address();
    let lookupd = HttpServer::scripted(move |_, _| nodes(&[address]));
    let texts = ["lookupd_poll_interval,5m"];
    let _messages = audit(&texts).lookupd(lookupd.address()).stream().await.unwrap();
    for _ in 0..2 {
        node.consumer().await.expect(b"RDY 1\n").await;
    }
}

#[tokio::test]
async fn an_address_needs_its_port() {
    let missing = audit(&[]).lookupd("localhost").stream().await.unwrap_err();
    assert_eq!(missing.to_string(), "missing port");
}
