//! PUB, MPUB, DPUB and the order of their answers.

use std::{
    collections::BTreeSet,
    time::{Duration, SystemTime},
};

use crate::support::{Nsqd, commands};

fn unix_now() -> Duration {
    SystemTime::UNIX_EPOCH.elapsed().unwrap()
}

#[test]
fn messages_carry_when_they_came_how_often_they_went_and_who_they_are() {
    let nsqd = Nsqd::start();
    let mut client = nsqd.client();
    client.subscribe("orders", "audit");
    client.ready(1);
    let before = unix_now();
    client.send(&commands::publish("orders", b"\x00\xff body\n"));
    // Its own OK and its own message may come in either order.
    let frames = [client.expect_frame(), client.expect_frame()];
    let after = unix_now();
    let message = frames.into_iter().find_map(|frame| match frame {
        crate::support::Frame::Message(message) => Some(message),
        _ => None,
    });
    let message = message.expect("one of them is the message");
    assert_eq!(message.body, b"\x00\xff body\n");
    assert_eq!(message.attempts, 1);
    let timestamp = Duration::from_nanos(u64::try_from(message.timestamp_nanos).unwrap());
    assert!((before..=after).contains(&timestamp), "{timestamp:?} is not now");
    let is_id = |byte: &u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(byte);
    assert!(message.id.0.iter().all(is_id), "{}", message.id);
}

#[test]
fn ids_are_unique_within_a_topic() {
    let nsqd = Nsqd::start();
    let mut client = nsqd.client();
    let bodies = vec!["x"; 5000];
    client.send(&commands::publish_many("orders", &bodies));
    client.expect_ok();
    client.subscribe("orders", "audit");
    client.ready(2500);
    let ids: BTreeSet<_> = (0..bodies.len())
        .map(|_| {
            let id = client.expect_message().id;
            client.finish(id);
            id
        })
        .collect();
    assert_eq!(ids.len(), bodies.len());
}

#[test]
fn every_channel_is_given_every_message_under_one_id() {
    let nsqd = Nsqd::start();
    let mut consumers: Vec<_> = ["audit", "billing", "archive"]
        .map(|channel| {
            let mut consumer = nsqd.client();
            consumer.subscribe("orders", channel);
            consumer.ready(10);
            consumer
        })
        .into();
    nsqd.client().publish("orders", b"one");
    let ids: BTreeSet<_> =
        consumers.iter_mut().map(|consumer| consumer.expect_body("one").id).collect();
    assert_eq!(ids.len(), 1);
}

#[test]
fn first_channel_is_given_what_came_before_it_and_later_ones_are_not() {
    let nsqd = Nsqd::start();
    let mut publisher = nsqd.client();
    publisher.publish("orders", b"early");
    let mut first = nsqd.client();
    first.subscribe("orders", "first");
    first.ready(10);
    first.expect_body("early");
    let mut second = nsqd.client();
    second.subscribe("orders", "second");
    second.ready(10);
    publisher.publish("orders", b"late");
    first.expect_body("late");
    second.expect_body("late");
}

#[test]
fn answers_of_pipelined_publishes_to_many_topics_come_before_the_error_behind_them() {
    const COMMANDS: usize = 500;
    let nsqd = Nsqd::start();
    let mut client = nsqd.client();
    let mut bytes = Vec::new();
    for number in 0..COMMANDS {
        let topic = format!("topic{}", number % 7);
        bytes.extend(match number % 2 {
            0 => commands::publish(&topic, b"one"),
            _ => commands::publish_many(&topic, &["two", "three"]),
        });
    }
    bytes.extend(b"BOGUS\n");
    bytes.extend(commands::publish("behind", b"x"));
    client.send(&bytes);
    for _ in 0..COMMANDS {
        client.expect_ok();
    }
    client.expect_fatal("E_INVALID invalid command BOGUS");
    let topics = nsqd.stats()["topics"].clone();
    let counts = topics.as_array().unwrap().iter().map(|topic| topic["message_count"].as_u64());
    assert_eq!(counts.sum::<Option<u64>>(), Some(750));
}

#[test]
fn errors_of_fin_come_in_their_place_among_the_answers() {
    const COMMANDS: usize = 300;
    let nsqd = Nsqd::start();
    let mut client = nsqd.client();
    client.subscribe("orders", "audit");
    let mut bytes = Vec::new();
    for number in 0..COMMANDS {
        bytes.extend(match number % 3 {
            0 => format!("FIN {number:016}\n").into_bytes(),
            _ => commands::publish(&format!("topic{}", number % 7), b"one"),
        });
    }
    client.send(&bytes);
    for number in 0..COMMANDS {
        match number % 3 {
            0 => client
                .expect_error(&format!("E_FIN_FAILED FIN {number:016} failed ID not in flight")),
            _ => client.expect_ok(),
        }
    }
}

