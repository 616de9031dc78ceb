//! CLS: a consumer takes its leave.

use std::time::Duration;

use crate::support::{Frame, Gone, Nsqd, commands, ours};

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

/// Messages that come behind the answer to a CLS that goes out in the middle of a stream.
fn messages_behind_close_wait(nsqd: &Nsqd, ready: usize) -> usize {
    let mut publisher = nsqd.client();
    publisher.send(&commands::publish_many("orders", &["x"; 1000]));
    publisher.expect_ok();
    let mut client = nsqd.client();
    client.subscribe("orders", "audit");
    client.ready(ready);
    let ids: Vec<_> = (0..ready).map(|_| client.expect_message().id).collect();
    client.send(&ids.into_iter().flat_map(commands::finish).collect::<Vec<_>>());
    client.send(commands::CLS);
    while client.expect_frame() != Frame::Response("CLOSE_WAIT".to_owned()) {}
    let mut messages_behind = 0;
    loop {
        match client.next_frame(Duration::from_millis(100)) {
            Ok(Frame::Message(_)) => messages_behind += 1,
            Err(Gone::Silent) => return messages_behind,
            other => panic!("expected messages, found {other:?}"),
        }
    }
}

#[test]
fn at_most_one_message_overtakes_the_answer_to_cls() {
    let nsqd = Nsqd::start();
    for ready in [1, 10, 50, 500].repeat(5) {
        let messages = messages_behind_close_wait(&nsqd, ready);
        drop(nsqd.client()); // The next consumer is served by another thread.
        assert!(messages <= usize::from(!ours()), "{messages} messages behind CLOSE_WAIT");
    }
}

#[test]
fn answer_to_cls_has_its_place_among_the_others() {
    let nsqd = Nsqd::start();
    let mut client = nsqd.client();
    client.subscribe("orders", "audit");
    client.send(
        &[
            &commands::publish("others", b"one")[..],
            b"FIN 0000000000000001\n",
            commands::CLS,
            b"FIN 0000000000000002\n",
            &commands::publish_many("others", &["two"]),
        ]
        .concat(),
    );
    client.expect_ok();
    client.expect_error("E_FIN_FAILED FIN 0000000000000001 failed ID not in flight");
    client.expect_response("CLOSE_WAIT");
    client.expect_error("E_FIN_FAILED FIN 0000000000000002 failed ID not in flight");
    client.expect_ok();
}
