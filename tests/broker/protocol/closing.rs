//! CLS: a consumer takes its leave.

use std::time::Duration;

use crate::support::{Frame, Gone, Nsqd, commands};

#[test]
fn cls_stops_the_delivery_and_lets_open_messages_be_settled() {
    let nsqd = Nsqd::start();
    let mut publisher = nsqd.client();
    publisher.publish("orders", b"open");
    let mut client = nsqd.client();
    client.subscribe("orders", "audit");
    client.ready(1);
    let open = client.expect_body("open");
    client.send(commands::CLS);
    client.expect_response("CLOSE_WAIT");
    client.send(b"RDY 5\nRDY not-a-number\n"); // Not even read.
    publisher.publish("orders", b"not for it");
    client.expect_silence(Duration::from_millis(300));
    nsqd.expect_channel("orders", "audit", &[("in_flight_count", 1), ("client_count", 1)]);
    assert_eq!(nsqd.channel("orders", "audit")["clients"][0]["state"], 4);
    client.send(&commands::touch(open.id));
    client.finish(open.id);
    nsqd.expect_channel("orders", "audit", &[("in_flight_count", 0), ("depth", 1)]);
    client.expect_alive();
}

#[test]
fn at_most_one_message_overtakes_the_answer_to_cls() {
    let nsqd = Nsqd::start();
    let mut publisher = nsqd.client();
    publisher.send(&commands::publish_many("orders", &["x"; 50]));
    publisher.expect_ok();
    let mut client = nsqd.client();
    client.subscribe("orders", "audit");
    client.send(&[&commands::rdy(1)[..], commands::CLS].concat());
    let mut messages_behind = 0;
    while client.expect_frame() != Frame::Response("CLOSE_WAIT".to_owned()) {}
    loop {
        match client.next_frame(Duration::from_millis(300)) {
            Ok(Frame::Message(_)) => messages_behind += 1,
            Err(Gone::Silent) => break,
            other => panic!("expected messages, found {other:?}"),
        }
    }
    assert!(messages_behind <= 1, "{messages_behind} messages behind CLOSE_WAIT");
}
