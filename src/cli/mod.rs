//! One module per program.
//!
//! Programs are library functions: arguments and writers come in, an [`exit_code::ExitCode`] goes out.

pub mod bench;
pub mod command_line;
pub mod config_file;
pub mod console;
pub mod exit_code;
mod generating;
pub mod install;
pub mod log;
pub mod logging;
pub mod nsq_stat;
pub mod nsq_tail;
pub mod nsq_to_file;
pub mod nsq_to_http;
pub mod nsq_to_nsq;
pub mod nsqadmin;
pub mod nsqd;
pub mod nsqlookupd;
pub mod program;
pub mod programs;
pub mod progress;
pub mod relay;
pub mod service;
mod signals;
#[cfg(test)]
mod testing;
pub mod to_nsq;
pub mod tool;
pub mod up;

pub use console::Console;
pub use exit_code::ExitCode;
