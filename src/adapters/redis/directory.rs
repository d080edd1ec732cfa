//! Whose car is it, as a fleet of gateways shares it through Redis?
//!
//! `{vingate:NAME:v:VIN}` is one vehicle, so that each lies in a slot of its own; `s:` is a subject and
//! `a:` an alias. Each is sealed with what it is about and a revision that only rises. Once a whole
//! snapshot was put in place it is `{vingate:NAME:g:GENERATION:v:VIN}`; `generation` says which counts.
//! `{vingate:NAME}:changed` is a stream of what changed; each entry names the one before it, so that
//! who reads them knows when one is missing. `i:` is an index of whom the records name.
//!
//! Redis only carries: what has no seal of the fleet, is about something else, or is older than what
//! was seen before, is an alarm and no answer.

pub(super) mod changed;
mod exporting;
mod generation;
mod holding;
mod importing;
mod index;
mod replacing;
mod sweeping;

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use quick_cache::sync::Cache;
use redis::cmd;
use serde::{Deserialize, Serialize};
use tokio::task::JoinHandle;

use super::calls::{Calls, script};
use super::lookup;
use crate::adapters::directory::Unchanged;
use crate::adapters::facts::intake::Room;
use crate::adapters::facts::record;
use crate::adapters::kept::Changes;
use crate::config::file::Redis;
use crate::pipeline::ownership::{Alias, Hints, IndexKey, SubjectFacts, SubjectKey, VehicleFacts};
use crate::pipeline::ports::{LookupError, OwnershipDirectory};
use crate::pipeline::vehicle::Vin;
use crate::switchboard::fleet::FleetError;
use crate::switchboard::seal::{FleetKey, Kind};
pub use exporting::RedisSnapshot;
use generation::{Generation, Knowing, SPARED};
use index::Reindexed;

/// Most bytes of a record that are read: four times the longest line of an import.
const RECORD_BYTES: usize = 256 * 1024;

/// Records whose revision is remembered, about 60 bytes each.
const REMEMBERED: usize = 1_000_000;

/// Tries to change a vehicle that others change too.
const TRIES: u32 = 8;

/// Bytes that an import or an export sorts in memory.
const SORTED: usize = 64 * 1024 * 1024;

/// A directory in Redis.
pub struct RedisDirectory {
    calls: Calls,
    name: String,
    changed: [String; 2],
    /// Which snapshot is in force, and who imports.
    pointer: String,
    holder: String,
    known: Knowing,
    /// Where answers are kept that a new snapshot makes void.
    kept: OnceLock<Arc<Changes>>,
    key: FleetKey,
    /// The highest revision that was seen of each, by two hashes of what it is about.
    seen: Cache<(u64, u64), u64>,
    hashers: [RandomState; 2],
    /// What imports and exports sort on disk.
    pub(super) spool: Room,
    /// How long the former snapshot is left to those who read it still.
    pub(super) grace: Duration,
    sweeping: Mutex<Option<JoinHandle<()>>>,
    /// Held by who exports.
    exporting: Arc<tokio::sync::Mutex<()>>,
}

/// What stands in Redis, sealed.
#[derive(Serialize, Deserialize)]
struct Sealed {
    about: String,
    /// Microseconds since the Unix epoch, by Redis's clock; at least one more than the one before.
    revision: u64,
    /// In base64; `None` once it was removed.
    record: Option<String>,
}

impl Sealed {
    fn new(about: &str, revision: u64, record: Option<&[u8]>) -> Self {
        Self {
            about: about.to_owned(),
            revision,
            record: record.map(|record| BASE64_STANDARD.encode(record)),
        }
    }
}

/// One record as it stands there.
struct Found {
    /// The text itself, to be replaced by who saw it.
    text: String,
    revision: u64,
    record: Option<Vec<u8>>,
}

impl fmt::Debug for RedisDirectory {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("RedisDirectory").finish_non_exhaustive()
    }
}

impl RedisDirectory {
    /// For these settings; starts to connect and doesn't wait for it. What is imported and exported is
    /// sorted in folders whose names begin as `spool`, which is nobody else's. Called inside a tokio
    /// runtime that lives as long as this.
    ///
    /// # Errors
    /// A file can't be read, or a setting can't be used.
    pub fn open(settings: &Redis, key: FleetKey, spool: PathBuf) -> Result<Self, String> {
        let tag = format!("{{vingate:{}}}", settings.name);
        Ok(Self {
            calls: Calls::open(settings)?,
            name: settings.name.clone(),
            changed: [format!("{tag}:changed"), format!("{tag}:change")],
            pointer: format!("{tag}:generation"),
            holder: format!("{tag}:importing"),
            known: Knowing::default(),
            kept: OnceLock::new(),
            key,
            seen: Cache::new(REMEMBERED),
            hashers: [RandomState::new(), RandomState::new()],
            spool: Room {
                folder: spool,
                memory: SORTED,
            },
            grace: SPARED,
            sweeping: Mutex::default(),
            exporting: Arc::default(),
        })
    }

