use super::*;
use crate::protocol::{ChannelName, Publication, TopicName, Verb, message_id::MessageId};

mod properties;

const LIMITS: Limits = Limits {
    msg_bytes_max: 100,
    body_bytes_max: 200,
    rdy_max: 2500,
    req_timeout_max: Duration::from_secs(3600),
};
const INIT: Session = Session { state: ClientState::Init, heartbeats: true, tls_missing: false };
const SUBSCRIBED: Session = Session { state: ClientState::Subscribed, ..INIT };
const CLOSING: Session = Session { state: ClientState::Closing, ..INIT };
const WITHOUT_HEARTBEATS: Session = Session { heartbeats: false, ..INIT };
const WITHOUT_TLS: Session = Session { tls_missing: true, ..INIT };

const ID: &[u8; 16] = b"18a6d4ec39a69000";

/// Decodes all of `wire`, which is one command.
#[track_caller]
fn decodes(session: &Session, wire: &[u8], expected: &Command<'_>) {
    let shown = wire.escape_ascii();
    match Decoder::new(LIMITS).decode(wire, session) {
        Ok(Decoded::Command { command, consumed }) => {
            assert_eq!((&command, consumed), (expected, wire.len()), "{shown}");
        }
        other => panic!("{shown}: {other:?}"),
    }
}

/// Refuses `wire`, and one byte less is not enough to tell.
#[track_caller]
fn refuses(session: &Session, wire: &[u8], expected: &str) {
    let shown = wire.escape_ascii();
    let mut decoder = Decoder::new(LIMITS);
    let before = decoder.decode(&wire[..wire.len() - 1], session);
    assert!(matches!(before, Ok(Decoded::Incomplete { .. })), "{shown}: too early: {before:?}");
    match decoder.decode(wire, session) {
        Err(error) => {
            assert_eq!(error.to_string(), expected, "{shown}");
            assert!(error.is_fatal(), "{shown}");
        }
        other => panic!("{shown}: {other:?}"),
    }
}

/// Waits for more than `wire`; if nothing more comes, the answer is `expected`.
#[track_caller]
fn waits(session: &Session, wire: &[u8], needed: usize, expected: Option<&str>) {
    let shown = wire.escape_ascii();
    let mut decoder = Decoder::new(LIMITS);
    let decoded = decoder.decode(wire, session);
    assert_eq!(decoded, Ok(Decoded::Incomplete { needed }), "{shown}");
    let truncated = decoder.truncated(wire, session).map(|error| error.to_string());
    assert_eq!(truncated.as_deref(), expected, "{shown}");
}

fn sized(size: i32) -> [u8; 4] {
    size.to_be_bytes()
}

fn framed(body: &[u8]) -> Vec<u8> {
    [&sized(body.len().try_into().unwrap()), body].concat()
}

fn publication<'a>(verb: Verb, count: u32, framed: &'a [u8]) -> Publication<'a> {
    Publication { verb, topic: "t", count, framed, delay: Duration::ZERO }
}

/// An MPUB to topic `t` with the given outer size and number of messages, and `rest` behind them.
fn mpub(size: i32, count: i32, rest: &[u8]) -> Vec<u8> {
    [b"MPUB t\n", sized(size).as_slice(), &sized(count), rest].concat()
}

fn millis(value: u64) -> Duration {
    Duration::from_millis(value)
}

