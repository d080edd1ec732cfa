//! How is it recorded what an operator does without a gateway?
//!
//! As a gateway would: a line of the switch log, on disk before anything is shown or given, and another
//! with what came of it. The log lies where the configuration says, so it is chained on.

use std::fs;

use serde_json::{Map, Value};
use tokio::runtime::Runtime;
use zeroize::Zeroizing;

use crate::adapters::history::{self, History, Intended};
use crate::admin::accounts;
use crate::chain::{self, ChainKey};
use crate::cli::{End, Failure};
use crate::clock;
use crate::config::ConfigFile;
use crate::pipeline::audit::Pseudonyms;

/// Something whose outcome is to be recorded.
pub(super) struct Recorded {
    history: History,
    intended: Intended,
    members: Map<String, Value>,
}

impl Recorded {
    /// Puts on record that this user is about to do `what`, and returns when it is on disk.
    ///
    /// # Errors
    /// It can't be recorded, so it must not be done.
    pub(super) fn begin(
        (config, runtime): (&ConfigFile, &Runtime),
        what: &str,
        more: Map<String, Value>,
    ) -> Result<Self, Failure> {
        let mut members = Map::new();
        let mut add = |name: &str, value: Value| members.insert(name.to_owned(), value);
        add("time", clock::rfc3339(clock::unix_time()).into());
        add("what", what.into());
        add("by", accounts::own_name().into());
        add("replica", "none: by command".into());
        members.extend(more);
        let mut unknown = members.clone();
        unknown.insert("outcome".to_owned(), "unknown".into());
        let unrecorded = |why: String| {
            let message = format!("{why}: nothing was done, since it can't be recorded");
            Failure::new(End::Failed, message)
        };
        let history = open(config).map_err(unrecorded)?;
        let intended = runtime.block_on(history.intend(unknown));
        let intended = intended.map_err(|error| unrecorded(format!("the switch log: {error}")))?;
        Ok(Self {
            history,
            intended,
            members,
        })
    }

    /// Records what came of it, with how much.
    pub(super) fn conclude(mut self, outcome: &str, changed: impl Into<Value>) {
        let mut add = |name: &str, value: Value| self.members.insert(name.to_owned(), value);
        add("outcome", outcome.into());
        add("changed", changed.into());
        self.history.conclude(self.intended, self.members);
        self.history.close();
    }
}

fn open(config: &ConfigFile) -> Result<History, String> {
    let file = &config.audit.pseudonym_key_file;
    let named = |error: String| format!("audit.pseudonym_key_file: `{}`: {error}", file.display());
    let key = fs::read(file).map_err(|error| named(error.to_string()))?;
    let pseudonyms = Pseudonyms::new(&Zeroizing::new(key)).map_err(named)?;
    let key = ChainKey::new(&pseudonyms.derive(chain::SWITCH_LOG));
    History::open(&config.switches.directory.join(history::FILE), key)
}
