//! The TCP protocol, byte for byte.

mod buffering;
mod closing;
mod consumers;
mod delivery;
mod heartbeats;
mod lifecycle;
mod operations;
mod publishing;
mod restart;
mod roles;
mod sampling;
mod settling;
mod states;
mod timing;
mod topology;
