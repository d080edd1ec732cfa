//! How is a gateway that doesn't run told which policies to start with?
//!
//! By whoever may write its folders, and on record like what is asked of a running one.

use serde_json::{Map, Value};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;
use zeroize::Zeroizing;

use crate::adapters::generations::{Shelf, read_state};
use crate::adapters::history::{self, History};
use crate::admin::person;
use crate::admin::policies::{Change, PoliciesForm, Wish, WishError};
use crate::chain::{self, ChainKey};
use crate::cli::chosen::keeping;
use crate::cli::reach::Reach;
use crate::cli::whole::{self, Refusal};
use crate::cli::{End, Failure, chosen};
use crate::clock;
use crate::config::{self, Loaded};
use crate::pipeline::audit::Pseudonyms;
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
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| failed(error.to_string()))?;
    let entered = runtime.enter();
    let by = person::own_name().map_err(failed)?;
    drop(entered);
    let shelf = Shelf::open(&bundles.directory).map_err(failed)?;
    let remembered = read_state(&bundles.directory).map_err(failed)?;
    let (answer, _) = oneshot::channel();
    let wish = Wish {
        change,
        by,
        reason: reason.to_owned(),
        answer,
    };
    let next = keeping::next(&loaded, &remembered, &wish).map_err(|error| refused(&error))?;
    if let Change::RollBack { dry_run: true, .. } = wish.change {
        return Ok(tried(&loaded, &next)?);
    }
    let record = Record::open(&loaded, runtime)?;
    match wish.change {
        Change::RollBack { .. } => {
            let form = tried(&loaded, &next)?; // what can't be loaded isn't gone back to
            record.write(&wish, || shelf.remember(&next))?;
            Ok(form)
        }
        Change::Admit { .. } => {
            record.write(&wish, || shelf.remember(&next))?;
            Ok(PoliciesForm::default().remembering(&next))
        }
    }
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

/// The log that a running gateway writes such things to.
struct Record {
    history: History,
    runtime: Runtime,
}

impl Record {
    fn open(loaded: &Loaded, runtime: Runtime) -> Result<Self, Failure> {
        let failed = |flaw: String| Failure::new(End::Failed, flaw);
        let file = &loaded.config.audit.pseudonym_key_file;
        let key = std::fs::read(file).map(Zeroizing::new);
        let key = key.map_err(|error| failed(format!("`{}`: {error}", file.display())))?;
        let pseudonyms = Pseudonyms::new(&key).map_err(failed)?;
        let key = ChainKey::new(&pseudonyms.derive(chain::SWITCH_LOG));
        let file = loaded.config.switches.directory.join(history::FILE);
        Ok(Self {
            history: History::open(&file, key).map_err(failed)?,
            runtime,
        })
    }

    /// Does it once it is on record that it is about to be done.
    fn write(self, wish: &Wish, act: impl FnOnce() -> Result<(), String>) -> Result<(), Failure> {
        let failed = |flaw: String| Failure::new(End::Failed, flaw);
        let mut entry = entry(wish);
        let mut unknown = entry.clone();
        unknown.insert("outcome".to_owned(), "unknown".into());
        let intended = self.runtime.block_on(self.history.intend(unknown));
        let intended = intended
            .map_err(|_| failed("the switch log can't be written: nothing was done".to_owned()))?;
        let done = act();
        let outcome = if done.is_ok() { "done" } else { "not-kept" };
        entry.insert("outcome".to_owned(), outcome.into());
        self.history.conclude(intended, entry);
        self.history.close();
        done.map_err(failed)
    }
}

fn entry(wish: &Wish) -> Map<String, Value> {
    let mut entry = Map::new();
    let mut add = |name: &str, value: Value| entry.insert(name.to_owned(), value);
    add("time", clock::rfc3339(clock::unix_time()).into());
    add("what", wish.change.word().into());
    add("by", wish.by.clone().into());
    add("offline", true.into());
    add("reason", wish.reason.clone().into());
    wish.change.facts(&mut |name, value| {
        entry.insert(name.to_owned(), value);
    });
    entry
}
