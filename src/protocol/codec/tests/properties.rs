//! What holds for every stream of bytes, and for every cut of one.

use proptest::{collection::vec, prelude::*, sample::Index};

use super::*;

/// A command as a client would send it, and the state in which it may.
#[derive(Debug, Clone)]
struct Sent {
    session: Session,
    wire: Vec<u8>,
}

fn sent(session: Session, wire: impl AsRef<[u8]>) -> Sent {
    Sent { session, wire: wire.as_ref().to_vec() }
}

/// Writes `command` in the form that has nothing superfluous.
fn encode(command: &Command<'_>) -> Vec<u8> {
    let hex = |message: &MessageRef| String::from_utf8(message.raw.to_vec()).unwrap();
    match command {
        Command::Identify(body) => [b"IDENTIFY\n", framed(body).as_slice()].concat(),
        Command::Auth(body) => [b"AUTH\n", framed(body).as_slice()].concat(),
        Command::Subscribe { topic, channel } => format!("SUB {topic} {channel}\n").into_bytes(),
        Command::Publish(publication) => encode_publication(publication),
        Command::Ready(count) => format!("RDY {count}\n").into_bytes(),
        Command::Finish(message) => format!("FIN {}\n", hex(message)).into_bytes(),
        Command::Requeue(message, delay) => {
            format!("REQ {} {}\n", hex(message), delay.as_millis()).into_bytes()
        }
        Command::Touch(message) => format!("TOUCH {}\n", hex(message)).into_bytes(),
        Command::Close => b"CLS\n".to_vec(),
        Command::Nop => b"NOP\n".to_vec(),
    }
}

fn encode_publication(publication: &Publication<'_>) -> Vec<u8> {
    let Publication { verb, topic, count, framed, delay } = *publication;
    match verb {
        Verb::Pub => [format!("PUB {topic}\n").as_bytes(), framed].concat(),
        Verb::Dpub => [format!("DPUB {topic} {}\n", delay.as_millis()).as_bytes(), framed].concat(),
        Verb::Mpub => {
            let size = u32::try_from(4 + framed.len()).unwrap().to_be_bytes();
            let line = format!("MPUB {topic}\n");
            [line.as_bytes(), size.as_slice(), &count.to_be_bytes(), framed].concat()
        }
    }
}

fn body() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 1..20)
}

fn any_mpub() -> impl Strategy<Value = Sent> {
    vec(body(), 1..6).prop_map(|bodies| {
        let messages: Vec<u8> = bodies.iter().flat_map(|body| framed(body)).collect();
        let size = i32::try_from(4 + messages.len()).unwrap();
        sent(INIT, mpub(size, i32::try_from(bodies.len()).unwrap(), &messages))
    })
}

fn any_publish() -> impl Strategy<Value = Sent> {
    prop_oneof![
        ("[a-zA-Z0-9_.-]{1,64}", body()).prop_map(|(topic, body)| sent(
            INIT,
            [format!("PUB {topic}\n").as_bytes(), &framed(&body)].concat()
        )),
        (0..=3_600_000u32, body()).prop_map(|(delay, body)| sent(
            CLOSING,
            [format!("DPUB t {delay}\n").as_bytes(), &framed(&body)].concat()
        )),
        any_mpub(),
    ]
}

fn any_sent() -> impl Strategy<Value = Sent> {
    let id = || any::<u64>().prop_map(MessageId);
    prop_oneof![
        any_publish(),
        id().prop_map(|id| sent(SUBSCRIBED, format!("FIN {id}\n"))),
        id().prop_map(|id| sent(CLOSING, format!("TOUCH {id}\n"))),
        (id(), 0..=3_600_000u32)
            .prop_map(|(id, delay)| sent(SUBSCRIBED, format!("REQ {id} {delay}\n"))),
        (0..=2500u32).prop_map(|count| sent(SUBSCRIBED, format!("RDY {count}\n"))),
        Just(sent(INIT, "SUB topic channel#ephemeral\n")),
        Just(sent(SUBSCRIBED, "CLS\n")),
        Just(sent(INIT, "NOP\n")),
        body().prop_map(|body| sent(INIT, encode(&Command::Identify(&body)))),
        body().prop_map(|body| sent(INIT, encode(&Command::Auth(&body)))),
    ]
}

/// Decodes a stream that arrives in pieces, and writes every command again.
fn reencoded(commands: &[Sent], piece_ends: &[usize]) -> Vec<Vec<u8>> {
    let stream: Vec<u8> = commands.iter().flat_map(|sent| sent.wire.clone()).collect();
    let mut decoder = Decoder::new(LIMITS);
    let (mut at, mut needed, mut out) = (0, 0, Vec::new());
    for &end in piece_ends.iter().chain([&stream.len()]) {
        while let Some(next) = commands.get(out.len()) {
            let pending = &stream[at..end.max(at)];
            match decoder.decode(pending, &next.session).expect("only valid commands are sent") {
                Decoded::Command { command, consumed } => {
                    assert!(consumed >= needed && consumed <= pending.len());
                    out.push(encode(&command));
                    (at, needed) = (at + consumed, 0);
                }
                Decoded::Incomplete { needed: more } => {
                    assert!(more > pending.len() && more >= needed);
                    needed = more;
                    break;
                }
            }
        }
    }
    out
}

