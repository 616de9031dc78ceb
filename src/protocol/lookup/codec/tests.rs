use proptest::prelude::*;

use super::*;

const IDENTIFY_BODY: &str = r#"{"broadcast_address":"b","tcp_port":1,"http_port":2,"version":"v"}"#;

#[track_caller]
fn whole(buf: &[u8], identified: bool) -> (LookupCommand, usize) {
    match decode(buf, identified) {
        Ok(Decoded::Whole { value, consumed }) => (value, consumed),
        other => panic!("{}: {other:?}", buf.escape_ascii()),
    }
}

#[track_caller]
fn refused(buf: &[u8], identified: bool, expected: &str) {
    let error = decode(buf, identified).map_err(|error| error.to_string());
    assert_eq!(error, Err(expected.to_owned()), "{}", buf.escape_ascii());
}

fn registration_of(topic: &str, channel: Option<&str>) -> Registration {
    Registration {
        topic: TopicName::parse(topic).unwrap(),
        channel: channel.map(|channel| ChannelName::parse(channel).unwrap()),
    }
}

fn identify_request(body: &str) -> Vec<u8> {
    let size = i32::try_from(body.len()).unwrap().to_be_bytes();
    [b"IDENTIFY\n".as_slice(), &size, body.as_bytes()].concat()
}

#[test]
fn magic_is_judged_when_four_bytes_are_there() {
    for short in [b"".as_slice(), b"GET", b"  V"] {
        assert_eq!(decode_magic(short), Ok(false));
    }
    assert_eq!(decode_magic(b"  V1PING\n"), Ok(true));
    for bad in [b"  V2", b"GET ", b"\0\0\0\0"] {
        assert_eq!(decode_magic(bad), Err(LookupError::BadMagic));
    }
    assert_eq!(LookupError::BadMagic.to_string(), "E_BAD_PROTOCOL");
}

#[test]
fn lines_are_stripped_and_split_on_every_space() {
    for (line, channel) in [
        ("REGISTER t\n", None),
        ("REGISTER t\r\n", None),
        (" \t\x0bREGISTER t \t\r\n", None),
        ("REGISTER t\u{a0}\n", None),
        ("REGISTER t c\n", Some("c")),
        ("REGISTER t c surplus\n", Some("c")),
        ("REGISTER t  c\n", None),
        ("REGISTER t#ephemeral c#ephemeral\n", Some("c#ephemeral")),
    ] {
        let topic = if line.contains('#') { "t#ephemeral" } else { "t" };
        let expected = LookupCommand::Register(registration_of(topic, channel));
        assert_eq!(whole(line.as_bytes(), true), (expected, line.len()), "{line:?}");
    }
    let gone = LookupCommand::Unregister(registration_of("t", Some("c")));
    assert_eq!(whole(b"UNREGISTER t c\nPING\n", true), (gone, 15));
}

#[test]
fn ping_is_always_allowed() {
    for identified in [false, true] {
        assert_eq!(whole(b"PING\n", identified), (LookupCommand::Ping, 5));
        assert_eq!(whole(b"PING  surplus\n", identified), (LookupCommand::Ping, 14));
    }
}

#[test]
fn identify_has_a_body_and_ignores_parameters() {
    let request = identify_request(IDENTIFY_BODY);
    let info = PeerInfo::parse(IDENTIFY_BODY.as_bytes()).unwrap();
    let expected = LookupCommand::Identify(info);
    assert_eq!(whole(&request, false), (expected.clone(), request.len()));
    let surplus = [b"IDENTIFY x".as_slice(), &request[8..]].concat();
    assert_eq!(whole(&surplus, false), (expected, surplus.len()));
}

