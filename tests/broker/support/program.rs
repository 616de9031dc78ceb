//! Starting programs and seeing them end.

use std::{
    env,
    ffi::OsString,
    io::Read,
    net::{SocketAddr, TcpListener},
    process::{Child, Command, ExitStatus, Stdio},
    time::Duration,
};

use super::wait::{DEADLINE, Pace};

/// Names a broker to test instead of our own.
const OTHER: &str = "NSQD_PROGRAM";

/// Flags that only our own broker has.
const OUR_FLAGS: [&str; 6] = [
    "--durability",
    "--enable-experiment=chaos",
    "--magic-timeout",
    "--mem-queue-bytes",
    "--requeue-on-disconnect",
    "--worker-threads",
];

/// True when our own broker is tested: what it does differently from nsqd 1.3 holds.
pub fn ours() -> bool {
    env::var_os(OTHER).is_none()
}

/// The program `nsq` itself.
pub fn nsq_command() -> Command {
    Command::new(env!("CARGO_BIN_EXE_nsq"))
}

/// The broker, without flags.
pub fn command() -> Command {
    let mut command = match env::var_os(OTHER) {
        Some(program) => Command::new(program),
        None => {
            let mut command = nsq_command();
            command.arg("nsqd");
            command
        }
    };
    command.stdin(Stdio::null());
    command
}

/// The broker, run by a program with its arguments, if there is one.
pub fn wrapped(wrapper: &[String]) -> Command {
    let inner = command();
    let Some((program, arguments)) = wrapper.split_first() else { return inner };
    let mut command = Command::new(program);
    command.args(arguments).arg(inner.get_program()).args(inner.get_args()).stdin(Stdio::null());
    command
}

/// The flags that the tested broker knows.
pub fn known<'a>(flags: &[&'a str]) -> Vec<&'a str> {
    let foreign = |flag: &str| OUR_FLAGS.iter().any(|ours| flag.starts_with(ours));
    flags.iter().copied().filter(|flag| ours() || !foreign(flag)).collect()
}

/// What is left of a program.
#[derive(Debug)]
pub struct Ended {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

/// Runs a program that ends by itself.
#[track_caller]
pub fn run_to_end<A: Into<OsString>>(
    mut command: Command,
    arguments: impl IntoIterator<Item = A>,
) -> Ended {
    let mut child = command
        .args(arguments.into_iter().map(Into::into))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let status = wait_for_exit(&mut child, DEADLINE);
    let _gone = child.kill();
    let (mut out, mut err) = (String::new(), String::new());
    child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
    child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
    let status = status.unwrap_or_else(|| panic!("it does not end, and says {out:?} {err:?}"));
    Ended { code: status.code(), out, err }
}

/// Its status, if the process ends in time.
pub fn wait_for_exit(child: &mut Child, deadline: Duration) -> Option<ExitStatus> {
    let mut pace = Pace::until(deadline);
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return Some(status);
        }
        if !pace.again() {
            return None;
        }
    }
}

/// An address that nobody listens at, nor connects from: tests connect from 127.0.0.1. What is let go there can be had
/// again.
pub fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.2:0").unwrap().local_addr().unwrap()
}
