//! Few bytes that come to many.

use std::{io::Write, net::TcpStream, thread};

use super::Attacked;
use crate::{
    support::{Client, DEADLINE, Gone, commands},
    upgrades::{DEFLATE, SNAPPY, compressed},
};

const MIB: usize = 1 << 20;

fn snappy(plain: &[u8]) -> Vec<u8> {
    let mut encoder = snap::write::FrameEncoder::new(Vec::new());
    encoder.write_all(plain).unwrap();
    encoder.into_inner().unwrap()
}

fn deflate(plain: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(plain).unwrap();
    encoder.flush().unwrap();
    encoder.get_ref().clone()
}

/// Sends until everything is sent or the broker has had enough.
fn throw(mut socket: &TcpStream, bytes: &[u8], times: usize) {
    for _ in 0..times {
        if socket.write_all(bytes).is_err() {
            return;
        }
    }
}

/// Nothing more is said before the end, heartbeats aside.
#[track_caller]
fn expect_end(client: &mut Client) {
    loop {
        match client.try_frame(DEADLINE) {
            Ok(frame) if frame.is_heartbeat() => {}
            Err(Gone::Closed) => return,
            other => panic!("expected the end of the connection, found {other:?}"),
        }
    }
}

#[test]
fn a_line_that_never_ends_closes_its_connection() {
    let attacked = Attacked::with(&[]);
    let zeros = vec![0; 32 * MIB];
    for (wish, bomb) in [(DEFLATE, deflate(&zeros)), (SNAPPY, snappy(&zeros))] {
        let mut bombers: Vec<_> = (0..8).map(|_| compressed(&attacked.nsqd, wish)).collect();
        thread::scope(|scope| {
            for bomber in &bombers {
                let (socket, bomb) = (bomber.stream(), &bomb);
                scope.spawn(move || throw(socket, bomb, 1));
            }
        });
        attacked.expect_bounded();
        bombers.iter_mut().for_each(expect_end);
    }
    attacked.finish();
}

#[test]
fn a_message_beyond_the_limit_is_refused_before_it_is_unpacked() {
    let attacked = Attacked::with(&[]);
    let mut publish = commands::announced("PUB orders", i32::MAX);
    publish.resize(16 * MIB, b'x');
    for (wish, bomb) in [(DEFLATE, deflate(&publish)), (SNAPPY, snappy(&publish))] {
        let mut bomber = compressed(&attacked.nsqd, wish);
        throw(bomber.stream(), &bomb, 1);
        bomber.expect_error("E_BAD_MESSAGE PUB message too big 2147483647 > 1048576");
    }
    assert!(attacked.nsqd.topic("orders").is_null());
    attacked.finish();
}

#[test]
fn a_body_within_the_limit_needs_no_more_memory_than_it_says() {
    let attacked = Attacked::with(&[]);
    // All but the last byte of a message, so that nothing of it can be let go.
    let mut unfinished = commands::publish("orders", &vec![b'x'; MIB]);
    unfinished.pop();
    let stalled: Vec<_> = (0..16)
        .map(|_| {
            let client = compressed(&attacked.nsqd, DEFLATE);
            throw(client.stream(), &deflate(&unfinished), 1);
            client
        })
        .collect();
    attacked.expect_bounded();
    drop(stalled);
    attacked.finish();
}

#[test]
fn a_flood_of_small_commands_is_carried_out_in_turns() {
    let attacked = Attacked::with(&[]);
    let nops = commands::NOP.repeat(4 * MIB / commands::NOP.len());
    for (wish, bomb) in [(DEFLATE, deflate(&nops)), (SNAPPY, snappy(&nops))] {
        let mut bomber = compressed(&attacked.nsqd, wish);
        throw(bomber.stream(), &bomb, 1);
        attacked.expect_bounded();
        bomber.half_close();
        expect_end(&mut bomber);
    }
    attacked.finish();
}

#[test]
fn streams_of_nothing_do_no_harm() {
    let attacked = Attacked::with(&[]);
    let padding = [b"\xfe\xff\xff\xff".as_slice(), &vec![0; (1 << 24) - 1]].concat();
    let empty_chunks = b"\xfe\0\0\0".repeat(MIB / 4);
    let empty_blocks = b"\0\0\0\xff\xff".repeat(MIB / 5);
    for (wish, start, nothing) in [
        (SNAPPY, &b"\xff\x06\0\0sNaPpY"[..], padding),
        (SNAPPY, b"\xff\x06\0\0sNaPpY", empty_chunks),
        (DEFLATE, b"", empty_blocks),
    ] {
        let mut client = compressed(&attacked.nsqd, wish);
        throw(client.stream(), start, 1);
        throw(client.stream(), &nothing, 4);
        attacked.expect_bounded();
        client.half_close();
        expect_end(&mut client);
    }
    attacked.finish();
}
