//! `nsq`: every NSQ program in one binary, picked by name or by first argument.

fn main() {}
