//! Which ownership directory does this gateway have, and how is it asked and changed?

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::sleep;

use crate::adapters::contact::Contact;
use crate::adapters::embedded::{self, EmbeddedDirectory};
use crate::adapters::facts::import::{ImportError, ImportReport};
use crate::adapters::facts::intake::Intake;
use crate::adapters::facts::outgoing::Broken;
use crate::adapters::http::{HttpDirectory, NOT_OURS};
use crate::adapters::kept::{Changes, Keeping, KeptDirectory};
use crate::adapters::redis::{RedisDirectory, RedisSnapshot};
use crate::config::ConfigFile;
use crate::config::file::OwnershipStore;
use crate::pipeline::ownership::VehicleFacts;
use crate::pipeline::ports::{LookupError, OwnershipDirectory};
use crate::pipeline::vehicle::Vin;
use crate::switchboard::seal::FleetKey;

/// No car is made under it: what is said of it doesn't matter, that something is does.
const NOBODYS: &str = "00000000000000000";

/// Between two questions of a store that didn't answer yet.
const ASKED_AGAIN: Duration = Duration::from_secs(1);

/// Why a vehicle was not changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unchanged<Flaw> {
    /// What was asked for makes no sense here.
    #[error("{0}")]
    Senseless(Flaw),
    /// The store can't be read or written. It may have been done all the same; doing it again is
    /// harmless.
    #[error("the ownership directory: {0}")]
    Store(String),
    /// It is not kept here: who keeps it.
    #[error("{0}")]
    Elsewhere(&'static str),
    /// Somebody else changes it all the time.
    #[error("the vehicle is being changed by somebody else: try again")]
    Raced,
    /// A change would be lost: everything is being replaced.
    #[error("a whole snapshot is being imported: try again when it is in force")]
    Replaced,
}

/// Why there is no moment of a directory to be shown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoSnapshot {
    /// It can't be read.
    #[error("the ownership directory: {0}")]
    Failed(LookupError),
    /// It can't be read as of one moment, or a record of it can't be believed.
    #[error("the ownership directory: {0}")]
    Broken(String),
    /// It has none.
    #[error("{0}")]
    Refused(&'static str),
}

/// All that a directory knows at one moment.
#[derive(Debug)]
pub enum Snapshot {
    /// Read as it is written.
    Embedded(embedded::Snapshot),
    /// Read already.
    Redis(RedisSnapshot),
}

impl Snapshot {
    /// Hands each line to `take`, without its end: vehicles, subjects, aliases, each in the order of
    /// their keys. Answers how many. Blocks.
    ///
    /// # Errors
    /// A record can't be read: what was taken is not all of it. What `take` says.
    pub fn write(self, take: &mut dyn FnMut(&str) -> Result<(), String>) -> Result<u64, Broken> {
        match self {
            Self::Embedded(snapshot) => snapshot.write(take),
            Self::Redis(snapshot) => snapshot.write(take),
        }
    }
}

/// The directory of a configuration.
#[derive(Clone)]
pub struct Directory {
    store: Store,
    /// What decisions ask.
    port: Arc<dyn OwnershipDirectory>,
    elsewhere: Option<Elsewhere>,
}

/// A store that is not on this machine.
#[derive(Clone)]
struct Elsewhere {
    contact: Arc<Contact>,
    changes: Arc<Changes>,
    /// Whether a question was answered ever.
    is_reached: Arc<AtomicBool>,
}

#[derive(Clone)]
enum Store {
    Embedded(Arc<EmbeddedDirectory>),
    Redis(Arc<RedisDirectory>, Handle),
    Http(Arc<HttpDirectory>, Handle),
}

impl fmt::Debug for Directory {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self.store {
            Store::Embedded(_) => "Directory(embedded)",
            Store::Redis(..) => "Directory(redis)",
            Store::Http(..) => "Directory(http)",
        })
    }
}

impl Directory {
    /// As the configuration says; what has to be kept up is kept up on this runtime.
    ///
    /// # Errors
    /// The file can't be opened, or a setting can't be used.
    pub fn open(config: &ConfigFile, runtime: &Handle) -> Result<Self, String> {
        let ownership = &config.ownership;
        match ownership.store {
            OwnershipStore::Embedded => {
                let file = ownership.file.as_deref();
                let file = file.ok_or("`ownership.file` is missing")?;
                EmbeddedDirectory::open(file).map(Self::embedded)
            }
            OwnershipStore::Redis => Self::redis(config, runtime),
            OwnershipStore::Http => Self::http(config, runtime),
        }
    }

