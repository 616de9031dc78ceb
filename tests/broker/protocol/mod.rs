//! The TCP protocol, byte for byte.

mod buffering;
mod closing;
mod consumers;
mod delivery;
mod errors;
mod heartbeats;
mod lifecycle;
mod operations;
mod publishing;
mod restart;
mod roles;
mod sampling;
mod settling;
mod timing;
mod topology;
