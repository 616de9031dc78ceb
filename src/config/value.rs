//! The kinds of values that can be typed, and the types that options turn them into.

use std::{fmt, path::PathBuf, time::Duration};

use super::{
    address::ListenAddress,
    auth::AuthMethod,
    durability::Durability,
    duration::GoDuration,
    integer::parse_integer,
    log_level::LogLevel,
    percentiles::{Percentiles, parse_floats},
    tls::{ClientAuthPolicy, TlsMinVersion, TlsRequired},
};

/// What kind of value an option takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A switch; its flag needs no value.
    Bool,
    /// A whole number.
    Integer,
    /// A number with a fraction.
    Float,
    /// A duration with its unit.
    Duration,
    /// Any text.
    Text,
    /// Texts, one for each time the flag is given.
    List,
    /// Numbers with a fraction: comma-separated, and more each time the flag is given.
    Floats,
    /// A level of logging.
    LogLevel,
    /// Who must use TLS; its flag needs no value.
    TlsRequired,
    /// A version of TLS.
    TlsMinVersion,
}

/// A value as it was typed, before it is checked.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Of [`Kind::Bool`].
    Bool(bool),
    /// Of [`Kind::Integer`].
    Integer(i64),
    /// Of [`Kind::Float`].
    Float(f64),
    /// Of [`Kind::Duration`].
    Duration(GoDuration),
    /// Of [`Kind::Text`].
    Text(String),
    /// Of [`Kind::List`].
    List(Vec<String>),
    /// Of [`Kind::Floats`].
    Floats(Vec<f64>),
    /// Of [`Kind::LogLevel`].
    LogLevel(LogLevel),
    /// Of [`Kind::TlsRequired`].
    TlsRequired(TlsRequired),
    /// Of [`Kind::TlsMinVersion`].
    TlsMinVersion(TlsMinVersion),
}

/// Why a text is not a value of its kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ValueError {
    /// Not of the form of the kind.
    #[error("parse error")]
    Parse,
    /// A number beyond 64 bits.
    #[error("value out of range")]
    Range,
    /// Said by the kind itself.
    #[error("{0}")]
    Other(String),
}

impl Kind {
    /// Reads a value as it stands on a command line.
    pub fn parse(self, text: &str) -> Result<Value, ValueError> {
        match self {
            Self::Bool => parse_bool(text).map(Value::Bool),
            Self::Integer => parse_integer(text).map(Value::Integer),
            Self::Float => text.parse().map(Value::Float).map_err(|_| ValueError::Parse),
            Self::Duration => text.parse().map(Value::Duration).map_err(|_| ValueError::Parse),
            Self::Text => Ok(Value::Text(text.to_owned())),
            Self::List => Ok(Value::List(vec![text.to_owned()])),
            Self::Floats => parse_floats(text).map(Value::Floats).map_err(ValueError::Other),
            Self::LogLevel => {
                let level: Result<LogLevel, _> = text.parse();
                level.map(Value::LogLevel).map_err(|unknown| ValueError::Other(unknown.to_string()))
            }
            Self::TlsRequired => parse_tls_required(text).map(Value::TlsRequired),
            Self::TlsMinVersion => {
                TlsMinVersion::parse(text).map(Value::TlsMinVersion).map_err(ValueError::Other)
            }
        }
    }

    /// What a flag of this kind means when it stands there without a value, if it may.
    pub fn implied(self) -> Option<Value> {
        match self {
            Self::Bool => Some(Value::Bool(true)),
            Self::TlsRequired => Some(Value::TlsRequired(TlsRequired::Yes)),
            _ => None,
        }
    }

    /// The kind's name in a usage text; a switch has none.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bool | Self::TlsRequired => "",
            Self::Integer => "int",
            Self::Float => "float",
            Self::Duration => "duration",
            Self::Text => "string",
            Self::List | Self::Floats | Self::LogLevel | Self::TlsMinVersion => "value",
        }
    }
}

fn parse_bool(text: &str) -> Result<bool, ValueError> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err(ValueError::Parse),
    }
}

/// `tcp-https`, or a word for true or false; any case.
fn parse_tls_required(text: &str) -> Result<TlsRequired, ValueError> {
    let text = text.to_ascii_lowercase();
    if text == "tcp-https" {
        return Ok(TlsRequired::TcpHttps);
    }
    parse_bool(&text).map(|required| if required { TlsRequired::Yes } else { TlsRequired::No })
}

impl Value {
    /// The value as a number that can be held against bounds; durations count in nanoseconds.
    pub fn magnitude(&self) -> Option<i64> {
        match self {
            Self::Integer(number) => Some(*number),
            Self::Duration(duration) => Some(duration.as_nanos()),
            _ => None,
        }
    }

