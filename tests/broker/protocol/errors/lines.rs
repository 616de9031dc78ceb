//! What comes before any command: the magic, and the line.

use super::{State::Init, ends, error_frame, is_obeyed};
use crate::support::{Nsqd, connect_raw};

#[test]
fn other_protocols_are_refused_without_a_description() {
    let nsqd = Nsqd::start();
    for magic in ["  V1", "GET ", "    ", "V2  ", " V2\n"] {
        let mut client = connect_raw(nsqd.tcp());
        client.send(magic.as_bytes());
        client.expect_bytes(&error_frame("E_BAD_PROTOCOL"));
        client.expect_closed();
    }
}

#[test]
fn peer_that_stops_in_the_magic_or_in_a_line_is_not_answered() {
    let nsqd = Nsqd::start();
    for sent in ["", "  V", "  V2", "  V2NOP", "  V2PUB orders", "  V2\r"] {
        let mut client = connect_raw(nsqd.tcp());
        client.send(sent.as_bytes());
        client.half_close();
        client.expect_closed();
    }
}

#[test]
fn unknown_commands_are_repeated_as_they_came() {
    let nsqd = Nsqd::start();
    for (line, command) in [
        (&b"BOGUS\n"[..], &b"BOGUS"[..]),
        (b"BOGUS orders audit\n", b"BOGUS"),
        (b"nop\n", b"nop"),
        (b"NOP\t\n", b"NOP\t"),
        (b"NOP\r\r\n", b"NOP\r"),
        (b"\xff\xfe\0\"\n", b"\xff\xfe\0\""),
        (b"\n", b""),
        (b"\r\n", b""),
        (b" NOP\n", b""),
    ] {
        ends(&nsqd, Init, line, [b"E_INVALID invalid command ", command].concat());
    }
}

#[test]
fn lines_end_with_or_without_a_carriage_return_and_may_say_too_much() {
    let nsqd = Nsqd::start();
    for line in ["NOP\n", "NOP\r\n", "NOP \n", "NOP too much\n"] {
        is_obeyed(&nsqd, Init, line, None);
    }
}
