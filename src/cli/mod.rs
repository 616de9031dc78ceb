//! One module per program.
