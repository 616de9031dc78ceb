//! Values as `GET /config` shows them.

use serde::{Serialize, Serializer};

use super::{LogLevel, TlsRequired, value::Value};

impl Serialize for Value {
    /// Durations are nanoseconds; levels, versions and whom TLS is required of are upstream's numbers.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Bool(switch) => serializer.serialize_bool(*switch),
            Self::Integer(number) => serializer.serialize_i64(*number),
            Self::Float(number) => Float(*number).serialize(serializer),
            Self::Duration(duration) => serializer.serialize_i64(duration.as_nanos()),
            Self::Text(text) => serializer.serialize_str(text),
            Self::List(texts) => serializer.collect_seq(texts),
            Self::Floats(numbers) => {
                serializer.collect_seq(numbers.iter().map(|&number| Float(number)))
            }
            Self::LogLevel(level) => serializer.serialize_u8(level_number(*level)),
            Self::TlsRequired(required) => serializer.serialize_u8(required_number(*required)),
            Self::TlsMinVersion(version) => serializer.serialize_u16(version.number()),
        }
    }
}

/// A number that is written without a fraction where it has none.
struct Float(f64);

impl Serialize for Float {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            whole if whole.fract() == 0.0 && whole.abs() < 1e15 => {
                serializer.serialize_i64(whole as i64)
            }
            number => serializer.serialize_f64(number),
        }
    }
}

fn level_number(level: LogLevel) -> u8 {
    match level {
        LogLevel::Debug => 1,
        LogLevel::Info => 2,
        LogLevel::Warn => 3,
        LogLevel::Error => 4,
        LogLevel::Fatal => 5,
    }
}

fn required_number(required: TlsRequired) -> u8 {
    match required {
        TlsRequired::No => 0,
        TlsRequired::TcpHttps => 1,
        TlsRequired::Yes => 2,
    }
}

#[cfg(test)]
mod tests {
    use crate::config::value::Kind;

    #[test]
    fn values_have_upstreams_form() {
        for (kind, text, json) in [
            (Kind::Bool, "true", "true"),
            (Kind::Integer, "-5", "-5"),
            (Kind::Float, "1", "1"),
            (Kind::Float, "0.25", "0.25"),
            (Kind::Duration, "1m", "60000000000"),
            (Kind::Text, "a\"b", "\"a\\\"b\""),
            (Kind::List, "a:1", "[\"a:1\"]"),
            (Kind::Floats, "1,0.99,0.5", "[1,0.99,0.5]"),
            (Kind::LogLevel, "debug", "1"),
            (Kind::LogLevel, "info", "2"),
            (Kind::LogLevel, "warn", "3"),
            (Kind::LogLevel, "error", "4"),
            (Kind::LogLevel, "fatal", "5"),
            (Kind::TlsRequired, "false", "0"),
            (Kind::TlsRequired, "tcp-https", "1"),
            (Kind::TlsRequired, "true", "2"),
            (Kind::TlsMinVersion, "tls1.0", "769"),
            (Kind::TlsMinVersion, "tls1.1", "770"),
            (Kind::TlsMinVersion, "tls1.2", "771"),
            (Kind::TlsMinVersion, "tls1.3", "772"),
        ] {
            let value = kind.parse(text).unwrap();
            assert_eq!(serde_json::to_string(&value).unwrap(), json, "{text}");
        }
    }
}
