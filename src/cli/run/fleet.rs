//! What keeps this gateway's switches known, in step, and on time?

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use serde_json::{Map, Value};
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::adapters::history::History;
use crate::adapters::local_fleet::LocalFleet;
use crate::adapters::redis::{RedisFleet, RedisResultKeys};
use crate::adapters::result_keys::{LocalResultKeys, SharedResultKeys};
use crate::chain::ChainKey;
use crate::cli::run::operators::until;
use crate::config::ConfigFile;
use crate::config::file::{ResultKeyStore, SwitchStore, Switches};
use crate::pipeline::ports::ResultKeys;
use crate::revocations::{self, Revocations};
use crate::switchboard::drop_in::DropIns;
use crate::switchboard::fleet::FleetStore;
use crate::switchboard::history;
use crate::switchboard::keeper::Keeper;
use crate::switchboard::seal::FleetKey;
use crate::switchboard::spread::{Me, Spread, read_baseline};
use crate::switchboard::store::{ColdStart, Found, Switchboard};
use crate::switchboard::timekeeping::{Timekeeping, Witness};
use crate::telemetry::{Observed, Telemetry};

/// The switch board of this configuration, as far as it can be known at a start.
pub(super) fn open_board(config: &ConfigFile, closed: Vec<String>) -> Result<Switchboard, String> {
    let baseline = match (&config.switches.baseline_file, fleet_key(&config.switches)?) {
        (Some(file), Some(key)) => Some(read_baseline(file, &key)?),
        (Some(_), None) => return Err("switches.baseline_file needs a fleet key".to_owned()),
        (None, Some(_) | None) => None,
    };
    let cold_start = ColdStart { baseline, closed };
    let (switchboard, found) = Switchboard::open(&config.switches.directory, &cold_start)?;
    match found {
        Found::Older(why) => tracing::error!(%why, "an older switch board was read"),
        Found::Board => tracing::info!(
            revision = switchboard.board().revision(),
            "switch board read"
        ),
        Found::Nothing => tracing::info!("no switch board yet: the cold-start states hold"),
        Found::Broken(why) => {
            tracing::error!(%why, "switch board refused: the cold-start states hold");
        }
    }
    Ok(switchboard)
}

pub(super) fn fleet_key(switches: &Switches) -> Result<Option<FleetKey>, String> {
    let read = |file: &PathBuf| {
        FleetKey::read(file).map_err(|flaw| format!("switches.fleet_key_file: {flaw}"))
    };
    switches.fleet_key_file.as_ref().map(read).transpose()
}

/// Everything around the switch board.
pub(super) struct Fleet {
    pub(super) spread: Arc<Spread>,
    pub(super) drop_ins: Arc<DropIns>,
    /// What was taken back.
    pub(super) revocations: Arc<Revocations>,
    /// The same in the fleet, where there is more of it than this gateway.
    everywhere: Option<Arc<revocations::Spread>>,
    /// What changed at the switches.
    pub(super) history: Arc<History>,
    /// The configuration's; what is sealed with it can be given to other replicas.
    pub(super) key: Option<FleetKey>,
    keeper: Arc<Keeper>,
    time: Arc<Timekeeping>,
}

impl Fleet {
    /// Over the store of this configuration. Closures in files are in force when it returns.
    pub(super) fn open(
        config: &ConfigFile,
        (board, closed): (&Arc<Switchboard>, Vec<String>),
        chain: ChainKey,
        aside: &Runtime,
    ) -> Result<Self, String> {
        let swaps = board.swaps();
        let switches = &config.switches;
        let folder = switches.files_directory.clone();
        let folder = folder.unwrap_or_else(|| config.admin.socket.with_file_name("switches.d"));
        let drop_ins = Arc::new(DropIns::new(folder, Arc::clone(board)));
        drop_ins.look();
        let (store, fleet, key) = store(config, aside)?;
        let revocations = open_revocations(switches, fleet, closed)?;
        if fleet == Witness::Itself {
            board.settle_for_cold_start();
        }
        let replica = switches.replica.clone().unwrap_or_else(host);
        let me = Me {
            name: replica.clone(),
            url: config.admin.tls.as_ref().and_then(|tls| tls.url.clone()),
            fleet,
        };
        let log = switches.directory.join(crate::adapters::history::FILE);
        let history = Arc::new(History::open(&log, chain)?);
        let kept = Arc::clone(&history);
        let sink = Box::new(move |line| {
            note(&line);
            kept.append(line);
        });
        aside.spawn(async move { history::keep(swaps, &replica, sink).await });
        let time = Arc::new(Timekeeping::start());
        let (shared, sealed) = (Arc::clone(&store), key.clone());
        let spread = Spread::new(me, Arc::clone(board), store, key, Arc::clone(&time));
        let spread = Arc::new(spread);
        let (newest, told) = (Arc::clone(&revocations), Arc::clone(&spread));
        spread.set_revoked(Box::new(move || newest.put_last()));
        let everywhere = (fleet == Witness::Other).then(|| {
            let told = move || told.say_again();
            revocations::Spread::new(Arc::clone(&revocations), (shared, sealed), told)
        });
        let keeper = Keeper::new(
            Arc::clone(board),
            Arc::clone(&spread),
            Arc::clone(&time),
            switches.restore_step.get(),
        );
        Ok(Self {
            spread,
            drop_ins,
            history,
            revocations,
            everywhere: everywhere.map(Arc::new),
            key: fleet_key(switches)?,
            keeper: Arc::new(keeper),
            time,
        })
    }