fn wires(commands: &[Sent]) -> Vec<Vec<u8>> {
    commands.iter().map(|sent| sent.wire.clone()).collect()
}

#[test]
fn every_cut_of_a_stream_gives_the_same_commands() {
    let messages = [framed(b"one"), framed(b"2"), framed(&[b'3'; 30])].concat();
    let size = i32::try_from(4 + messages.len()).unwrap();
    let commands = [
        sent(INIT, b"IDENTIFY\n\0\0\0\x02{}"),
        sent(INIT, mpub(size, 3, &messages)),
        sent(INIT, b"SUB t c\n"),
        sent(SUBSCRIBED, b"RDY 10\n"),
        sent(SUBSCRIBED, b"REQ 18a6d4ec39a69000 1000\n"),
        sent(SUBSCRIBED, b"DPUB t 100\n\0\0\0\x04\n\n\n\n"),
    ];
    let length = commands.iter().map(|sent| sent.wire.len()).sum();
    for cut in 0..length {
        assert_eq!(reencoded(&commands, &[cut]), wires(&commands), "{cut}");
    }
    let every_byte: Vec<_> = (0..length).collect();
    assert_eq!(reencoded(&commands, &every_byte), wires(&commands));
}

/// Bytes that look enough like commands to get past the first line.
fn nearly_commands() -> impl Strategy<Value = Vec<u8>> {
    let line = prop::sample::select(vec![
        "PUB t\n",
        "MPUB t\n",
        "DPUB t 1\n",
        "IDENTIFY\n",
        "AUTH\n",
        "SUB t c\n",
        "FIN ",
        "RDY ",
        "REQ ",
        "NOP\r\n",
        "",
        " ",
        "\n",
    ]);
    let size = (-2..210i32).prop_map(|size| size.to_be_bytes().to_vec());
    let part = prop_oneof![
        line.prop_map(|line| line.as_bytes().to_vec()),
        size.clone(),
        (1..40i32).prop_map(|small| small.to_be_bytes().to_vec()),
        vec(any::<u8>(), 0..40),
    ];
    vec(part, 0..8).prop_map(|parts| parts.concat())
}

fn any_session() -> impl Strategy<Value = Session> {
    let state = prop::sample::select(vec![
        ClientState::Init,
        ClientState::Subscribed,
        ClientState::Closing,
    ]);
    (state, any::<bool>(), prop::bool::weighted(0.1))
        .prop_map(|(state, heartbeats, tls_missing)| Session { state, heartbeats, tls_missing })
}

proptest! {
    #[test]
    fn any_bytes_are_decoded_within_bounds(bytes in nearly_commands(), session in any_session()) {
        let mut decoder = Decoder::new(LIMITS);
        let bound = LINE_BYTES_MAX + 4 + LIMITS.body_bytes_max;
        for end in 0..=bytes.len() {
            let pending = &bytes[..end];
            let truncated = decoder.truncated(pending, &session);
            match decoder.decode(pending, &session) {
                Ok(Decoded::Command { command, consumed }) => {
                    prop_assert!(consumed == end && truncated.is_none());
                    if let Command::Publish(publication) = command {
                        let bytes: usize = publication.messages().map(|body| 4 + body.len()).sum();
                        prop_assert_eq!(bytes, publication.framed.len());
                        prop_assert_eq!(publication.messages().count(), publication.count as usize);
                    }
                    break;
                }
                Ok(Decoded::Incomplete { needed }) => {
                    prop_assert!(needed > end && needed <= bound);
                }
                Err(error) => {
                    prop_assert_eq!(truncated, Some(error));
                    break;
                }
            }
        }
    }

    /// What one call sees at once is what many calls see bit by bit.
    #[test]
    fn pieces_and_the_whole_give_the_same(bytes in nearly_commands(), session in any_session()) {
        let mut patient = Decoder::new(LIMITS);
        let whole = patient.decode(&bytes, &session);
        let mut hasty = Decoder::new(LIMITS);
        let pieces = (0..=bytes.len())
            .map(|end| hasty.decode(&bytes[..end], &session))
            .find(|decoded| !matches!(decoded, Ok(Decoded::Incomplete { .. })));
        match pieces {
            Some(decoded) => prop_assert_eq!(decoded, whole),
            None => {
                let incomplete = matches!(whole, Ok(Decoded::Incomplete { .. }));
                prop_assert!(incomplete);
            }
        }
    }

    /// The decoder survives a caller that forgets the bytes it showed before.
    #[test]
    fn unrelated_buffers_never_panic(buffers in vec(nearly_commands(), 1..5), session in any_session()) {
        let mut decoder = Decoder::new(LIMITS);
        for bytes in &buffers {
            if let Ok(Decoded::Command { consumed, .. }) = decoder.decode(bytes, &session) {
                prop_assert!(consumed <= bytes.len());
            }
        }
    }

    #[test]
    fn valid_commands_come_through_any_cuts(
        commands in vec(any_sent(), 1..12),
        cuts in vec(any::<Index>(), 0..12),
    ) {
        let length: usize = commands.iter().map(|sent| sent.wire.len()).sum();
        let mut piece_ends: Vec<_> = cuts.iter().map(|cut| cut.index(length)).collect();
        piece_ends.sort_unstable();
        prop_assert_eq!(reencoded(&commands, &piece_ends), wires(&commands));
    }
}
