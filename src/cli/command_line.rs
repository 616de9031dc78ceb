//! Command lines of the programs that read them in the manner of Go, and the options that come of them.

use super::{
    config_file::{self, ConfigFileError},
    console::Console,
    exit_code::ExitCode,
};
use crate::config::{
    declaration::{OptionError, Options},
    file::ParsedFile,
    flags::{self, FlagError},
    typed::TypedOptions,
    usage::usage,
    value::Value,
    version::version_line,
};

/// A program, and how it was called.
#[derive(Debug, Clone, Copy)]
pub struct Called<'a> {
    /// Its classic name, which versions go by.
    pub program: &'static str,
    /// What the help text calls it.
    pub by: &'a str,
    /// What holds instead of the declared defaults.
    pub defaults: &'a TypedOptions,
}

/// What was decided, and what an operator should hear about it once there is a log.
#[derive(Debug)]
pub struct Configured<O> {
    /// Ready for use.
    pub options: O,
    /// One line each.
    pub warnings: Vec<String>,
}

/// Why there are no options although the command line was understood.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file of `--config` cannot be used.
    #[error("{0}")]
    File(#[from] ConfigFileError),
    /// A value cannot be used.
    #[error("{0}")]
    Value(#[from] OptionError),
}

/// Reads the arguments behind a program's name. If there is nothing to run (help, a version, a mistake), says so and
/// gives the exit code.
pub fn read<O: Options>(
    called: Called<'_>,
    arguments: &[String],
    console: &mut Console<'_>,
) -> Result<TypedOptions, ExitCode> {
    let parsed = flags::parse(O::TABLE, arguments.iter().cloned())
        .map_err(|error| explain::<O>(called, &error, console))?;
    if !parsed.ignored.is_empty() {
        let ignored = parsed.ignored.join(" ");
        console.complain(&format!("{}: ignored, as flags end here: {ignored}", called.by));
    }
    if parsed.options.is_on("version") {
        return Err(console.say(&version_line(called.program)));
    }
    Ok(parsed.options)
}

fn explain<O: Options>(
    called: Called<'_>,
    error: &FlagError,
    console: &mut Console<'_>,
) -> ExitCode {
    let help = *error == FlagError::Help;
    if !help {
        console.complain(&error.to_string());
    }
    console.complain(usage(called.by, O::TABLE, called.defaults).trim_end());
    if help { ExitCode::Success } else { ExitCode::Usage }
}

/// Decides the options: of the command line, else of the file that it names, else of `defaults`, else the declared ones.
pub fn decide<O: Options>(
    flags: &TypedOptions,
    defaults: &TypedOptions,
) -> Result<Configured<O>, ConfigError> {
    let ParsedFile { options: in_file, warnings } = load_file::<O>(flags)?;
    let options = O::decide(&[flags, &in_file, defaults])?;
    Ok(Configured { options, warnings })
}

/// The file of `--config`; nothing without one, and where a program has no such flag.
fn load_file<O: Options>(flags: &TypedOptions) -> Result<ParsedFile, ConfigFileError> {
    match flags.get("config") {
        Some(Value::Text(path)) if !path.is_empty() => config_file::load(path, O::TABLE),
        _ => Ok(ParsedFile::default()),
    }
}
