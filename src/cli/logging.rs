//! Log lines in upstream's form, on standard error.

use std::fmt;
use std::io::Write;

use env_logger::{Builder, Target, WriteStyle};
use jiff::Zoned;
use log::{Level, LevelFilter, Record};

use super::progress::StderrBesideProgress;
use crate::config::LogLevel;

/// Where the client library's lines come from.
const CLIENT: &str = concat!(env!("CARGO_CRATE_NAME"), "::client");

/// Starts logging. What comes from libraries is shown from warnings on.
pub fn init(prefix: &str, level: LogLevel) {
    let prefix = prefix.to_owned();
    let started = Builder::new()
        .filter_level(LevelFilter::Warn)
        // Reports each malformed request as an error of its own; a client can make as many as it likes.
        .filter_module("actix_http", LevelFilter::Off)
        .filter_module(env!("CARGO_CRATE_NAME"), LevelFilter::Trace)
        .write_style(WriteStyle::Never)
        .target(Target::Stderr)
        .is_test(cfg!(test))
        .format(move |out, record| {
            writeln!(out, "{}", line(&prefix, &Zoned::now(), name(record.level()), record.args()))
        })
        .try_init();
    // Only tests, which share a process, find a logger there already; it will do.
    drop(started);
    log::set_max_level(level.filter());
}

/// How the lines begin that a utility itself has to say.
#[derive(Debug, Clone)]
pub enum OwnLines {
    /// With the time alone, as Go's `log` package does it.
    Plain,
    /// Like those of the daemons.
    Prefixed(String, LogLevel),
}

/// Starts the log of a utility. Lines of the client library are in the form of upstream's, from INFO on.
pub fn init_utility(own: OwnLines) {
    let level = match &own {
        OwnLines::Plain => LevelFilter::Info,
        OwnLines::Prefixed(_, level) => level.filter(),
    };
    let started = Builder::new()
        .filter_level(LevelFilter::Warn)
        .filter_module(env!("CARGO_CRATE_NAME"), level)
        .filter_module(CLIENT, LevelFilter::Info)
        .write_style(WriteStyle::Never)
        .target(match cfg!(test) {
            true => Target::Stderr,
            false => Target::Pipe(Box::new(StderrBesideProgress)),
        })
        .is_test(cfg!(test))
        .format(move |out, record| writeln!(out, "{}", utility_line(&own, &Zoned::now(), record)))
        .try_init();
    // Only tests, which share a process, find a logger there already; it will do.
    drop(started);
}

fn utility_line(own: &OwnLines, now: &Zoned, record: &Record<'_>) -> String {
    let args = record.args();
    match own {
        _ if record.target().starts_with(CLIENT) => {
            let level = match record.level() {
                Level::Error => "ERR",
                Level::Warn => "WRN",
                Level::Info => "INF",
                Level::Debug | Level::Trace => "DBG",
            };
            format!("{} {level:4} {args}", now.strftime("%Y/%m/%d %H:%M:%S"))
        }
        OwnLines::Plain => format!("{} {args}", now.strftime("%Y/%m/%d %H:%M:%S")),
        OwnLines::Prefixed(prefix, _) => line(prefix, now, name(record.level()), args),
    }
}

/// Why a program ends, as the line it leaves. It has one prefix whatever is configured, and every level shows it.
pub fn fatal_line(program: &str, text: impl fmt::Display) -> String {
    line(&format!("[{program}] "), &Zoned::now(), "FATAL", text)
}

/// The same of a program whose lines have that prefix.
pub fn fatal_line_with(prefix: &str, text: impl fmt::Display) -> String {
    line(prefix, &Zoned::now(), "FATAL", text)
}

fn line(prefix: &str, now: &Zoned, level: &str, text: impl fmt::Display) -> String {
    format!("{prefix}{} {level}: {text}", now.strftime("%Y/%m/%d %H:%M:%S%.6f"))
}

fn name(level: Level) -> &'static str {
    match level {
        Level::Error => "ERROR",
        Level::Warn => "WARNING",
        Level::Info => "INFO",
        // Upstream has no finer level.
        Level::Debug | Level::Trace => "DEBUG",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_have_upstreams_form() {
        let now: Zoned = "2026-11-22T17:17:26.01699+01:00[+01:00]".parse().unwrap();
        assert_eq!(
            line("[nsqd] ", &now, name(Level::Info), "TCP: listening on 127.0.0.1:14150"),
            "[nsqd] 2026/11/22 17:17:26.016990 INFO: TCP: listening on 127.0.0.1:14150"
        );
    }

    #[test]
    fn lines_of_the_client_library_are_in_its_form_whoever_uses_it() {
        let now: Zoned = "2026-11-22T17:17:26.01699+01:00[+01:00]".parse().unwrap();
        let record = |target: &str, own: &OwnLines| {
            let args = format_args!("  1 [t/c] connecting");
            let record = Record::builder().target(target).level(Level::Info).args(args).build();
            utility_line(own, &now, &record)
        };
        let prefixed = OwnLines::Prefixed("[nsq_to_file] ".to_owned(), LogLevel::Info);
        let of_client = "2026/11/22 17:17:26 INF    1 [t/c] connecting";
        for own in [&OwnLines::Plain, &prefixed] {
            assert_eq!(record("nsq_actors::client::consumer", own), of_client);
        }
        let own = "[nsq_to_file] 2026/11/22 17:17:26.016990 INFO:   1 [t/c] connecting";
        assert_eq!(record("nsq_actors::cli::nsq_to_file", &prefixed), own);
        assert_eq!(
            record("nsq_actors::cli", &OwnLines::Plain),
            "2026/11/22 17:17:26   1 [t/c] connecting"
        );
    }

    #[test]
    fn fractions_always_have_six_digits() {
        let now: Zoned = "2026-01-02T03:04:05+00:00[+00:00]".parse().unwrap();
        assert_eq!(line("", &now, "WARNING", "x"), "2026/01/02 03:04:05.000000 WARNING: x");
    }

    #[test]
    fn fatal_lines_name_the_program() {
        let line = fatal_line("nsqd", "gone");
        assert!(line.starts_with("[nsqd] 2"), "{line}");
        assert!(line.ends_with(" FATAL: gone"), "{line}");
    }

    #[test]
    fn warnings_are_spelt_out() {
        assert_eq!(name(Level::Warn), "WARNING");
    }
}
