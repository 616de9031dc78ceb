//! PUB, MPUB and DPUB.

use super::{State, State::Init, ends, ends_cut_off, is_obeyed};
use crate::support::{
    Nsqd,
    commands::{announced, publish_many, sized},
    ours,
};

/// Small limits: messages of 10 bytes, bodies of 40, so at most 7 messages.
fn limited() -> Nsqd {
    Nsqd::with(&["--max-msg-size=10", "--max-body-size=40", "--max-req-timeout=1s"])
}

/// An MPUB up to somewhere behind its size.
fn batch(size: i32, numbers: &[i32]) -> Vec<u8> {
    let numbers = numbers.iter().flat_map(|number| number.to_be_bytes());
    announced("MPUB orders", size).into_iter().chain(numbers).collect()
}

#[test]
fn pub_is_refused_before_its_body_is_read() {
    let nsqd = limited();
    for (line, error) in [
        ("PUB", "E_INVALID PUB insufficient number of parameters"),
        ("PUB ", r#"E_BAD_TOPIC PUB topic name "" is not valid"#),
        ("PUB $", r#"E_BAD_TOPIC PUB topic name "$" is not valid"#),
        ("PUB #ephemeral", r##"E_BAD_TOPIC PUB topic name "#ephemeral" is not valid"##),
    ] {
        ends(&nsqd, Init, announced(line, -1), error);
    }
    message_sizes_are_checked(&nsqd, "PUB");
    assert!(nsqd.topic("orders").is_null(), "a refused PUB has created its topic");
}

#[test]
fn dpub_is_refused_before_its_body_is_read() {
    let nsqd = limited();
    for (line, error) in [
        ("DPUB", "E_INVALID DPUB insufficient number of parameters"),
        ("DPUB $", "E_INVALID DPUB insufficient number of parameters"),
        ("DPUB $ x", r#"E_BAD_TOPIC DPUB topic name "$" is not valid"#),
        ("DPUB orders x", "E_INVALID DPUB could not parse timeout x"),
        ("DPUB orders -1", "E_INVALID DPUB could not parse timeout -1"),
        ("DPUB orders +1", "E_INVALID DPUB could not parse timeout +1"),
        ("DPUB orders 1.5", "E_INVALID DPUB could not parse timeout 1.5"),
        ("DPUB orders 1001", "E_INVALID DPUB timeout 1001 out of range 0-1000"),
        ("DPUB orders 9223372036855", "E_INVALID DPUB timeout 9223372036855 out of range 0-1000"),
    ] {
        ends(&nsqd, Init, announced(line, -1), error);
    }
    message_sizes_are_checked(&nsqd, "DPUB");
    assert!(nsqd.topic("orders").is_null(), "a refused DPUB has created its topic");
}

#[track_caller]
fn message_sizes_are_checked(nsqd: &Nsqd, verb: &str) {
    let line = if verb == "DPUB" { "DPUB orders 0" } else { "PUB orders" };
    for state in [Init, State::WithoutHeartbeats, State::Subscribed, State::Closing] {
        for (size, text) in [
            (0, "invalid message body size 0"),
            (-1, "invalid message body size -1"),
            (i32::MIN, "invalid message body size -2147483648"),
            (11, "message too big 11 > 10"),
            (i32::MAX, "message too big 2147483647 > 10"),
        ] {
            let error = format!("E_BAD_MESSAGE {verb} {text}");
            ends(nsqd, state, announced(line, size), error);
        }
    }
}

#[test]
fn publishes_that_break_off_are_told_what_is_missing() {
    let nsqd = limited();
    for (line, verb) in [("PUB orders", "PUB"), ("DPUB orders 0", "DPUB")] {
        for rest in ["", "\0\0\0"] {
            let error = format!("E_BAD_MESSAGE {verb} failed to read message body size");
            ends_cut_off(&nsqd, format!("{line}\n{rest}"), error);
        }
        for rest in ["\0\0\0\x02", "\0\0\0\x02x"] {
            let error = format!("E_BAD_MESSAGE {verb} failed to read message body");
            ends_cut_off(&nsqd, format!("{line}\n{rest}"), error);
        }
    }
    assert!(nsqd.topic("orders").is_null(), "half a message has created its topic");
}

#[test]
fn mpub_is_refused_at_the_first_thing_that_is_wrong() {
    let nsqd = limited();
    for (line, error) in [
        ("MPUB", "E_INVALID MPUB insufficient number of parameters"),
        ("MPUB $", r#"E_BAD_TOPIC E_BAD_TOPIC MPUB topic name "$" is not valid"#),
    ] {
        ends(&nsqd, Init, announced(line, -1), error);
    }
    for (size, numbers, error) in [
        (0, &[][..], "E_BAD_BODY MPUB invalid body size 0"),
        (-1, &[], "E_BAD_BODY MPUB invalid body size -1"),
        (41, &[], "E_BAD_BODY MPUB body too big 41 > 40"),
        (i32::MAX, &[], "E_BAD_BODY MPUB body too big 2147483647 > 40"),
        (40, &[0], "E_BAD_BODY MPUB invalid message count 0"),
        (40, &[-1], "E_BAD_BODY MPUB invalid message count -1"),
        (40, &[8], "E_BAD_BODY MPUB invalid message count 8"),
        (40, &[7, 0], "E_BAD_MESSAGE MPUB invalid message(0) body size 0"),
        (40, &[7, -1], "E_BAD_MESSAGE MPUB invalid message(0) body size -1"),
        (40, &[7, 11], "E_BAD_MESSAGE MPUB message too big 11 > 10"),
        (40, &[7, 4, 0x6162_6364, 0], "E_BAD_MESSAGE MPUB invalid message(1) body size 0"),
        (40, &[7, 4, 0x6162_6364, 11], "E_BAD_MESSAGE MPUB message too big 11 > 10"),
    ] {
        for state in [Init, State::Subscribed, State::Closing] {
            ends(&nsqd, state, batch(size, numbers), error);
        }
    }
    expect_nothing_published(&nsqd);
}

#[test]
fn mpub_that_breaks_off_is_told_what_is_missing() {
    let nsqd = limited();
    let whole = batch(20, &[2, 4, 0x6162_6364, 4]);
    let start = "MPUB orders\n".len();
    for (end, error) in [
        (start, "E_BAD_BODY MPUB failed to read body size"),
        (start + 3, "E_BAD_BODY MPUB failed to read body size"),
        (start + 4, "E_BAD_BODY MPUB failed to read message count"),
        (start + 7, "E_BAD_BODY MPUB failed to read message count"),
        (start + 8, "E_BAD_MESSAGE MPUB failed to read message(0) body size"),
        (start + 12, "E_BAD_MESSAGE MPUB failed to read message body"),
        (start + 15, "E_BAD_MESSAGE MPUB failed to read message body"),
        (start + 16, "E_BAD_MESSAGE MPUB failed to read message(1) body size"),
        (start + 20, "E_BAD_MESSAGE MPUB failed to read message body"),
    ] {
        ends_cut_off(&nsqd, &whole[..end], error);
    }
    expect_nothing_published(&nsqd);
}

#[test]
fn mpub_of_which_the_sizes_disagree_is_refused() {
    if !ours() {
        return; // nsqd 1.3 believes the inner sizes.
    }
    let nsqd = limited();
    for (size, numbers, error) in [
        (3, &[1][..], "E_BAD_BODY MPUB failed to read message count"),
        (6, &[1], "E_BAD_MESSAGE MPUB failed to read message(0) body size"),
        (9, &[1, 2], "E_BAD_MESSAGE MPUB failed to read message body"),
    ] {
        ends(&nsqd, Init, batch(size, numbers), error);
    }
    expect_nothing_published(&nsqd);
}

#[track_caller]
fn expect_nothing_published(nsqd: &Nsqd) {
    let topic = nsqd.topic("orders");
    assert!(topic.is_null() || topic["message_count"] == 0, "{topic}");
}

#[test]
fn publishes_up_to_the_limits_are_obeyed() {
    let nsqd = limited();
    for state in [Init, State::WithoutHeartbeats, State::Subscribed, State::Closing] {
        for line in ["PUB orders", "PUB orders and more", "PUB orders\r"] {
            is_obeyed(&nsqd, state, sized(line, b"1234567890"), Some("OK"));
        }
        for delay in ["", "0", "1000", "0 and more", "18446744073709551616"] {
            let line = format!("DPUB orders {delay}");
            is_obeyed(&nsqd, state, sized(&line, b"1234567890"), Some("OK"));
        }
        let many = publish_many("orders", &["1"; 7]);
        is_obeyed(&nsqd, state, many, Some("OK"));
    }
}
