//! nsqadmin: its process, its pages, who may do what.

mod access;
mod config;
mod graphite;
mod pages;
mod process;
