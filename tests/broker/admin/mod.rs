//! nsqadmin: its process, its pages, who may do what.

mod access;
mod acting;
mod cluster;
mod config;
mod failing;
mod graphite;
mod pages;
mod partly;
mod process;
mod reading;
mod scale;
mod scripted;
mod stream;
mod tailing;
mod up;
mod upstream;
mod watching;
