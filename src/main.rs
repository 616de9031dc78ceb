//! `nsq`: every NSQ program in one binary, picked by name or by first argument.

use std::process::ExitCode;

use nsq_actors::{
    cli::{
        nsqd::{DaemonError, Listening},
        program,
    },
    config::NsqdOptions,
};

fn main() -> ExitCode {
    program::main(no_daemon).into()
}

fn no_daemon(
    _options: NsqdOptions,
    _on_ready: &mut dyn FnMut(&Listening),
) -> Result<(), DaemonError> {
    Err(DaemonError::NotStarted("this build has no broker in it".to_owned()))
}
