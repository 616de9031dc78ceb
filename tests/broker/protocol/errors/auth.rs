//! AUTH, as far as it comes without a server that knows secrets.

use super::{State, State::Init, ends, ends_cut_off};
use crate::support::{
    Nsqd,
    commands::{announced, sized},
};

#[test]
fn auth_is_refused_before_its_body_is_read() {
    let nsqd = Nsqd::with(&["--max-body-size=1000"]);
    let state = "E_INVALID cannot AUTH in current state";
    // The state is looked at before the parameters, and these before the size.
    ends(&nsqd, State::Subscribed, announced("AUTH x", -1), state);
    ends(&nsqd, State::Closing, announced("AUTH", -1), state);
    for line in ["AUTH ", "AUTH x", "AUTH x y"] {
        let error = "E_INVALID AUTH invalid number of parameters";
        ends(&nsqd, Init, announced(line, -1), error);
    }
    for (size, text) in [
        (1001, "body too big 1001 > 1000"),
        (i32::MAX, "body too big 2147483647 > 1000"),
        (0, "invalid body size 0"),
        (-1, "invalid body size -1"),
    ] {
        ends(&nsqd, Init, announced("AUTH", size), format!("E_BAD_BODY AUTH {text}"));
    }
}

#[test]
fn auth_that_breaks_off_is_told_what_is_missing() {
    let nsqd = Nsqd::start();
    for sent in ["AUTH\n", "AUTH\n\0"] {
        ends_cut_off(&nsqd, sent, "E_BAD_BODY AUTH failed to read body size");
    }
    ends_cut_off(&nsqd, "AUTH\n\0\0\0\x03x", "E_BAD_BODY AUTH failed to read body");
}

#[test]
fn auth_needs_servers() {
    let nsqd = Nsqd::start();
    ends(&nsqd, Init, sized("AUTH", b"secret"), "E_AUTH_DISABLED AUTH disabled");
}
