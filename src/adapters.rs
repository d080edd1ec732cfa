//! How are the ports of a decision and of a fleet implemented?

pub mod facts;
pub mod contact;
pub mod directory;
pub mod embedded;
mod flights;
pub mod kept;
pub mod used_proofs;
pub mod result_keys;
pub mod door;
pub mod ledger;
pub mod audit_log;
pub mod history;
pub mod generations;
pub mod local_fleet;
pub mod redis;
pub mod http;
pub mod jwks;
pub mod introspection;

#[cfg(test)]
mod directory_contract;
#[cfg(test)]
pub(crate) mod fleet_contract;
#[cfg(test)]
mod result_keys_contract;
#[cfg(test)]
mod used_proofs_contract;
