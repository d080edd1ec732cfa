//! Which tokens were taken back before their end?
//!
//! What is revoked is a [`mark`]; what is said of it is a [`version`]. All of them are in memory, asked for
//! every request and again just before it is forwarded; a log keeps them over restarts, and
//! [`spread`] gives them to the fleet and takes the fleet's. A revocation only removes access: what can't be
//! read any more revokes everything that was issued before.

mod change;
mod log;
pub mod mark;
pub mod spread;
mod taking;
pub mod version;

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::watch;

use crate::clock;
pub use change::{Draft, Made, Unchanged};
pub use log::Found;
use log::Log;
pub use mark::{Kind, Mark, Marks, Named};
pub use spread::{Spread, keep_alone};
use taking::Unsent;
use version::Held;
pub use version::{Reach, Told, Version};

/// Most revocations: with 128 MiB for all of them.
pub const MOST: usize = 1_000_000;

/// How long an ended one is remembered: clocks differ, and a replica may come back with an older version.
const REMEMBERED: u64 = 86_400;

/// How long everything is refused that was issued before a log that can't be read: longer than any token
/// lives that a careful issuer gives out.
const BROKEN_ENDS: u64 = 31 * 86_400;

/// Lines of ended or replaced versions before the log is written anew.
const SURPLUS: usize = 10_000;

/// How many a replica says that it has in force.
const TOLD: usize = 32;

/// Locks that marks share out: none is held long, whatever grows under it.
const SHARDS: usize = 64;

type Shard = RwLock<HashMap<Mark, Held>>;

/// All revocations of this gateway.
pub struct Revocations {
    shards: [Shard; SHARDS],
    everything: Mark,
    /// Everything issued up to this second of the Unix epoch is refused, whatever it is.
    all_until: AtomicU64,
    count: AtomicUsize,
    revision: AtomicU64,
    durable: AtomicBool,
    /// INVARIANT: held by whoever changes anything.
    log: Mutex<Log>,
    /// What the fleet is to be given; nothing is kept where there is no fleet.
    unsent: Option<Mutex<Unsent>>,
    /// Whether the fleet's were read, or nobody else has any.
    known: AtomicBool,
    had_log: bool,
    /// Surfaces that serve nobody before that.
    waiting: BTreeSet<String>,
    changes: watch::Sender<u64>,
    /// What was put in force last, with its revision.
    newest: Mutex<VecDeque<(Mark, u64)>>,
}

impl std::fmt::Debug for Revocations {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Revocations")
            .field("count", &self.count())
            .finish_non_exhaustive()
    }
}

impl Revocations {
    /// Reads what is kept in `folder`, which this process holds. With `others`, a fleet has more: until that
    /// is read, the surfaces `waiting` serve nobody who needs to be known.
    ///
    /// # Errors
    /// The log can't be opened.
    pub fn open(
        folder: &Path,
        others: bool,
        waiting: BTreeSet<String>,
    ) -> Result<(Self, Found), String> {
        let everything = Mark::of(Kind::Everything, "", "");
        let (mut read, mut all_until) = (Vec::new(), 0);
        let now = clock::unix_time().as_secs();
        let (log, found) = Log::open(folder, |version| {
            if version.mark != everything {
                read.push((version.mark, Held::of(&version)));
            } else if let Reach::IssuedUntil(second) = version.reach {
                all_until = second.max(all_until);
            }
        })?;
        let (changes, _) = watch::channel(0);
        let all = Self {
            shards: std::array::from_fn(|_| RwLock::default()),
            everything,
            all_until: AtomicU64::new(all_until),
            count: AtomicUsize::new(0),
            revision: AtomicU64::new(0),
            durable: AtomicBool::new(true),
            log: Mutex::new(log),
            unsent: others.then(|| Mutex::new(Unsent::These(Vec::new()))),
            known: AtomicBool::new(!others),
            had_log: found != Found::Nothing,
            waiting,
            changes,
            newest: Mutex::default(),
        };
        for (mark, held) in read {
            all.put(mark, held);
        }
        if let Found::Broken(why) = &found {
            all.refuse_everything(why, now);
        }
        Ok((all, found))
    }

