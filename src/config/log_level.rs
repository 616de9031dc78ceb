//! How much is logged.

use std::{fmt, str::FromStr};

use log::LevelFilter;

/// The least important lines that are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// Everything, commands of clients included.
    Debug,
    /// The normal course of things.
    Info,
    /// What an operator may want to look at.
    Warn,
    /// What went wrong.
    Error,
    /// Only why the program ends.
    Fatal,
}

/// A word that names no level.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid log level '{0}' (debug, info, warn, error, fatal)")]
pub struct UnknownLogLevel(String);

impl LogLevel {
    /// The filter of the `log` crate that lets these lines through; fatal lines do not pass through `log`.
    pub fn filter(self) -> LevelFilter {
        match self {
            Self::Debug => LevelFilter::Debug,
            Self::Info => LevelFilter::Info,
            Self::Warn => LevelFilter::Warn,
            Self::Error => LevelFilter::Error,
            Self::Fatal => LevelFilter::Off,
        }
    }
}

impl FromStr for LogLevel {
    type Err = UnknownLogLevel;

    fn from_str(text: &str) -> Result<Self, UnknownLogLevel> {
        match text.to_ascii_lowercase().as_str() {
            "debug" => Ok(Self::Debug),
            "info" => Ok(Self::Info),
            "warn" => Ok(Self::Warn),
            "error" => Ok(Self::Error),
            "fatal" => Ok(Self::Fatal),
            _ => Err(UnknownLogLevel(text.to_owned())),
        }
    }
}

impl fmt::Display for LogLevel {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
            Self::Fatal => "fatal",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_read_in_any_case() {
        for (text, level) in [
            ("debug", LogLevel::Debug),
            ("Info", LogLevel::Info),
            ("WARN", LogLevel::Warn),
            ("error", LogLevel::Error),
            ("fatal", LogLevel::Fatal),
        ] {
            assert_eq!(text.parse(), Ok(level));
            assert_eq!(level.to_string(), text.to_lowercase());
        }
    }

    #[test]
    fn other_words_are_refused() {
        for text in ["", "warning", "trace", "info "] {
            assert!(text.parse::<LogLevel>().is_err(), "{text:?}");
        }
    }
}
