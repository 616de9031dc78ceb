//! The TCP protocol, byte for byte.

mod closing;
mod delivery;
mod heartbeats;
mod lifecycle;
mod operations;
mod publishing;
mod restart;
mod sampling;
mod settling;
mod states;
mod timing;
mod topology;
