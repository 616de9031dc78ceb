//! `nsq`: every NSQ program in one binary, picked by name or by first argument.

use std::process::ExitCode;

use nsq_actors::cli::{
    nsqadmin, nsqd, nsqlookupd,
    program::{self, Daemons},
    up,
};

fn main() -> ExitCode {
    let daemons = Daemons {
        nsqd: nsqd::daemon::run,
        nsqlookupd: nsqlookupd::daemon::run,
        nsqadmin: nsqadmin::daemon::run,
        up: up::run_daemons,
    };
    program::main(daemons).into()
}