#[test]
fn commands_without_a_body_are_decoded() {
    let message = MessageRef::new(*ID);
    let cases: &[(&Session, &[u8], Command<'_>)] = &[
        (&INIT, b"NOP\n", Command::Nop),
        (&INIT, b"NOP\r\n", Command::Nop),
        (&INIT, b"NOP and more\n", Command::Nop),
        (&SUBSCRIBED, b"RDY\n", Command::Ready(1)),
        (&SUBSCRIBED, b"RDY \n", Command::Ready(0)),
        (&SUBSCRIBED, b"RDY 0\r\n", Command::Ready(0)),
        (&SUBSCRIBED, b"RDY 2500\n", Command::Ready(2500)),
        (&SUBSCRIBED, b"RDY 18446744073709551617\n", Command::Ready(1)),
        (&SUBSCRIBED, b"FIN 18a6d4ec39a69000\n", Command::Finish(message)),
        (&CLOSING, b"FIN 18a6d4ec39a69000 more\n", Command::Finish(message)),
        (&SUBSCRIBED, b"TOUCH 18a6d4ec39a69000\n", Command::Touch(message)),
        (&CLOSING, b"TOUCH 18a6d4ec39a69000\n", Command::Touch(message)),
        (&SUBSCRIBED, b"CLS\n", Command::Close),
    ];
    for (session, wire, expected) in cases {
        decodes(session, wire, expected);
    }
}

#[test]
fn ids_that_were_never_sent_are_kept_as_they_came() {
    assert_eq!(MessageRef::new(*ID).id, Some(MessageId(0x18a6_d4ec_39a6_9000)));
    let foreign = MessageRef { raw: *b"18A6D4EC\xff9A69000", id: None };
    decodes(&SUBSCRIBED, b"FIN 18A6D4EC\xff9A69000\n", &Command::Finish(foreign));
}

#[test]
fn ready_is_ignored_when_closing() {
    for wire in [b"RDY\n".as_slice(), b"RDY x\n", b"RDY 9999\n"] {
        decodes(&CLOSING, wire, &Command::Nop);
    }
}

#[test]
fn subscribe_takes_two_legal_names() {
    let expected = Command::Subscribe {
        topic: TopicName::parse("orders").unwrap(),
        channel: ChannelName::parse("audit#ephemeral").unwrap(),
    };
    decodes(&INIT, b"SUB orders audit#ephemeral\n", &expected);
    decodes(&INIT, b"SUB orders audit#ephemeral \r\n", &expected);
}

#[test]
fn requeue_clamps_its_timeout() {
    let hour = 3_600_000;
    for (raw, expected_ms) in [
        ("", 0),
        ("0", 0),
        ("1500", 1500),
        ("3600000", hour),
        ("3600001", hour),
        ("9223372036854", hour),
        // Nanoseconds beyond 2^63 wrap below zero, digits beyond 2^64 start again at 0.
        ("9223372036855", 0),
        ("18446744073709551618", 2),
    ] {
        let wire = format!("REQ 18a6d4ec39a69000 {raw}\n");
        let command = Command::Requeue(MessageRef::new(*ID), millis(expected_ms));
        decodes(&SUBSCRIBED, wire.as_bytes(), &command);
        decodes(&CLOSING, wire.as_bytes(), &command);
    }
}

#[test]
fn bodies_of_identify_and_auth_are_handed_on() {
    for largest in [1, 200] {
        let body = vec![b'x'; largest];
        let wire = [b"IDENTIFY\n", framed(&body).as_slice()].concat();
        decodes(&INIT, &wire, &Command::Identify(&body));
        let wire = [b"AUTH\r\n", framed(&body).as_slice()].concat();
        decodes(&INIT, &wire, &Command::Auth(&body));
    }
    decodes(&INIT, b"IDENTIFY x y\n\0\0\0\x02{}", &Command::Identify(b"{}"));
    decodes(&WITHOUT_TLS, b"IDENTIFY\n\0\0\0\x02{}", &Command::Identify(b"{}"));
}

#[test]
fn one_message_is_published_as_it_came() {
    for length in [1, 100] {
        let message = framed(&vec![b'\n'; length]);
        let expected = Command::Publish(publication(Verb::Pub, 1, &message));
        for session in [&INIT, &SUBSCRIBED, &CLOSING, &WITHOUT_HEARTBEATS] {
            decodes(session, &[b"PUB t\n", message.as_slice()].concat(), &expected);
            decodes(session, &[b"PUB t x\r\n", message.as_slice()].concat(), &expected);
        }
    }
}

#[test]
fn deferred_message_carries_its_delay() {
    let message = framed(b"body");
    for (raw, delay) in [
        ("", millis(0)),
        ("0", millis(0)),
        ("3600000", millis(3_600_000)),
        // 2^64 nanoseconds and 448384 more.
        ("18446744073710", Duration::from_nanos(448_384)),
    ] {
        let wire = [format!("DPUB t {raw}\n").as_bytes(), &message].concat();
        let expected = Publication { delay, ..publication(Verb::Dpub, 1, &message) };
        decodes(&INIT, &wire, &Command::Publish(expected));
    }
}

#[test]
fn many_messages_are_published_as_they_came() {
    let messages = [framed(b"a"), framed(&[b'x'; 100]), framed(b"\n\n")].concat();
    let size = i32::try_from(4 + messages.len()).unwrap();
    let expected = publication(Verb::Mpub, 3, &messages);
    decodes(&INIT, &mpub(size, 3, &messages), &Command::Publish(expected));
    let bodies: Vec<_> = expected.messages().map(<[u8]>::len).collect();
    assert_eq!(bodies, [1, 100, 2]);
}

#[test]
fn most_messages_that_fit_into_a_body_are_published() {
    let messages = framed(b"x").repeat(39);
    let expected = publication(Verb::Mpub, 39, &messages);
    decodes(&INIT, &mpub(199, 39, &messages), &Command::Publish(expected));
}

#[test]
fn rest_of_a_body_behind_its_messages_is_skipped() {
    let messages = framed(b"a");
    let wire = mpub(4 + 5 + 3, 1, &[messages.as_slice(), b"NOP"].concat());
    decodes(&INIT, &wire, &Command::Publish(publication(Verb::Mpub, 1, &messages)));
}

#[test]
fn tls_comes_before_everything_but_identify() {
    for (line, command) in [
        ("NOP\n", "NOP"),
        ("PUB\n", "PUB"),
        ("SUB a/b c\n", "SUB"),
        ("AUTH\n", "AUTH"),
        ("WHAT is this\n", "WHAT"),
        ("\n", ""),
    ] {
        let expected = format!("E_INVALID cannot {command} in current state (TLS required)");
        refuses(&WITHOUT_TLS, line.as_bytes(), &expected);
    }
}

#[test]
fn unknown_commands_are_refused() {
    for (line, token) in [
        ("WHAT now\n", "WHAT"),
        ("\n", ""),
        ("\r\n", ""),
        (" PUB t\n", ""),
        ("pub t\n", "pub"),
        ("NOP\r\r\n", "NOP\r"),
    ] {
        refuses(&INIT, line.as_bytes(), &format!("E_INVALID invalid command {token}"));
    }
}

#[test]
fn commands_are_refused_in_the_wrong_state() {
    let cases: &[(&str, &[&Session])] = &[
        ("IDENTIFY", &[&SUBSCRIBED, &CLOSING]),
        ("AUTH", &[&SUBSCRIBED, &CLOSING]),
        ("SUB", &[&SUBSCRIBED, &CLOSING]),
        ("RDY", &[&INIT]),
        ("FIN", &[&INIT]),
        ("REQ", &[&INIT]),
        ("TOUCH", &[&INIT]),
        ("CLS", &[&INIT, &CLOSING]),
    ];
    for (command, sessions) in cases {
        for session in *sessions {
            let expected = format!("E_INVALID cannot {command} in current state");
            refuses(session, format!("{command}\n").as_bytes(), &expected);
            refuses(session, format!("{command} \n").as_bytes(), &expected);
        }
    }
}

#[test]
fn missing_parameters_are_refused() {
    for (line, command) in [
        ("SUB\n", "SUB"),
        ("SUB t\n", "SUB"),
        ("PUB\n", "PUB"),
        ("MPUB\n", "MPUB"),
        ("DPUB\n", "DPUB"),
        ("DPUB a/b\n", "DPUB"),
    ] {
        let expected = format!("E_INVALID {command} insufficient number of parameters");
        refuses(&INIT, line.as_bytes(), &expected);
    }
    for (line, command) in
        [("FIN\n", "FIN"), ("REQ\n", "REQ"), ("REQ x\n", "REQ"), ("TOUCH\n", "TOUCH")]
    {
        let expected = format!("E_INVALID {command} insufficient number of params");
        refuses(&SUBSCRIBED, line.as_bytes(), &expected);
    }
    for line in ["AUTH \n", "AUTH x\n"] {
        refuses(&INIT, line.as_bytes(), "E_INVALID AUTH invalid number of parameters");
    }
}

#[test]
fn consumers_without_heartbeats_are_refused() {
    let expected = "E_INVALID cannot SUB with heartbeats disabled";
    refuses(&WITHOUT_HEARTBEATS, b"SUB\n", expected);
    refuses(&WITHOUT_HEARTBEATS, b"SUB t c\n", expected);
}

#[test]
fn illegal_names_are_refused_before_the_body() {
    refuses(&INIT, b"SUB a/b a/b\n", r#"E_BAD_TOPIC SUB topic name "a/b" is not valid"#);
    refuses(&INIT, b"SUB  c\n", r#"E_BAD_TOPIC SUB topic name "" is not valid"#);
    refuses(&INIT, b"PUB \n", r#"E_BAD_TOPIC PUB topic name "" is not valid"#);
    refuses(&INIT, b"PUB  t\n", r#"E_BAD_TOPIC PUB topic name "" is not valid"#);
    refuses(&INIT, b"PUB t\r\r\n", r#"E_BAD_TOPIC PUB topic name "t\r" is not valid"#);
    refuses(
        &INIT,
        b"PUB \"a\\b\xff\x01\n",
        r#"E_BAD_TOPIC PUB topic name "\"a\\b\xff\x01" is not valid"#,
    );
    refuses(&INIT, b"MPUB t/\n", r#"E_BAD_TOPIC E_BAD_TOPIC MPUB topic name "t/" is not valid"#);
    refuses(&INIT, b"DPUB t/ x\n", r#"E_BAD_TOPIC DPUB topic name "t/" is not valid"#);
    refuses(&INIT, b"SUB t \n", r#"E_BAD_CHANNEL SUB channel name "" is not valid"#);
    refuses(&INIT, b"SUB t c:d\n", r#"E_BAD_CHANNEL SUB channel name "c:d" is not valid"#);
    let long = "x".repeat(65);
    let expected = format!(r#"E_BAD_TOPIC PUB topic name "{long}" is not valid"#);
    refuses(&INIT, format!("PUB {long}\n").as_bytes(), &expected);
}

#[test]
fn numbers_must_be_digits_within_their_range() {
    for (raw, expected) in [
        ("x", "E_INVALID RDY could not parse count x"),
        ("-1", "E_INVALID RDY could not parse count -1"),
        ("+1", "E_INVALID RDY could not parse count +1"),
        ("1.0", "E_INVALID RDY could not parse count 1.0"),
        ("2501", "E_INVALID RDY count 2501 out of range 0-2500"),
        ("18446744073709551615", "E_INVALID RDY count -1 out of range 0-2500"),
    ] {
        refuses(&SUBSCRIBED, format!("RDY {raw}\n").as_bytes(), expected);
    }
    for (raw, expected) in [
        ("x", "E_INVALID DPUB could not parse timeout x"),
        ("-1", "E_INVALID DPUB could not parse timeout -1"),
        ("3600001", "E_INVALID DPUB timeout 3600001 out of range 0-3600000"),
        ("9223372036855", "E_INVALID DPUB timeout 9223372036855 out of range 0-3600000"),
    ] {
        refuses(&INIT, format!("DPUB t {raw}\n").as_bytes(), expected);
    }
    for raw in ["x", "-1", "1s"] {
        let expected = format!("E_INVALID REQ could not parse timeout {raw}");
        refuses(&SUBSCRIBED, format!("REQ 18a6d4ec39a69000 {raw}\n").as_bytes(), &expected);
    }
}

#[test]
fn message_ids_have_sixteen_bytes() {
    for line in [
        "FIN \n",
        "FIN 18a6d4ec39a6900\n",
        "FIN 18a6d4ec39a690000\n",
        "TOUCH x\n",
        "REQ x 0\n",
        "REQ x x\n",
        "REQ  0\n",
    ] {
        refuses(&SUBSCRIBED, line.as_bytes(), "E_INVALID invalid message ID");
    }
}

#[test]
fn body_sizes_have_bounds() {
    for command in ["IDENTIFY", "AUTH", "MPUB"] {
        let line = if command == "MPUB" { "MPUB t\n" } else { &format!("{command}\n") };
        for (size, expected) in [
            (0, "invalid body size 0"),
            (-1, "invalid body size -1"),
            (i32::MIN, "invalid body size -2147483648"),
            (201, "body too big 201 > 200"),
            (i32::MAX, "body too big 2147483647 > 200"),
        ] {
            let wire = [line.as_bytes(), &sized(size)].concat();
            refuses(&INIT, &wire, &format!("E_BAD_BODY {command} {expected}"));
        }
    }
}

#[test]
fn message_sizes_have_bounds() {
    for (line, verb) in [("PUB t\n", "PUB"), ("DPUB t 1\n", "DPUB")] {
        for (size, expected) in [
            (0, "invalid message body size 0"),
            (-1, "invalid message body size -1"),
            (101, "message too big 101 > 100"),
            (i32::MAX, "message too big 2147483647 > 100"),
        ] {
            let wire = [line.as_bytes(), &sized(size)].concat();
            refuses(&INIT, &wire, &format!("E_BAD_MESSAGE {verb} {expected}"));
        }
    }
}

#[test]
fn message_count_has_bounds() {
    for count in [0, -1, 40, i32::MAX, i32::MIN] {
        let expected = format!("E_BAD_BODY MPUB invalid message count {count}");
        refuses(&INIT, &mpub(200, count, b""), &expected);
    }
    let no_room = "E_BAD_BODY MPUB failed to read message count";
    for size in [1, 3] {
        refuses(&INIT, &[b"MPUB t\n", sized(size).as_slice()].concat(), no_room);
    }
}

#[test]
fn no_count_is_legal_where_bodies_may_not_even_hold_one() {
    for body_bytes_max in [4, 5, 8] {
        let limits = Limits { body_bytes_max, ..LIMITS };
        let decoded = Decoder::new(limits).decode(b"MPUB t\n\0\0\0\x04\0\0\0\x01", &INIT);
        assert_eq!(decoded, Err(ProtocolError::BadCount(1)));
    }
}

#[test]
fn sizes_inside_mpub_are_refused_as_soon_as_they_are_visible() {
    let after_one = |size: i32| mpub(150, 3, &[framed(b"a").as_slice(), &sized(size)].concat());
    for (size, expected) in [
        (0, "invalid message(1) body size 0"),
        (-5, "invalid message(1) body size -5"),
        (101, "message too big 101 > 100"),
    ] {
        refuses(&INIT, &after_one(size), &format!("E_BAD_MESSAGE MPUB {expected}"));
    }
}

#[test]
fn messages_of_mpub_must_fit_into_its_body() {
    let beyond = mpub(4 + 4 + 9, 1, &sized(10));
    refuses(&INIT, &beyond, "E_BAD_MESSAGE MPUB failed to read message body");
    for left in 0..4 {
        let wire = mpub(4 + 5 + left, 2, &framed(b"a"));
        refuses(&INIT, &wire, "E_BAD_MESSAGE MPUB failed to read message(1) body size");
    }
    refuses(&INIT, &mpub(4, 1, b""), "E_BAD_MESSAGE MPUB failed to read message(0) body size");
}

#[test]
fn lines_have_a_longest_length() {
    let longest = [b"NOP ".as_slice(), &[b'x'; LINE_BYTES_MAX - 5], b"\n"].concat();
    assert_eq!(longest.len(), LINE_BYTES_MAX);
    decodes(&INIT, &longest, &Command::Nop);
    let mut decoder = Decoder::new(LIMITS);
    let without_end = &longest[..LINE_BYTES_MAX - 1];
    let needed = LINE_BYTES_MAX;
    assert_eq!(decoder.decode(without_end, &INIT), Ok(Decoded::Incomplete { needed }));
    let endless = [without_end, b"x\n"].concat();
    for wire in [&endless[..LINE_BYTES_MAX], &endless] {
        assert_eq!(decoder.decode(wire, &INIT), Err(ProtocolError::LineTooLong));
    }
}

#[test]
fn peer_that_stops_in_a_line_is_not_answered() {
    for wire in [b"".as_slice(), b"P", b"PUB t", b"WHAT ", b"NOP\r"] {
        waits(&INIT, wire, wire.len() + 1, None);
    }
    assert_eq!(Decoder::new(LIMITS).truncated(b"NOP\n", &INIT), None);
}

#[test]
fn peer_that_stops_in_a_body_is_told_what_is_missing() {
    let body = |text: &str| Some(format!("E_BAD_BODY {text}"));
    let message = |text: &str| Some(format!("E_BAD_MESSAGE {text}"));
    let cases: &[(&[u8], usize, Option<String>)] = &[
        (b"IDENTIFY\n", 13, body("IDENTIFY failed to read body size")),
        (b"IDENTIFY\n\0\0\0\x02{", 15, body("IDENTIFY failed to read body")),
        (b"AUTH\n\0\0\0", 9, body("AUTH failed to read body size")),
        (b"AUTH\n\0\0\0\x09", 18, body("AUTH failed to read body")),
        (b"PUB t\n\0", 10, message("PUB failed to read message body size")),
        (b"PUB t\n\0\0\0\x02a", 12, message("PUB failed to read message body")),
        (b"DPUB t 0\n", 13, message("DPUB failed to read message body size")),
        (b"DPUB t 0\n\0\0\0\x02a", 15, message("DPUB failed to read message body")),
        (b"MPUB t\n\0", 11, body("MPUB failed to read body size")),
    ];
    for (wire, needed, expected) in cases {
        waits(&INIT, wire, *needed, expected.as_deref());
    }
}

#[test]
fn peer_that_stops_in_mpub_is_told_what_is_missing() {
    let start = b"MPUB t\n\0\0\0\x14".as_slice();
    let one = [start, b"\0\0\0\x02", b"\0\0\0\x01a"].concat();
    let two = [one.as_slice(), b"\0\0\0\x02bc"].concat();
    let missing = |text: &str| Some(text.to_owned());
    for (wire, needed, expected) in [
        (start, 15, missing("E_BAD_BODY MPUB failed to read message count")),
        (&one, 24, missing("E_BAD_MESSAGE MPUB failed to read message(1) body size")),
        (&two[..25], 26, missing("E_BAD_MESSAGE MPUB failed to read message body")),
        (&two, 31, missing("E_BAD_BODY MPUB failed to read body")),
    ] {
        waits(&INIT, wire, needed, expected.as_deref());
    }
}

#[test]
fn pipelined_commands_come_one_by_one_and_see_the_state_of_their_time() {
    let wire = b"SUB t c\nRDY 5\nCLS\nRDY x\nFIN 18a6d4ec39a69000\nNO";
    let sessions = [INIT, SUBSCRIBED, SUBSCRIBED, CLOSING, CLOSING];
    let expected_ends = [8, 14, 18, 24, 45];
    let mut decoder = Decoder::new(LIMITS);
    let mut at = 0;
    for (session, end) in sessions.iter().zip(expected_ends) {
        match decoder.decode(&wire[at..], session) {
            Ok(Decoded::Command { consumed, .. }) => at += consumed,
            other => panic!("{other:?}"),
        }
        assert_eq!(at, end);
    }
    assert_eq!(decoder.decode(&wire[at..], &CLOSING), Ok(Decoded::Incomplete { needed: 3 }));
}

#[test]
fn large_mpub_in_small_pieces_is_looked_at_once() {
    let limits = Limits { body_bytes_max: 5 << 20, ..LIMITS };
    let messages = framed(b"x").repeat(1 << 17);
    let wire = mpub(i32::try_from(4 + messages.len()).unwrap(), 1 << 17, &messages);
    let mut decoder = Decoder::new(limits);
    // Were each call to start over, this would check some 4 * 10^10 messages.
    for end in 1..wire.len() {
        let decoded = decoder.decode(&wire[..end], &INIT);
        assert!(matches!(decoded, Ok(Decoded::Incomplete { needed }) if needed > end));
    }
    let decoded = decoder.decode(&wire, &INIT);
    assert!(matches!(decoded, Ok(Decoded::Command { consumed, .. }) if consumed == wire.len()));
}
