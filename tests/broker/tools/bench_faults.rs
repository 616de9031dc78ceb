//! `nsq bench` against servers that are not to be trusted.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

use super::Tool;
use crate::support::Ended;

const MESSAGES: usize = 50;

/// What a server does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    None,
    /// Delivers all but one.
    Loses,
    /// Delivers none.
    Keeps,
    /// Delivers one twice.
    Doubles,
    /// Changes a bit of one.
    Changes,
    /// Delivers a part of one.
    Shortens,
    /// Delivers one that was never published.
    Invents,
    /// Accepts what it has not got.
    SaysTooMuch,
    /// Answers a publish with an error.
    Refuses,
    /// Does not answer publishes.
    Hangs,
    /// Closes the connection of a publisher.
    Closes,
    /// Sends what is no frame.
    Babbles,
}

/// Keeps what is published, whatever the topic, and hands it to whoever asks.
#[derive(Clone)]
struct Fake {
    fault: Fault,
    stored: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Fake {
    fn start(fault: Fault) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let fake = Self { fault, stored: Arc::default() };
        thread::spawn(move || {
            for stream in listener.incoming().map_while(io::Result::ok) {
                let fake = fake.clone();
                // The client has seen what it wanted to see when it closes.
                thread::spawn(move || fake.serve(stream).is_err());
            }
        });
        address
    }

    fn serve(&self, stream: TcpStream) -> io::Result<()> {
        let (mut input, mut out) = (BufReader::new(stream.try_clone()?), stream);
        input.read_exact(&mut [0; 4])?;
        loop {
            let mut line = String::new();
            if input.read_line(&mut line)? == 0 {
                return Ok(());
            }
            match line.split_whitespace().next().unwrap_or_default() {
                "IDENTIFY" => {
                    body(&mut input)?;
                    out.write_all(&frame(0, b"OK"))?;
                }
                "PUB" => {
                    let message = body(&mut input)?;
                    self.stored.lock().unwrap().push(message);
                    match self.fault {
                        Fault::Refuses => out.write_all(&frame(1, b"E_PUB_FAILED no room"))?,
                        Fault::Hangs => {}
                        Fault::Closes => return Ok(()),
                        Fault::Babbles => out.write_all(b"\xff\xff\xff\xff\xff\xff\xff\xff")?,
                        Fault::SaysTooMuch => {
                            out.write_all(&[frame(0, b"OK"), frame(0, b"OK")].concat())?;
                        }
                        _ => out.write_all(&frame(0, b"OK"))?,
                    }
                }
                "SUB" => out.write_all(&frame(0, b"OK"))?,
                "RDY" => self.deliver(&mut out)?,
                "CLS" => out.write_all(&frame(0, b"CLOSE_WAIT"))?,
                _ => {}
            }
        }
    }

    fn deliver(&self, out: &mut TcpStream) -> io::Result<()> {
        let mut messages = self.stored.lock().unwrap().clone();
        let victim = messages.len() / 2;
        match self.fault {
            Fault::Loses => drop(messages.remove(victim)),
            Fault::Keeps => messages.clear(),
            Fault::Doubles => messages.insert(victim, messages[victim].clone()),
            Fault::Changes => *messages[victim].last_mut().unwrap() ^= 1,
            Fault::Shortens => drop(messages[victim].pop()),
            Fault::Invents => {
                let mut another = messages[victim].clone();
                another[7] = 200;
                messages.insert(victim, another);
            }
            _ => {}
        }
        for (id, message) in messages.iter().enumerate() {
            let head = [&[0; 8][..], &[0, 1], format!("{id:016}").as_bytes()].concat();
            out.write_all(&frame(2, &[&head, message.as_slice()].concat()))?;
        }
        Ok(())
    }
}

fn frame(kind: u32, data: &[u8]) -> Vec<u8> {
    let size = u32::try_from(4 + data.len()).unwrap();
    [&size.to_be_bytes()[..], &kind.to_be_bytes(), data].concat()
}

fn body(input: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut size = [0; 4];
    input.read_exact(&mut size)?;
    let mut body = vec![0; u32::from_be_bytes(size) as usize];
    input.read_exact(&mut body)?;
    Ok(body)
}

fn publish_to(fault: Fault, more: &[&str]) -> Ended {
    let address = format!("--nsqd-tcp-address={}", Fake::start(fault));
    let messages = format!("--messages={MESSAGES}");
    let flags = ["publish", &address, "--keep", &messages, "--warm-up=0", "--patience=300ms"];
    Tool::run("bench", &[&flags[..], more].concat(), b"")
}

#[test]
fn a_server_that_does_all_right_passes_and_duplicates_are_counted() {
    for (fault, duplicates) in [(Fault::None, 0), (Fault::Doubles, 1)] {
        let ended = publish_to(fault, &[]);
        assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""), "{fault:?}");
        let said = format!(
            "All {MESSAGES} messages of 1 channel have come as they were published, {duplicates} more than once."
        );
        assert!(ended.out.contains(&said), "{}", ended.out);
    }
}

#[test]
fn whatever_a_server_does_wrong_is_found_out() {
    let nowhere = "was not published to this topic";
    for (fault, said) in [
        (Fault::Loses, "nsq bench: lost: 1 of 50 messages of topic=bench_"),
        (Fault::Changes, "the text of message 25 of publisher 0 is another"),
        (Fault::Shortens, "199 bytes instead of 200"),
        (Fault::Invents, nowhere),
        (Fault::Refuses, r#"nsq bench: the server answered "E_PUB_FAILED no room""#),
        (Fault::SaysTooMuch, "more answers than publishes"),
        (Fault::Closes, "a connection broke: "),
        (Fault::Babbles, "a frame of "),
        (Fault::Hangs, "the run took longer than 1s"),
    ] {
        let ended = publish_to(fault, &["--timeout=1s"]);
        assert_eq!((ended.code, ended.out.as_str()), (Some(1), ""), "{fault:?}: {}", ended.err);
        assert!(ended.err.contains(said), "{fault:?}: {said:?} in {}", ended.err);
    }
}

#[test]
fn so_it_is_at_a_fixed_rate() {
    for (fault, said) in [
        (Fault::Loses, "lost: 1 of 50 messages"),
        (Fault::Refuses, "E_PUB_FAILED no room"),
        (Fault::Closes, "a connection broke: "),
        (Fault::Hangs, "the run took longer than 1s"),
    ] {
        let ended = publish_to(fault, &["--rate=1000", "--timeout=1s"]);
        assert_eq!((ended.code, ended.out.as_str()), (Some(1), ""), "{fault:?}: {}", ended.err);
        assert!(ended.err.contains(said), "{fault:?}: {said:?} in {}", ended.err);
    }
}

#[test]
fn what_does_not_come_while_it_is_published_is_lost_as_well() {
    let address = format!("--nsqd-tcp-address={}", Fake::start(Fault::Keeps));
    let flags = ["both", &address, "--keep", "--messages=20", "--patience=200ms"];
    let ended = Tool::run("bench", &flags, b"");
    assert_eq!(ended.code, Some(1));
    assert!(ended.err.contains("lost: 20 of 20 messages of topic=bench_"), "{}", ended.err);
}
