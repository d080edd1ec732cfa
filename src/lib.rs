//! What is Vingate made of, and where does each rule of it live?
//!
//! | module | what it holds |
//! |---|---|
//! | [`config`] | the configuration as written, its mistakes, its schema |
//! | [`clock`] | the only place that reads a clock |

pub mod clock;
pub mod digest;
pub mod folder;
pub mod config;
