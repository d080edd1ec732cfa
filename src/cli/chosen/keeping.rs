//! What is remembered of the policies that are loaded, and of what operators want?

use crate::adapters::generations::Shelf;
use crate::admin::policies::{Change, PoliciesForm, Wish, WishError};
use crate::cli::chosen;
use crate::cli::whole::{Refusal, Whole};
use crate::clock;
use crate::config::{Loaded, Mistakes};
use crate::pipeline::policy::generations::{Changed, Generations, Refused, Which};

/// What would be remembered if this wish came true.
pub(in crate::cli) fn next(
    loaded: &Loaded,
    remembered: &Generations,
    wish: &Wish,
) -> Result<Generations, WishError> {
    let changed = Changed {
        by: &wish.by,
        reason: &wish.reason,
        at: clock::unix_time(),
    };
    let next = match &wish.change {
        Change::Admit { bundle, term } => remembered.admit(bundle, *term, &changed),
        Change::RollBack { to, .. } => {
            // what can't be read now is looked at once it can be
            let given = chosen::given(&loaded.config.policies).ok();
            remembered.roll_back(given.as_ref(), to.as_deref(), &changed)
        }
    };
    next.map_err(|refused: Refused| WishError::Refused(refused.to_string()))
}

/// Whether what a bundle was chosen by is on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) enum Remembered {
    Already,
    NotYet,
}

/// Has the shelf keep what is about to be in force, and says what operators are told of it.
pub(in crate::cli) fn keep(
    loaded: &Loaded,
    whole: &Whole,
    shelf: Option<&Shelf>,
    remembered: Remembered,
) -> Result<PoliciesForm, Refusal> {
    let Some(chosen) = &whole.bundle else {
        return Ok(form(loaded, whole, &Generations::default()));
    };
    let bundles = loaded.config.bundles.as_ref();
    let shelf = shelf.filter(|shelf| bundles.is_some_and(|one| shelf.is_at(&one.directory)));
    let Some(shelf) = shelf else {
        let text = "`bundles.directory` is taken up at a restart only";
        return Err(wrong(loaded, text.to_owned()));
    };
    let next = chosen
        .generations
        .with(&chosen.bundle, &chosen.which, clock::unix_time());
    let kept = match (&chosen.which, remembered) {
        (Which::Given, _) if next != chosen.generations => {
            shelf.keep((chosen.bundle.id(), &chosen.bytes), &next)
        }
        (_, Remembered::NotYet) => shelf.remember(&next),
        (Which::Kept(_), Remembered::Already) if next != chosen.generations => {
            shelf.remember(&next)
        }
        (Which::Given | Which::Kept(_), Remembered::Already) => Ok(()),
    };
    kept.map_err(|flaw| wrong(loaded, flaw))?;
    Ok(form(loaded, whole, &next))
}

/// What operators are told.
pub(in crate::cli) fn form(
    loaded: &Loaded,
    whole: &Whole,
    generations: &Generations,
) -> PoliciesForm {
    let place = loaded.config.policies.display().to_string();
    let policies = whole.rules.policies.revision();
    let operators = whole.access.authority.revision();
    let bundle = whole.bundle.as_ref().map(|chosen| &chosen.bundle);
    PoliciesForm::new(place, (policies, operators), bundle, generations)
}

/// A flaw of what is kept.
pub(in crate::cli) fn wrong(loaded: &Loaded, message: String) -> Refusal {
    let mut mistakes = Mistakes::default();
    mistakes.add(loaded.origins.place("bundles.directory"), message);
    Refusal::Wrong(mistakes)
}
