//! How do all replicas of a fleet come to the same board?
//!
//! Each reads the fleet's store every 2 s, at each hint, and after each change of its own; takes what
//! is newer there; and puts back what it knows better itself. So boards merge after an outage, and a
//! store that lost entries is given them again, whoever lost them. Each says what it has in force,
//! and what its data path answers.
//!
//! The store only carries: what has no seal of the fleet is refused, an older version changes
//! nothing, and nobody opens because the store forgot.

mod asking;
mod baseline;
mod contact;
mod pull;
mod replica;
mod step;
mod tell;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use tokio::sync::Notify;
use uuid::Uuid;

use crate::switchboard::census::Census;
use crate::switchboard::fleet::{FleetError, FleetStore, Topic};
use crate::switchboard::probe::Prober;
use crate::switchboard::seal::{FleetKey, Kind};
use crate::switchboard::store::Switchboard;
use crate::switchboard::timekeeping::{Timekeeping, Witness};

pub use baseline::{baseline, read_baseline};
use contact::Contact;
pub use contact::Health;
pub use replica::{Replica, Seen};
use tell::Told;

/// Between two steps, however many hints come.
const PAUSE: Duration = Duration::from_millis(20);

/// How long the fleet may be out of reach before time alone opens nothing any more: two halves of it
/// must not go on apart.
const APART: Duration = Duration::from_secs(60);

/// Who this replica is.
#[derive(Debug, Clone)]
pub struct Me {
    /// Its name in the configuration, or its host's.
    pub name: String,
    /// Where its operators' API answers, if it does elsewhere than on its socket.
    pub url: Option<String>,
    /// Whether the fleet is this replica, or has others.
    pub fleet: Witness,
}

/// The revocations that were put in force last, by mark, with the revision of each.
pub type Newest = Box<dyn Fn() -> BTreeMap<String, u64> + Send + Sync>;

/// Keeps this replica and its fleet in step.
pub struct Spread {
    me: Me,
    /// Of this process and no other.
    id: String,
    board: Arc<Switchboard>,
    /// Whether it had a board before it heard of the fleet's.
    knew_at_start: bool,
    store: Arc<dyn FleetStore>,
    key: FleetKey,
    time: Arc<Timekeeping>,
    prober: OnceLock<Arc<dyn Prober>>,
    census: OnceLock<Arc<dyn Census>>,
    revoked: OnceLock<Newest>,
    contact: Contact,
    told: Mutex<Told>,
    /// There is something new to say.
    wake: Notify,
    /// There may be a question.
    asked: Notify,
    refused: AtomicU64,
    replicas: AtomicU64,
    /// Words of replicas that were refused when they were read last.
    odd: AtomicU64,
}

impl fmt::Debug for Spread {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Spread")
            .field("id", &self.id)
            .field("contact", &self.contact)
            .finish_non_exhaustive()
    }
}

impl Spread {
    /// For this board, over this store. Does nothing before [`Self::run`].
    pub fn new(
        me: Me,
        board: Arc<Switchboard>,
        store: Arc<dyn FleetStore>,
        key: FleetKey,
        time: Arc<Timekeeping>,
    ) -> Self {
        let random = Uuid::new_v4().simple().to_string();
        Self {
            id: format!("{}-{random}", me.name),
            told: Mutex::new(Told::new(board.swaps())),
            me,
            knew_at_start: board.is_known(),
            board,
            store,
            key,
            time,
            prober: OnceLock::new(),
            census: OnceLock::new(),
            revoked: OnceLock::new(),
            contact: Contact::new(),
            wake: Notify::new(),
            asked: Notify::new(),
            refused: AtomicU64::new(0),
            replicas: AtomicU64::new(1),
            odd: AtomicU64::new(0),
        }
    }

    /// Who asks this replica's own data path after each change. The first one counts.
    pub fn set_prober(&self, prober: Arc<dyn Prober>) {
        self.prober.get_or_init(|| prober);
    }