    /// False, 0 or empty: a default that a usage text need not mention.
    pub fn is_zero(&self) -> bool {
        match self {
            Self::Bool(switch) => !switch,
            Self::Float(number) => *number == 0.0,
            Self::Text(text) => text.is_empty(),
            Self::List(texts) => texts.is_empty(),
            Self::Floats(numbers) => numbers.is_empty(),
            Self::TlsRequired(required) => *required == TlsRequired::No,
            Self::LogLevel(_) | Self::TlsMinVersion(_) => false,
            Self::Integer(_) | Self::Duration(_) => self.magnitude() == Some(0),
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(switch) => write!(formatter, "{switch}"),
            Self::Integer(number) => write!(formatter, "{number}"),
            Self::Float(number) => write!(formatter, "{number}"),
            Self::Duration(duration) => write!(formatter, "{duration}"),
            Self::Text(text) => write!(formatter, "{text:?}"),
            Self::List(texts) => formatter.write_str(&texts.join(",")),
            Self::Floats(numbers) => {
                let texts: Vec<_> = numbers.iter().map(ToString::to_string).collect();
                formatter.write_str(&texts.join(","))
            }
            Self::LogLevel(level) => write!(formatter, "{level}"),
            Self::TlsRequired(required) => write!(formatter, "{required}"),
            Self::TlsMinVersion(version) => write!(formatter, "{version}"),
        }
    }
}

/// A type that an option can have once it is decided.
pub trait OptionType: Sized {
    /// What is typed for it.
    const KIND: Kind;

    /// Takes the typed value over; the error says what is wrong with it, to stand behind the option's name.
    fn from_value(value: Value) -> Result<Self, String>;

    /// The value that one would type for it.
    fn to_value(&self) -> Value;
}

/// Implements [`OptionType`]: kind, pattern of its value, what becomes of it, and the way back.
macro_rules! option_type {
    ($type:ty, $kind:ident, $bound:ident => $decided:expr, $back:expr) => {
        impl OptionType for $type {
            const KIND: Kind = Kind::$kind;

            fn from_value(value: Value) -> Result<Self, String> {
                match value {
                    Value::$kind($bound) => $decided,
                    other => Err(format!("cannot be {other}")),
                }
            }

            fn to_value(&self) -> Value {
                let back: fn(&Self) -> _ = $back;
                Value::$kind(back(self))
            }
        }
    };
}

/// A type of whole numbers.
macro_rules! integer_type {
    ($type:ty) => {
        option_type!(
            $type,
            Integer,
            number => number.try_into().map_err(|_| out_of_range(number)),
            |number| i64::try_from(*number).unwrap_or(i64::MAX)
        );
    };
}

integer_type!(u16);
integer_type!(u32);
integer_type!(u64);
integer_type!(usize);
integer_type!(i64);
option_type!(f64, Float, number => Ok(number), |number| *number);
option_type!(bool, Bool, switch => Ok(switch), |switch| *switch);
option_type!(
    Duration,
    Duration,
    span => span.to_std().ok_or_else(|| out_of_range(span)),
    |span| GoDuration::from(*span)
);
option_type!(GoDuration, Duration, span => Ok(span), |span| *span);
option_type!(String, Text, text => Ok(text), String::clone);
option_type!(Vec<String>, List, texts => Ok(texts), Vec::clone);
option_type!(
    Percentiles, Floats, numbers => Percentiles::new(numbers), |numbers| numbers.as_slice().to_vec()
);
option_type!(LogLevel, LogLevel, level => Ok(level), |level| *level);
option_type!(TlsRequired, TlsRequired, required => Ok(required), |required| *required);
option_type!(TlsMinVersion, TlsMinVersion, version => Ok(version), |version| *version);
option_type!(
    ClientAuthPolicy,
    Text,
    text => ClientAuthPolicy::parse(&text),
    |policy| policy.as_str().to_owned()
);
option_type!(
    AuthMethod, Text, text => AuthMethod::parse(&text), |method| method.as_str().to_owned()
);
option_type!(
    Durability, Text, text => Durability::parse(&text), |durability| durability.as_str().to_owned()
);
option_type!(ListenAddress, Text, text => ListenAddress::parse(&text), ToString::to_string);
option_type!(
    Option<ListenAddress>,
    Text,
    text => match text.as_str() {
        "" => Ok(None),
        text => ListenAddress::parse(text).map(Some),
    },
    |address| address.as_ref().map(ToString::to_string).unwrap_or_default()
);
option_type!(PathBuf, Text, text => Ok(text.into()), |path| path.display().to_string());
// An empty path of a file is no file.
option_type!(
    Option<PathBuf>,
    Text,
    text => Ok(Some(text).filter(|text| !text.is_empty()).map(PathBuf::from)),
    |path| path.as_ref().map(|path| path.display().to_string()).unwrap_or_default()
);

