//! What is Vingate made of, and where does each rule of it live?
//!
//! Vingate stands in front of a carmaker's telematics servers. It answers four questions about
//! every request, in this order: is this entrance open, who asks, may that principal do this to
//! that vehicle, and is there quota left. Only four good answers reach a server behind it.
//!
//! # The map
//!
//! | module | what it holds |
//! |---|---|
//! | [`pipeline`] | the stages in the order of a request; [`pipeline::decide`] is the product |
//! | [`denial`] | every reason to refuse, its status, its public code, its answer |
//! | [`rules`] | what a decision depends on, built whole and swapped between requests |
//! | [`switchboard`] | which entrances are closed, and the durable copy of that |
//! | [`gateway`] | policy enforcement point: the only file that sees a pingora `Session` |
//! | [`edge`] | sockets, TLS, the accept loop, drain, the ops listener |
//! | [`adapters`] | implementations of [`pipeline::ports`]: ownership store, door, ledger, audit log |
//! | [`config`] | the configuration as written, its mistakes, its schema |
//! | [`admin`] | the operators' API on a Unix socket |
//! | [`telemetry`] | metrics and logs |
//! | [`cli`] | one file a command |
//! | [`clock`] | the only place that reads a clock |
//! | [`digest`] | SHA-256 and its short forms |
//! | [`folder`] | where files are kept that others may not read |
//!
//! # Invariants
//!
//! - Default deny: a route that is not listed, a vehicle that is not where its route says, an
//!   identity that is not waived in so many words: refused.
//! - Permit as proof: [`pipeline::decide::Permit`] is made by the decision alone; forwarding takes one.
//! - One snapshot a request: one [`rules::Rules`], one [`switchboard::Board`]. A second look at the
//!   newest board, just before the first byte goes upstream, can only deny.
//! - "Not yours" and "doesn't exist" are one answer; so is a policy's no.
//! - A Cedar error is a no. A switch only removes access.
//! - Gateway and upstream read the same request: what can be read in two ways is refused.
//! - One decision, one audit record. No VIN, subject or secret in a log.

pub mod clock;
pub mod digest;
pub mod folder;
pub mod config;
pub mod denial;
pub mod pipeline;
pub mod switchboard;
pub mod rules;
pub mod adapters;
pub mod gateway;
pub mod edge;
pub mod telemetry;
pub mod admin;
pub mod cli;
