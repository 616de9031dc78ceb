//! Durations as Go writes them: `300ms`, `1m30s`, `-5s`.

use std::{fmt, str::FromStr, time::Duration};

const NANOSECOND: u64 = 1;
const MICROSECOND: u64 = 1_000;
const MILLISECOND: u64 = 1_000_000;
const SECOND: u64 = 1_000_000_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;

/// Magnitude of the most negative duration; the most positive one is 1 less.
const MAGNITUDE_MAX: u64 = 1 << 63;

/// A span of time that may be negative, in nanoseconds: what an option or a request may hold before it is checked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct GoDuration(i64);

/// Why a text is not a duration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// Not a sequence of decimal numbers with units.
    #[error("invalid duration")]
    Invalid,
    /// A number without a unit; only `0` may stand alone.
    #[error("missing unit in duration")]
    MissingUnit,
    /// A unit that is none of ns, us, µs, ms, s, m, h.
    #[error("unknown unit in duration")]
    UnknownUnit,
    /// More than some 292 years.
    #[error("duration out of range")]
    OutOfRange,
}

impl GoDuration {
    /// A duration of that many nanoseconds.
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// The whole duration in nanoseconds.
    pub const fn as_nanos(self) -> i64 {
        self.0
    }

    /// The duration as the standard library has it; nothing if it is negative.
    pub fn to_std(self) -> Option<Duration> {
        u64::try_from(self.0).ok().map(Duration::from_nanos)
    }
}

impl From<Duration> for GoDuration {
    /// Takes the duration over; what exceeds the range becomes the longest one.
    fn from(duration: Duration) -> Self {
        Self(i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX))
    }
}

impl FromStr for GoDuration {
    type Err = DurationError;

    fn from_str(text: &str) -> Result<Self, DurationError> {
        let (negative, mut rest) = match text.as_bytes().first() {
            Some(b'-') => (true, &text[1..]),
            Some(b'+') => (false, &text[1..]),
            _ => (false, text),
        };
        if rest == "0" {
            return Ok(Self(0));
        }
        if rest.is_empty() {
            return Err(DurationError::Invalid);
        }
        let mut magnitude = 0;
        while !rest.is_empty() {
            let (part, after) = leading_part(rest)?;
            magnitude = bounded(u128::from(magnitude) + u128::from(part))?;
            rest = after;
        }
        signed(negative, magnitude)
    }
}

fn signed(negative: bool, magnitude: u64) -> Result<GoDuration, DurationError> {
    if negative {
        return Ok(GoDuration(0i64.wrapping_sub_unsigned(magnitude)));
    }
    i64::try_from(magnitude).map(GoDuration).map_err(|_| DurationError::OutOfRange)
}

fn bounded(nanos: u128) -> Result<u64, DurationError> {
    match u64::try_from(nanos) {
        Ok(nanos) if nanos <= MAGNITUDE_MAX => Ok(nanos),
        _ => Err(DurationError::OutOfRange),
    }
}

/// Reads one number with its unit off the front: its nanoseconds, and the text behind it.
fn leading_part(text: &str) -> Result<(u64, &str), DurationError> {
    let (whole, rest) = split_digits(text);
    let (fraction, rest) = match rest.strip_prefix('.') {
        Some(rest) => split_digits(rest),
        None => ("", rest),
    };
    if whole.is_empty() && fraction.is_empty() {
        return Err(DurationError::Invalid);
    }
    let unit_bytes = rest.find(|ch: char| ch == '.' || ch.is_ascii_digit()).unwrap_or(rest.len());
    let (unit, rest) = rest.split_at(unit_bytes);
    let unit = unit_nanos(unit)?;
    let whole: u64 = match whole {
        "" => 0,
        digits => digits.parse().map_err(|_| DurationError::OutOfRange)?,
    };
    let nanos = u128::from(unit) * u128::from(whole) + fraction_nanos(fraction, unit);
    Ok((bounded(nanos)?, rest))
}

fn split_digits(text: &str) -> (&str, &str) {
    let end = text.find(|ch: char| !ch.is_ascii_digit()).unwrap_or(text.len());
    text.split_at(end)
}

fn unit_nanos(unit: &str) -> Result<u64, DurationError> {
    match unit {
        "" => Err(DurationError::MissingUnit),
        "ns" => Ok(NANOSECOND),
        // The micro sign, and the Greek letter that looks like it.
        "us" | "\u{b5}s" | "\u{3bc}s" => Ok(MICROSECOND),
        "ms" => Ok(MILLISECOND),
        "s" => Ok(SECOND),
        "m" => Ok(MINUTE),
        "h" => Ok(HOUR),
        _ => Err(DurationError::UnknownUnit),
    }
}

