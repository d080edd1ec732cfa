//! What does a configuration become, as a whole?

use crate::admin::access::Access;
use crate::config::{Loaded, Mistakes};
use crate::rules::{self, Rules};

/// The rules for requests and those for operators: both or none.
///
/// # Errors
/// Every mistake of both.
pub(super) fn build(loaded: &Loaded) -> Result<(Rules, Access), Mistakes> {
    match (rules::build(loaded), Access::load(loaded)) {
        (Ok(rules), Ok(access)) => Ok((rules, access)),
        (Err(mut mistakes), Err(others)) => {
            mistakes.extend(others);
            Err(mistakes)
        }
        (Err(mistakes), Ok(_)) | (Ok(_), Err(mistakes)) => Err(mistakes),
    }
}
