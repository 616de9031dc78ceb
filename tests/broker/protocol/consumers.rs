//! `--max-channel-consumers`.

use std::{sync::Barrier, thread};

use crate::support::{Client, Frame, Nsqd, commands, ours};

const REFUSAL: &str = "E_SUB_FAILED SUB failed consumers for orders:audit exceeds limit of 2";

fn consumer(nsqd: &Nsqd) -> Client {
    let mut consumer = nsqd.client();
    consumer.subscribe("orders", "audit");
    consumer
}

#[test]
fn no_more_consumers_are_let_in_than_allowed() {
    let nsqd = Nsqd::with(&["--max-channel-consumers=2"]);
    let consumers = [consumer(&nsqd), consumer(&nsqd)];
    let mut third = nsqd.client();
    third.send(&commands::sub("orders", "audit"));
    third.expect_fatal(REFUSAL);
    nsqd.client().subscribe("orders", "billing");
    drop(consumers);
    nsqd.expect_channel("orders", "audit", &[("client_count", 0)]);
    consumer(&nsqd).expect_alive();
}

#[test]
fn who_is_closing_has_its_place_until_it_goes() {
    let nsqd = Nsqd::with(&["--max-channel-consumers=2"]);
    let mut consumers = [consumer(&nsqd), consumer(&nsqd)];
    consumers[0].send(commands::CLS);
    consumers[0].expect_response("CLOSE_WAIT");
    let mut third = nsqd.client();
    third.send(&commands::sub("orders", "audit"));
    third.expect_fatal(REFUSAL);
}

/// Subscribes on connections that are all open at the same moment; who was let in stays.
fn storm(nsqd: &Nsqd, count: usize) -> Vec<Client> {
    let start = Barrier::new(count);
    let attempt = || {
        let mut client = nsqd.client();
        start.wait();
        client.send(&commands::sub("orders", "audit"));
        match client.expect_frame() {
            Frame::Response(text) if text == "OK" => Some(client),
            Frame::Error(text) if text == REFUSAL => {
                client.expect_closed();
                None
            }
            other => panic!("SUB was answered with {other:?}"),
        }
    };
    thread::scope(|scope| {
        let attempts: Vec<_> = (0..count).map(|_| scope.spawn(attempt)).collect();
        attempts.into_iter().filter_map(|attempt| attempt.join().expect("no panic")).collect()
    })
}

#[test]
fn limit_is_exact_however_many_come_at_once() {
    if !ours() {
        return; // nsqd 1.3 may let more in.
    }
    let nsqd = Nsqd::with(&["--max-channel-consumers=2"]);
    for _ in 0..5 {
        // The first time there is no topic yet, either.
        let mut let_in = storm(&nsqd, 20);
        assert_eq!(let_in.len(), 2);
        nsqd.expect_channel("orders", "audit", &[("client_count", 2)]);
        let_in.iter_mut().for_each(Client::expect_alive);
        drop(let_in);
        nsqd.expect_channel("orders", "audit", &[("client_count", 0)]);
    }
}
