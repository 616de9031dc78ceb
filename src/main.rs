//! `nsq`: every NSQ program in one binary, picked by name or by first argument.

use std::process::ExitCode;

use nsq_actors::cli::{daemon, program};

fn main() -> ExitCode {
    program::main(daemon::run).into()
}