    /// Nobody knows what was revoked: everything that was issued so far is, here. The fleet is not told:
    /// it knows what was.
    fn refuse_everything(&self, why: &str, now: u64) {
        self.all_until.store(now, Ordering::Release);
        let version = Version {
            mark: self.everything,
            revision: 0,
            reach: Reach::IssuedUntil(now),
            ends: now.saturating_add(BROKEN_ENDS),
            told: Told {
                kind: Kind::Everything,
                issuer: String::new(),
                about: String::new(),
                reason: format!("the log of revocations: {why}"),
                by: "gateway".to_owned(),
                at: now,
            },
        };
        self.save(&mut hold(&self.log), &[version]);
        tracing::error!(
            target: "vingate::alarm", %why,
            "the log of revocations can't be believed: every token issued before now is refused"
        );
    }

    /// Whether a token with these marks, issued then (since the Unix epoch), was taken back. Costs the same
    /// whatever the number of revocations.
    pub fn refuse(&self, marks: &Marks, issued_at: Duration) -> bool {
        let issued_at = issued_at.as_secs();
        let all_until = self.all_until.load(Ordering::Acquire);
        if all_until > 0 && issued_at <= all_until {
            return true;
        }
        let holds = |mark| self.held(mark).is_some_and(|held| held.refuses(issued_at));
        self.count() > 0 && marks.each().any(holds)
    }

    /// Whether what a surface needs is known; else it serves nobody who needs to be.
    pub fn suffice_for(&self, surface: &str) -> bool {
        self.are_known() || !self.waiting.contains(surface)
    }

    /// Whether the fleet's were read, or won't be.
    pub fn are_known(&self) -> bool {
        self.known.load(Ordering::Acquire)
    }

    /// How many are held, ended and restored ones included until they are forgotten.
    pub fn count(&self) -> usize {
        self.count.load(Ordering::Acquire)
    }

    /// Whether all that is in force is on disk.
    pub fn are_durable(&self) -> bool {
        self.durable.load(Ordering::Acquire)
    }

    /// Counts changes of what is in force; what it counts to means nothing.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Revokes: in force at once, then on disk. What is revoked already keeps the larger reach. Waits for
    /// the disk.
    ///
    /// # Errors
    /// There is no room; then none is.
    pub fn revoke(&self, drafts: Vec<Draft>) -> Result<Made, Unchanged> {
        let mut log = hold(&self.log);
        if self.count().saturating_add(drafts.len()) > MOST {
            return Err(Unchanged::Full);
        }
        let mut changed = 0_usize;
        let versions: Vec<Version> = drafts
            .into_iter()
            .map(|draft| self.version(draft))
            .collect();
        for version in &versions {
            let held = Held::of(version);
            if held.refuses_more_than(self.put(version.mark, held)) {
                changed = changed.saturating_add(1);
            }
        }
        self.tell();
        let not_durable = self.save(&mut log, &versions);
        let made = Made {
            changed,
            versions: some(&versions),
            not_durable,
        };
        self.hand_on(versions);
        Ok(made)
    }

    /// Takes revocations back: on disk first, then in force. Each still ends when it would have. What isn't
    /// revoked stays so.
    ///
    /// # Errors
    /// It can't be written; then nothing changed.
    pub fn restore(&self, drafts: Vec<Draft>) -> Result<Made, Unchanged> {
        let mut log = hold(&self.log);
        let in_force = |draft: &Draft| {
            let held = self.held(draft.mark);
            held.is_some_and(|held| held.reach() != Reach::Restored)
        };
        let drafts = drafts.into_iter().filter(in_force);
        let versions: Vec<Version> = drafts.map(|draft| self.version(draft)).collect();
        log.append(&versions)
            .map_err(|error| Unchanged::NotDurable(error.to_string()))?;
        for version in &versions {
            self.put(version.mark, Held::of(version));
        }
        self.tell();
        let made = Made {
            changed: versions.len(),
            versions: some(&versions),
            not_durable: None,
        };
        self.hand_on(versions);
        Ok(made)
    }

    /// The next version of what a draft is about.
    fn version(&self, draft: Draft) -> Version {
        let known = self.held(draft.mark);
        let revision = self
            .revision
            .fetch_add(1, Ordering::AcqRel)
            .saturating_add(1);
        let mut version = Version {
            mark: draft.mark,
            revision,
            reach: draft.reach,
            ends: draft.ends,
            told: draft.told,
        };
        if let Some(known) = known {
            let merged = known.merge(Held::of(&version));
            (version.reach, version.ends) = (merged.reach(), merged.ends);
        }
        version
    }

