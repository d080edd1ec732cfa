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
//! | [`switchboard`] | which entrances are closed: the model, its durable copy, its spread over a fleet |
//! | [`revocations`] | which tokens were taken back before their end: the same three |
//! | [`traffic`] | the last five minutes of requests, and what a closure would hit |
//! | [`gateway`] | policy enforcement point: the only file that sees a pingora `Session` |
//! | [`prober`] | synthetic requests through this replica's own data path |
//! | [`drill`] | closures exercised on a stand-in, and when that was |
//! | [`edge`] | sockets, TLS, the accept loop, drain, the ops listener |
//! | [`adapters`] | implementations of ports: ownership store, used proofs, result keys, door, ledger, audit log, the fleet's store; issuers' keys, fetched; issuers, asked about tokens |
//! | [`config`] | the configuration as written, its mistakes, its schema |
//! | [`admin`] | the operators' API, on a Unix socket and by client certificate; who may do what |
//! | `prove` | what the policies never allow and never refuse, with a solver; feature `prove` |
//! | [`telemetry`] | metrics and logs |
//! | [`cli`] | one file a command |
//! | [`clock`] | the only place that reads a clock |
//! | [`digest`] | SHA-256 and its short forms |
//! | [`chain`] | how a log's lines are chained, and where a chain is broken |
//! | [`folder`] | where files are kept that others may not read |
//!
//! # Invariants
//!
//! - Default deny: a route that is not listed, a vehicle that is not where its route says, an
//!   identity that is not waived in so many words: refused.
//! - Permit as proof: [`pipeline::decide::Permit`] is made by the decision alone; forwarding takes one.
//! - One snapshot a request: one [`rules::Rules`], one [`switchboard::Board`]. A second look at the
//!   newest board and the newest revocations, just before the first byte goes upstream, can only deny.
//! - "Not yours" and "doesn't exist" are one answer; so is a policy's no.
//! - A Cedar error is a no. A switch only removes access.
//! - A poll belongs to the person and the vehicle of the command that its key was given out for.
//! - Gateway and upstream read the same request: what can be read in two ways is refused.
//! - What a key verified counts no longer than that key: fetched key sets are swapped in as one value,
//!   and remembered verifications are held against it.
//! - A client's certificate counts for the request, not for the connection: each asks whether it does by the
//!   authorities and revocation lists in force, and an authority counts for the table that names it.
//! - A token that is bound to a key counts with a proof of that key alone, and a proof counts once.
//! - What an issuer says of an opaque token counts no longer than the token, and than the issuer's settings let it;
//!   a token that looks like a JWT is asked about only where no JWT counts.
//! - A WebSocket is one request for as long as it is open: what would refuse it anew ends it.
//! - One decision, one audit record. No VIN, subject or secret in a log.

/// What the tests share names the crate as one from outside does.
#[cfg(test)]
extern crate self as vingate;

pub mod clock;
pub mod digest;
pub mod chain;
pub mod folder;
pub mod config;
pub mod denial;
pub mod pipeline;
pub mod switchboard;
pub mod revocations;
pub mod rules;
pub mod adapters;
pub mod traffic;
pub mod gateway;
pub mod edge;
pub mod prober;
pub mod drill;
#[cfg(feature = "prove")]
pub mod prove;
pub mod telemetry;
pub mod admin;
pub mod cli;
