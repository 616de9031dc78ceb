//! Announced sizes and counts that cannot be.

use std::time::Instant;

use super::Attacked;
use crate::support::{Client, DEADLINE, commands};

const LARGEST: i32 = i32::MAX;

#[track_caller]
fn refused(mut client: Client, bytes: &[u8], text: &str) {
    client.send(bytes);
    client.expect_fatal(text);
}

#[test]
fn sizes_of_every_command_are_checked_before_anything_is_read() {
    let attacked = Attacked::with(&[]);
    for (line, size, text) in [
        ("IDENTIFY", 0, "E_BAD_BODY IDENTIFY invalid body size 0"),
        ("IDENTIFY", -1, "E_BAD_BODY IDENTIFY invalid body size -1"),
        ("IDENTIFY", LARGEST, "E_BAD_BODY IDENTIFY body too big 2147483647 > 5242880"),
        ("AUTH", 0, "E_BAD_BODY AUTH invalid body size 0"),
        ("AUTH", -1, "E_BAD_BODY AUTH invalid body size -1"),
        ("AUTH", LARGEST, "E_BAD_BODY AUTH body too big 2147483647 > 5242880"),
        ("PUB orders", 0, "E_BAD_MESSAGE PUB invalid message body size 0"),
        ("PUB orders", -1, "E_BAD_MESSAGE PUB invalid message body size -1"),
        ("PUB orders", i32::MIN, "E_BAD_MESSAGE PUB invalid message body size -2147483648"),
        ("PUB orders", LARGEST, "E_BAD_MESSAGE PUB message too big 2147483647 > 1048576"),
        ("DPUB orders 0", 0, "E_BAD_MESSAGE DPUB invalid message body size 0"),
        ("DPUB orders 0", -1, "E_BAD_MESSAGE DPUB invalid message body size -1"),
        ("DPUB orders 0", LARGEST, "E_BAD_MESSAGE DPUB message too big 2147483647 > 1048576"),
        ("MPUB orders", 0, "E_BAD_BODY MPUB invalid body size 0"),
        ("MPUB orders", -1, "E_BAD_BODY MPUB invalid body size -1"),
        ("MPUB orders", LARGEST, "E_BAD_BODY MPUB body too big 2147483647 > 5242880"),
    ] {
        refused(attacked.nsqd.client(), &commands::announced(line, size), text);
    }
    attacked.finish();
}

#[test]
fn counts_and_sizes_inside_a_batch_are_checked_before_memory_is_taken() {
    let attacked = Attacked::with(&[]);
    for (count, size, text) in [
        (0, None, "E_BAD_BODY MPUB invalid message count 0"),
        (-1, None, "E_BAD_BODY MPUB invalid message count -1"),
        (LARGEST, None, "E_BAD_BODY MPUB invalid message count 2147483647"),
        (1_048_576, None, "E_BAD_BODY MPUB invalid message count 1048576"),
        (2, Some(0), "E_BAD_MESSAGE MPUB invalid message(0) body size 0"),
        (2, Some(-1), "E_BAD_MESSAGE MPUB invalid message(0) body size -1"),
        (2, Some(LARGEST), "E_BAD_MESSAGE MPUB message too big 2147483647 > 1048576"),
    ] {
        let mut bytes = commands::announced("MPUB orders", 5_242_880);
        bytes.extend(i32::to_be_bytes(count));
        bytes.extend(size.map(i32::to_be_bytes).iter().flatten());
        refused(attacked.nsqd.client(), &bytes, text);
    }
    attacked.finish();
}

#[test]
fn announced_bodies_that_never_come_take_no_memory() {
    let attacked = Attacked::with(&[]);
    let mut waiting = Vec::new();
    for number in 0..60 {
        let mut client = attacked.nsqd.client();
        client.send(&match number % 3 {
            0 => commands::announced("PUB orders", 1_048_576),
            1 => commands::announced("IDENTIFY", 5_242_880),
            _ => {
                let mut bytes = commands::announced("MPUB orders", 5_242_880);
                bytes.extend(1_048_575_i32.to_be_bytes());
                bytes
            }
        });
        client.send(b"\0\0\0\x01x");
        waiting.push(client);
    }
    attacked.expect_bounded();
    for mut client in waiting {
        client.half_close();
        let _error = client.expect_frame();
        client.expect_closed();
    }
    attacked.finish();
}

#[test]
fn line_of_the_maximum_is_read_and_a_longer_one_is_closed_without_a_word() {
    const LINE_MAX: usize = 16384;
    let attacked = Attacked::with(&[]);
    let line = |length: usize| [b"NOP ", &vec![b'x'; length - 5][..], b"\n"].concat();
    let mut client = attacked.nsqd.client();
    client.send(&line(LINE_MAX));
    client.expect_alive();
    client.send(&line(LINE_MAX + 1));
    client.expect_closed();
    attacked.finish();
}

#[test]
fn lines_without_end_are_closed() {
    let attacked = Attacked::with(&[]);
    for _ in 0..4 {
        let mut client = attacked.nsqd.client();
        let end = Instant::now() + DEADLINE;
        // What comes behind the end may be taken for a moment, so that the end can be told.
        while client.try_send(&[b'P'; 65536]).is_ok() {
            assert!(Instant::now() < end, "it reads on and on");
        }
        attacked.expect_bounded();
        client.expect_closed();
    }
    attacked.finish();
}
