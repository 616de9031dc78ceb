//! IDENTIFY. What the upgrade to TLS may fail of is seen where TLS is.

use super::{State, State::Init, ends, ends_cut_off, is_obeyed};
use crate::support::{
    Nsqd,
    commands::{announced, identify},
};

#[test]
fn identify_is_refused_before_its_body_is_read() {
    let nsqd = Nsqd::with(&["--max-body-size=1000"]);
    let state = "E_INVALID cannot IDENTIFY in current state";
    // The state is looked at before the size.
    ends(&nsqd, State::Subscribed, announced("IDENTIFY", -1), state);
    ends(&nsqd, State::Closing, announced("IDENTIFY", -1), state);
    for (size, text) in [
        (1001, "body too big 1001 > 1000"),
        (i32::MAX, "body too big 2147483647 > 1000"),
        (0, "invalid body size 0"),
        (-1, "invalid body size -1"),
        (i32::MIN, "invalid body size -2147483648"),
    ] {
        let error = format!("E_BAD_BODY IDENTIFY {text}");
        ends(&nsqd, Init, announced("IDENTIFY", size), error);
    }
}

#[test]
fn identify_that_breaks_off_is_told_what_is_missing() {
    let nsqd = Nsqd::start();
    for sent in ["IDENTIFY\n", "IDENTIFY\n\0\0\0"] {
        ends_cut_off(&nsqd, sent, "E_BAD_BODY IDENTIFY failed to read body size");
    }
    for sent in ["IDENTIFY\n\0\0\0\x02", "IDENTIFY\n\0\0\0\x02{"] {
        ends_cut_off(&nsqd, sent, "E_BAD_BODY IDENTIFY failed to read body");
    }
}

#[test]
fn identify_takes_nothing_but_an_object_of_the_right_types() {
    let nsqd = Nsqd::start();
    for json in [
        " ",
        "[]",
        "1",
        "\"{}\"",
        "true",
        "{",
        "{}{}",
        "{},",
        r#"{"a":1,}"#,
        r#"{'a':1}"#,
        "\u{feff}{}",
        r#"{"client_id":1}"#,
        r#"{"feature_negotiation":"true"}"#,
        r#"{"tls_v1":1}"#,
        r#"{"deflate_level":"6"}"#,
        r#"{"heartbeat_interval":"1000"}"#,
        r#"{"heartbeat_interval":1000.0}"#,
        r#"{"heartbeat_interval":1e3}"#,
        r#"{"heartbeat_interval":01000}"#,
        r#"{"heartbeat_interval":9223372036854775808}"#,
        r#"{"sample_rate":2147483648}"#,
    ] {
        let error = "E_BAD_BODY IDENTIFY failed to decode JSON body";
        ends(&nsqd, Init, identify(json), error);
    }
    for json in [
        "{}",
        "null",
        " {} ",
        r#"{"client_id":null,"unknown":[{"a":1.5}]}"#,
        r#"{"MSG_TIMEOUT":1,"msg_timeout":1000}"#,
    ] {
        is_obeyed(&nsqd, Init, identify(json), Some("OK"));
    }
}

#[test]
fn settings_of_identify_have_ranges() {
    let nsqd = Nsqd::start();
    for (key, name, bad, good) in [
        (
            "heartbeat_interval",
            "heartbeat interval",
            [-2, 1, 999, 60_001, i64::MAX],
            [-1, 0, 1000, 60_000],
        ),
        (
            "output_buffer_timeout",
            "output buffer timeout",
            [-2, 1, 24, 30_001, i64::MAX],
            [-1, 0, 25, 30_000],
        ),
        (
            "output_buffer_size",
            "output buffer size",
            [-2, 1, 63, 65_537, i64::MAX],
            [-1, 0, 64, 65_536],
        ),
        ("sample_rate", "sample rate", [-1, 100, 101, 1000, 0x7fff_ffff], [0, 1, 50, 99]),
        ("msg_timeout", "msg timeout", [-1, 1, 999, 900_001, i64::MAX], [0, 1000, 60_000, 900_000]),
    ] {
        for value in bad {
            let error = format!("E_BAD_BODY IDENTIFY {name} ({value}) is invalid");
            ends(&nsqd, Init, identify(&format!("{{\"{key}\":{value}}}")), error);
        }
        for value in good {
            let json = format!("{{\"{key}\":{value}}}");
            is_obeyed(&nsqd, Init, identify(&json), Some("OK"));
        }
    }
}

#[test]
fn settings_of_identify_are_checked_in_one_order() {
    let nsqd = Nsqd::start();
    let settings = [
        (r#""msg_timeout":1"#, "msg timeout (1)"),
        (r#""sample_rate":100"#, "sample rate (100)"),
        (r#""output_buffer_size":1"#, "output buffer size (1)"),
        (r#""output_buffer_timeout":1"#, "output buffer timeout (1)"),
        (r#""heartbeat_interval":1"#, "heartbeat interval (1)"),
    ];
    for count in 1..=settings.len() {
        let json: Vec<_> = settings[..count].iter().map(|(json, _)| *json).collect();
        let error = format!("E_BAD_BODY IDENTIFY {} is invalid", settings[count - 1].1);
        ends(&nsqd, Init, identify(&format!("{{{}}}", json.join(","))), error);
    }
}
