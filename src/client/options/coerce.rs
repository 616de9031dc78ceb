//! What texts mean for the types of options, and what Go's parsers say about those that mean nothing.

use std::{fmt, net::SocketAddr, path::PathBuf, time::Duration};

use crate::config::{GoDuration, TlsMinVersion, duration::DurationError};

/// What stands behind an option's name.
#[derive(Debug, Clone, Copy)]
pub(super) enum Given<'a> {
    Text(&'a str),
    /// Nothing, which means true.
    True,
}

impl<'a> Given<'a> {
    fn text(self) -> Result<&'a str, String> {
        match self {
            Self::Text(text) => Ok(text),
            Self::True => Err("invalid value type".to_owned()),
        }
    }
}

impl fmt::Display for Given<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Text(text) => text,
            Self::True => "true",
        })
    }
}

/// A type of option. Values are read as `Wide`, which also holds what is out of bounds.
pub(super) trait Coerce: Sized {
    type Wide: PartialOrd;
    /// The name of the type.
    const KIND: &'static str;
    /// The least value where none is declared.
    const LEAST: &'static str = "";

    fn none() -> Self;
    fn coerce(given: Given<'_>) -> Result<Self::Wide, String>;
    fn narrow(wide: Self::Wide) -> Result<Self, String>;
    fn widen(&self) -> Self::Wide;
    fn show(wide: &Self::Wide) -> String;
}

/// How the time of a back-off grows with its level.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum BackoffStrategy {
    /// `backoff_multiplier × 2^level`.
    #[default]
    Exponential,
    /// A random part of that.
    FullJitter,
}

/// A span that can be switched off, with `-1ns`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Interval(pub Option<Duration>);

macro_rules! integer {
    ($($type:ty)*) => {$(
        impl Coerce for $type {
            type Wide = i64;
            const KIND: &'static str = "int";

            fn none() -> Self {
                0
            }

            fn coerce(given: Given<'_>) -> Result<i64, String> {
                parse_int(given.text()?)
            }

            fn narrow(wide: i64) -> Result<Self, String> {
                Self::try_from(wide).map_err(|_| "value out of range".to_owned())
            }

            fn widen(&self) -> i64 {
                i64::from(*self)
            }

            fn show(wide: &i64) -> String {
                wide.to_string()
            }
        }
    )*};
}

integer!(u8 u16 u32 i64);

