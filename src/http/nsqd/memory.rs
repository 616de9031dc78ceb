//! The memory of the process, in the words of a garbage-collected heap that there is none of.

use std::fs;

use serde::{Serialize, Serializer};

/// The keys that readers of `/stats` expect; what means nothing here is 0.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Memory {
    /// Bytes of the process that are in main memory.
    pub resident_bytes: u64,
}

impl Memory {
    /// As it is now; 0 where the system does not say.
    pub fn now() -> Self {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        Self { resident_bytes: resident_bytes(&status).unwrap_or(0) }
    }

    /// All keys in their order.
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

impl Serialize for Memory {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.fields())
    }
}

fn resident_bytes(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim_end().parse().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resident_bytes_are_read_from_the_status_of_the_process() {
        let status = "VmHWM:\t  9000 kB\nVmRSS:\t  8000 kB\nRssAnon:\t 1 kB\n";
        assert_eq!(resident_bytes(status), Some(8000 * 1024));
        assert_eq!(resident_bytes("VmRSS:\tmany\n"), None);
    }
}
