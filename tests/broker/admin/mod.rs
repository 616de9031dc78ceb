//! nsqadmin: its process, its pages, who may do what.

mod access;
mod acting;
mod cluster;
mod config;
mod failing;
mod graphite;
mod pages;
mod process;
mod reading;
mod scripted;
mod up;
mod upstream;
