//! TOML values as values of options.

use toml::de::{DeArray, DeInteger, DeValue};

use crate::config::{
    GoDuration, TlsRequired,
    value::{Kind, Value},
};

/// How much of a value is repeated in a message.
const SHOWN_CHARS_MAX: usize = 80;
const NANOS_PER_MILLI: i64 = 1_000_000;

/// Takes a TOML value over; the error says what is wrong with it, to stand behind the option's key.
pub(super) fn read(kind: Kind, value: &DeValue<'_>) -> Result<Value, String> {
    match kind {
        Kind::Bool => read_bool(value),
        Kind::Integer => read_integer(value),
        Kind::Float => read_float(value),
        Kind::Duration => read_duration(value),
        Kind::Text => match value {
            DeValue::String(text) => Ok(Value::Text(text.to_string())),
            other => Err(format!("must be text in quotes, not {}", shown(other))),
        },
        Kind::List => read_list(value),
        Kind::Floats => read_floats(value),
        Kind::LogLevel | Kind::TlsMinVersion => match value {
            DeValue::String(text) => kind.parse(text).map_err(|_| shown(value)),
            other => Err(shown(other)),
        },
        Kind::TlsRequired => read_tls_required(value),
    }
}

fn read_bool(value: &DeValue<'_>) -> Result<Value, String> {
    match value {
        DeValue::Boolean(switch) => Ok(Value::Bool(*switch)),
        DeValue::String(text) => Kind::Bool.parse(text).map_err(|_| not("true or false", value)),
        DeValue::Integer(_) => Err(format!(
            "must be true or false, not {}: nsqd 1.3 takes 0 for true and other numbers for false",
            shown(value)
        )),
        other => Err(not("true or false", other)),
    }
}

fn read_integer(value: &DeValue<'_>) -> Result<Value, String> {
    let number = match value {
        DeValue::Integer(integer) => integer_of(integer),
        DeValue::String(text) => text.parse().ok(),
        _ => None,
    };
    number.map(Value::Integer).ok_or_else(|| not("a whole number", value))
}

/// A duration with its unit, or a number of milliseconds.
fn read_duration(value: &DeValue<'_>) -> Result<Value, String> {
    let duration = match value {
        DeValue::String(text) => text.parse().ok(),
        DeValue::Integer(integer) => integer_of(integer)
            .and_then(|millis| millis.checked_mul(NANOS_PER_MILLI))
            .map(GoDuration::from_nanos),
        _ => None,
    };
    duration.map(Value::Duration).ok_or_else(|| {
        not("a duration with its unit, such as \"5s\", or a number of milliseconds", value)
    })
}

/// An array of texts, or one text that is split at commas.
fn read_list(value: &DeValue<'_>) -> Result<Value, String> {
    let texts = match value {
        DeValue::String(text) => Some(split(text).map(str::to_owned).collect()),
        DeValue::Array(array) => texts_of(array),
        _ => None,
    };
    texts.map(Value::List).ok_or_else(|| not("an array of texts", value))
}

/// An array of numbers in their order, or one text of comma-separated numbers.
fn read_floats(value: &DeValue<'_>) -> Result<Value, String> {
    let numbers = match value {
        DeValue::String(text) => split(text).map(|part| finite(part.parse().ok())).collect(),
        DeValue::Array(array) => array.iter().map(|entry| float_of(entry.get_ref())).collect(),
        _ => None,
    };
    numbers.map(Value::Floats).ok_or_else(|| not("an array of numbers", value))
}

fn read_float(value: &DeValue<'_>) -> Result<Value, String> {
    let number = match value {
        DeValue::String(text) => finite(text.parse().ok()),
        other => float_of(other),
    };
    number.map(Value::Float).ok_or_else(|| not("a number", value))
}

/// Unlike a switch, this is read from numbers as from words.
fn read_tls_required(value: &DeValue<'_>) -> Result<Value, String> {
    match value {
        DeValue::Boolean(true) => Ok(Value::TlsRequired(TlsRequired::Yes)),
        DeValue::Boolean(false) => Ok(Value::TlsRequired(TlsRequired::No)),
        DeValue::String(_) | DeValue::Integer(_) => {
            Kind::TlsRequired.parse(&shown(value)).map_err(|_| shown(value))
        }
        other => Err(shown(other)),
    }
}

