//! Mailboxes around the rules and the files: the only part, with `http`, that knows actix.
//!
//! ```text
//! Node ── Topic ── DiskQueue
//!   │       └───── Channel
//!   ├── Listener ─ ClientConnection
//!   └── Discovery ─ LookupPeer
//!
//! LookupRegistry
//! LookupListener ─ LookupConnection
//!
//! Collector
//! Notifier
//! ```
//!
//! Requests go down this tree and events go up; a connection talks to the topics and the channel
//! that it was given. Every actor but the connections is supervised: see [`supervisor`].

pub mod accepting;
pub mod alarm;
pub mod auth_client;
pub mod cache;
pub mod channel;
pub mod client_connection;
pub mod clock;
pub mod collector;
pub mod directory;
pub mod discovery;
pub mod disk_queue;
pub mod disk_threads;
pub mod full_disk;
pub mod health;
pub mod journal;
pub mod listener;
pub mod live_settings;
pub mod lookup_connection;
pub mod lookup_listener;
pub mod lookup_peer;
pub mod lookup_registry;
pub mod lookup_shared;
pub mod meters;
pub mod node;
pub mod notifier;
pub mod process;
pub mod shared;
pub mod snapshot;
pub mod socket;
pub mod statsd;
pub mod supervisor;
pub mod tls;
pub mod topic;
pub mod topic_addresses;
pub mod turn;
pub mod watchdog;
pub mod waves;
pub mod workers;

#[cfg(test)]
mod lost_writes;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

pub use auth_client::AuthClient;
pub use channel::Channel;
pub use client_connection::ClientConnection;
pub use collector::Collector;
pub use discovery::Discovery;
pub use disk_queue::DiskQueue;
pub use listener::Listener;
pub use lookup_connection::LookupConnection;
pub use lookup_listener::LookupListener;
pub use lookup_peer::LookupPeer;
pub use lookup_registry::LookupRegistry;
pub use node::Node;
pub use notifier::Notifications;
pub use statsd::Statsd;
pub use topic::Topic;
