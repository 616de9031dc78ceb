//! Figures of the process.

use std::fmt;

use super::{BYTES, Families, Name, SECONDS, one};
use crate::actors::process::Process;

/// Writes them, under the names that every program's have; `start_time` is in seconds.
pub fn write_process(
    families: &mut Families<'_>,
    process: &Process,
    start_time: i64,
) -> fmt::Result {
    let status = &process.status;
    families.counter(
        Name("process_cpu", "CPU time of all threads, in user and in kernel mode"),
        SECONDS,
        one(process.cpu_seconds),
    )?;
    families.gauge(
        Name("process_resident_memory", "Memory of the process in main memory"),
        BYTES,
        one(status.resident_bytes),
    )?;
    families.gauge(
        Name("process_virtual_memory", "Address space of the process"),
        BYTES,
        one(status.virtual_bytes),
    )?;
    families.gauge(Name("process_threads", "Threads"), None, one(status.threads))?;
    families.gauge(
        Name("process_open_fds", "Open file descriptors"),
        None,
        one(process.open_fds),
    )?;
    families.gauge(
        Name("process_max_fds", "File descriptors that may be open"),
        None,
        one(process.max_fds as f64),
    )?;
    families.gauge(
        Name("process_start_time", "When the process started, in Unix time"),
        SECONDS,
        one(start_time),
    )
}
