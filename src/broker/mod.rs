//! The rules of topics, channels and credit: pure data, no clock, no socket, no runtime.
