//! HTTP API: extract, send one message, render; it decides nothing.

pub mod nsqd;
