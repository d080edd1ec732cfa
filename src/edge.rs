//! How do bytes get in and out?

pub mod tls;
