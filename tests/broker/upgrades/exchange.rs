//! Commands and messages inside every upgrade.

use std::thread;

use super::{DEFLATE, SNAPPY, Secure, TLS, Wish, compressed, upgrade};
use crate::support::{Client, DEADLINE, Nsqd, Random, commands, ours};

const LARGEST: usize = 1 << 20;

fn ways() -> Vec<Wish> {
    let levels = [1, 3, 6].map(|level| Wish { deflate_level: Some(level), ..Wish::default() });
    let compressions = [Wish::default(), SNAPPY].into_iter().chain(levels);
    compressions.flat_map(|wish| [wish, Wish { tls: true, ..wish }]).collect()
}

/// Many small ones, and some so large that they come in pieces on every layer; some of them noise.
fn bodies() -> Vec<Vec<u8>> {
    let mut random = Random::new();
    let mut bodies: Vec<_> = (0..300).map(|n| format!("message {n}").into_bytes()).collect();
    for size in [65_535, 65_536, 65_537, 300_000, LARGEST] {
        bodies.push(vec![b'x'; size]);
        bodies.push(random.bytes(size));
    }
    bodies
}

#[track_caller]
fn exchange(mut publisher: Client, mut consumer: Client, topic: &str) {
    consumer.subscribe(topic, "all");
    consumer.ready(100);
    let bodies = bodies();
    let commands: Vec<_> = bodies.iter().flat_map(|body| commands::publish(topic, body)).collect();
    let count = bodies.len();
    let publishing = thread::spawn(move || {
        publisher.send(&commands);
        (0..count).for_each(|_| publisher.expect_ok());
    });
    for body in &bodies {
        let message = consumer.expect_message();
        assert!(message.body == *body, "{} bytes", body.len());
        consumer.finish(message.id);
    }
    publishing.join().unwrap();
}

#[test]
fn small_and_large_messages_come_over_every_way() {
    let secure = Secure::with(&[]);
    for (n, wish) in ways().into_iter().enumerate() {
        eprintln!("{wish}");
        exchange(secure.client(wish), secure.client(wish), &format!("way_{n}"));
    }
}

#[test]
fn what_one_way_has_published_another_one_delivers() {
    let secure = Secure::with(&[]);
    for (n, (from, to)) in
        [(SNAPPY, TLS), (TLS, DEFLATE), (DEFLATE, SNAPPY)].into_iter().enumerate()
    {
        exchange(secure.client(from), secure.client(to), &format!("way_{n}"));
    }
}

#[test]
fn batches_come_over_every_way() {
    let secure = Secure::with(&[]);
    let bodies: Vec<_> = (0..1000).map(|n| format!("{n:0200}")).collect();
    for (n, wish) in ways().into_iter().enumerate() {
        let (topic, mut client) = (format!("batch_{n}"), secure.client(wish));
        client.send(&commands::publish_many(&topic, &bodies));
        client.expect_ok();
        client.subscribe(&topic, "all");
        client.ready(2500);
        for body in &bodies {
            let message = client.expect_body(body);
            client.finish(message.id);
        }
        secure.nsqd.expect_channel(&topic, "all", &[("in_flight_count", 0), ("depth", 0)]);
    }
}

#[test]
fn commands_in_small_pieces_are_put_together() {
    let nsqd = Nsqd::start();
    for wish in [SNAPPY, DEFLATE] {
        let mut client = compressed(&nsqd, wish);
        for byte in commands::publish("orders", b"byte by byte") {
            client.send(&[byte]);
        }
        client.expect_ok();
    }
    assert_eq!(nsqd.topic("orders")["message_count"], 2);
}

#[test]
fn heartbeats_go_inside_and_are_answered_there() {
    let secure = Secure::with(&[]);
    let config = secure.config();
    let mut clients = [SNAPPY, DEFLATE, TLS].map(|wish| {
        let mut json = wish.to_json();
        json.insert_str(1, r#""heartbeat_interval":1000,"#);
        let mut client = secure.nsqd.client();
        client.send(&commands::identify(&json));
        super::follow(&mut client, wish, &config);
        client
    });
    for _ in 0..3 {
        for client in &mut clients {
            assert!(client.try_frame(DEADLINE).unwrap().is_heartbeat());
            client.send(commands::NOP);
        }
    }
}

#[test]
fn errors_are_the_last_thing_said_inside() {
    let secure = Secure::with(&[]);
    for wish in ways() {
        let mut client = secure.client(wish);
        client.send(b"BOGUS\n");
        client.expect_fatal("E_INVALID invalid command BOGUS");
    }
}

#[test]
fn who_does_not_read_holds_up_only_itself() {
    if !ours() {
        return; // Garbage collection decides what nsqd 1.3 has in memory.
    }
    let secure = Secure::with(&["--mem-queue-size=10"]);
    let (config, noise) = (secure.config(), Random::new().bytes(200_000));
    for wish in [SNAPPY, DEFLATE, TLS, Wish { tls: true, ..SNAPPY }] {
        let mut lazy = upgrade(secure.nsqd.client(), wish, &config);
        let topic = format!("lazy_{}_{}", wish.tls, wish.snappy);
        lazy.subscribe(&topic, "all");
        lazy.ready(2500);
        let mut publisher = secure.nsqd.client();
        let before = secure.nsqd.resident_bytes();
        (0..100).for_each(|_| publisher.publish(&topic, &noise));
        let growth = secure.nsqd.resident_bytes().saturating_sub(before);
        assert!(growth < 12 << 20, "{wish}: grown by {} MiB", growth >> 20);
        for _ in 0..100 {
            let message = lazy.expect_message();
            assert!(message.body == noise);
            lazy.finish(message.id);
        }
    }
}
