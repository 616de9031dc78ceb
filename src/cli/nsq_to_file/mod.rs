//! `nsq_to_file`: archives topics to files.

pub mod archive;
#[cfg(test)]
mod archive_tests;
#[cfg(test)]
mod dying_files;
pub mod file_names;
pub mod files;
mod leftovers;
mod output;
mod placing;
mod tail;
mod time_format;
