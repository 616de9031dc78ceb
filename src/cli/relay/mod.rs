//! What the programs have in common that hand messages on to one of several addresses.

pub mod hosts;
pub mod statistics;
