//! Is that principal in good standing?

use crate::denial::Denial;
use crate::pipeline::route::Route;
use crate::pipeline::{Principal, switch};
use crate::switchboard::Board;

/// Refuses a client or subject that an operator closed, here or everywhere.
pub fn check(board: &Board, route: &Route, principal: &Principal) -> Result<(), Denial> {
    switch::check(board, switch::standing(route, principal))
}