#[test]
fn errors_have_upstreams_texts() {
    for (line, expected) in [
        ("\n", "E_INVALID invalid command "),
        ("ping\n", "E_INVALID invalid command ping"),
        ("SUB t c\n", "E_INVALID invalid command SUB"),
        ("IDENTIFY\n", "E_INVALID cannot IDENTIFY again"),
        ("REGISTER\n", "E_INVALID REGISTER insufficient number of params"),
        ("UNREGISTER \n", "E_INVALID UNREGISTER insufficient number of params"),
        ("REGISTER  c\n", "E_BAD_TOPIC REGISTER topic name '' is not valid"),
        ("UNREGISTER a*\n", "E_BAD_TOPIC UNREGISTER topic name 'a*' is not valid"),
        ("REGISTER * *\n", "E_BAD_TOPIC REGISTER topic name '*' is not valid"),
        ("REGISTER t *\n", "E_BAD_CHANNEL REGISTER channel name '*' is not valid"),
        ("UNREGISTER t \t\tx\n", "E_BAD_CHANNEL UNREGISTER channel name '\t\tx' is not valid"),
    ] {
        refused(line.as_bytes(), true, expected);
    }
    for line in ["REGISTER\n", "REGISTER * *\n", "UNREGISTER t\n"] {
        refused(line.as_bytes(), false, "E_INVALID client must IDENTIFY");
    }
    refused(&identify_request("{}"), false, "E_BAD_BODY IDENTIFY missing fields");
    refused(&identify_request(""), false, "E_BAD_BODY IDENTIFY failed to decode JSON body");
}

#[test]
fn sizes_are_judged_before_the_body_comes() {
    let sized = |size: i32| [b"IDENTIFY\n".as_slice(), &size.to_be_bytes()].concat();
    refused(&sized(-1), false, "E_BAD_BODY IDENTIFY invalid body size -1");
    refused(&sized(i32::MIN), false, "E_BAD_BODY IDENTIFY invalid body size -2147483648");
    refused(&sized(65_537), false, "E_BAD_BODY IDENTIFY body too big 65537 > 65536");
    assert_eq!(decode(&sized(65_536), false), Ok(Decoded::Incomplete { needed: 13 + 65_536 }));
}

#[test]
fn lines_are_bounded() {
    let mut longest = vec![b' '; LINE_BYTES_MAX - 5];
    longest.extend_from_slice(b"PING\n");
    assert_eq!(whole(&longest, false), (LookupCommand::Ping, LINE_BYTES_MAX));
    longest.insert(0, b' ');
    refused(&longest, false, "E_INVALID line is longer than 4096 bytes");
    let open = &longest[..LINE_BYTES_MAX - 1];
    assert_eq!(decode(open, false), Ok(Decoded::Incomplete { needed: LINE_BYTES_MAX }));
}

#[test]
fn a_peer_that_stops_inside_a_body_is_told_where() {
    let request = identify_request(IDENTIFY_BODY);
    let at_end = |length: usize| truncated(&request[..length], false);
    for length in 0..9 {
        assert_eq!(at_end(length), None);
    }
    for length in 9..13 {
        assert_eq!(at_end(length), Some(LookupError::BodySizeMissing));
    }
    for length in 13..request.len() {
        assert_eq!(at_end(length), Some(LookupError::BodyMissing));
    }
    assert_eq!(at_end(request.len()), None);
    assert_eq!(truncated(b"REGISTER t", true), None);
}

fn command() -> impl Strategy<Value = LookupCommand> {
    let registration = ("[.a-zA-Z0-9_-]{1,64}", proptest::option::of("[a-z]{1,54}#ephemeral"))
        .prop_map(|(topic, channel)| registration_of(&topic, channel.as_deref()));
    prop_oneof![
        Just(LookupCommand::Ping),
        registration.clone().prop_map(LookupCommand::Register),
        registration.prop_map(LookupCommand::Unregister),
    ]
}

proptest! {
    #[test]
    fn what_is_encoded_is_decoded_in_any_pieces(commands in proptest::collection::vec(command(), 1..8), cut in 0usize..600) {
        let mut wire = Vec::new();
        commands.iter().for_each(|command| command.encode(&mut wire));
        let (mut decoded, mut at) = (Vec::new(), 0);
        for visible in [cut.min(wire.len()), wire.len()] {
            while at < visible {
                match decode(&wire[at..visible], true).unwrap() {
                    Decoded::Whole { value, consumed } => {
                        decoded.push(value);
                        at += consumed;
                    }
                    Decoded::Incomplete { needed } => {
                        prop_assert!(needed > visible - at);
                        break;
                    }
                }
            }
        }
        prop_assert_eq!(decoded, commands);
    }

    #[test]
    fn any_bytes_are_decoded_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300), identified in any::<bool>()) {
        match decode(&bytes, identified) {
            Ok(Decoded::Whole { consumed, .. }) => prop_assert!(consumed <= bytes.len()),
            Ok(Decoded::Incomplete { needed }) => prop_assert!(needed > bytes.len()),
            Err(error) => prop_assert!(error.to_string().starts_with("E_")),
        }
    }
}
