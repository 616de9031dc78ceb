//! Coming and going at once.

use std::thread;

use super::{consumer, expect_channel_gone, expect_topic_gone};
use crate::support::{Client, Frame, Nsqd, commands};

/// Subscribes, or is told that what it asked for is on its way out.
fn try_subscribe(nsqd: &Nsqd, topic: &str, channel: &str) -> Option<Client> {
    let mut client = nsqd.client();
    client.send(&commands::sub(topic, channel));
    match client.expect_frame() {
        Frame::Response(text) if text == "OK" => Some(client),
        Frame::Error(text) if text == "E_SUB_FAILED SUB failed to deleted topic/channel" => {
            client.expect_closed();
            None
        }
        other => panic!("SUB was answered with {other:?}"),
    }
}

#[test]
fn who_is_let_in_while_the_last_one_leaves_is_not_cut_off() {
    for (topic, channel) in [("orders", "tail#ephemeral"), ("news#ephemeral", "tail#ephemeral")] {
        let nsqd = Nsqd::start();
        let come_and_go = || {
            let mut let_in = 0;
            while let_in < 40 {
                let Some(mut client) = try_subscribe(&nsqd, topic, channel) else { continue };
                let_in += 1;
                // Whatever was under way when it came in has happened by the time of the second.
                for _ in 0..2 {
                    client.expect_alive();
                }
            }
        };
        thread::scope(|scope| (0..4).for_each(|_| _ = scope.spawn(come_and_go)));
        expect_channel_gone(&nsqd, topic, channel);
        if topic.ends_with("#ephemeral") {
            expect_topic_gone(&nsqd, topic);
        }
        // What came last left nothing behind that could end a new one.
        let mut last = consumer(&nsqd, topic, channel);
        nsqd.client().publish(topic, b"one");
        last.expect_body("one");
    }
}
