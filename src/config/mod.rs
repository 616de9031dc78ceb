//! One declaration per option: flag, file key, default, help, check.
