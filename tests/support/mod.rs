//! What do tests over real sockets share?
//!
//! The real binary, an upstream that records raw bytes, an issuer, the demo, and a client that sends
//! exactly the bytes it is given. Everything that is started ends when its value is dropped.

#![allow(dead_code, reason = "each test binary uses its own part of this")]
#![allow(unused_imports, reason = "each test binary uses its own part of this")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::arithmetic_side_effects,
    reason = "a helper that fails is a test that fails"
)]

#[path = "../../deploy/demo/signing.rs"]
pub(crate) mod signing;

pub(crate) mod board;
pub(crate) mod certificates;
pub(crate) mod client;
pub(crate) mod demo;
pub(crate) mod frames;
pub(crate) mod gateway;
pub(crate) mod process;
pub(crate) mod proofs;
pub(crate) mod provider;
pub(crate) mod redis;
pub(crate) mod tokens;
pub(crate) mod upstream;

pub(crate) use client::{Answer, exchange, get, head, post_form};
pub(crate) use demo::Demo;
pub(crate) use gateway::{Gateway, Plan};
pub(crate) use tokens::Tokens;
pub(crate) use upstream::Upstream;