    /// Answers are kept elsewhere, and these say when they are void.
    pub fn voids(&self, changes: Arc<Changes>) {
        self.kept.set(changes).ok(); // the first ones stay
    }

    fn key_of(&self, about: &str) -> String {
        format!("{{vingate:{}:{about}}}", self.name)
    }

    /// What stands there; `None` if nothing does.
    async fn read(&self, about: &str) -> Result<Option<Found>, FleetError> {
        let mut ask = cmd("GETRANGE");
        ask.arg(self.key_of(about)).arg(0).arg(RECORD_BYTES);
        let text: Vec<u8> = self.calls.ask(self.calls.timeout, &ask).await?;
        if text.is_empty() {
            return Ok(None);
        }
        let text = String::from_utf8(text).map_err(|_| refused("it is no text"))?;
        let found = self.open_sealed(about, text);
        found.map(Some).map_err(|flaw| refused(&flaw))
    }

    /// What a text says, if it is of this fleet and about this.
    fn open_sealed(&self, about: &str, text: String) -> Result<Found, String> {
        let sealed = self.key.open::<Sealed>(Kind::Fact, &text);
        let sealed = sealed.map_err(|flaw| flaw.to_string())?;
        if sealed.about != about {
            return Err("it is about something else".to_owned());
        }
        let record = sealed.record.map(|record| BASE64_STANDARD.decode(record));
        let record = record.transpose();
        Ok(Found {
            text,
            revision: sealed.revision,
            record: record.map_err(|_| "it can't be read".to_owned())?,
        })
    }

    /// The same, no older than what was seen before.
    async fn read_newest(&self, about: &str) -> Result<Option<Found>, FleetError> {
        let seen = self.seen_as(about);
        let mut tried = false;
        loop {
            let known = self.seen.get(&seen).unwrap_or(0);
            let found = self.read(about).await?;
            let revision = found.as_ref().map_or(0, |found| found.revision);
            if revision >= known || found.is_none() {
                if revision > known {
                    self.seen.insert(seen, revision);
                }
                return Ok(found);
            }
            // two answers may have crossed; the second one may not be old as well
            if tried {
                return Err(refused("it is older than what stood there before"));
            }
            tried = true;
        }
    }

    /// The same of the generation in force.
    async fn read_in_force(&self, what: &str) -> Result<Option<Found>, FleetError> {
        let read = |generation: Generation| async move {
            let about = generation.about(what);
            self.read_newest(&about).await
        };
        self.in_force(read).await
    }

    fn seen_as(&self, about: &str) -> (u64, u64) {
        let [one, other] = &self.hashers;
        (one.hash_one(about), other.hash_one(about))
    }

    /// Changes a vehicle to what `make` makes of its facts, and tells it. Once this returns, no gateway
    /// that is in touch with Redis goes by the old facts for longer than a second.
    ///
    /// No snapshot loses it. While one is loaded nothing is changed; what was begun before that has been
    /// told before the load looks at the newest change, and so came before it, or is told later, and
    /// the swap sees it and doesn't happen, or is told after the swap, and sees the new generation here
    /// and is done again in that.
    ///
    /// # Errors
    /// See [`Unchanged`].
    pub async fn change<Flaw>(
        &self,
        vin: Vin,
        make: impl Fn(Option<VehicleFacts>) -> Result<Option<VehicleFacts>, Flaw>,
    ) -> Result<(), Unchanged<Flaw>> {
        let store = |error: FleetError| Unchanged::Store(error.to_string());
        for _ in 0..TRIES {
            let generation = self.generation().await.map_err(store)?;
            if holding::replaces(&self.standing().await.map_err(store)?.holder) {
                return Err(Unchanged::Replaced);
            }
            let about = generation.about(&of_vehicle(&vin));
            let found = self.read_newest(&about).await.map_err(store)?;
            let (text, revision, record) = found.map_or((String::new(), 0, None), |found| {
                (found.text, found.revision, found.record)
            });
            let before = record.map(|record| vehicle(&record)).transpose();
            let before = before.map_err(store)?;
            let facts = make(before.clone()).map_err(Unchanged::Senseless)?;
            let index = Reindexed::new(vin, before.as_ref(), facts.as_ref()).within(&generation);
            let record = facts.map(|facts| record::encode(&facts)).transpose();
            let record = record.map_err(|_| store(FleetError::Malformed))?;
            let now = self.time().await.map_err(store)?;
            let known = (text.as_str(), revision.max(now));
            let put = self.put(&about, known, (record, &index)).await;
            let Some(revision) = put.map_err(store)? else {
                continue;
            };
            self.tell(&of_vehicle(&vin)).await.map_err(store)?;
            if self.generation().await.map_err(store)? == generation {
                self.forget(&index, revision).await;
                return Ok(());
            }
        }
        Err(Unchanged::Raced)
    }

