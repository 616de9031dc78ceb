//! Integers as Go reads them: `10`, `0x10`, `0o17`, `017`, `0b1`, `1_000`, with or without a sign.

use super::value::ValueError;

/// Reads a whole number that fits 64 bits, in any of Go's notations.
pub fn parse_integer(text: &str) -> Result<i64, ValueError> {
    let (negative, number) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    let (base, digits) = split_base(number);
    // As in Go, a number that is too big is so whatever its underscores.
    let magnitude = parse_digits(digits, base)?;
    if number.is_empty() || !underscores_separate_digits(number) {
        return Err(ValueError::Parse);
    }
    let signed = if negative { -magnitude } else { magnitude };
    i64::try_from(signed).map_err(|_| ValueError::Range)
}

/// The base that the prefix names, and the digits behind the prefix; a leading `0` alone means octal.
fn split_base(number: &str) -> (u32, &str) {
    match number.as_bytes() {
        [b'0', b'x' | b'X', _, ..] => (16, &number[2..]),
        [b'0', b'o' | b'O', _, ..] => (8, &number[2..]),
        [b'0', b'b' | b'B', _, ..] => (2, &number[2..]),
        [b'0', ..] => (8, &number[1..]),
        _ => (10, number),
    }
}

/// True if each underscore stands between two digits, or between the prefix and a digit.
fn underscores_separate_digits(number: &str) -> bool {
    !number.starts_with('_') && !number.ends_with('_') && !number.contains("__")
}

fn parse_digits(digits: &str, base: u32) -> Result<i128, ValueError> {
    let mut sum: i128 = 0;
    for ch in digits.chars().filter(|ch| *ch != '_') {
        let digit = ch.to_digit(base).ok_or(ValueError::Parse)?;
        sum = sum * i128::from(base) + i128::from(digit);
        if sum > i128::from(u64::MAX) {
            return Err(ValueError::Range);
        }
    }
    Ok(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn go_notations_are_read() {
        for (text, number) in [
            ("0", 0),
            ("-0", 0),
            ("10", 10),
            ("+10", 10),
            ("-10", -10),
            ("0x10", 16),
            ("0XfF", 255),
            ("0o17", 15),
            ("017", 15),
            ("0_17", 15),
            ("0b11", 3),
            ("1_000", 1000),
            ("0x_10", 16),
            ("-0x10", -16),
            ("9223372036854775807", i64::MAX),
            ("-9223372036854775808", i64::MIN),
        ] {
            assert_eq!(parse_integer(text), Ok(number), "{text}");
        }
    }

    #[test]
    fn other_texts_are_parse_errors() {
        for text in [
            "", "-", "+-1", "1e3", "1.0", "08", "0b2", "0x", "0b", "_1", "1_", "1__0", "0x_", " 1",
            "1 ", "ten", "١",
        ] {
            assert_eq!(parse_integer(text), Err(ValueError::Parse), "{text:?}");
        }
    }

    #[test]
    fn numbers_beyond_64_bits_are_out_of_range() {
        for text in [
            "9223372036854775808",
            "-9223372036854775809",
            "99999999999999999999_",
            "0xffffffffffffffffffffffffffffffffffffffffffff",
        ] {
            assert_eq!(parse_integer(text), Err(ValueError::Range), "{text}");
        }
    }
}