fn out_of_range(value: impl fmt::Display) -> String {
    format!("cannot be {value}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn switches_are_read_as_go_reads_them() {
        for text in ["1", "t", "T", "true", "TRUE", "True"] {
            assert_eq!(Kind::Bool.parse(text), Ok(Value::Bool(true)), "{text}");
        }
        for text in ["0", "f", "F", "false", "FALSE", "False"] {
            assert_eq!(Kind::Bool.parse(text), Ok(Value::Bool(false)), "{text}");
        }
        for text in ["", "yes", "tRUE", "on"] {
            assert_eq!(Kind::Bool.parse(text), Err(ValueError::Parse), "{text}");
        }
    }

    #[test]
    fn tls_is_required_of_nobody_of_everybody_or_of_all_but_plain_http() {
        for (text, required) in [
            ("tcp-https", TlsRequired::TcpHttps),
            ("TCP-HTTPS", TlsRequired::TcpHttps),
            ("true", TlsRequired::Yes),
            ("tRUE", TlsRequired::Yes),
            ("0", TlsRequired::No),
        ] {
            let value = Value::TlsRequired(required);
            assert_eq!(Kind::TlsRequired.parse(text), Ok(value), "{text}");
        }
        assert_eq!(Kind::TlsRequired.parse("tcp"), Err(ValueError::Parse));
    }

    #[test]
    fn numbers_with_a_fraction_are_read_and_shown_as_go_does() {
        for (text, number, shown) in [
            ("1", 1.0, "1"),
            ("0.25", 0.25, "0.25"),
            ("1e-3", 0.001, "0.001"),
            ("-.5", -0.5, "-0.5"),
        ] {
            let value = Kind::Float.parse(text).unwrap();
            assert_eq!((&value, value.to_string().as_str()), (&Value::Float(number), shown));
        }
        assert_eq!(Kind::Float.parse("half"), Err(ValueError::Parse));
    }

    #[test]
    fn list_values_are_not_split() {
        assert_eq!(Kind::List.parse("a:1,b:2"), Ok(Value::List(vec!["a:1,b:2".to_owned()])));
    }

    #[test]
    fn values_that_do_not_fit_the_type_are_refused() {
        assert_eq!(u16::from_value(Value::Integer(65_535)), Ok(65_535));
        assert_eq!(u16::from_value(Value::Integer(65_536)), Err("cannot be 65536".to_owned()));
        let negative = Value::Duration(GoDuration::from_nanos(-1));
        assert_eq!(Duration::from_value(negative), Err("cannot be -1ns".to_owned()));
        assert!(bool::from_value(Value::Integer(1)).is_err());
    }

    #[test]
    fn empty_texts_have_their_meaning() {
        let empty = || Value::Text(String::new());
        assert_eq!(Option::<ListenAddress>::from_value(empty()), Ok(None));
        assert_eq!(Option::<PathBuf>::from_value(empty()), Ok(None));
        assert!(ListenAddress::from_value(empty()).is_err());
    }

    #[test]
    fn there_is_a_way_back_to_what_was_typed() {
        #[track_caller]
        fn returns<T: OptionType>(text: &str) {
            let value = T::KIND.parse(text).unwrap();
            assert_eq!(T::from_value(value.clone()).unwrap().to_value(), value, "{text}");
        }
        returns::<bool>("true");
        returns::<u16>("65535");
        returns::<u64>("9223372036854775807");
        returns::<i64>("-1");
        returns::<f64>("0.25");
        returns::<Duration>("1m30s");
        returns::<String>("[nsqd] ");
        returns::<Vec<String>>("a:1");
        returns::<Percentiles>("1,0.5");
        returns::<LogLevel>("warn");
        returns::<TlsRequired>("tcp-https");
        returns::<TlsMinVersion>("tls1.2");
        returns::<AuthMethod>("post");
        for policy in ["", "require", "require-verify"] {
            returns::<ClientAuthPolicy>(policy);
        }
        returns::<Durability>("process");
        returns::<ListenAddress>("[::1]:4150");
        returns::<Option<ListenAddress>>("/run/nsqd.sock");
        returns::<Option<ListenAddress>>("");
        returns::<PathBuf>("data");
        returns::<Option<PathBuf>>("");
        returns::<Option<PathBuf>>("cert.pem");
    }
}