    /// Of one file on this machine.
    pub fn embedded(directory: EmbeddedDirectory) -> Self {
        let directory = Arc::new(directory);
        Self {
            port: Arc::<EmbeddedDirectory>::clone(&directory),
            store: Store::Embedded(directory),
            elsewhere: None,
        }
    }

    fn redis(config: &ConfigFile, runtime: &Handle) -> Result<Self, String> {
        let redis = config.redis.as_ref().ok_or("`redis` is missing")?;
        let keeping = keeping(config)?;
        let key = config.switches.fleet_key_file.as_deref();
        let key = FleetKey::read(key.ok_or("`switches.fleet_key_file` is missing")?)
            .map_err(|flaw| format!("switches.fleet_key_file: {flaw}"))?;
        let entered = runtime.enter(); // its connection is kept up there
        let spool = config.switches.directory.join("ownership");
        let directory = Arc::new(RedisDirectory::open(redis, key, spool)?);
        drop(entered);
        let changes = Arc::new(Changes::told());
        directory.voids(Arc::clone(&changes));
        let elsewhere = Elsewhere::new(Arc::default(), &changes);
        let (told, followed) = (Arc::clone(&changes), Arc::clone(&directory));
        let contact = Arc::clone(&elsewhere.contact);
        runtime.spawn(async move { followed.follow(&told, &contact).await });
        let store = Arc::<RedisDirectory>::clone(&directory);
        Ok(Self {
            port: Arc::new(KeptDirectory::new(store, keeping, changes)),
            store: Store::Redis(directory, runtime.clone()),
            elsewhere: Some(elsewhere),
        })
    }

    /// Nobody says what changed there: age alone counts.
    fn http(config: &ConfigFile, runtime: &Handle) -> Result<Self, String> {
        let http = config.ownership.http.as_ref();
        let http = http.ok_or("`ownership.http` is missing")?;
        let directory = Arc::new(HttpDirectory::open(http, runtime.clone())?);
        let store = Arc::<HttpDirectory>::clone(&directory);
        let changes = Arc::new(Changes::untold());
        let elsewhere = Elsewhere::new(directory.contact(), &changes);
        Ok(Self {
            port: Arc::new(KeptDirectory::new(store, keeping(config)?, changes)),
            store: Store::Http(directory, runtime.clone()),
            elsewhere: Some(elsewhere),
        })
    }

    /// As decisions ask it.
    pub fn port(&self) -> Arc<dyn OwnershipDirectory> {
        Arc::clone(&self.port)
    }

    /// Asks a store elsewhere until it answers once; returns at once where the store is here.
    pub async fn reach(&self) {
        let Some(elsewhere) = &self.elsewhere else {
            return;
        };
        let Ok(vin) = Vin::read(NOBODYS) else {
            return;
        };
        // kept answers and age limits are not what is asked about
        while self.port.find_fresh(&vin).await.is_err() {
            sleep(ASKED_AGAIN).await;
        }
        elsewhere.is_reached.store(true, Ordering::Release);
    }

    /// Whether it could ever be asked since the start; a file, whether it can be now.
    pub fn was_reached(&self) -> bool {
        match (&self.store, &self.elsewhere) {
            (Store::Embedded(directory), _) => directory.count().is_ok(),
            (_, Some(elsewhere)) => elsewhere.is_reached.load(Ordering::Acquire),
            (_, None) => false,
        }
    }

    /// Whether it can be asked now, as far as is known without asking.
    pub fn answers(&self) -> bool {
        match (&self.store, &self.elsewhere) {
            (Store::Embedded(directory), _) => directory.count().is_ok(),
            (Store::Redis(..), Some(elsewhere)) => elsewhere.changes.in_touch(),
            (Store::Redis(..), None) => false,
            (Store::Http(directory, _), _) => !directory.is_left_alone(),
        }
    }

    /// How a store elsewhere was heard; `None` for one that is here.
    pub fn contact(&self) -> Option<Arc<Contact>> {
        let elsewhere = self.elsewhere.as_ref();
        elsewhere.map(|elsewhere| Arc::clone(&elsewhere.contact))
    }