/// The digits after the point, cut at whole nanoseconds.
fn fraction_nanos(digits: &str, unit: u64) -> u128 {
    let mut numerator: u128 = 0;
    let mut denominator: u128 = 1;
    // An hour has fewer than 10^13 nanoseconds: digits beyond the 18th cannot matter.
    for digit in digits.bytes().take(18) {
        numerator = numerator * 10 + u128::from(digit - b'0');
        denominator *= 10;
    }
    u128::from(unit) * numerator / denominator
}

impl fmt::Display for GoDuration {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 < 0 {
            formatter.write_str("-")?;
        }
        let nanos = self.0.unsigned_abs();
        match nanos {
            0 => formatter.write_str("0s"),
            1..MICROSECOND => write!(formatter, "{nanos}ns"),
            MICROSECOND..MILLISECOND => write_decimal(formatter, nanos, MICROSECOND, "\u{b5}s"),
            MILLISECOND..SECOND => write_decimal(formatter, nanos, MILLISECOND, "ms"),
            _ => write_clock(formatter, nanos),
        }
    }
}

fn write_clock(formatter: &mut fmt::Formatter<'_>, nanos: u64) -> fmt::Result {
    if nanos >= HOUR {
        write!(formatter, "{}h", nanos / HOUR)?;
    }
    if nanos >= MINUTE {
        write!(formatter, "{}m", nanos % HOUR / MINUTE)?;
    }
    write_decimal(formatter, nanos % MINUTE, SECOND, "s")
}

/// Writes `nanos` in that unit, without trailing zeros after the point.
fn write_decimal(
    formatter: &mut fmt::Formatter<'_>,
    nanos: u64,
    unit: u64,
    name: &str,
) -> fmt::Result {
    write!(formatter, "{}", nanos / unit)?;
    let digits = unit.ilog10() as usize;
    let fraction = format!("{:0digits$}", nanos % unit);
    let fraction = fraction.trim_end_matches('0');
    if !fraction.is_empty() {
        write!(formatter, ".{fraction}")?;
    }
    formatter.write_str(name)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn durations_are_read() {
        for (text, nanos) in [
            ("0", 0),
            ("-0", 0),
            ("+0", 0),
            ("0s", 0),
            ("300ms", 300_000_000),
            ("1.5h", 5_400_000_000_000),
            ("1m30s", 90_000_000_000),
            ("100us", 100_000),
            ("100\u{b5}s", 100_000),
            ("100\u{3bc}s", 100_000),
            ("-5s", -5_000_000_000),
            ("+5s", 5_000_000_000),
            ("1.s", 1_000_000_000),
            (".5s", 500_000_000),
            ("0.100000000000000000000h", 360_000_000_000),
            ("1.9ns", 1),
            ("9223372036854775807ns", i64::MAX),
            ("-9223372036854775808ns", i64::MIN),
            ("-2562047h47m16.854775808s", i64::MIN),
        ] {
            assert_eq!(text.parse(), Ok(GoDuration(nanos)), "{text}");
        }
    }

    #[test]
    fn other_texts_are_refused() {
        use DurationError::{Invalid, MissingUnit, OutOfRange, UnknownUnit};
        for (text, error) in [
            ("", Invalid),
            ("-", Invalid),
            ("s", Invalid),
            (".s", Invalid),
            ("+-5s", Invalid),
            (" 5s", Invalid),
            ("5s ", UnknownUnit),
            ("1000", MissingUnit),
            ("1.5", MissingUnit),
            ("1m30", MissingUnit),
            ("1d", UnknownUnit),
            ("1S", UnknownUnit),
            ("1_000s", UnknownUnit),
            ("9223372036854775808ns", OutOfRange),
            ("-9223372036854775809ns", OutOfRange),
            ("99999999999999999999999h", OutOfRange),
            ("2562047h47m16.854775808s", OutOfRange),
        ] {
            assert_eq!(text.parse::<GoDuration>(), Err(error), "{text:?}");
        }
    }

    #[test]
    fn durations_are_written_as_go_does() {
        for (nanos, text) in [
            (0, "0s"),
            (1, "1ns"),
            (1_100, "1.1\u{b5}s"),
            (2_200_000, "2.2ms"),
            (25_000_000, "25ms"),
            (250_000_000, "250ms"),
            (1_500_000_000, "1.5s"),
            (2_000_000_000, "2s"),
            (60_000_000_000, "1m0s"),
            (3_600_000_000_000, "1h0m0s"),
            (300_001_000_000, "5m0.001s"),
            (-5_000_000_000, "-5s"),
            (i64::MAX, "2562047h47m16.854775807s"),
            (i64::MIN, "-2562047h47m16.854775808s"),
        ] {
            assert_eq!(GoDuration(nanos).to_string(), text);
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(nanos: i64) {
            let duration = GoDuration(nanos);
            prop_assert_eq!(duration.to_string().parse(), Ok(duration));
        }

        #[test]
        fn no_text_panics(text in "[-+.0-9a-zµ_]{0,40}") {
            let _: Result<GoDuration, _> = text.parse();
        }
    }
}