/// The parts between commas without spaces around them; of nothing there are none.
fn split(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|part| !part.is_empty())
}

fn texts_of(array: &DeArray<'_>) -> Option<Vec<String>> {
    array.iter().map(|entry| entry.get_ref().as_str().map(str::to_owned)).collect()
}

fn integer_of(integer: &DeInteger<'_>) -> Option<i64> {
    i64::from_str_radix(integer.as_str(), integer.radix()).ok()
}

fn float_of(value: &DeValue<'_>) -> Option<f64> {
    match value {
        DeValue::Float(float) => finite(float.as_str().parse().ok()),
        DeValue::Integer(integer) if integer.radix() == 10 => finite(integer.as_str().parse().ok()),
        _ => None,
    }
}

fn finite(number: Option<f64>) -> Option<f64> {
    number.filter(|number| number.is_finite())
}

fn not(wanted: &str, value: &DeValue<'_>) -> String {
    let value = match value {
        DeValue::String(text) => format!("{:?}", shortened(text)),
        other => shown(other),
    };
    format!("must be {wanted}, not {value}")
}

/// A value in a message.
fn shown(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => shortened(text).escape_debug().to_string(),
        DeValue::Integer(integer) => integer.to_string(),
        DeValue::Float(float) => float.to_string(),
        DeValue::Boolean(switch) => switch.to_string(),
        DeValue::Datetime(time) => time.to_string(),
        DeValue::Array(_) => "such an array".to_owned(),
        DeValue::Table(_) => "a section".to_owned(),
    }
}

