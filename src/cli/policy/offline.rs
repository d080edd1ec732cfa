//! How is a gateway that doesn't run told which policies to start with?
//!
//! By whoever may write its folders, and on record like what is asked of a running one.

use serde_json::{Map, Value};
use tokio::runtime::Builder;
use tokio::sync::oneshot;

use crate::adapters::generations::{Shelf, read_state};
use crate::admin::accounts;
use crate::admin::policies::{Change, PoliciesForm, Wish, WishError};
use crate::cli::chosen::keeping;
use crate::cli::reach::Reach;
use crate::cli::recorded::Recorded;
use crate::cli::whole::{self, Refusal};
use crate::cli::{End, Failure, chosen};
use crate::config::{self, Loaded};
use crate::pipeline::policy::generations::Generations;

/// Has it start with a kept bundle, or lets it start with one that nobody signed or proved.
pub(super) fn change(reach: &Reach, change: Change, reason: &str) -> Result<PoliciesForm, Failure> {
    let Some(file) = &reach.config else {
        let message = "`--offline` needs the gateway's configuration: `-c FILE`";
        return Err(Failure::new(End::Usage, message));
    };
    if reason.trim().is_empty() {
        return Err(Failure::new(End::Usage, "a reason is required"));
    }
    let loaded = config::load(file, &reach.set)?;
    let failed = |flaw| Failure::new(End::Failed, flaw);
    let Some(bundles) = &loaded.config.bundles else {
        return Err(refused(&WishError::NoBundles));
    };
    let shelf = Shelf::open(&bundles.directory).map_err(failed)?;
    let remembered = read_state(&bundles.directory).map_err(failed)?;
    let (answer, _) = oneshot::channel();
    let wish = Wish {
        change,
        by: accounts::own_name(),
        reason: reason.to_owned(),
        answer,
    };
    let next = keeping::next(&loaded, &remembered, &wish).map_err(|error| refused(&error))?;
    if let Change::RollBack { dry_run: true, .. } = wish.change {
        return Ok(tried(&loaded, &next)?);
    }
    let form = match wish.change {
        Change::RollBack { .. } => tried(&loaded, &next)?, // what can't be loaded isn't gone back to
        Change::Admit { .. } => PoliciesForm::default().remembering(&next),
    };
    record(&loaded, &wish, || shelf.remember(&next))?;
    Ok(form)
}

/// Does it once it is on record that it is about to be done.
fn record(
    loaded: &Loaded,
    wish: &Wish,
    act: impl FnOnce() -> Result<(), String>,
) -> Result<(), Failure> {
    let failed = |flaw: String| Failure::new(End::Failed, flaw);
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| failed(error.to_string()))?;
    let mut more = Map::from_iter([("reason".to_owned(), wish.reason.clone().into())]);
    wish.change.facts(&mut |name, value| {
        more.insert(name.to_owned(), value);
    });
    let recorded = Recorded::begin((&loaded.config, &runtime), wish.change.word(), more)?;
    let done = act();
    let outcome = if done.is_ok() { "done" } else { "not-kept" };
    recorded.conclude(outcome, Value::Null);
    done.map_err(failed)
}

/// What a start would find.
fn tried(loaded: &Loaded, next: &Generations) -> Result<PoliciesForm, Refusal> {
    let chosen = chosen::choose_by(loaded, Some(next))?;
    let whole = whole::build_by(loaded, chosen)?;
    Ok(keeping::form(loaded, &whole, next))
}

fn refused(error: &WishError) -> Failure {
    let end = match error {
        WishError::NoBundles | WishError::Refused(_) => End::Conflict,
        WishError::Wrong(_) => End::InvalidInput,
        WishError::Failed(_) => End::Failed,
    };
    Failure::new(end, error.to_string())
}
