//! What the operating system says about this process.

use std::fs;

/// The memory of the process, in the words of a garbage-collected heap that there is none of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Memory {
    /// Bytes of the process that are in main memory.
    pub resident_bytes: u64,
}

impl Memory {
    /// As it is now; 0 where the system does not say.
    pub fn now() -> Self {
        Self { resident_bytes: Status::read().resident_bytes }
    }

    /// The keys that readers expect, in their order; what means nothing here is 0.
    pub fn fields(&self) -> [(&'static str, u64); 9] {
        [
            ("heap_objects", 0),
            ("heap_idle_bytes", 0),
            ("heap_in_use_bytes", self.resident_bytes),
            ("heap_released_bytes", 0),
            ("gc_pause_usec_100", 0),
            ("gc_pause_usec_99", 0),
            ("gc_pause_usec_95", 0),
            ("next_gc_bytes", 0),
            ("gc_total_runs", 0),
        ]
    }
}

/// What monitoring wants to know of any process; 0 where the system does not say.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Process {
    /// CPU time of all its threads, in user and in kernel mode.
    pub cpu_seconds: f64,
    /// Memory.
    pub status: Status,
    /// File descriptors in use.
    pub open_fds: u64,
    /// File descriptors that it may have.
    pub max_fds: u64,
}

impl Process {
    /// As it is now. Reads files of the kernel and walks a directory: not for a worker.
    pub fn now() -> Self {
        let cpu = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
        let open_fds = fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
        let fds = rustix::process::getrlimit(rustix::process::Resource::Nofile);
        Self {
            cpu_seconds: cpu.tv_sec as f64 + cpu.tv_nsec as f64 / 1e9,
            status: Status::read(),
            open_fds: open_fds as u64,
            max_fds: fds.current.unwrap_or(u64::MAX),
        }
    }
}

/// From `/proc/self/status`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Status {
    /// Bytes in main memory.
    pub resident_bytes: u64,
    /// Bytes of address space.
    pub virtual_bytes: u64,
    /// Threads.
    pub threads: u64,
}

impl Status {
    fn read() -> Self {
        Self::parse(&fs::read_to_string("/proc/self/status").unwrap_or_default())
    }

    fn parse(status: &str) -> Self {
        let number = |key: &str| -> Option<u64> {
            let line = status.lines().find_map(|line| line.strip_prefix(key))?;
            line.trim().trim_end_matches("kB").trim_end().parse().ok()
        };
        let bytes = |key| number(key).map_or(0, |kibibytes| kibibytes * 1024);
        Self {
            resident_bytes: bytes("VmRSS:"),
            virtual_bytes: bytes("VmSize:"),
            threads: number("Threads:").unwrap_or(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_from_the_status_of_the_process() {
        let status = "VmPeak:\t 9 kB\nVmSize:\t  9000 kB\nVmRSS:\t  8000 kB\nThreads:\t12\n";
        let expected =
            Status { resident_bytes: 8000 * 1024, virtual_bytes: 9000 * 1024, threads: 12 };
        assert_eq!(Status::parse(status), expected);
        assert_eq!(Status::parse("VmRSS:\tmany\n"), Status::default());
    }

    #[test]
    fn this_process_has_memory_time_and_files() {
        let process = Process::now();
        assert!(process.cpu_seconds > 0.0 && process.open_fds > 2, "{process:?}");
        assert!(process.max_fds >= process.open_fds && process.status.threads > 0, "{process:?}");
        assert!(process.status.virtual_bytes > process.status.resident_bytes, "{process:?}");
    }
}