#[test]
fn order_of_one_publisher_is_the_order_of_delivery() {
    let nsqd = Nsqd::start();
    let mut consumer = nsqd.client();
    consumer.subscribe("orders", "audit");
    consumer.ready(100);
    let mut publisher = nsqd.client();
    for number in 0..300 {
        publisher.send(&commands::publish("orders", format!("{number}").as_bytes()));
    }
    for number in 0..300 {
        publisher.expect_ok();
        let message = consumer.expect_body(&number.to_string());
        consumer.finish(message.id);
    }
}

#[test]
fn mpub_publishes_all_or_nothing() {
    let nsqd = Nsqd::with(&["--max-msg-size=10"]);
    for (bodies, text) in [
        (["fine", ""], "E_BAD_MESSAGE MPUB invalid message(1) body size 0"),
        (["fine", "far too large"], "E_BAD_MESSAGE MPUB message too big 13 > 10"),
    ] {
        let mut client = nsqd.client();
        client.send(&commands::publish_many("orders", &bodies));
        client.expect_fatal(text);
    }
    let mut client = nsqd.client();
    client.send(&commands::publish_many("orders", &["one", "two"]));
    client.expect_ok();
    client.subscribe("orders", "audit");
    client.ready(10);
    assert_eq!(client.finish_bodies(2), ["one", "two"]);
    assert_eq!(nsqd.topic("orders")["message_count"], 2);
    assert_eq!(nsqd.topic("orders")["message_bytes"], 6);
}

#[test]
fn sizes_up_to_the_limits_are_allowed() {
    let nsqd = Nsqd::with(&["--max-msg-size=1000", "--max-body-size=2000"]);
    let mut client = nsqd.client();
    client.publish("orders", &[b'x'; 1000]);
    let many = [&[b'y'; 994][..], &[b'z'; 994]];
    assert_eq!(commands::batch(&many).len(), 2000);
    client.send(&commands::publish_many("orders", &many));
    client.expect_ok();
    client.send(&commands::publish_many("orders", &[&[b'y'; 994][..], &[b'z'; 995]]));
    client.expect_fatal("E_BAD_BODY MPUB body too big 2001 > 2000");
    let mut client = nsqd.client();
    client.send(&commands::publish("orders", &[b'x'; 1001]));
    client.expect_fatal("E_BAD_MESSAGE PUB message too big 1001 > 1000");
}

#[test]
fn large_messages_arrive_whole() {
    let nsqd = Nsqd::start();
    let mut client = nsqd.client();
    let body: Vec<u8> = (0..1 << 20).map(|index: usize| (index % 251) as u8).collect();
    for _ in 0..4 {
        client.publish("orders", &body);
    }
    client.subscribe("orders", "audit");
    client.ready(4);
    for _ in 0..4 {
        assert!(client.expect_message().body == body);
    }
}

#[test]
fn ids_hold_the_number_of_the_node_and_the_time() {
    let nsqd = Nsqd::with(&["--node-id=617"]);
    let mut client = nsqd.client();
    client.publish("orders", b"one");
    client.subscribe("orders", "audit");
    client.ready(1);
    let message = client.expect_message();
    let id = u64::from_str_radix(&message.id.to_string(), 16).expect("hexadecimal digits");
    assert_eq!(id >> 12 & 0x3ff, 617);
    let tick = u64::try_from(message.timestamp_nanos).unwrap() >> 20;
    let id_tick = (id >> 22) + 1_288_834_974_288;
    assert!(id_tick.abs_diff(tick) < 1000, "{id_tick} is far from {tick}");
}

#[test]
fn topics_are_made_by_every_way_of_publishing_and_never_go_by_themselves() {
    let nsqd = Nsqd::start();
    let mut client = nsqd.client();
    client.publish("by_pub", b"x");
    client.send(&commands::publish_many("by_mpub", &["x"]));
    client.expect_ok();
    client.send(&commands::publish_deferred("by_dpub", 0, b"x"));
    client.expect_ok();
    client.subscribe("by_sub", "audit");
    nsqd.post("/pub?topic=by_http_pub", b"x");
    nsqd.post("/mpub?topic=by_http_mpub", b"x");
    drop(client);
    nsqd.expect_channel("by_sub", "audit", &[("client_count", 0)]);
    let topics = nsqd.stats()["topics"].clone();
    let counts = topics.as_array().into_iter().flatten();
    let counts: Vec<_> = counts
        .map(|topic| (topic["topic_name"].as_str().unwrap(), topic["message_count"].as_u64()))
        .collect();
    let expected = [
        ("by_dpub", Some(1)),
        ("by_http_mpub", Some(1)),
        ("by_http_pub", Some(1)),
        ("by_mpub", Some(1)),
        ("by_pub", Some(1)),
        ("by_sub", Some(0)),
    ];
    assert_eq!(counts, expected);
}
