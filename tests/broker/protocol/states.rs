//! Which command is legal when, and what each refuses.

use crate::support::{Client, Nsqd, commands};

const ID: &str = "0123456789abcdef";

fn settle(command: &str) -> Vec<u8> {
    let delay = if command == "REQ" { " 0" } else { "" };
    format!("{command} {ID}{delay}\n").into_bytes()
}

#[track_caller]
fn refused(mut client: Client, bytes: &[u8], text: &str) {
    client.send(bytes);
    client.expect_fatal(text);
}

fn subscribed(nsqd: &Nsqd) -> Client {
    let mut client = nsqd.client();
    client.subscribe("orders", "audit");
    client
}

fn closing(nsqd: &Nsqd) -> Client {
    let mut client = subscribed(nsqd);
    client.send(commands::CLS);
    client.expect_response("CLOSE_WAIT");
    client
}

#[test]
fn before_sub_nothing_can_be_consumed() {
    let nsqd = Nsqd::start();
    for command in ["FIN", "REQ", "TOUCH"] {
        let text = format!("E_INVALID cannot {command} in current state");
        refused(nsqd.client(), &settle(command), &text);
    }
    refused(nsqd.client(), &commands::rdy(1), "E_INVALID cannot RDY in current state");
    refused(nsqd.client(), commands::CLS, "E_INVALID cannot CLS in current state");
}

#[test]
fn sub_comes_once_and_ends_the_introduction() {
    let nsqd = Nsqd::start();
    let again = commands::sub("orders", "billing");
    refused(subscribed(&nsqd), &again, "E_INVALID cannot SUB in current state");
    let text = "E_INVALID cannot IDENTIFY in current state";
    refused(subscribed(&nsqd), &commands::identify("{}"), text);
    let auth = commands::sized("AUTH", b"x");
    refused(subscribed(&nsqd), &auth, "E_INVALID cannot AUTH in current state");
}

#[test]
fn behind_cls_only_open_messages_can_be_settled() {
    let nsqd = Nsqd::start();
    let again = commands::sub("orders", "audit");
    refused(closing(&nsqd), &again, "E_INVALID cannot SUB in current state");
    refused(closing(&nsqd), commands::CLS, "E_INVALID cannot CLS in current state");
    let text = "E_INVALID cannot IDENTIFY in current state";
    refused(closing(&nsqd), &commands::identify("{}"), text);
}

#[test]
fn publishing_is_legal_in_every_state() {
    let nsqd = Nsqd::start();
    for mut client in [nsqd.client(), subscribed(&nsqd), closing(&nsqd)] {
        client.publish("other", b"one");
        client.send(&commands::publish_many("other", &["two", "three"]));
        client.expect_ok();
        client.send(&commands::publish_deferred("other", 0, b"four"));
        client.expect_ok();
    }
    assert_eq!(nsqd.topic("other")["message_count"], 12);
}

#[test]
fn commands_without_heartbeats_cannot_subscribe() {
    let nsqd = Nsqd::start();
    let client = nsqd.client_with(r#"{"heartbeat_interval":-1}"#);
    let text = "E_INVALID cannot SUB with heartbeats disabled";
    refused(client, &commands::sub("orders", "audit"), text);
}

#[test]
fn lines_that_are_no_commands_are_named() {
    let nsqd = Nsqd::start();
    for (line, text) in [
        ("BOGUS a b\n", "E_INVALID invalid command BOGUS"),
        ("pub orders\n", "E_INVALID invalid command pub"),
        ("\n", "E_INVALID invalid command "),
        (" NOP\n", "E_INVALID invalid command "),
        ("NOP\r\r\n", "E_INVALID invalid command NOP\r"),
    ] {
        refused(nsqd.client(), line.as_bytes(), text);
    }
}

#[test]
fn parameters_are_checked() {
    let nsqd = Nsqd::start();
    let long = "x".repeat(65);
    for (line, text) in [
        ("SUB orders\n", "E_INVALID SUB insufficient number of parameters".to_owned()),
        ("SUB a$ b\n", "E_BAD_TOPIC SUB topic name \"a$\" is not valid".to_owned()),
        ("SUB a  b\n", "E_BAD_CHANNEL SUB channel name \"\" is not valid".to_owned()),
        (
            &format!("SUB a {long}\n"),
            format!("E_BAD_CHANNEL SUB channel name \"{long}\" is not valid"),
        ),
        ("PUB\n", "E_INVALID PUB insufficient number of parameters".to_owned()),
        ("PUB #ephemeral\n", "E_BAD_TOPIC PUB topic name \"#ephemeral\" is not valid".to_owned()),
        ("MPUB $\n", "E_BAD_TOPIC E_BAD_TOPIC MPUB topic name \"$\" is not valid".to_owned()),
        ("DPUB a\n", "E_INVALID DPUB insufficient number of parameters".to_owned()),
        ("DPUB a -1\n", "E_INVALID DPUB could not parse timeout -1".to_owned()),
        ("DPUB a 3600001\n", "E_INVALID DPUB timeout 3600001 out of range 0-3600000".to_owned()),
    ] {
        refused(nsqd.client(), line.as_bytes(), &text);
    }
    for (line, text) in [
        ("FIN\n", "E_INVALID FIN insufficient number of params"),
        ("REQ 0123456789abcdef\n", "E_INVALID REQ insufficient number of params"),
        ("TOUCH\n", "E_INVALID TOUCH insufficient number of params"),
        ("FIN short\n", "E_INVALID invalid message ID"),
        ("REQ 0123456789abcdef x\n", "E_INVALID REQ could not parse timeout x"),
        ("RDY x\n", "E_INVALID RDY could not parse count x"),
        ("RDY 2501\n", "E_INVALID RDY count 2501 out of range 0-2500"),
    ] {
        refused(subscribed(&nsqd), line.as_bytes(), text);
    }
}

#[test]
fn rdy_has_the_limit_of_its_flag() {
    let nsqd = Nsqd::with(&["--max-rdy-count=10"]);
    let mut client = subscribed(&nsqd);
    client.ready(10);
    client.expect_alive();
    client.ready(11);
    client.expect_fatal("E_INVALID RDY count 11 out of range 0-10");
}

#[test]
fn refused_commands_create_nothing() {
    let nsqd = Nsqd::start();
    for line in ["SUB made bad$\n", "PUB made\n\0\0\0\0", "DPUB made x\n"] {
        let mut client = nsqd.client();
        client.send(line.as_bytes());
        let _error = client.expect_frame();
        client.expect_closed();
    }
    assert!(nsqd.topic("made").is_null());
}