/// Texts of which each is a value or none; they have no order that bounds could use.
macro_rules! textual {
    ($type:ty, $kind:literal, $none:expr, $read:expr) => {
        impl Coerce for $type {
            type Wide = Unordered<$type>;
            const KIND: &'static str = $kind;

            fn none() -> Self {
                $none
            }

            fn coerce(given: Given<'_>) -> Result<Unordered<Self>, String> {
                let read: fn(Given<'_>) -> Result<Self, String> = $read;
                read(given).map(Unordered)
            }

            fn narrow(wide: Unordered<Self>) -> Result<Self, String> {
                Ok(wide.0)
            }

            fn widen(&self) -> Unordered<Self> {
                Unordered(self.clone())
            }

            fn show(_: &Unordered<Self>) -> String {
                String::new()
            }
        }
    };
}

/// Something without bounds.
pub(super) struct Unordered<T>(T);

impl<T> PartialEq for Unordered<T> {
    fn eq(&self, _: &Self) -> bool {
        false
    }
}

impl<T> PartialOrd for Unordered<T> {
    fn partial_cmp(&self, _: &Self) -> Option<std::cmp::Ordering> {
        None
    }
}

textual!(bool, "bool", false, |given| match given {
    Given::True => Ok(true),
    Given::Text(text) => parse_bool(text),
});
textual!(Option<bool>, "bool", None, |given| bool::coerce(given).map(|switch| Some(switch.0)));
textual!(String, "string", String::new(), |given| Ok(given.to_string()));
textual!(Option<PathBuf>, "path", None, |given| {
    let path = given.text()?;
    Ok((!path.is_empty()).then(|| path.into()))
});
textual!(Option<SocketAddr>, "ip:port", None, |given| match given.text()? {
    "" => Ok(None),
    text => parse_address(text).map(Some),
});
textual!(BackoffStrategy, "string", BackoffStrategy::Exponential, |given| match given.text()? {
    "" | "exponential" => Ok(BackoffStrategy::Exponential),
    "full_jitter" => Ok(BackoffStrategy::FullJitter),
    _ => Err("unknown backoff strategy (exponential, full_jitter)".to_owned()),
});
textual!(TlsMinVersion, "string", TlsMinVersion::Tls10, |given| match given.text()? {
    "ssl3.0" => Ok(TlsMinVersion::Tls10), // spoken no more, as are those that follow it
    text => TlsMinVersion::parse(text),
});

impl Coerce for f64 {
    type Wide = f64;
    const KIND: &'static str = "float";

    fn none() -> Self {
        0.0
    }

    fn coerce(given: Given<'_>) -> Result<f64, String> {
        let text = given.text()?;
        let number = text.parse().ok().filter(|number: &f64| !number.is_nan());
        number.ok_or_else(|| format!("strconv.ParseFloat: parsing {text:?}: invalid syntax"))
    }

    fn narrow(wide: f64) -> Result<Self, String> {
        Ok(wide)
    }

    fn widen(&self) -> f64 {
        *self
    }

    fn show(wide: &f64) -> String {
        wide.to_string()
    }
}

impl Coerce for Duration {
    type Wide = GoDuration;
    const KIND: &'static str = "duration";
    const LEAST: &'static str = "0";

    fn none() -> Self {
        Self::ZERO
    }

    fn coerce(given: Given<'_>) -> Result<GoDuration, String> {
        parse_duration(given.text()?)
    }

    fn narrow(wide: GoDuration) -> Result<Self, String> {
        wide.to_std().ok_or_else(|| "value out of range".to_owned())
    }

    fn widen(&self) -> GoDuration {
        (*self).into()
    }

    fn show(wide: &GoDuration) -> String {
        wide.to_string()
    }
}

impl Coerce for Interval {
    type Wide = GoDuration;
    const KIND: &'static str = "duration";

    fn none() -> Self {
        Self(None)
    }

    fn coerce(given: Given<'_>) -> Result<GoDuration, String> {
        parse_duration(given.text()?)
    }

    fn narrow(wide: GoDuration) -> Result<Self, String> {
        Ok(Self(wide.to_std()))
    }

    fn widen(&self) -> GoDuration {
        self.0.map_or(GoDuration::from_nanos(-1), GoDuration::from)
    }

    fn show(wide: &GoDuration) -> String {
        wide.to_string()
    }
}

fn parse_bool(text: &str) -> Result<bool, String> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err(format!("strconv.ParseBool: parsing {text:?}: invalid syntax")),
    }
}

/// Decimal only, unlike on a command line.
fn parse_int(text: &str) -> Result<i64, String> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let problem = |what| format!("strconv.ParseInt: parsing {text:?}: {what}");
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(problem("invalid syntax"));
    }
    text.parse().map_err(|_| problem("value out of range"))
}

fn parse_duration(text: &str) -> Result<GoDuration, String> {
    text.parse().map_err(|error| match error {
        DurationError::Invalid | DurationError::OutOfRange => {
            format!("time: invalid duration {text:?}")
        }
        DurationError::MissingUnit => format!("time: missing unit in duration {text:?}"),
        DurationError::UnknownUnit => format!("time: unknown unit in duration {text:?}"),
    })
}

fn parse_address(text: &str) -> Result<SocketAddr, String> {
    let every_interface = text.strip_prefix(':').map(|port| format!("0.0.0.0:{port}"));
    let address = every_interface.as_deref().unwrap_or(text).parse();
    address.map_err(|_| format!("address {text}: not of the form ip:port"))
}
