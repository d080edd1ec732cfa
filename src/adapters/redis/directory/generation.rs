//! Which snapshot of the directory is in force, and can it change while somebody looks?
//!
//! Vehicles, aliases and the index have a generation in their keys and in what is sealed; a whole
//! snapshot is written as a generation of its own. `{vingate:NAME}:generation` is a sealed pointer to
//! the one in force. It has a revision that only rises, and no generation comes twice. Where no
//! pointer ever stood the first generation is in force, whose keys say nothing of it.
//!
//! A record and the pointer are asked for at the same time; what was read counts if its generation is
//! the one that the pointer names, else it is read again. So every look-up sees one snapshot, and it
//! is asked the same for a vehicle that is there and for one that isn't. In a cluster the pointer may
//! be read a little before the record, and the swap come between: then the record of the former
//! snapshot is still there, since nobody sweeps it for [`SPARED`].
//!
//! A pointer that is older than one that was seen, or is gone after one was seen, is refused: to be
//! believed it would bring former owners back.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use redis::cmd;
use serde::{Deserialize, Serialize};
use tokio::join;
use uuid::Uuid;

use super::{RedisDirectory, TRIES, refused};
use crate::adapters::redis::calls::script;
use crate::switchboard::fleet::FleetError;
use crate::switchboard::seal::Kind;

/// How long a snapshot stays after another took its place. A look-up that began before has two calls
/// for its record, of 5 s each at most, and the swap's own moment is known to one call.
pub(super) const SPARED: Duration = Duration::from_secs(20);

/// What a pointer is about: no record's.
const ABOUT: &str = "generation";

/// Most bytes of a pointer, or of a word beside it, that are read.
pub(super) const BYTES: usize = 1_024;

/// Whose records they are; `None` is the first one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Generation(Option<String>);

impl Generation {
    /// One that never was.
    pub(super) fn new() -> Self {
        let (random, _) = Uuid::new_v4().as_u64_pair();
        Self(Some(format!("{random:016x}")))
    }

    /// What a record of this generation is about.
    pub(super) fn about(&self, what: &str) -> String {
        match &self.0 {
            None => what.to_owned(),
            Some(id) => format!("g:{id}:{what}"),
        }
    }

    /// Taken apart again. Subjects are of no generation: `None`.
    pub(super) fn of(about: &str) -> Option<(Self, &str)> {
        let (generation, what) = match about.strip_prefix("g:") {
            None => (Self(None), about),
            Some(rest) => {
                let (id, what) = rest.split_once(':')?;
                (Self(Some(id.to_owned())), what)
            }
        };
        let kinds = ["v:", "a:", "i:"];
        kinds
            .iter()
            .any(|kind| what.starts_with(kind))
            .then_some((generation, what))
    }
}

/// What the pointer says, sealed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Pointer {
    about: String,
    /// Microseconds since the Unix epoch, by Redis's clock; at least one more than the one before. That
    /// is when it came into force.
    pub(super) revision: u64,
    generation: Option<String>,
    /// The one that was in force before.
    before: Option<String>,
}

impl Pointer {
    pub(super) fn new(revision: u64, generation: &Generation, before: &Generation) -> Self {
        Self {
            about: ABOUT.to_owned(),
            revision,
            generation: generation.0.clone(),
            before: before.0.clone(),
        }
    }

    pub(super) fn generation(&self) -> Generation {
        Generation(self.generation.clone())
    }

    /// The generation that a look-up may still read: it was in force less than [`SPARED`] ago.
    pub(super) fn spared(&self, now: u64) -> Option<Generation> {
        let spared = u64::try_from(SPARED.as_micros()).unwrap_or(u64::MAX);
        let is_over = now >= self.revision.saturating_add(spared);
        (!is_over).then(|| Generation(self.before.clone()))
    }
}

/// The newest pointer that was seen here.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// 0 where none ever was.
    revision: u64,
    generation: Generation,
}

/// What stands beside the pointer, all at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Standing {
    /// The pointer's text; empty where there is none.
    pub(super) text: Vec<u8>,
    /// Who imports now; empty where nobody does.
    pub(super) holder: String,
    /// The id of the last change that was told.
    pub(super) change: String,
}

