//! FIN, REQ and TOUCH.

use super::{State, State::Init, ends, error_frame, is_survived};
use crate::support::{Nsqd, commands};

const ID: &str = "0123456789abcdef";

/// The commands, each with what must follow the id.
const COMMANDS: [(&str, &str); 4] = [("FIN", ""), ("REQ", " 0"), ("REQ", " 100"), ("TOUCH", "")];

#[test]
fn settling_is_checked_in_this_order() {
    let nsqd = Nsqd::start();
    for (command, rest) in COMMANDS {
        for line in [format!("{command}\n"), format!("{command} {ID}{rest}\n")] {
            let error = format!("E_INVALID cannot {command} in current state");
            ends(&nsqd, Init, line, error);
        }
        for state in [State::Subscribed, State::Closing] {
            let few = format!("E_INVALID {command} insufficient number of params");
            ends(&nsqd, state, format!("{command}\n"), &few);
            for id in ["", "short", "0123456789abcdefg"] {
                let line = format!("{command} {id}{rest}\n");
                ends(&nsqd, state, line, "E_INVALID invalid message ID");
            }
        }
    }
    let few = "E_INVALID REQ insufficient number of params";
    ends(&nsqd, State::Subscribed, "REQ short\n", few);
    ends(&nsqd, State::Subscribed, "REQ short x\n", "E_INVALID invalid message ID");
    for timeout in ["x", "-1", "+1", "1.5", "0x1"] {
        let error = format!("E_INVALID REQ could not parse timeout {timeout}");
        ends(&nsqd, State::Subscribed, format!("REQ {ID} {timeout}\n"), error);
    }
}

#[test]
fn unknown_messages_are_survived() {
    let nsqd = Nsqd::start();
    for state in [State::Subscribed, State::Closing] {
        for (command, rest) in COMMANDS {
            for id in [ID.as_bytes(), b"ABCDEF0123456789", b"\xff\xfe\"\\aaaa\tbbbbbbb"] {
                let command = command.as_bytes();
                let sent = [command, b" ", id, rest.as_bytes(), b"\n"].concat();
                let said = [command, b" ", id, b" failed ID not in flight"].concat();
                is_survived(&nsqd, state, sent, [b"E_", command, b"_FAILED ", &said[..]].concat());
            }
        }
    }
    // Not an error: longer than allowed is as long as allowed, and nothing is 0.
    for timeout in ["", "3600001", "18446744073709551616"] {
        let error = format!("E_REQ_FAILED REQ {ID} failed ID not in flight");
        is_survived(&nsqd, State::Subscribed, format!("REQ {ID} {timeout}\n"), error);
    }
}

#[test]
fn messages_of_others_are_survived() {
    let nsqd = Nsqd::start();
    let mut owner = nsqd.client();
    owner.subscribe("consumed", "audit");
    owner.ready(1);
    nsqd.client().publish("consumed", b"one");
    let id = owner.expect_message().id;
    for state in [State::Subscribed, State::Closing] {
        for (command, rest) in COMMANDS {
            let error =
                format!("E_{command}_FAILED {command} {id} failed client does not own message");
            is_survived(&nsqd, state, format!("{command} {id}{rest}\n"), error);
        }
    }
    owner.send(&[commands::touch(id), commands::finish(id)].concat());
    nsqd.expect_channel("consumed", "audit", &[("in_flight_count", 0), ("requeue_count", 0)]);
}

#[test]
fn refusals_reach_a_client_that_says_no_more() {
    let nsqd = Nsqd::start();
    let [first, second] = ["1123456789abcdef", "2123456789abcdef"];
    let refused = |verb: &str, id: &str| {
        error_frame(format!("E_{verb}_FAILED {verb} {id} failed ID not in flight"))
    };
    // RDY makes the broker settle what came before it on its own.
    let cases = [
        (format!("TOUCH {first}\nRDY 5\n"), vec![refused("TOUCH", first)]),
        (
            format!("TOUCH {first}\nRDY 5\nFIN {second}\n"),
            vec![refused("TOUCH", first), refused("FIN", second)],
        ),
        (
            format!("REQ {first} 0\nRDY 1\nFIN {second}\nRDY 2\n"),
            vec![refused("REQ", first), refused("FIN", second)],
        ),
    ];
    for (sent, refusals) in std::iter::repeat_n(cases, 20).flatten() {
        let mut client = State::Subscribed.enter(&nsqd);
        client.send(sent.as_bytes());
        client.half_close();
        client.expect_bytes(&refusals.concat());
        client.expect_closed();
    }
    for _ in 0..20 {
        let mut client = State::Subscribed.enter(&nsqd);
        client.send(format!("TOUCH {first}\nRDY 5\nRDY x\n").as_bytes());
        let fatal = error_frame("E_INVALID RDY could not parse count x");
        client.expect_bytes(&[refused("TOUCH", first), fatal].concat());
        client.expect_closed();
    }
}
