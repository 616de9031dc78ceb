//! Hosts of their own for nsqlookupds: network namespaces, each tied to the test's by a veth pair.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpStream},
    process::{Child, Command, Stdio},
    thread,
};

use nix::sched::{CloneFlags, unshare};
use rustix::process::{Pid, Signal, kill_process};

use crate::support::{eventually, http, nsq_command};

const TCP_PORT: u16 = 4160;
const HTTP_PORT: u16 = 4161;

/// Runs `test` on a thread with a network of its own, in which there is nothing but loopback. Says why not
/// if the machine forbids that.
pub fn with_network(test: impl FnOnce() + Send) {
    thread::scope(|scope| {
        let ran = scope.spawn(|| {
            if let Err(reason) = leave_network() {
                return eprintln!("skipped: no network of its own: {reason}");
            }
            test();
        });
        if let Err(panic) = ran.join() {
            std::panic::resume_unwind(panic);
        }
    });
}

/// A thread and its children can have another network than the process.
fn leave_network() -> Result<(), String> {
    unshare(CloneFlags::CLONE_NEWNET).map_err(|error| error.to_string())?;
    ip("link set lo up")?;
    // The rest of what a host needs may be forbidden all the same.
    ip("link add probe0 type veth peer name probe1")?;
    ip("link del probe0")?;
    let probe = name(0);
    ip(&format!("netns add {probe}"))?;
    ip(&format!("netns del {probe}"))
}

fn ip(arguments: &str) -> Result<(), String> {
    let mut command = Command::new("ip");
    let ran =
        command.args(arguments.split(' ')).output().map_err(|error| format!("ip: {error}"))?;
    let said = String::from_utf8_lossy(&ran.stderr);
    ran.status.success().then_some(()).ok_or(format!("ip {arguments}: {}", said.trim()))
}

/// Different from those of other tests that run at the same time.
fn name(number: u8) -> String {
    format!("nsq-{}-{number}", std::process::id())
}

/// Gone when it goes out of scope, and with it all that is in it.
struct Namespace(String);

impl Namespace {
    fn new(number: u8) -> Self {
        let name = name(number);
        ip(&format!("netns add {name}")).unwrap();
        Self(name)
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _nothing_left_to_do = ip(&format!("netns del {}", self.0));
    }
}

/// An nsqlookupd on a host of its own. Both are gone when it goes out of scope.
pub struct Host {
    namespace: Namespace,
    number: u8,
    child: Child,
}

impl Host {
    /// The host of that number, from 1 on.
    pub fn start(number: u8) -> Self {
        let namespace = Namespace::new(number);
        let (name, link) = (&namespace.0, format!("veth{number}"));
        for arguments in [
            format!("link add {link} type veth peer name eth0 netns {name}"),
            format!("addr add 10.0.{number}.1/24 dev {link}"),
            format!("link set {link} up"),
            format!("-n {name} addr add {}/24 dev eth0", address(number)),
            format!("-n {name} link set lo up"),
            format!("-n {name} link set eth0 up"),
        ] {
            ip(&arguments).unwrap();
        }
        let program = nsq_command();
        let child = Command::new("ip")
            .args(["netns", "exec", name])
            .arg(program.get_program())
            .args(["nsqlookupd", &format!("--broadcast-address={}", address(number))])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let host = Self { namespace, number, child };
        let connects = || TcpStream::connect(SocketAddr::from((address(number), HTTP_PORT))).ok();
        eventually("the nsqlookupd is there", connects);
        host
    }

    /// The flag that names it.
    pub fn flag(&self) -> String {
        format!("--lookupd-tcp-address={}:{TCP_PORT}", address(self.number))
    }

    /// What it names as the ports of the topic's producers.
    pub fn ports(&self, topic: &str) -> Vec<u16> {
        let address = SocketAddr::from((address(self.number), HTTP_PORT));
        let asked = http::request_bytes("GET", &format!("/lookup?topic={topic}"), b"");
        let Some(answer) = http::try_exchange(address, &asked) else { return Vec::new() };
        let found = answer.json();
        let producers = found["producers"].as_array().into_iter().flatten();
        let ports = producers.filter_map(|producer| producer["tcp_port"].as_u64());
        ports.filter_map(|port| u16::try_from(port).ok()).collect()
    }

    /// Nothing goes to it or comes from it any more.
    pub fn cut_off(&self) {
        ip(&format!("-n {} link set eth0 down", self.namespace.0)).unwrap();
    }

    pub fn join_again(&self) {
        ip(&format!("-n {} link set eth0 up", self.namespace.0)).unwrap();
    }

    /// Its kernel accepts connections; nobody answers.
    pub fn freeze(&self) {
        kill_process(Pid::from_child(&self.child), Signal::STOP).unwrap();
    }

    pub fn thaw(&self) {
        kill_process(Pid::from_child(&self.child), Signal::CONT).unwrap();
    }
}

fn address(number: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 0, number, 2)
}

impl Drop for Host {
    fn drop(&mut self) {
        let _already_gone = self.child.kill();
        let _already_gone = self.child.wait();
    }
}