    /// Facts of a vehicle, asked of the store itself. Blocks: not for a thread of a runtime, as the
    /// others here.
    ///
    /// # Errors
    /// The store's.
    pub fn get(&self, vin: &Vin) -> Result<Option<VehicleFacts>, LookupError> {
        match &self.store {
            Store::Embedded(directory) => directory.get(vin),
            Store::Redis(directory, runtime) => {
                let found = runtime.block_on(directory.find(vin))?;
                Ok(found.map(Arc::unwrap_or_clone))
            }
            Store::Http(directory, runtime) => {
                let found = runtime.block_on(directory.find(vin))?;
                Ok(found.map(Arc::unwrap_or_clone))
            }
        }
    }

    /// Changes a vehicle to what `make` makes of its facts; `None` is no vehicle. Once this returns, no
    /// gateway that is in touch goes by the old facts for longer than a second.
    ///
    /// # Errors
    /// See [`Unchanged`].
    pub fn change<Flaw>(
        &self,
        vin: Vin,
        make: impl Fn(Option<VehicleFacts>) -> Result<Option<VehicleFacts>, Flaw>,
    ) -> Result<(), Unchanged<Flaw>> {
        match &self.store {
            Store::Embedded(directory) => directory.change(&vin, make),
            Store::Redis(directory, runtime) => runtime.block_on(directory.change(vin, make)),
            Store::Http(..) => Err(Unchanged::Elsewhere(NOT_OURS)),
        }
    }

    /// Imports lines as it was asked for; see [`import`](crate::adapters::facts::import). Blocks.
    ///
    /// # Errors
    /// Bad lines where they are refused; lines that can't be read; a store that can't be written, or has
    /// nothing to go on from; another import.
    pub fn import(&self, intake: &mut Intake<'_>) -> Result<ImportReport, ImportError> {
        match &self.store {
            Store::Embedded(directory) => directory.take(intake),
            Store::Redis(directory, runtime) => directory.import(intake, runtime),
            Store::Http(..) => Err(not_ours()),
        }
    }

    /// Lines that an interrupted import read, and that `Resume::Now` doesn't read again.
    pub fn interrupted(&self) -> Option<u64> {
        match &self.store {
            Store::Embedded(directory) => directory.interrupted(),
            Store::Redis(directory, _) => directory.interrupted(),
            Store::Http(..) => None,
        }
    }

    /// Returns when nothing is left of what the last import replaced. To go before is harmless: whoever
    /// replaces the whole next removes it.
    pub fn swept(&self) {
        match &self.store {
            Store::Redis(directory, runtime) => runtime.block_on(directory.swept()),
            Store::Embedded(_) | Store::Http(..) => {}
        }
    }

    /// Why facts are not changed here; `None` where they are.
    pub fn kept_elsewhere(&self) -> Option<&'static str> {
        match &self.store {
            Store::Embedded(_) | Store::Redis(..) => None,
            Store::Http(..) => Some(NOT_OURS),
        }
    }

    /// All that it knows at this moment, to be written as lines. Blocks for as long as reading takes.
    ///
    /// # Errors
    /// See [`NoSnapshot`].
    pub fn snapshot(&self) -> Result<Snapshot, NoSnapshot> {
        match &self.store {
            Store::Embedded(directory) => {
                let snapshot = directory.snapshot().map_err(NoSnapshot::Failed);
                snapshot.map(Snapshot::Embedded)
            }
            Store::Redis(directory, runtime) => {
                let snapshot = directory.snapshot(runtime).map_err(NoSnapshot::Broken);
                snapshot.map(Snapshot::Redis)
            }
            Store::Http(..) => Err(NoSnapshot::Refused(NOT_OURS)),
        }
    }
}

impl Elsewhere {
    fn new(contact: Arc<Contact>, changes: &Arc<Changes>) -> Self {
        Self {
            contact,
            changes: Arc::clone(changes),
            is_reached: Arc::default(),
        }
    }
}

fn not_ours() -> ImportError {
    ImportError::Refused(NOT_OURS.to_owned())
}

fn keeping(config: &ConfigFile) -> Result<Keeping, String> {
    let keep = config.ownership.keep.as_ref();
    let keep = keep.ok_or("`ownership.keep` is missing")?;
    Ok(Keeping {
        entries: usize::try_from(keep.entries).unwrap_or(usize::MAX),
        max_age: keep.max_age.get(),
        absent_max_age: keep.absent_max_age.get(),
    })
}
