//! How do all replicas of a fleet come to the same revocations?
//!
//! Each gives what it makes to the fleet's store, and asks the store five times a second what came since it
//! asked last. What has no seal of the fleet is refused with an alarm; an older version changes nothing; a
//! store that has fewer than this replica knows is given all of them again. So nobody who writes to the
//! store alone takes a revocation back.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep};

use super::Revocations;
use super::mark::{Kind as About, Mark};
use super::version::Version;
use crate::adapters::contact::Contact;
use crate::clock;
use crate::switchboard::fleet::{Carried, FleetError, FleetStore};
use crate::switchboard::seal::{FleetKey, Kind};

/// Between two looks: within a second, whatever else is asked of the store.
const POLL: Duration = Duration::from_millis(200);

/// Versions that are carried in one call.
const BATCH: usize = 500;

/// How often what ended is looked for.
const SWEEP: Duration = Duration::from_secs(60);

/// With as many at most all of the store is read anew at each sweep, with more at every tenth: that is
/// about a tenth of a core for a million.
const FEW: usize = 20_000;
const SELDOM: u32 = 10;

/// Between two times of giving all to a store that has fewer.
const AGAIN: Duration = Duration::from_secs(5);

/// How long a start with a log of its own waits for the fleet's.
const PATIENCE: Duration = Duration::from_secs(10);

/// Keeps a replica's revocations in step with its fleet's.
pub struct Spread {
    list: Arc<Revocations>,
    store: Arc<dyn FleetStore>,
    key: FleetKey,
    /// How far the store was read, by its own count.
    read: AtomicU64,
    refused: AtomicU64,
    begun: Instant,
    contact: Contact,
    told: Box<dyn Fn() + Send + Sync>,
}

impl fmt::Debug for Spread {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Spread")
            .field("list", &self.list)
            .finish_non_exhaustive()
    }
}

/// What is known of the store between two looks.
#[derive(Default)]
struct Look {
    /// What was made here and the store doesn't have yet.
    unsent: Vec<Version>,
    /// When all were given to it last.
    given: Option<Instant>,
    failed: bool,
}

impl Spread {
    /// For these, over this store; `told` is called when more of it was read.
    pub fn new(
        list: Arc<Revocations>,
        (store, key): (Arc<dyn FleetStore>, FleetKey),
        told: impl Fn() + Send + Sync + 'static,
    ) -> Self {
        Self {
            list,
            store,
            key,
            read: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            begun: Instant::now(),
            contact: Contact::default(),
            told: Box::new(told),
        }
    }

    /// Seconds since this replica and the store knew the same; since the start where they never did.
    pub fn age_seconds(&self) -> u64 {
        self.contact.age_seconds()
    }

    /// How many entries of the store were refused.
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// Looks for ever.
    pub async fn run(&self) {
        let mut changes = self.list.changes();
        let mut look = Look::default();
        let (mut swept, mut sweeps) = (Instant::now(), 0_u32);
        loop {
            changes.mark_unchanged();
            let tried = self.look(&mut look).await;
            self.note(tried, &mut look);
            if swept.elapsed() >= SWEEP {
                swept = Instant::now();
                sweeps = sweeps.wrapping_add(1);
                self.sweep().await;
                if self.list.count() <= FEW || sweeps.is_multiple_of(SELDOM) {
                    // somebody may have altered what was read
                    self.read.store(0, Ordering::Release);
                }
            }
            tokio::select! {
                () = sleep(POLL) => {}
                told = changes.changed() => if told.is_err() { return },
            }
        }
    }

    fn note(&self, tried: Result<(), FleetError>, look: &mut Look) {
        match tried {
            Ok(()) => {
                self.contact.heard();
                self.list.settle();
                if look.failed {
                    tracing::info!("the fleet's revocations are in step");
                }
            }
            Err(error) if !look.failed => {
                tracing::error!(%error, "the fleet's revocations are out of reach: those known here hold");
            }
            Err(_) => {}
        }
        look.failed = tried.is_err();
        if look.failed && self.list.had_log && self.begun.elapsed() >= PATIENCE {
            self.list.settle(); // those of before the start hold
        }
    }

    /// Gives what is new here, takes what is new there, and gives all to a store that lost some.
    async fn look(&self, look: &mut Look) -> Result<(), FleetError> {
        if look.unsent.is_empty() {
            match self.list.unsent() {
                Some(versions) => look.unsent = versions,
                None => self.give_all(look).await?,
            }
        }
        while !look.unsent.is_empty() {
            let batch = look.unsent.len().min(BATCH);
            let versions = look.unsent.get(..batch).unwrap_or_default();
            self.store
                .put_revoked(&carried(&self.key, versions))
                .await?;
            look.unsent.drain(..batch);
        }
        let fewer = self.take_news().await?;
        let is_due = look.given.is_none_or(|at| at.elapsed() >= AGAIN);
        if fewer && is_due {
            tracing::warn!(
                "the fleet's store has fewer revocations than are known here: it is given them"
            );
            self.give_all(look).await?;
        }
        Ok(())
    }

