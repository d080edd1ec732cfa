//! Is that principal in good standing?

use std::time::Duration;

use crate::denial::Denial;
use crate::pipeline::switch::Situation;
use crate::switchboard::Board;

/// Refuses a client, tenant or subject that an operator closed, here or everywhere, and who is not
/// let in yet where an entrance is being restored.
///
/// # Errors
/// `Closed` or `ReadOnly`.
pub fn check(board: &Board, situation: &Situation, now: Duration) -> Result<(), Denial> {
    situation.check(board, now)
}
