//! `nsq_to_nsq`: publishes the messages of one nsqd to others.

pub mod json_filter;
