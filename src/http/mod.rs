//! HTTP API: extract, send one message, render; it decides nothing.

pub mod body;
pub mod error;
pub mod middleware;
pub mod params;
pub mod reply;
pub mod routing;
pub mod server;

pub mod nsqd;

pub use error::HttpError;
pub use params::Params;