    /// Reads on; answers whether the store has fewer than are known here.
    async fn take_news(&self) -> Result<bool, FleetError> {
        loop {
            let after = self.read.load(Ordering::Acquire);
            let found = self.store.revoked_since(after, BATCH).await?;
            if found.newest < after {
                // another store, or an older state of it: all of it is to be read
                self.read.store(0, Ordering::Release);
                self.list.resend();
                return Ok(true);
            }
            let Some(newest) = found.entries.last().map(|(at, _)| *at) else {
                let known = u64::try_from(self.list.count()).unwrap_or(u64::MAX);
                return Ok(found.count < known);
            };
            let entries = found.entries.into_iter().map(|(_, entry)| entry);
            let (versions, forged) = self.opened(entries.collect());
            let list = Arc::clone(&self.list);
            // waits for the disk
            let taken = spawn_blocking(move || list.take(versions)).await;
            match taken {
                Ok(Ok(())) => {}
                Ok(Err(why)) => {
                    tracing::error!(%why, "what the fleet restored stays revoked here: it can't be written");
                    return Err(FleetError::Full);
                }
                Err(_) => return Err(FleetError::Malformed),
            }
            self.store.drop_revoked(&forged).await?; // so that it takes what is known here
            self.read.store(newest, Ordering::Release);
            (self.told)();
        }
    }

    /// What the fleet's own seal is on, about what it says it is about; and fields that stand in the way of
    /// what is known here.
    fn opened(&self, entries: Vec<Carried>) -> (Vec<Version>, Vec<String>) {
        let mut versions = Vec::with_capacity(entries.len());
        let mut forged = Vec::new();
        let mut refused = 0_u64;
        for entry in entries {
            match self.key.open::<Version>(Kind::Revocation, &entry.sealed) {
                Ok(version) if version.mark.hex() == entry.field => {
                    // the store goes by a number that has no seal
                    if version.revision != entry.revision {
                        forged.push(entry.field);
                    }
                    versions.push(version);
                }
                Ok(_) | Err(_) => {
                    refused = refused.saturating_add(1);
                    let mark = Mark::read(&entry.field);
                    if mark.is_some_and(|mark| self.list.held(mark).is_some()) {
                        forged.push(entry.field);
                    }
                }
            }
        }
        if refused > 0 {
            self.refused.fetch_add(refused, Ordering::Relaxed);
            tracing::error!(
                target: "vingate::alarm", count = refused,
                "revocations of the fleet's store are refused: they have no right seal"
            );
        }
        (versions, forged)
    }

    /// Gives the store all that it doesn't have.
    async fn give_all(&self, look: &mut Look) -> Result<(), FleetError> {
        let given = self.give_each().await;
        if given.is_err() {
            self.list.resend();
        } else {
            look.given = Some(Instant::now());
        }
        given
    }

    /// Reads the log beside everything else: it may be long.
    async fn give_each(&self) -> Result<(), FleetError> {
        let (list, store, key) = (
            Arc::clone(&self.list),
            Arc::clone(&self.store),
            self.key.clone(),
        );
        let given = spawn_blocking(move || {
            let versions = list.newest().map_err(|why| {
                tracing::error!(%why, "the log of revocations can't be read");
                FleetError::Malformed
            })?;
            // that one log can't be read concerns nobody else
            let mut versions = versions.filter(|one| one.told.kind != About::Everything);
            loop {
                let batch: Vec<Version> = versions.by_ref().take(BATCH).collect();
                if batch.is_empty() {
                    return Ok(());
                }
                Handle::current().block_on(store.put_revoked(&carried(&key, &batch)))?;
            }
        });
        given.await.map_err(|_| FleetError::Malformed)?
    }

    /// Forgets what ended, here and there.
    async fn sweep(&self) {
        let forgotten = sweep(&self.list).await;
        let fields: Vec<String> = forgotten.into_iter().map(Mark::hex).collect();
        for fields in fields.chunks(BATCH) {
            if let Err(error) = self.store.drop_revoked(fields).await {
                tracing::debug!(%error, "revocations that ended stay in the fleet's store");
                return;
            }
        }
    }
}

/// Forgets what ended, for ever, where this gateway is the fleet.
pub async fn keep_alone(list: &Arc<Revocations>) {
    loop {
        sleep(SWEEP).await;
        sweep(list).await;
    }
}

/// Waits for the disk beside everything else.
async fn sweep(list: &Arc<Revocations>) -> Vec<Mark> {
    let now = clock::unix_time().as_secs();
    let list = Arc::clone(list);
    let swept = spawn_blocking(move || list.sweep(now)).await;
    swept.unwrap_or_default()
}

fn carried(key: &FleetKey, versions: &[Version]) -> Vec<Carried> {
    let carry = |version: &Version| {
        let sealed = key.seal(Kind::Revocation, version).ok()?;
        Some(Carried {
            field: version.mark.hex(),
            revision: version.revision,
            sealed,
        })
    };
    versions.iter().filter_map(carry).collect()
}

#[cfg(test)]
mod tests;