    /// Starts all of it on `aside`, until `ended`; what is awaited then is the leave of the fleet.
    pub(super) fn start(
        &self,
        aside: &Runtime,
        ended: &watch::Receiver<bool>,
    ) -> Result<JoinHandle<()>, String> {
        let stop = Arc::new(AtomicBool::new(false)); // the thread ends with the process
        Arc::clone(&self.drop_ins).watch(stop)?;
        let keeper = Arc::clone(&self.keeper);
        aside.spawn(async move { keeper.run().await });
        let list = Arc::clone(&self.revocations);
        match self.everywhere.clone() {
            Some(everywhere) => aside.spawn(async move { everywhere.run().await }),
            None => aside.spawn(async move { revocations::keep_alone(&list).await }),
        };
        let (spread, ended) = (Arc::clone(&self.spread), ended.clone());
        let spreading = async move {
            tokio::select! {
                () = spread.run() => {}
                () = until(ended) => {}
            }
            spread.leave().await;
        };
        Ok(aside.spawn(spreading))
    }

    /// Has the gauges read what lives here.
    pub(super) fn observe(&self, telemetry: &Telemetry) {
        let spread = || Arc::clone(&self.spread);
        let one = spread();
        telemetry.observe(Observed::SwitchReplicas, move || one.replica_count());
        let one = spread();
        telemetry.observe(Observed::SwitchFleetAge, move || one.age_seconds());
        let one = spread();
        telemetry.observe(Observed::SwitchRefused, move || one.refused());
        let list = Arc::clone(&self.revocations);
        telemetry.observe(Observed::Revocations, move || {
            u64::try_from(list.count()).unwrap_or(u64::MAX)
        });
        let list = Arc::clone(&self.revocations);
        telemetry.observe(Observed::RevocationsDurable, move || {
            u64::from(list.are_durable())
        });
        if let Some(everywhere) = &self.everywhere {
            let one = Arc::clone(everywhere);
            telemetry.observe(Observed::RevocationsAge, move || one.age_seconds());
            let one = Arc::clone(everywhere);
            telemetry.observe(Observed::RevocationsRefused, move || one.refused());
        }
        let keeper = Arc::clone(&self.keeper);
        telemetry.observe(Observed::SwitchOverdue, move || keeper.overdue());
        let time = Arc::clone(&self.time);
        telemetry.observe(Observed::SwitchClockOff, move || {
            time.off().map_or(0, i64::unsigned_abs)
        });
    }
}

/// Beside the switch board, whose folder this process holds.
fn open_revocations(
    switches: &Switches,
    fleet: Witness,
    closed: Vec<String>,
) -> Result<Arc<Revocations>, String> {
    let others = fleet == Witness::Other;
    let closed = closed.into_iter().collect();
    let (list, found) = Revocations::open(&switches.directory, others, closed)?;
    let count = list.count();
    tracing::info!(count, ?found, "revocations read");
    Ok(Arc::new(list))
}

type Store = (Arc<dyn FleetStore>, Witness, FleetKey);

fn store(config: &ConfigFile, aside: &Runtime) -> Result<Store, String> {
    let key = fleet_key(&config.switches)?;
    match (config.switches.store, &config.redis, key) {
        (SwitchStore::Local, _, key) => {
            // nothing leaves this process: any key will do
            let key = key.map_or_else(key_of_this_process, Ok)?;
            Ok((Arc::new(LocalFleet::new()), Witness::Itself, key))
        }
        (SwitchStore::Redis, Some(redis), Some(key)) => {
            let _entered = aside.enter(); // what it keeps running lives there
            Ok((Arc::new(RedisFleet::open(redis)?), Witness::Other, key))
        }
        (SwitchStore::Redis, _, _) => {
            Err("switches.store `redis` needs `redis` and a fleet key".to_owned())
        }
    }
}

/// Where this configuration has it kept who was given which result key.
pub(super) fn result_keys(
    config: &ConfigFile,
    aside: &Runtime,
) -> Result<Arc<dyn ResultKeys>, String> {
    let here = LocalResultKeys::new()?;
    let store = config.result_keys.as_ref().map(|settings| settings.store);
    match (store, &config.redis, fleet_key(&config.switches)?) {
        (Some(ResultKeyStore::Local) | None, _, _) => Ok(Arc::new(here)),
        (Some(ResultKeyStore::Redis), Some(redis), Some(key)) => {
            let _entered = aside.enter(); // what it keeps running lives there
            let everywhere = RedisResultKeys::open(redis, key)?;
            Ok(Arc::new(SharedResultKeys::new(here, everywhere)))
        }
        (Some(ResultKeyStore::Redis), _, _) => {
            Err("result_keys.store `redis` needs `redis` and a fleet key".to_owned())
        }
    }
}

fn key_of_this_process() -> Result<FleetKey, String> {
    let random = [Uuid::new_v4(), Uuid::new_v4(), Uuid::new_v4()];
    FleetKey::new(&random.map(Uuid::into_bytes).concat())
}

/// One line a change, in the log.
fn note(line: &Map<String, Value>) {
    let line = |name: &str| line.get(name).map(ToString::to_string).unwrap_or_default();
    let (id, what, state, by) = (line("id"), line("what"), line("state"), line("by"));
    tracing::info!(target: "vingate::switches", id, what, state, by, "changed in force");
}

/// The host's name; operators tell replicas apart by it.
fn host() -> String {
    let name = std::fs::read_to_string(Path::new("/proc/sys/kernel/hostname"));
    let name = name.unwrap_or_default();
    let name = name.trim();
    if name.is_empty() { "gateway" } else { name }.to_owned()
}
