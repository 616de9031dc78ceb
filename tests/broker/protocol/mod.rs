//! The TCP protocol, byte for byte.

mod closing;
mod delivery;
mod errors;
mod heartbeats;
mod lifecycle;
mod operations;
mod publishing;
mod restart;
mod settling;
mod timing;
