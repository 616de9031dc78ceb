//! nsqlookupd: what nsqds say to it, and what others are told.

mod hostile;
mod http;
mod process;
mod protocol;
mod registrations;
mod restart;
mod scale;
