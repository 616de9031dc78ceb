//! What the utilities have in common: how they read their command lines and how they complain.

use jiff::Zoned;

use super::{console::Console, exit_code::ExitCode};
use crate::config::{
    NSQ_VERSION,
    declaration::Options,
    flags::{self, FlagError, Parsed},
    typed::TypedOptions,
    usage::usage,
};

/// Why a tool does not start, or ends early.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refusal(pub String);

impl Refusal {
    /// Anything that says why.
    pub fn new(reason: impl ToString) -> Self {
        Self(reason.to_string())
    }

    /// Leaves the line that says why, as upstream's tools do.
    pub fn report(&self, console: &mut Console<'_>) -> ExitCode {
        console.complain(&format!("{} {}", Zoned::now().strftime("%Y/%m/%d %H:%M:%S"), self.0));
        ExitCode::Failure
    }
}

/// Refuses unless something holds.
pub fn require(holds: bool, text: &str) -> Result<(), Refusal> {
    if holds { Ok(()) } else { Err(Refusal::new(text)) }
}

/// Reads the arguments behind a program's name. If there is nothing to run (help, a mistake), says so and gives the exit
/// code.
pub fn read<O: Options>(
    program: &str,
    arguments: &[String],
    console: &mut Console<'_>,
) -> Result<Parsed, ExitCode> {
    flags::parse(O::TABLE, arguments.iter().cloned()).map_err(|error| {
        let is_help = error == FlagError::Help;
        if !is_help {
            console.complain(&error.to_string());
        }
        console.complain(usage(program, O::TABLE, &TypedOptions::default()).trim_end());
        if is_help { ExitCode::Success } else { ExitCode::Usage }
    })
}

/// The same for tools that answer `--version` before they look at anything else, and that say which arguments they ignore.
pub fn read_with_version<O: Options>(
    program: &str,
    arguments: &[String],
    console: &mut Console<'_>,
) -> Result<TypedOptions, ExitCode> {
    let Parsed { options, ignored } = read::<O>(program, arguments, console)?;
    if options.is_on("version") {
        return Err(say_version(program, console));
    }
    if !ignored.is_empty() {
        console.complain(&format!("{program}: ignored, as flags end here: {}", ignored.join(" ")));
    }
    Ok(options)
}

/// Answers `--version`.
pub fn say_version(program: &str, console: &mut Console<'_>) -> ExitCode {
    console.say(&format!("{program} v{NSQ_VERSION}"))
}

/// Decides the options of a tool.
pub fn decide<O: Options>(typed: &TypedOptions) -> Result<O, Refusal> {
    O::decide(&[typed]).map_err(Refusal::new)
}

/// Checks that servers are named in exactly one of two ways: their flags without dashes, their addresses.
pub fn one_kind(
    (nsqd, nsqds): (&str, &[String]),
    (lookupd, lookupds): (&str, &[String]),
) -> Result<(), Refusal> {
    require(
        !nsqds.is_empty() || !lookupds.is_empty(),
        &format!("--{nsqd} or --{lookupd} required"),
    )?;
    require(
        nsqds.is_empty() || lookupds.is_empty(),
        &format!("use --{nsqd} or --{lookupd} not both"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_named_in_one_way() {
        let check = |nsqds: &[&str], lookupds: &[&str]| {
            let owned = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
            one_kind(("nsqd-tcp-address", &owned(nsqds)), ("lookupd-http-address", &owned(lookupds)))
                .map_err(|refusal| refusal.0)
        };
        assert_eq!(check(&["a"], &[]), Ok(()));
        assert_eq!(check(&[], &["a", "b"]), Ok(()));
        let neither = "--nsqd-tcp-address or --lookupd-http-address required";
        assert_eq!(check(&[], &[]), Err(neither.to_owned()));
        let both = "use --nsqd-tcp-address or --lookupd-http-address not both";
        assert_eq!(check(&["a"], &["b"]), Err(both.to_owned()));
    }
}
