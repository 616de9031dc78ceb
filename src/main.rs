//! `nsq`: every NSQ program in one binary, picked by name or by first argument.

use std::process::ExitCode;

use nsq_actors::cli::{
    nsqd, nsqlookupd,
    program::{self, Daemons},
};

fn main() -> ExitCode {
    program::main(Daemons { nsqd: nsqd::daemon::run, nsqlookupd: nsqlookupd::daemon::run }).into()
}
