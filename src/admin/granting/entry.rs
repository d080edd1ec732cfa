//! How is it recorded who was told, or changed, whose car it is?
//!
//! One line of the switch log a call, with who and why; vehicles and subjects as keyed HMACs, as in
//! the audit log. It is on disk before anybody is told or given anything, and then gets what came of
//! it; a crash between the two leaves it with `unknown`. Taking access away doesn't depend on a disk.

use std::sync::Arc;

use http::StatusCode;
use serde_json::{Map, Value};
use tokio::runtime::Handle;

use crate::adapters::history::{History, Intended};
use crate::admin::Operated;
use crate::admin::person::Person;
use crate::admin::problem::Problem;
use crate::clock;
use crate::pipeline::vehicle::Vin;

/// What a line says before it is known what came of it.
#[derive(Clone)]
pub(in crate::admin) struct Entry {
    history: Arc<History>,
    members: Map<String, Value>,
}

impl Entry {
    /// Of this person, who does `what` to the ownership directory.
    pub(in crate::admin) fn new(operated: &Operated, person: &Person, what: &str) -> Self {
        Self::of(operated, person, &format!("ownership {what}"))
    }

    /// Of this person, who does `what`.
    pub(in crate::admin) fn of(operated: &Operated, person: &Person, what: &str) -> Self {
        let mut entry = Self {
            history: Arc::clone(&operated.history),
            members: Map::new(),
        };
        entry.add("time", clock::rfc3339(clock::unix_time()));
        entry.add("what", what);
        entry.add("by", person.name.clone());
        entry.add("replica", operated.spread.id().to_owned());
        entry
    }

    pub(in crate::admin) fn add(&mut self, name: &str, value: impl Into<Value>) {
        self.members.insert(name.to_owned(), value.into());
    }

    /// Which vehicle it is about, and whom. Facts name subjects without their issuer, so there is a
    /// pseudonym for each: one of them is the one in the audit log.
    pub(super) fn about(&mut self, operated: &Operated, vin: &Vin, subject: Option<&str>) {
        let pseudonyms = (operated.pseudonyms)();
        self.add("vin", pseudonyms.vin(vin));
        if let Some(subject) = subject {
            let issuers = (operated.names)().issuers;
            let each = issuers
                .iter()
                .map(|issuer| pseudonyms.subject(issuer, subject));
            self.add("subjects", each.collect::<Vec<String>>());
        }
    }

    /// Returns once it is on disk. Blocks: not for a thread of a runtime.
    ///
    /// # Errors
    /// It can't be recorded, so it must not be done.
    pub(in crate::admin) fn begin(self) -> Result<Begun, Problem> {
        let mut unknown = self.clone();
        unknown.add("outcome", "unknown");
        let intended = Handle::current().block_on(self.history.intend(unknown.members));
        let intended = intended.map_err(|_| {
            let status = StatusCode::SERVICE_UNAVAILABLE;
            let detail = "the switch log can't be written: nothing was done";
            Problem::new(status, "not-recorded", detail)
        })?;
        Ok(Begun {
            entry: self,
            intended: Some(intended),
        })
    }

    /// For what is done whether or not a disk takes it: it is recorded as soon as one does.
    pub(in crate::admin) fn begin_anyway(self) -> Begun {
        let otherwise = Begun {
            entry: self.clone(),
            intended: None,
        };
        self.begin().unwrap_or(otherwise)
    }
}

/// Something whose outcome is to be recorded.
pub(in crate::admin) struct Begun {
    entry: Entry,
    intended: Option<Intended>,
}

impl Begun {
    /// Records what came of it, with how much.
    pub(in crate::admin) fn conclude(self, outcome: &str, changed: impl Into<Value>) {
        let mut entry = self.entry;
        entry.add("outcome", outcome);
        entry.add("changed", changed);
        match self.intended {
            Some(intended) => entry.history.conclude(intended, entry.members),
            None => entry.history.append(entry.members),
        }
    }
}