    /// Puts a record in place of what was seen there, and answers its revision, which is above the one
    /// that is known; `None` if something else stands there now.
    async fn put(
        &self,
        about: &str,
        (before, revision): (&str, u64),
        (record, index): (Option<Vec<u8>>, &Reindexed),
    ) -> Result<Option<u64>, FleetError> {
        let revision = revision.saturating_add(1);
        let sealed = Sealed::new(about, revision, record.as_deref());
        let text = self.key.seal(Kind::Fact, &sealed);
        let text = text.map_err(|_| FleetError::Malformed)?;
        let key = self.key_of(about);
        self.name(index, revision).await?;
        let mut ask = script(include_str!("replace.lua"), &[&key]);
        ask.arg(before).arg(&text);
        let replaced = self.calls.ask::<u8>(self.calls.timeout, &ask).await? == 1;
        if replaced {
            self.seen.insert(self.seen_as(about), revision);
        }
        Ok(replaced.then_some(revision))
    }

    /// Microseconds since the Unix epoch, by Redis's clock.
    async fn time(&self) -> Result<u64, FleetError> {
        let ask = script("return redis.call('TIME')", &[&self.changed[0]]);
        let (seconds, microseconds): (u64, u64) = self.calls.ask(self.calls.timeout, &ask).await?;
        Ok(seconds
            .saturating_mul(1_000_000)
            .saturating_add(microseconds))
    }
}

fn of_vehicle(vin: &Vin) -> String {
    format!("v:{}", vin.as_str())
}

/// Names of people and partners may hold any character: in base64 none of them means anything.
fn of_subject(key: &SubjectKey) -> String {
    let [issuer, subject] =
        [&key.issuer, &key.subject].map(|name| BASE64_URL_SAFE_NO_PAD.encode(name));
    format!("s:{issuer}:{subject}")
}

fn of_alias(alias: &Alias) -> String {
    let [client, alias] =
        [&alias.client, &alias.alias].map(|name| BASE64_URL_SAFE_NO_PAD.encode(name));
    format!("a:{client}:{alias}")
}

fn vehicle(record: &[u8]) -> Result<VehicleFacts, FleetError> {
    record::decode(record).ok_or_else(|| refused("it can't be read"))
}

/// Never what it is about: that is personal data.
fn refused(flaw: &str) -> FleetError {
    tracing::error!(target: "vingate::alarm", flaw, "a record of ownership in redis is refused");
    FleetError::Malformed
}

#[async_trait]
impl OwnershipDirectory for RedisDirectory {
    async fn find(&self, vin: &Vin) -> Result<Option<Arc<VehicleFacts>>, LookupError> {
        let found = self.read_in_force(&of_vehicle(vin)).await.map_err(lookup)?;
        let record = found.and_then(|found| found.record);
        let facts = record.map(|record| vehicle(&record).map(Arc::new));
        facts.transpose().map_err(lookup)
    }

    async fn find_subject(&self, issuer: &str, subject: &str) -> Result<SubjectFacts, LookupError> {
        let key = SubjectKey {
            issuer: issuer.to_owned(),
            subject: subject.to_owned(),
        };
        let about = of_subject(&key);
        let found = self.read_newest(&about).await.map_err(lookup)?;
        // a suspension that is taken back leaves a sealed record: gone is not taken back
        if found.is_none() && self.seen.get(&self.seen_as(&about)).is_some() {
            return Err(lookup(refused("it is gone")));
        }
        match found.and_then(|found| found.record) {
            None => Ok(SubjectFacts::default()),
            Some(record) => record::decode_subject(&record).ok_or(LookupError::Malformed),
        }
    }

    async fn find_by(&self, key: &IndexKey, most: usize) -> Result<Hints, LookupError> {
        self.hinted(key, most).await.map_err(lookup)
    }

    async fn find_alias(&self, alias: &Alias) -> Result<Option<Vin>, LookupError> {
        let found = self.read_in_force(&of_alias(alias)).await.map_err(lookup)?;
        let vin = |record: Vec<u8>| Vin::read(std::str::from_utf8(&record).ok()?).ok();
        let record = found.and_then(|found| found.record);
        let read = |record| vin(record).ok_or_else(|| refused("it can't be read"));
        record.map(read).transpose().map_err(lookup)
    }
}
