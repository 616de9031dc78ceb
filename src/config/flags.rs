//! Command lines as Go's `flag` package reads them.

use super::{
    declaration::OptionSpec,
    typed::TypedOptions,
    value::{Kind, Value, ValueError},
};

/// A command line that was understood.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Parsed {
    /// What the flags say.
    pub options: TypedOptions,
    /// From the first argument on that is no flag: all that is not looked at.
    pub ignored: Vec<String>,
}

/// Why a command line is not used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FlagError {
    /// Somebody asked how to use the program; no mistake.
    #[error("help requested")]
    Help,
    /// More than two dashes, or no name.
    #[error("bad flag syntax: {0}")]
    BadSyntax(String),
    /// No such flag.
    #[error("flag provided but not defined: -{0}")]
    NotDefined(String),
    /// The command line ends before the value.
    #[error("flag needs an argument: -{0}")]
    NeedsArgument(&'static str),
    /// Not a word for true or false.
    #[error("invalid boolean value {value:?} for -{flag}: {cause}")]
    InvalidBool {
        /// What was typed.
        value: String,
        /// The flag it was typed for.
        flag: &'static str,
        /// What is wrong with it.
        cause: ValueError,
    },
    /// Not a value of the flag's type.
    #[error("invalid value {value:?} for flag -{flag}: {cause}")]
    InvalidValue {
        /// What was typed.
        value: String,
        /// The flag it was typed for.
        flag: &'static str,
        /// What is wrong with it.
        cause: ValueError,
    },
}

/// Reads the arguments behind a program's name. Stops at the first one that is not a flag, at `-`, or behind `--`.
pub fn parse<I>(table: &[OptionSpec], arguments: I) -> Result<Parsed, FlagError>
where
    I: IntoIterator<Item = String>,
{
    let mut arguments = arguments.into_iter();
    let mut options = TypedOptions::default();
    let mut ignored = Vec::new();
    while let Some(argument) = arguments.next() {
        match split_flag(&argument)? {
            Argument::Flag { name, value } => {
                let spec = find(table, name)?;
                let value = read_value(spec, value, &mut arguments)?;
                options.add(spec, value);
            }
            Argument::Positional => {
                ignored.push(argument);
                break;
            }
            Argument::Terminator => break,
        }
    }
    ignored.extend(arguments);
    Ok(Parsed { options, ignored })
}

enum Argument<'a> {
    Flag { name: &'a str, value: Option<&'a str> },
    Positional,
    Terminator,
}

fn split_flag(argument: &str) -> Result<Argument<'_>, FlagError> {
    if argument == "--" {
        return Ok(Argument::Terminator);
    }
    let body = match argument.strip_prefix("--").or_else(|| argument.strip_prefix('-')) {
        Some(body) if argument != "-" => body,
        _ => return Ok(Argument::Positional),
    };
    if body.starts_with(['-', '=']) {
        return Err(FlagError::BadSyntax(argument.to_owned()));
    }
    Ok(match body.split_once('=') {
        Some((name, value)) => Argument::Flag { name, value: Some(value) },
        None => Argument::Flag { name: body, value: None },
    })
}

fn find<'a>(table: &'a [OptionSpec], name: &str) -> Result<&'a OptionSpec, FlagError> {
    match table.iter().find(|spec| spec.flag == name) {
        Some(spec) => Ok(spec),
        None if name == "help" || name == "h" => Err(FlagError::Help),
        None => Err(FlagError::NotDefined(name.to_owned())),
    }
}

