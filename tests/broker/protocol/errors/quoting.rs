//! How an error repeats a name that is none: as Go's `%q` does.

use super::{State::Init, ends};
use crate::support::Nsqd;

#[test]
fn bad_names_are_quoted() {
    let nsqd = Nsqd::start();
    for (name, quoted) in [
        (&b"\"a\\b\xff\x01"[..], r#""\"a\\b\xff\x01""#),
        (b"\x07\x08\x0c\r\t\x0b\0\x1b\x7f", r#""\a\b\f\r\t\v\x00\x1b\x7f""#),
        (b"'`<&>", r#""'`<&>""#),
        ("é€😀".as_bytes(), "\"é€😀\""),
        // Code points that nobody could see.
        ("\u{ad}\u{200b}\u{2028}\u{feff}".as_bytes(), r#""\u00ad\u200b\u2028\ufeff""#),
        ("\u{a0}\u{3000}\u{e000}\u{378}".as_bytes(), r#""\u00a0\u3000\ue000\u0378""#),
        ("\u{e0001}\u{10ffff}".as_bytes(), r#""\U000e0001\U0010ffff""#),
        // No UTF-8: cut short, too long, half of a pair, beyond the last code point.
        (b"\xe2\x82", r#""\xe2\x82""#),
        (b"\xc0\x80", r#""\xc0\x80""#),
        (b"\xed\xa0\x80", r#""\xed\xa0\x80""#),
        (b"\xf4\x90\x80\x80", r#""\xf4\x90\x80\x80""#),
    ] {
        for (command, rest, error) in [
            ("PUB ", "", "E_BAD_TOPIC PUB topic name "),
            ("SUB orders ", "", "E_BAD_CHANNEL SUB channel name "),
            ("SUB ", " audit", "E_BAD_TOPIC SUB topic name "),
        ] {
            let line = [command.as_bytes(), name, rest.as_bytes(), b"\n"].concat();
            ends(&nsqd, Init, line, format!("{error}{quoted} is not valid"));
        }
    }
}