    /// What else this replica has in force. The first one counts.
    pub fn set_revoked(&self, newest: Newest) {
        self.revoked.get_or_init(|| newest);
    }

    /// Who counts this replica's own traffic when it is asked for. The first one counts.
    pub fn set_census(&self, census: Arc<dyn Census>) {
        self.census.get_or_init(|| census);
    }

    /// Runs until it is dropped.
    pub async fn run(&self) {
        tokio::join!(
            self.keep_in_step(),
            self.keep_told(),
            self.keep_probed(),
            self.keep_answering()
        );
    }

    /// Takes leave of the fleet, so that nobody waits for this replica. What it says is lost if the
    /// store doesn't answer: then it is forgotten by itself.
    pub async fn leave(&self) {
        let gone = self
            .store
            .say(Topic::Replicas, &self.id, "", Duration::from_millis(1));
        if let Err(error) = gone.await {
            tracing::debug!(%error, "the fleet isn't told that this replica ends");
        }
    }

    /// Id of this replica in [`Self::replicas`].
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The replicas that are alive, by name, as they say themselves. What isn't sealed by the fleet
    /// is left out, with an alarm.
    ///
    /// # Errors
    /// The store's.
    pub async fn replicas(&self) -> Result<Vec<Replica>, FleetError> {
        let mut found = Vec::new();
        let mut odd = 0_u64;
        for (id, sealed) in self.store.said(Topic::Replicas).await? {
            if sealed.is_empty() {
                continue; // it took leave
            }
            match self.key.open::<Replica>(Kind::Replica, &sealed) {
                Ok(replica) if replica.id == id => found.push(replica),
                Ok(_) | Err(_) => odd = odd.saturating_add(1),
            }
        }
        // one line however many there are, and not again while nothing changes
        if self.odd.swap(odd, Ordering::Relaxed) != odd && odd > 0 {
            self.refused.fetch_add(odd, Ordering::Relaxed);
            tracing::error!(
                target: "vingate::alarm", count = odd, "words of replicas are refused: they have no right seal"
            );
        }
        found.sort_by(|a, b| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
        let count = u64::try_from(found.len()).unwrap_or(u64::MAX);
        self.replicas.store(count, Ordering::Relaxed);
        Ok(found)
    }

    /// How long ago this replica and the store knew the same; `None` if they never did.
    pub fn age(&self) -> Option<Duration> {
        self.contact.age()
    }

    /// The same in seconds; without any contact yet, since the start.
    pub fn age_seconds(&self) -> u64 {
        let age = self.age().unwrap_or_else(|| self.contact.since_start());
        age.as_secs()
    }

    /// How things stand, in words once displayed.
    pub fn health(&self) -> Health {
        self.contact.health()
    }

    /// How often something from the store was refused.
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// Words of replicas without a right seal, when they were read last: who said them isn't known.
    pub fn odd_words(&self) -> u64 {
        self.odd.load(Ordering::Relaxed)
    }

    /// How many replicas were alive when they were counted last.
    pub fn replica_count(&self) -> u64 {
        self.replicas.load(Ordering::Relaxed)
    }

    /// Whether time alone may open something now: the time is right, and this replica isn't cut off
    /// from the others.
    pub fn lets_time_open(&self) -> bool {
        let together = match self.me.fleet {
            Witness::Itself => true,
            Witness::Other => self.age().is_some_and(|age| age < APART),
        };
        together && self.time.is_right()
    }
}

/// A time that differs by up to a quarter, so that replicas don't all ask at once.
pub(in crate::switchboard) fn jittered(time: Duration) -> Duration {
    let drawn = u32::try_from(Uuid::new_v4().as_u128() % 501).unwrap_or(0);
    let thousandths = drawn.saturating_add(750);
    time.saturating_mul(thousandths)
        .checked_div(1000)
        .unwrap_or(time)
}

#[cfg(test)]
mod tests;
