//! SUB, RDY and CLS.

use super::{State, State::Init, ends, is_obeyed};
use crate::support::{Nsqd, commands};

#[test]
fn sub_is_checked_in_this_order() {
    let nsqd = Nsqd::start();
    let long = "x".repeat(65);
    for (state, line, error) in [
        (State::Subscribed, "SUB", "E_INVALID cannot SUB in current state"),
        (State::Closing, "SUB", "E_INVALID cannot SUB in current state"),
        (State::WithoutHeartbeats, "SUB", "E_INVALID cannot SUB with heartbeats disabled"),
        (Init, "SUB", "E_INVALID SUB insufficient number of parameters"),
        (Init, "SUB $", "E_INVALID SUB insufficient number of parameters"),
        (Init, "SUB $ $", r#"E_BAD_TOPIC SUB topic name "$" is not valid"#),
        (Init, "SUB  audit", r#"E_BAD_TOPIC SUB topic name "" is not valid"#),
        (Init, "SUB #ephemeral audit", r##"E_BAD_TOPIC SUB topic name "#ephemeral" is not valid"##),
        (
            Init,
            &format!("SUB {long} audit"),
            &format!(r#"E_BAD_TOPIC SUB topic name "{long}" is not valid"#),
        ),
        (Init, "SUB refused $", r#"E_BAD_CHANNEL SUB channel name "$" is not valid"#),
        (Init, "SUB refused ", r#"E_BAD_CHANNEL SUB channel name "" is not valid"#),
        (
            Init,
            &format!("SUB refused {long}"),
            &format!(r#"E_BAD_CHANNEL SUB channel name "{long}" is not valid"#),
        ),
    ] {
        ends(&nsqd, state, format!("{line}\n"), error);
    }
    assert!(nsqd.topic("refused").is_null(), "a refused SUB has created its topic");
}

#[test]
fn names_of_every_legal_form_are_subscribed() {
    let nsqd = Nsqd::start();
    let (long, ephemeral) = ("x".repeat(64), format!("{}#ephemeral", "x".repeat(54)));
    for line in [
        "SUB orders audit\n",
        "SUB orders audit and more\r\n",
        "SUB . ..\n",
        "SUB a.B-c_9#ephemeral a.B-c_9#ephemeral\n",
        &format!("SUB {long} {ephemeral}\n"),
        &format!("SUB {ephemeral} {long}\n"),
    ] {
        is_obeyed(&nsqd, Init, line, Some("OK"));
    }
}

#[test]
fn sub_beyond_the_limit_is_refused_and_leaves_the_others() {
    let nsqd = Nsqd::with(&["--max-channel-consumers=1"]);
    let mut first = nsqd.client();
    first.subscribe("orders", "audit");
    let error = "E_SUB_FAILED SUB failed consumers for orders:audit exceeds limit of 1";
    ends(&nsqd, Init, commands::sub("orders", "audit"), error);
    is_obeyed(&nsqd, Init, commands::sub("orders", "billing"), Some("OK"));
    first.expect_alive();
}

#[test]
fn rdy_is_checked_in_this_order() {
    let nsqd = Nsqd::with(&["--max-rdy-count=10"]);
    for line in ["RDY\n", "RDY x\n", "RDY 1\n"] {
        ends(&nsqd, Init, line, "E_INVALID cannot RDY in current state");
    }
    for (line, text) in [
        (&b"RDY x\n"[..], &b"could not parse count x"[..]),
        (b"RDY -1\n", b"could not parse count -1"),
        (b"RDY +1\n", b"could not parse count +1"),
        (b"RDY 1.0\n", b"could not parse count 1.0"),
        (b"RDY \xff\"\n", b"could not parse count \xff\""),
        (b"RDY 11\n", b"count 11 out of range 0-10"),
        (b"RDY 18446744073709551615\n", b"count -1 out of range 0-10"),
    ] {
        ends(&nsqd, State::Subscribed, line, [b"E_INVALID RDY ", text].concat());
    }
    for line in ["RDY\n", "RDY \n", "RDY 0\n", "RDY 10\r\n", "RDY 1 2\n"] {
        is_obeyed(&nsqd, State::Subscribed, line, None);
    }
    // What wraps is in range again.
    is_obeyed(&nsqd, State::Subscribed, "RDY 18446744073709551617\n", None);
    for line in ["RDY\n", "RDY x\n", "RDY 11\n"] {
        is_obeyed(&nsqd, State::Closing, line, None);
    }
}

#[test]
fn cls_is_for_subscribers_and_comes_once() {
    let nsqd = Nsqd::start();
    for state in [Init, State::WithoutHeartbeats, State::Closing] {
        ends(&nsqd, state, commands::CLS, "E_INVALID cannot CLS in current state");
    }
    is_obeyed(&nsqd, State::Subscribed, "CLS and more\n", Some("CLOSE_WAIT"));
}
