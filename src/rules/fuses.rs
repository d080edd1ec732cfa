//! Does a fuse name actions that there are?

use std::collections::BTreeSet;

use crate::config::{Loaded, Mistakes, words};
use crate::pipeline::policy::PolicySet;

/// A slip would close nothing, in silence.
pub(super) fn check(loaded: &Loaded, policies: &PolicySet, mistakes: &mut Mistakes) {
    let known: BTreeSet<&str> = policies.actions().collect();
    for (name, fuse) in &loaded.config.fuses {
        for action in &fuse.close.actions {
            if !known.contains(action.as_str()) {
                let place = loaded.origins.place(&format!("fuses.{name}.close.actions"));
                let known: Vec<String> = known.iter().map(|&one| one.to_owned()).collect();
                mistakes.add(place, words::unknown("action", action, &known));
            }
        }
    }
}