    /// Forgets what ended long ago, and has the disk keep what it didn't take before. Answers what was
    /// forgotten. Waits for the disk.
    pub(in crate::revocations) fn sweep(&self, now: u64) -> Vec<Mark> {
        let mut log = hold(&self.log);
        let mut forgotten = Vec::new();
        for shard in &self.shards {
            let mut held = shard.write().unwrap_or_else(PoisonError::into_inner);
            held.retain(|mark, held| {
                let stays = held.ends.saturating_add(REMEMBERED) > now;
                if !stays {
                    forgotten.push(*mark);
                }
                stays
            });
        }
        self.count.fetch_sub(forgotten.len(), Ordering::AcqRel);
        if log.is_behind() {
            self.save(&mut log, &[]);
        }
        let surplus = log.lines().saturating_sub(self.count());
        if surplus > SURPLUS.max(self.count())
            && let Err(error) = log.rewrite(|version| self.is_newest(version))
        {
            tracing::warn!(%error, "the log of revocations stays as long as it is");
        }
        forgotten
    }

    /// Those that were put in force last, by mark, with the revision of each.
    pub fn put_last(&self) -> BTreeMap<String, u64> {
        let newest = hold(&self.newest);
        newest
            .iter()
            .rev()
            .map(|(mark, revision)| (mark.hex(), *revision))
            .collect()
    }

    /// Each version that is the newest of what it is about, as it lies on disk.
    ///
    /// # Errors
    /// The log can't be read.
    pub fn newest(&self) -> Result<impl Iterator<Item = Version> + use<'_>, String> {
        let versions = hold(&self.log).versions();
        let versions = versions.map_err(|error| error.to_string())?;
        Ok(versions.filter(|version| self.is_newest(version)))
    }

    fn is_newest(&self, version: &Version) -> bool {
        if version.mark == self.everything {
            return version.ends > clock::unix_time().as_secs();
        }
        let held = self.held(version.mark);
        held.is_some_and(|held| held.revision == version.revision)
    }

    /// Writes what is in force; why that failed. It is tried again.
    fn save(&self, log: &mut Log, versions: &[Version]) -> Option<String> {
        let saved = log.append(versions);
        self.durable.store(saved.is_ok(), Ordering::Release);
        let error = saved.err()?;
        log.keep(versions);
        tracing::error!(target: "vingate::alarm", %error, "revocations in force are not on disk");
        Some(error.to_string())
    }

    fn held(&self, mark: Mark) -> Option<Held> {
        let shard = self.shard(mark).read();
        shard
            .unwrap_or_else(PoisonError::into_inner)
            .get(&mark)
            .copied()
    }

    /// Puts a version in force, with what is known better; answers what was held before.
    fn put(&self, mark: Mark, held: Held) -> Option<Held> {
        let mut newest = hold(&self.newest);
        newest.push_front((mark, held.revision));
        newest.truncate(TOLD);
        drop(newest);
        self.revision.fetch_max(held.revision, Ordering::AcqRel);
        let mut shard = self
            .shard(mark)
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        let before = shard.get(&mark).copied();
        shard.insert(mark, before.map_or(held, |before| before.merge(held)));
        if before.is_none() {
            self.count.fetch_add(1, Ordering::AcqRel);
        }
        before
    }

    fn shard(&self, mark: Mark) -> &Shard {
        let [first, ..] = &self.shards;
        let number = usize::from(mark.first_byte()).checked_rem(SHARDS);
        self.shards.get(number.unwrap_or_default()).unwrap_or(first)
    }

    fn tell(&self) {
        self.changes
            .send_modify(|count| *count = count.wrapping_add(1));
    }
}

/// As many of them as a replica tells of, the last ones.
fn some(versions: &[Version]) -> BTreeMap<String, u64> {
    let last = versions.iter().rev().take(TOLD);
    last.map(|version| (version.mark.hex(), version.revision))
        .collect()
}

/// Every change is whole before anything can panic, so a poisoned lock is fine.
fn hold<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
