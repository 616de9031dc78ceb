//! HTTP API: extract, send one message, render; it decides nothing.

pub mod ask;
pub mod body;
pub mod debug;
pub mod error;
pub mod exposition;
pub mod middleware;
pub mod params;
pub mod reply;
pub mod routing;
pub mod server;

pub mod nsqadmin;
pub mod nsqd;
pub mod nsqlookupd;

pub use error::HttpError;
pub use params::Params;
