//! How are the ports of a decision implemented?

pub mod embedded;
pub mod door;
pub mod ledger;
pub mod audit_log;

#[cfg(test)]
mod directory_contract;
