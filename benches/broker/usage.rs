//! What the operating system says about a process: CPU time and resident memory.

use std::{fs, time::Duration};

use nix::{time::ClockId, unistd::Pid};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::Result;

/// CPU time of all threads of a process, also of those that ended, in user and in kernel mode.
///
/// The process's CPU clock counts nanoseconds; `utime` and `stime` of `/proc` count 10 ms ticks.
pub fn cpu_of(pid: u32) -> Result<Duration> {
    let clock = ClockId::pid_cpu_clock_id(Pid::from_raw(pid.cast_signed()))?;
    Ok(clock.now()?.into())
}

/// CPU time of this process, which is the load generator.
pub fn own_cpu() -> Result<Duration> {
    Ok(ClockId::CLOCK_PROCESS_CPUTIME_ID.now()?.into())
}

/// Resident memory in bytes. `VmRSS` is a running estimate, this walks the pages.
pub fn resident_bytes(pid: u32) -> Result<u64> {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    let kibibytes = rollup
        .lines()
        .find_map(|line| line.strip_prefix("Rss:"))
        .and_then(|value| value.trim().strip_suffix(" kB"))
        .ok_or("no Rss in smaps_rollup")?;
    Ok(kibibytes.parse::<u64>()? << 10)
}

/// Raises the limit of open files, which child processes inherit.
pub fn allow_many_files() -> Result<()> {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum })?;
    Ok(())
}

/// The processor, how many of them, the kernel, and what else was running at the start.
pub fn machine() -> String {
    let cpus = std::thread::available_parallelism().map_or(0, usize::from);
    let kernel = read_trimmed("/proc/sys/kernel/osrelease");
    let load = read_trimmed("/proc/loadavg");
    let load = load.split(' ').next().unwrap_or_default();
    format!("{cpus} × {}, Linux {kernel}, load average {load} at the start", processor())
}

fn processor() -> String {
    read_trimmed("/proc/cpuinfo")
        .lines()
        .find(|line| line.starts_with("model name"))
        .and_then(|line| line.split_once(':'))
        .map_or_else(|| "unknown processor".to_owned(), |(_, name)| name.trim().to_owned())
}

fn read_trimmed(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default().trim().to_owned()
}
