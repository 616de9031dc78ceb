//! One declaration per option: flag, file key, default, help, check.
//!
//! What was typed is a [`typed::TypedOptions`] (by [`flags`] or in a [`file`](mod@file)); what was decided and checked
//! from it is a struct such as [`options::NsqdOptions`], the only one of the two that a daemon sees.

pub mod address;
pub mod auth;
pub mod declaration;
pub mod durability;
pub mod duration;
pub mod file;
pub mod flags;
pub mod host;
pub mod integer;
mod json;
pub mod log_level;
pub mod options;
pub mod peers;
pub mod percentiles;
pub mod sample;
pub mod tls;
pub mod typed;
pub mod usage;
pub mod value;
pub mod version;

pub use address::ListenAddress;
pub use auth::AuthMethod;
pub use durability::Durability;
pub use duration::GoDuration;
pub use log_level::LogLevel;
pub use options::{NsqadminOptions, NsqdOptions, NsqlookupdOptions};
pub use percentiles::Percentiles;
pub use tls::{ClientAuthPolicy, TlsMinVersion, TlsRequired};
pub use version::NSQ_VERSION;
