//! `nsq_to_http`: an HTTP request for each message.

pub mod template;