impl RedisDirectory {
    /// Asks of the generation in force, however often it changes meanwhile.
    pub(super) async fn in_force<T, Asked: Future<Output = Result<T, FleetError>>>(
        &self,
        ask: impl Fn(Generation) -> Asked,
    ) -> Result<T, FleetError> {
        let mut flaw = FleetError::TimedOut;
        for _ in 0..TRIES {
            let supposed = self.known().generation.clone();
            // the record first: over one connection, the pointer that is read after it is no older
            let (answer, text) = join!(ask(supposed.clone()), self.pointer_text());
            match self.learn(&text?) {
                Ok(generation) if generation == supposed => return answer,
                Ok(_) => flaw = FleetError::TimedOut,
                // two answers may have crossed; the second one may not be old as well
                Err(Doubtful(why)) if flaw == FleetError::Malformed => return Err(doubt(why)),
                Err(Doubtful(_)) => flaw = FleetError::Malformed,
            }
        }
        Err(flaw)
    }

    /// The generation in force.
    pub(super) async fn generation(&self) -> Result<Generation, FleetError> {
        self.in_force(async |generation| Ok(generation)).await
    }

    async fn pointer_text(&self) -> Result<Vec<u8>, FleetError> {
        let mut ask = cmd("GETRANGE");
        ask.arg(&self.pointer).arg(0).arg(BYTES);
        self.calls.ask(self.calls.timeout, &ask).await
    }

    /// What stands there, to be swapped by who saw it.
    pub(super) async fn standing(&self) -> Result<Standing, FleetError> {
        let keys = [&*self.pointer, &self.holder, &self.changed[1]];
        let mut ask = script(include_str!("../standing.lua"), &keys);
        ask.arg(BYTES);
        let (text, holder, change): (Vec<u8>, Vec<u8>, String) =
            self.calls.ask(self.calls.timeout, &ask).await?;
        Ok(Standing {
            text,
            holder: String::from_utf8_lossy(&holder).into_owned(),
            change,
        })
    }

    /// What a pointer's text says, whether or not it is the newest one.
    pub(super) fn open_pointer(&self, text: &[u8]) -> Option<Pointer> {
        let text = std::str::from_utf8(text).ok()?;
        let pointer = self.key.open::<Pointer>(Kind::Fact, text).ok()?;
        let is_whole = pointer.about == ABOUT && pointer.generation.is_some();
        is_whole.then_some(pointer)
    }

    /// The generation that a pointer's text names, no older than the one that was seen. With a new one
    /// all answers that are kept of the old one are void, before anybody has one of the new.
    pub(super) fn learn(&self, text: &[u8]) -> Result<Generation, Doubtful> {
        let mut known = self.known();
        if text.is_empty() {
            let is_first = known.revision == 0;
            return is_first
                .then(Generation::default)
                .ok_or(Doubtful("it is gone"));
        }
        let pointer = self.open_pointer(text);
        let pointer = pointer.ok_or(Doubtful("it is not of this fleet, or can't be read"))?;
        let generation = pointer.generation();
        if pointer.revision < known.revision {
            return Err(Doubtful("it is older than one that stood there before"));
        }
        if pointer.revision > known.revision {
            if let Some(changes) = self.kept.get() {
                changes.everything();
            }
            known.revision = pointer.revision;
            known.generation = generation;
        } else if generation != known.generation {
            return Err(Doubtful("it is another one of the same revision"));
        }
        Ok(known.generation.clone())
    }

    /// The highest revision of a pointer that was seen.
    pub(super) fn pointed(&self) -> u64 {
        self.known().revision
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        // whoever panicked left a pointer that was seen
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A pointer that isn't believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Doubtful(&'static str);

fn doubt(why: &str) -> FleetError {
    refused(&format!(
        "the pointer to the snapshot in force: {why}; import the whole with `--replace`"
    ))
}

/// For [`Known`].
pub(super) type Knowing = Mutex<Known>;
