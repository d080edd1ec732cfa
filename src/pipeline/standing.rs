//! Is that principal in good standing, and what vouches for it not taken back?

use std::time::Duration;

use crate::denial::{Denial, Dependency, TokenFlaw};
use crate::pipeline::switch::Situation;
use crate::revocations::Revocations;
use crate::switchboard::Board;

/// Refuses a client, tenant or subject that an operator closed, here or everywhere, and who is not
/// let in yet where an entrance is being restored.
///
/// # Errors
/// `Closed` or `ReadOnly`.
pub fn check(board: &Board, situation: &Situation, now: Duration) -> Result<(), Denial> {
    situation.check(board, now)
}

/// Refuses a credential that was taken back, and every one where it can't be known yet which were.
///
/// # Errors
/// `TokenInvalid(Revoked)` or `DependencyUnavailable(Revocations)`.
pub fn check_credential(revoked: &Revocations, situation: &Situation) -> Result<(), Denial> {
    let (Some(principal), Some(route)) = (&situation.principal, &situation.route) else {
        return Ok(()); // the route asks for none
    };
    let credential = &principal.credential;
    if revoked.refuse(&credential.marks, credential.issued_at) {
        return Err(Denial::TokenInvalid(TokenFlaw::Revoked));
    }
    if !revoked.suffice_for(&route.surface.name) {
        return Err(Denial::DependencyUnavailable(Dependency::Revocations));
    }
    Ok(())
}