/// The flag's value: behind its `=`, or the next argument, which a switch never takes.
fn read_value(
    spec: &OptionSpec,
    value: Option<&str>,
    rest: &mut impl Iterator<Item = String>,
) -> Result<Value, FlagError> {
    let flag = spec.flag;
    let text = match (value, spec.kind.implied()) {
        (Some(value), _) => value.to_owned(),
        (None, Some(implied)) => return Ok(implied),
        (None, None) => rest.next().ok_or(FlagError::NeedsArgument(flag))?,
    };
    let checked = spec.check.map_or(Ok(()), |check| check(&text).map_err(ValueError::Other));
    checked.and_then(|()| spec.kind.parse(&text)).map_err(|cause| match spec.kind {
        Kind::Bool | Kind::TlsRequired => FlagError::InvalidBool { value: text, flag, cause },
        _ => FlagError::InvalidValue { value: text, flag, cause },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{TlsRequired, declaration::flag};

    const TABLE: &[OptionSpec] = &[
        flag("deflate").described(Kind::Bool, "compress"),
        flag("msg-timeout").described(Kind::Duration, "how long"),
        flag("size").described(Kind::Integer, "how many"),
        flag("path").described(Kind::Text, "where"),
        flag("peer").described(Kind::List, "with whom"),
        flag("log-level").described(Kind::LogLevel, "how much"),
        flag("tls-required").described(Kind::TlsRequired, "of whom"),
        flag("percentile").described(Kind::Floats, "which"),
        flag("even").checked(even_length).described(Kind::List, "twos"),
    ];

    fn even_length(text: &str) -> Result<(), String> {
        if text.len().is_multiple_of(2) { Ok(()) } else { Err(format!("{text} is odd")) }
    }

    fn parse(arguments: &[&str]) -> Result<Parsed, FlagError> {
        super::parse(TABLE, arguments.iter().map(|&argument| argument.to_owned()))
    }

    #[track_caller]
    fn reads(arguments: &[&str], flag: &str, value: &Value) {
        let parsed = parse(arguments).unwrap();
        assert_eq!(parsed.options.get(flag), Some(value));
        assert!(parsed.ignored.is_empty());
    }

    #[test]
    fn one_or_two_dashes_and_both_ways_to_give_a_value_are_equal() {
        for arguments in [
            &["-size=5"][..],
            &["--size=5"],
            &["-size", "5"],
            &["--size", "5"],
            &["--size=4", "--size", "5"],
        ] {
            reads(arguments, "size", &Value::Integer(5));
        }
    }

    #[test]
    fn texts_are_checked_where_an_option_wants_it() {
        reads(&["-even=ab"], "even", &Value::List(vec!["ab".to_owned()]));
        let error = parse(&["-even=abc"]).unwrap_err();
        assert_eq!(error.to_string(), "invalid value \"abc\" for flag -even: abc is odd");
    }

    #[test]
    fn values_may_be_empty_and_may_look_like_flags() {
        reads(&["--path="], "path", &Value::Text(String::new()));
        reads(&["--path", "--size"], "path", &Value::Text("--size".to_owned()));
        reads(&["--path=a=b"], "path", &Value::Text("a=b".to_owned()));
    }

    #[test]
    fn repeated_lists_grow() {
        let texts = vec!["a".to_owned(), "b,c".to_owned()];
        reads(&["--peer=a", "--peer", "b,c"], "peer", &Value::List(texts));
    }

    #[test]
    fn repeated_numbers_grow_and_stand_from_the_greatest_down() {
        reads(
            &["--percentile=0.5,0.99", "--percentile", "1"],
            "percentile",
            &Value::Floats(vec![1.0, 0.99, 0.5]),
        );
    }

    #[test]
    fn tls_required_takes_no_further_argument_but_may_have_a_value() {
        reads(&["--tls-required"], "tls-required", &Value::TlsRequired(TlsRequired::Yes));
        let tcp_https = Value::TlsRequired(TlsRequired::TcpHttps);
        reads(&["--tls-required=tcp-https"], "tls-required", &tcp_https);
    }

    #[test]
    fn switches_take_no_further_argument() {
        reads(&["--deflate"], "deflate", &Value::Bool(true));
        reads(&["--deflate=F"], "deflate", &Value::Bool(false));
        let parsed = parse(&["--deflate", "false", "--size=5"]).unwrap();
        assert!(parsed.options.is_on("deflate"));
        assert_eq!(parsed.options.get("size"), None);
        assert_eq!(parsed.ignored, ["false", "--size=5"]);
    }

    #[test]
    fn reading_stops_at_what_is_no_flag() {
        for (arguments, ignored) in [
            (&["--", "--size=5"][..], &["--size=5"][..]),
            (&["-", "--size=5"], &["-", "--size=5"]),
            (&["", "--size=5"], &["", "--size=5"]),
            (&["size=5", "--bogus"], &["size=5", "--bogus"]),
            (&["--"], &[]),
            (&[], &[]),
        ] {
            let parsed = parse(arguments).unwrap();
            assert_eq!(parsed.options, TypedOptions::default(), "{arguments:?}");
            assert_eq!(parsed.ignored, ignored, "{arguments:?}");
        }
    }

    #[test]
    fn mistakes_are_told_in_gos_words() {
        for (arguments, text) in [
            (&["---size"][..], "bad flag syntax: ---size"),
            (&["--=5"], "bad flag syntax: --=5"),
            (&["-=5"], "bad flag syntax: -=5"),
            (&["-bogus"], "flag provided but not defined: -bogus"),
            (&["--bogus=5"], "flag provided but not defined: -bogus"),
            (&["--size"], "flag needs an argument: -size"),
            (&["--msg-timeout=1000"], "invalid value \"1000\" for flag -msg-timeout: parse error"),
            (&["-size", "1e3"], "invalid value \"1e3\" for flag -size: parse error"),
            (
                &["-size=9223372036854775808"],
                "invalid value \"9223372036854775808\" for flag -size: value out of range",
            ),
            (&["--deflate=maybe"], "invalid boolean value \"maybe\" for -deflate: parse error"),
            (&["--tls-required=x"], "invalid boolean value \"x\" for -tls-required: parse error"),
            (
                &["--percentile=1, 0.99"],
                "invalid value \"1, 0.99\" for flag -percentile: could not parse:  0.99",
            ),
            (&["--deflate="], "invalid boolean value \"\" for -deflate: parse error"),
            (
                &["--log-level=warning"],
                "invalid value \"warning\" for flag -log-level: \
                 invalid log level 'warning' (debug, info, warn, error, fatal)",
            ),
        ] {
            assert_eq!(parse(arguments).unwrap_err().to_string(), text);
        }
    }

    #[test]
    fn help_is_asked_for_in_four_ways() {
        for argument in ["-h", "--h", "-help", "--help"] {
            assert_eq!(parse(&["--size=5", argument]), Err(FlagError::Help));
        }
    }
}