/// The beginning of a text that may be long.
pub(super) fn shortened(text: &str) -> &str {
    text.char_indices().nth(SHOWN_CHARS_MAX).map_or(text, |(end, _)| &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{LogLevel, TlsMinVersion};

    fn read(kind: Kind, text: &str) -> Result<Value, String> {
        super::read(kind, DeValue::parse(text).unwrap().get_ref())
    }

    #[track_caller]
    fn reads(kind: Kind, values: &[(&str, Value)]) {
        for (text, value) in values {
            assert_eq!(read(kind, text).as_ref(), Ok(value), "{text}");
        }
    }

    #[track_caller]
    fn refuses(kind: Kind, texts: &[&str], problem: &str) {
        for text in texts {
            let refused = read(kind, text).unwrap_err();
            assert!(refused.contains(problem), "{text}: {refused}");
        }
    }

    #[test]
    fn switches() {
        reads(
            Kind::Bool,
            &[
                ("true", Value::Bool(true)),
                ("false", Value::Bool(false)),
                ("'T'", Value::Bool(true)),
                ("'0'", Value::Bool(false)),
            ],
        );
        refuses(Kind::Bool, &["'yes'", "''", "1.0", "[]"], "must be true or false, not ");
        refuses(Kind::Bool, &["0", "1"], "nsqd 1.3 takes 0 for true");
    }

    #[test]
    fn whole_numbers() {
        reads(
            Kind::Integer,
            &[
                ("5", Value::Integer(5)),
                ("-1_000", Value::Integer(-1000)),
                ("0x10", Value::Integer(16)),
                ("'5'", Value::Integer(5)),
                ("9223372036854775807", Value::Integer(i64::MAX)),
            ],
        );
        let others = ["5.5", "5.0", "'5.5'", "'0x10'", "''", "true", "[5]", "9223372036854775808"];
        refuses(Kind::Integer, &others, "must be a whole number, not ");
    }

    #[test]
    fn numbers_with_a_fraction() {
        reads(
            Kind::Float,
            &[("0.5", Value::Float(0.5)), ("1", Value::Float(1.0)), ("'0.5'", Value::Float(0.5))],
        );
        refuses(Kind::Float, &["'half'", "nan", "true", "[0.5]"], "must be a number, not ");
    }

    #[test]
    fn durations() {
        let millis = |millis: i64| Value::Duration(GoDuration::from_nanos(millis * 1_000_000));
        reads(
            Kind::Duration,
            &[
                ("'5s'", millis(5000)),
                ("5000", millis(5000)),
                ("'-1ms'", millis(-1)),
                ("0", millis(0)),
            ],
        );
        let others = ["'5000'", "5.5", "true", "''", "9223372036854775807"];
        refuses(Kind::Duration, &others, "must be a duration with its unit");
    }

    #[test]
    fn texts() {
        reads(Kind::Text, &[("'a'", Value::Text("a".into())), ("''", Value::Text("".into()))]);
        refuses(
            Kind::Text,
            &["5", "5.5", "true", "['a']", "1979-05-27"],
            "must be text in quotes, not ",
        );
    }

    #[test]
    fn lists_of_texts() {
        let list = |texts: &[&str]| Value::List(texts.iter().map(|&text| text.into()).collect());
        reads(
            Kind::List,
            &[
                ("['a:1', 'b:1']", list(&["a:1", "b:1"])),
                ("['a:1,b:1']", list(&["a:1,b:1"])),
                ("'a:1,b:1'", list(&["a:1", "b:1"])),
                ("'a:1, b:1,'", list(&["a:1", "b:1"])),
                ("''", list(&[])),
                ("[]", list(&[])),
            ],
        );
        refuses(Kind::List, &["5", "true", "['a', 5]", "[[]]"], "must be an array of texts, not ");
    }

    #[test]
    fn lists_of_numbers_keep_their_order() {
        let floats = |numbers: &[f64]| Value::Floats(numbers.to_vec());
        reads(
            Kind::Floats,
            &[
                ("[0.5, 1.0, 0.99]", floats(&[0.5, 1.0, 0.99])),
                ("[1, 0.5]", floats(&[1.0, 0.5])),
                ("'0.5, 1'", floats(&[0.5, 1.0])),
                ("''", floats(&[])),
                ("[]", floats(&[])),
            ],
        );
        let others = ["0.5", "['0.5']", "'a'", "[nan]", "[inf]", "true"];
        refuses(Kind::Floats, &others, "must be an array of numbers, not ");
    }

    #[test]
    fn levels_of_logging() {
        reads(Kind::LogLevel, &[("'WARN'", Value::LogLevel(LogLevel::Warn))]);
        assert_eq!(read(Kind::LogLevel, "'warning'"), Err("warning".to_owned()));
        assert_eq!(read(Kind::LogLevel, "2"), Err("2".to_owned()));
    }

    #[test]
    fn whom_tls_is_required_of() {
        let required = Value::TlsRequired;
        reads(
            Kind::TlsRequired,
            &[
                ("true", required(TlsRequired::Yes)),
                ("false", required(TlsRequired::No)),
                ("'tcp-https'", required(TlsRequired::TcpHttps)),
                ("'true'", required(TlsRequired::Yes)),
                ("1", required(TlsRequired::Yes)),
                ("0", required(TlsRequired::No)),
            ],
        );
        for (text, shown) in [("'x'", "x"), ("2", "2"), ("1.0", "1.0"), ("[]", "such an array")] {
            assert_eq!(read(Kind::TlsRequired, text), Err(shown.to_owned()));
        }
    }

    #[test]
    fn versions_of_tls() {
        let version = Value::TlsMinVersion;
        reads(
            Kind::TlsMinVersion,
            &[("'TLS1.2'", version(TlsMinVersion::Tls12)), ("''", version(TlsMinVersion::Tls10))],
        );
        assert_eq!(read(Kind::TlsMinVersion, "'ssl3.0'"), Err("ssl3.0".to_owned()));
        assert_eq!(read(Kind::TlsMinVersion, "1.2"), Err("1.2".to_owned()));
    }

    #[test]
    fn long_values_are_not_repeated_whole() {
        let text = format!("'{}'", "é".repeat(1000));
        let refused = read(Kind::Bool, &text).unwrap_err();
        assert!(refused.len() < 300, "{refused}");
    }
}
