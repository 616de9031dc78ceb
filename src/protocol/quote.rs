//! Go's `%q`: the form in which error texts show a name that the peer sent.

use std::fmt::Write as _;

/// Puts `bytes` in double quotes and escapes whatever does not print, as Go's `strconv.Quote` does.
pub fn quote(bytes: &[u8]) -> String {
    let mut quoted = String::with_capacity(bytes.len() + 2);
    quoted.push('"');
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            push_escaped(&mut quoted, character);
        }
        for &byte in chunk.invalid() {
            push_formatted(&mut quoted, format_args!("\\x{byte:02x}"));
        }
    }
    quoted.push('"');
    quoted
}

fn push_escaped(quoted: &mut String, character: char) {
    match character {
        '"' => quoted.push_str("\\\""),
        '\\' => quoted.push_str("\\\\"),
        '\x07' => quoted.push_str("\\a"),
        '\x08' => quoted.push_str("\\b"),
        '\x0c' => quoted.push_str("\\f"),
        '\n' => quoted.push_str("\\n"),
        '\r' => quoted.push_str("\\r"),
        '\t' => quoted.push_str("\\t"),
        '\x0b' => quoted.push_str("\\v"),
        '\0'..' ' | '\x7f' => {
            push_formatted(quoted, format_args!("\\x{:02x}", u32::from(character)));
        }
        _ if prints(character) => quoted.push(character),
        '\0'..='\u{ffff}' => {
            push_formatted(quoted, format_args!("\\u{:04x}", u32::from(character)));
        }
        _ => push_formatted(quoted, format_args!("\\U{:08x}", u32::from(character))),
    }
}

/// Letters, marks, numbers, punctuation, symbols and the ASCII space.
///
/// The standard library keeps that table to itself, but `str::escape_debug` consults it for every
/// character after the first (the first one is escaped when it is a combining mark, too).
fn prints(character: char) -> bool {
    let mut utf8 = [b'a', 0, 0, 0, 0];
    let length = 1 + character.encode_utf8(&mut utf8[1..]).len();
    let text = std::str::from_utf8(&utf8[..length]).unwrap_or_default();
    character == '\'' || text.escape_debug().nth(1) == Some(character)
}

fn push_formatted(quoted: &mut String, escape: std::fmt::Arguments<'_>) {
    quoted.write_fmt(escape).expect("a String takes all that is written to it");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn quotes(bytes: &[u8], expected: &str) {
        assert_eq!(quote(bytes), expected);
    }

    #[test]
    fn plain_text_is_only_put_in_quotes() {
        quotes(b"", r#""""#);
        quotes(b"a b'c", r#""a b'c""#);
        quotes("grün 日本 🦀".as_bytes(), "\"grün 日本 🦀\"");
    }

    #[test]
    fn quotes_backslashes_and_controls_are_escaped() {
        quotes(b"\"a\\b\xff\x01", r#""\"a\\b\xff\x01""#);
        quotes(b"\x07\x08\x0c\n\r\t\x0b", r#""\a\b\f\n\r\t\v""#);
        quotes(b"\0\x1f\x7f", r#""\x00\x1f\x7f""#);
    }

    #[test]
    fn bytes_that_are_no_utf8_are_escaped_one_by_one() {
        quotes(b"\xe2\x82x", r#""\xe2\x82x""#);
        quotes(b"\xed\xa0\x80", r#""\xed\xa0\x80""#);
        quotes(b"\xf0\x9f\xa6", r#""\xf0\x9f\xa6""#);
        quotes("\u{fffd}".as_bytes(), "\"\u{fffd}\"");
    }

    #[test]
    fn code_points_that_do_not_print_are_escaped_by_number() {
        quotes("\u{80}\u{a0}\u{ad}".as_bytes(), r#""\u0080\u00a0\u00ad""#);
        quotes("\u{200b}\u{2028}\u{feff}".as_bytes(), r#""\u200b\u2028\ufeff""#);
        quotes("\u{e0001}\u{10ffff}".as_bytes(), r#""\U000e0001\U0010ffff""#);
    }

    #[test]
    fn combining_marks_print() {
        quotes("\u{301}e\u{301}".as_bytes(), "\"\u{301}e\u{301}\"");
    }
}
