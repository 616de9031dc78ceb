//! Peers that send without reading, or do not read what is sent to them.

use std::{
    io::{ErrorKind, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

use socket2::{Domain, Socket, Type};

use super::Attacked;
use crate::support::{Client, Nsqd, commands, eventually};

/// Messages are kept in memory up to this number only, so that what grows is what a client makes grow.
const SMALL_CACHE: &str = "--mem-queue-size=50";

/// A client that has little room for what it is sent.
fn narrow_client(nsqd: &Nsqd) -> Client {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    socket.connect(&nsqd.tcp().into()).unwrap();
    let mut client = Client::over(TcpStream::from(socket));
    client.send(commands::MAGIC);
    client
}

/// Sends `bytes` again and again; ends when the broker has taken nothing for a while, has closed, or
/// time is over. Says how many bytes went out.
fn send_endlessly(client: &Client, bytes: &[u8], end: Instant) -> usize {
    let mut stream = client.stream();
    stream.set_write_timeout(Some(Duration::from_millis(1500))).unwrap();
    let mut sent = 0;
    while Instant::now() < end {
        match stream.write(bytes) {
            Ok(count) => sent += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_not_taken_or_closed) => break,
        }
    }
    sent
}

fn publish_much(nsqd: &Nsqd, megabytes: usize) {
    let mut publisher = nsqd.client();
    let bodies = vec![vec![b'x'; 50_000]; 20];
    let batch = commands::publish_many("orders", &bodies);
    for _ in 0..megabytes {
        publisher.send(&batch);
        publisher.expect_ok();
    }
}

#[test]
fn consumer_that_never_reads_is_not_buffered_for() {
    let attacked = Attacked::with(&[SMALL_CACHE]);
    let mut deaf = narrow_client(&attacked.nsqd);
    deaf.send(&[&commands::sub("orders", "audit")[..], &commands::rdy(2500)].concat());
    attacked.nsqd.expect_channel("orders", "audit", &[("client_count", 1)]);
    publish_much(&attacked.nsqd, 120);
    attacked.expect_bounded();
    // It says that it lives, and nothing else.
    send_endlessly(&deaf, &commands::NOP.repeat(1000), Instant::now() + Duration::from_secs(2));
    attacked.expect_bounded();
    // Another consumer of the same channel is not held up.
    let mut other = attacked.nsqd.client();
    other.subscribe("orders", "audit");
    other.ready(10);
    for _ in 0..100 {
        let message = other.expect_message();
        other.finish(message.id);
    }
    attacked.finish();
}

#[test]
fn publisher_that_never_reads_its_answers_is_held_up() {
    let attacked = Attacked::with(&[SMALL_CACHE]);
    let deaf = narrow_client(&attacked.nsqd);
    let many = commands::publish("orders", b"x").repeat(2000);
    send_endlessly(&deaf, &many, Instant::now() + Duration::from_secs(6));
    attacked.expect_bounded();
    attacked.finish();
}

#[test]
fn client_that_provokes_errors_without_reading_them_is_held_up() {
    let attacked = Attacked::with(&[SMALL_CACHE]);
    let mut deaf = narrow_client(&attacked.nsqd);
    deaf.send(&commands::sub("orders", "audit"));
    let many = b"FIN 0123456789abcdef\n".repeat(2000);
    send_endlessly(&deaf, &many, Instant::now() + Duration::from_secs(6));
    attacked.expect_bounded();
    attacked.finish();
}

#[test]
fn endless_nops_hurt_nobody() {
    let attacked = Attacked::with(&[]);
    let busy = attacked.nsqd.client();
    let end = Instant::now() + Duration::from_secs(3);
    let sent = send_endlessly(&busy, &commands::NOP.repeat(10_000), end);
    assert!(sent > 1 << 20, "only {sent} bytes were taken");
    attacked.finish();
}

#[test]
fn publishes_without_pause_are_taken_within_bounds() {
    let attacked = Attacked::with(&["--mem-queue-size=5"]);
    // The answer to a heartbeat would come in the middle of a message.
    let mut busy = attacked.nsqd.client_with(r#"{"heartbeat_interval":-1}"#);
    let body = vec![b'x'; 1 << 20];
    let publish = commands::publish("orders", &body);
    std::thread::scope(|scope| {
        let stream = busy.stream().try_clone().unwrap();
        scope.spawn(move || {
            for _ in 0..100 {
                (&stream).write_all(&publish).unwrap();
            }
        });
        for _ in 0..100 {
            busy.expect_ok();
            attacked.expect_bounded();
        }
    });
    attacked.finish();
}

#[test]
fn many_connections_come_and_go() {
    let attacked = Attacked::with(&[]);
    for _ in 0..10 {
        let clients: Vec<_> = (0..100).map(|_| attacked.nsqd.client()).collect();
        for mut client in clients {
            client.send(&commands::sub("orders", "tail#ephemeral"));
        }
    }
    eventually("all are gone", || {
        attacked.nsqd.channel("orders", "tail#ephemeral").is_null().then_some(())
    });
    attacked.finish();
}
