//! What the operating system says about a process: CPU time and resident memory.

use std::{
    fs,
    time::{Duration, Instant},
};

use nix::{time::ClockId, unistd::Pid};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde::Serialize;
use tokio::time::sleep;

use super::{BenchError, Result};

/// No process of Linux has this number or a higher one; such clocks would be those of others.
pub const PID_MAX: u32 = 1 << 22;
/// From one look at a server that is to come to rest to the next.
const LOOK: Duration = Duration::from_millis(200);

/// CPU time of all threads of a process, also of those that ended, in user and in kernel mode.
///
/// The process's CPU clock counts nanoseconds; `utime` and `stime` of `/proc` count 10 ms ticks.
pub fn cpu_of(pid: u32) -> Result<Duration> {
    if !(1..PID_MAX).contains(&pid) {
        return Err(unknown(pid, &"no such number"));
    }
    let cpu = || ClockId::pid_cpu_clock_id(Pid::from_raw(pid.cast_signed()))?.now();
    let cpu = cpu().map_err(|error| unknown(pid, &error))?;
    Ok(cpu.into())
}

/// CPU time of this process.
pub fn own_cpu() -> Duration {
    let cpu = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(cpu.tv_sec.unsigned_abs(), cpu.tv_nsec.unsigned_abs() as u32)
}

/// Resident memory in bytes. `VmRSS` is a running estimate, this walks the pages.
pub fn resident_bytes(pid: u32) -> Result<u64> {
    kibibytes(pid, "smaps_rollup", "Rss:")
}

/// Resident memory of a server around a piece of work, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Memory {
    /// Before it.
    pub before: u64,
    /// After it.
    pub after: u64,
    /// The most meanwhile; since the process's start where it may not be asked to forget what was before.
    pub peak: u64,
}

/// Watches the memory of a process.
#[derive(Debug)]
pub struct MemoryMeter {
    pid: u32,
    before: u64,
}

impl MemoryMeter {
    /// Begins to watch.
    pub fn start(pid: u32) -> Result<Self> {
        // Makes the peak that of now; only whoever may trace the process can.
        let _not_allowed = fs::write(format!("/proc/{pid}/clear_refs"), "5");
        Ok(Self { pid, before: resident_bytes(pid)? })
    }

    /// What it has had until now.
    pub fn stop(&self) -> Result<Memory> {
        let (before, after) = (self.before, resident_bytes(self.pid)?);
        let peak = kibibytes(self.pid, "status", "VmHWM:")?.max(before).max(after);
        Ok(Memory { before, after, peak })
    }
}

/// Waits until the process has nothing more to do of its own, so that it is not counted later.
pub async fn until_quiet(pid: u32, limit: Duration) -> Result<()> {
    let deadline = Instant::now() + limit;
    let mut before = cpu_of(pid)?;
    while Instant::now() < deadline {
        sleep(LOOK).await;
        let now = cpu_of(pid)?;
        if now.saturating_sub(before) < LOOK / 20 {
            return Ok(());
        }
        before = now;
    }
    Err(BenchError::Impossible(format!("the server did not come to rest within {limit:?}")))
}

fn kibibytes(pid: u32, file: &str, field: &str) -> Result<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/{file}"));
    let text = text.map_err(|error| unknown(pid, &error))?;
    text.lines()
        .find_map(|line| line.strip_prefix(field)?.trim().strip_suffix(" kB")?.parse::<u64>().ok())
        .map(|kibibytes| kibibytes << 10)
        .ok_or_else(|| unknown(pid, &format_args!("no {field} in {file}")))
}

fn unknown(pid: u32, error: &dyn std::fmt::Display) -> BenchError {
    BenchError::Impossible(format!("cannot measure process {pid}: {error}"))
}

/// Raises the limit of open files, which child processes inherit.
pub fn allow_many_files() -> Result<()> {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    setrlimit(Resource::Nofile, raised).map_err(|error| {
        BenchError::Impossible(format!(
            "the limit of open files stays {:?}: {error}",
            limit.current
        ))
    })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_works_has_cpu_and_memory() {
        let pid = std::process::id();
        let (before, own) = (cpu_of(pid).unwrap(), own_cpu());
        let meter = MemoryMeter::start(pid).unwrap();
        let pages = std::hint::black_box(vec![1_u8; 32 << 20]);
        let peak = meter.stop().unwrap();
        drop(pages);
        assert!(cpu_of(pid).unwrap() > before && own_cpu() > own);
        assert!(peak.peak >= peak.before.max(peak.after) && peak.before > 0, "{peak:?}");
        assert!(peak.peak >= 32 << 20, "{peak:?}");
    }

    #[test]
    fn a_process_that_there_is_not_is_an_error() {
        for pid in [0, PID_MAX - 1, PID_MAX, u32::MAX] {
            let error = cpu_of(pid).unwrap_err().to_string();
            assert!(error.starts_with(&format!("cannot measure process {pid}: ")), "{error}");
            assert!(resident_bytes(pid).is_err());
        }
    }
}
