//! How does a gateway start, reload and end?
//!
//! Everything that can fail fails before the first request: configuration, keys, policies, stores,
//! sockets. SIGHUP and another policy bundle reload the rules, whole or not at all; SIGTERM and SIGINT
//! drain; SIGQUIT stops.

mod bundle_file;
mod fleet;
mod loading;
mod operators;
mod showing;
mod proofs;
mod signals;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::adapters::audit_log::AuditLog;
use crate::adapters::directory::Directory;
use crate::adapters::door::LocalDoor;
use crate::adapters::introspection::Introspections;
use crate::adapters::jwks::{self, KeySets};
use crate::adapters::ledger::LocalLedger;
use crate::admin::access::Access;
use crate::chain::{self, ChainKey};
use crate::cli::whole::Whole;
use crate::cli::{ConfigArgs, End, Failure, data};
use crate::clock;
use crate::config::{ConfigFile, Loaded, file, load};
use crate::edge::ops::{self, Watched};
use crate::edge::tls;
use crate::edge::{self, Bound, Connections, Doorway, files};
use crate::gateway::Shared;
use crate::gateway::in_flight::{self, InFlight};
use crate::pipeline::ports::Ports;
use crate::pipeline::rehearsal::Rehearsals;
use crate::rules::Rules;
use crate::switchboard::fuse::{Blowing, Fuses};
use crate::switchboard::store::Switchboard;
use crate::telemetry::logs::{LogFormat, init_logs};
use crate::telemetry::{Observed, Telemetry};
use crate::traffic::Traffic;
use fleet::Fleet;
use loading::Loading;
use operators::until;
use showing::{ShownBy, shown_by};
use signals::{Order, Signals};

/// Audit records that can wait for the disk: about 8 MB, some seconds of a busy gateway.
const AUDIT_PLACES: usize = 8_192;

/// Partition keys counted at a time: 5 million cars with commands today, about 200 MB.
const LEDGER_CELLS: usize = 5_000_000;

/// How long a cut-off request may take to let go: it only has to drop what it holds.
const CUT_OFF: Duration = Duration::from_secs(2);

/// How long the fleet is waited for at the end: it forgets who is gone by itself.
const LEAVE: Duration = Duration::from_millis(500);

/// Arguments of `vingate run`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    config: ConfigArgs,
    /// How log lines are written to stderr.
    #[arg(long, value_enum, default_value = "text")]
    log_format: LogForm,
    /// Which log lines: a level, or `target=level` pairs; `info` unless said.
    #[arg(long, value_name = "FILTER")]
    log: Option<String>,
}

/// Form of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum LogForm {
    Text,
    Json,
}

/// Runs until a signal ends it.
pub fn run(args: &Args) -> Result<(), Failure> {
    let form = match args.log_format {
        LogForm::Text => LogFormat::Text,
        LogForm::Json => LogFormat::Json,
    };
    init_logs(form, args.log.as_deref()).map_err(|error| Failure::new(End::Usage, error))?;
    tls::install_crypto();
    let loaded = load(&args.config.config, &args.config.set)?;
    let (loading, whole) = Loading::start(&loaded)?;
    let Whole {
        rules,
        access,
        certificates,
        ..
    } = whole;
    let shown = shown_by(certificates, &rules).map_err(failed)?;
    // Operators and probes have threads of their own: a flood of requests can't starve them.
    let aside = runtime(Some(1)).map_err(failed)?;
    let house = House::open(&loaded, (rules, access, shown.clone()), &aside).map_err(failed)?;
    let listeners: Vec<Bound> = loaded
        .config
        .listeners
        .iter()
        .map(|(name, listener)| edge::bind(name, listener, shown.get(name).cloned()))
        .collect::<Result<_, _>>()
        .map_err(failed)?;
    let served = runtime(None).map_err(failed)?;
    let (audit, history) = (Arc::clone(&house.audit), Arc::clone(&house.fleet.history));
    let ended = served.block_on(house.serve((&loaded, loading), listeners, &aside, args));
    // What the drain time-out cut off ends here, and its record is written: only then the log closes.
    served.shutdown_timeout(CUT_OFF);
    audit.close();
    history.close();
    aside.shutdown_background();
    tracing::info!("stopped");
    ended.map_err(failed)
}

fn failed(message: String) -> Failure {
    Failure::new(End::Failed, message)
}

fn runtime(threads: Option<usize>) -> Result<Runtime, String> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    if let Some(threads) = threads {
        builder.worker_threads(threads);
    }
    builder
        .enable_all()
        .build()
        .map_err(|error| format!("no runtime: {error}"))
}

/// How many connections are taken: what the configuration says, if the system can carry it.
fn places(wanted: u32) -> u32 {
    let places = files::places(wanted);
    if places < wanted {
        tracing::warn!(
            "only {places} of {wanted} connections (`limits.connections`) can be taken: \
             that many need a limit of {} open files",
            files::needed(wanted)
        );
    }
    places
}

/// Everything that lives as long as the process.
struct House {
    started: ConfigFile,
    rules: Arc<ArcSwap<Rules>>,
    shown: ShownBy,
    access: Arc<ArcSwap<Access>>,
    switchboard: Arc<Switchboard>,
    fleet: Fleet,
    directory: Directory,
    key_sets: Arc<KeySets>,
    introspections: Arc<Introspections>,
    audit: Arc<AuditLog>,
    telemetry: Arc<Telemetry>,
    shared: Arc<Shared>,
    /// Served once there is a runtime.
    blowing: Option<Blowing>,
}

impl House {
    fn open(
        loaded: &Loaded,
        (rules, access, shown): (Rules, Access, ShownBy),
        aside: &Runtime,
    ) -> Result<Self, String> {
        let config = &loaded.config;
        let closed: Vec<String> = rules
            .surfaces
            .iter()
            .filter(|(_, (_, cold_start))| *cold_start == file::ColdStart::Closed)
            .map(|(name, _)| name.to_string())
            .collect();
        let switchboard = fleet::open_board(config, closed.clone())?;
        let switchboard = Arc::new(switchboard);
        let directory = Directory::open(config, aside.handle())?;
        let key = ChainKey::new(&rules.pseudonyms.derive(chain::REQUEST_LOG));
        let websockets = usize::try_from(config.limits.websockets).unwrap_or_default();
        let places = AUDIT_PLACES.saturating_add(websockets); // each holds one for as long as it lives
        let audit = Arc::new(AuditLog::open(&config.audit.file, places, key)?);
        let key = ChainKey::new(&rules.pseudonyms.derive(chain::SWITCH_LOG));
        let fleet = Fleet::open(config, (&switchboard, closed), key, aside)?;
        let telemetry = Arc::new(Telemetry::new()?);
        let seal = rules.pseudonyms.derive(jwks::SEAL);
        let asked = rules.issuers.introspected();
        let introspections = Arc::new(Introspections::new(aside.handle().clone(), asked));
        let rules = Arc::new(ArcSwap::from_pointee(rules));
        let ports = Ports {
            directory: directory.port(),
            used_proofs: proofs::open(config, aside, &telemetry)?,
            introspection: Arc::<Introspections>::clone(&introspections),
            result_keys: fleet::result_keys(config, aside)?,
            door: Arc::new(LocalDoor::new(&config.door)),
            ledger: Arc::new(LocalLedger::new(LEDGER_CELLS)),
            audit: Arc::<AuditLog>::clone(&audit),
        };
        let (fuses, blowing) = Fuses::new(&config.fuses);
        let shared = Arc::new(Shared {
            rules: Arc::clone(&rules),
            switchboard: Arc::clone(&switchboard),
            revocations: Arc::clone(&fleet.revocations),
            ports,
            telemetry: Arc::clone(&telemetry),
            in_flight: InFlight::new(config.limits.websockets),
            traffic: Arc::new(Traffic::new(clock::unix_time())),
            rehearsals: Arc::new(Rehearsals::new()?),
            fuses,
        });
        let told = Arc::clone(&shared);
        let withdrew = move || told.in_flight.rules_changed();
        let key_sets = KeySets::new(&seal, aside.handle().clone(), withdrew);
        Ok(Self {
            started: config.clone(),
            rules,
            shown,
            access: Arc::new(ArcSwap::from_pointee(access)),
            switchboard,
            fleet,
            directory,
            key_sets: Arc::new(key_sets),
            introspections,
            audit,
            telemetry,
            shared,
            blowing: Some(blowing),
        })
    }

    /// Serves until a signal, and then until the last request ended or its time was up.
    async fn serve(
        mut self,
        (loaded, mut loading): (&Loaded, Loading),
        listeners: Vec<Bound>,
        aside: &Runtime,
        args: &Args,
    ) -> Result<(), String> {
        let limits = &loaded.config.limits;
        let mut signals = Signals::new()?; // from here on a signal is an order, not a death
        let (stop, stopped) = watch::channel(false);
        let (end, ended) = watch::channel(false);
        let connections = Connections::new(places(limits.connections), stopped);
        let serving = Arc::new(AtomicBool::new(false));
        self.observe(&connections);
        loading.observe(&self.telemetry);
        if let Some(blowing) = self.blowing.take() {
            let telemetry = Arc::clone(&self.telemetry);
            let names = loaded.config.fuses.keys();
            names.for_each(|fuse| telemetry.fuse_armed(fuse));
            let told = move |fuse: &str| telemetry.fuse_blown(fuse);
            aside.spawn(blowing.serve(Arc::clone(&self.switchboard), told));
        }
        let doorways = listeners.iter().map(Bound::doorway).collect();
        self.open_aside(
            (loaded, &loading, doorways),
            Arc::clone(&serving),
            aside,
            &ended,
        )
        .await?;
        aside.spawn(in_flight::watch(Arc::clone(&self.shared)));
        let directory = self.directory.clone();
        aside.spawn(async move { directory.reach().await });
        self.key_sets
            .follow(self.rules.load().issuers.published().cloned().collect())
            .await;
        let in_fleet = self.fleet.start(aside, &ended)?;
        self.open_doors(listeners, &connections)?;
        serving.store(true, Ordering::Release);
        data("ready");
        tracing::info!(revision = %self.rules.load().revision, "serving");
        self.take_orders(&mut signals, args, &mut loading).await;
        serving.store(false, Ordering::Release);
        stop.send_replace(true);
        self.shared.in_flight.go_away(limits.drain_timeout.get());
        self.drain(&connections, limits.drain_timeout.get()).await;
        end.send_replace(true);
        if timeout(LEAVE, in_fleet).await.is_err() {
            tracing::debug!("the fleet is not there to be left");
        }
        Ok(())
    }

    /// Loads what is to be loaded, until it is to end.
    async fn take_orders(&self, signals: &mut Signals, args: &Args, loading: &mut Loading) {
        loop {
            tokio::select! {
                order = signals.next() => match order {
                    Order::Reload => self.reload(args, loading).await,
                    Order::Drain => return,
                },
                occasion = loading.occasion() => self.seize(occasion, loading).await,
            }
        }
    }

    /// Takes connections on every data listener.
    fn open_doors(&self, listeners: Vec<Bound>, connections: &Connections) -> Result<(), String> {
        for bound in listeners {
            let scheme = if bound.is_tls() { "https" } else { "http" };
            let told = format!(
                "listening {} {scheme}://{}",
                bound.facts.name, bound.address
            );
            let listening = edge::listen(bound, Arc::clone(&self.shared), connections.clone())?;
            tokio::spawn(listening.serve());
            data(&told);
        }
        Ok(())
    }

    /// Lets requests in flight finish.
    async fn drain(&self, connections: &Connections, limit: Duration) {
        tracing::info!(open = connections.open(), "draining");
        if !connections.drained(limit).await {
            let open = connections.open();
            tracing::warn!(open, "connections are cut off at the drain time-out");
        }
    }

    /// Has the gauges read what lives here.
    fn observe(&self, connections: &Connections) {
        fn wide(count: usize) -> u64 {
            u64::try_from(count).unwrap_or(u64::MAX)
        }
        let telemetry = &self.telemetry;
        let audit = || Arc::clone(&self.audit);
        let (one, two) = (Arc::clone(&self.switchboard), Arc::clone(&self.switchboard));
        let connections = connections.clone();
        self.fleet.observe(telemetry);
        if let Some(contact) = self.directory.contact() {
            let (one, two) = (Arc::clone(&contact), contact);
            let directory = self.directory.clone();
            telemetry.observe(Observed::DirectoryAge, move || one.age_seconds());
            telemetry.observe(Observed::DirectoryFailures, move || two.failures());
            telemetry.observe(Observed::DirectoryAnswers, move || {
                u64::from(directory.answers())
            });
        }
        self.observe_issuers();
        telemetry.observe(Observed::SwitchRevision, move || one.board().revision());
        telemetry.observe(Observed::SwitchClosures, move || {
            wide(two.board().closures().len())
        });
        telemetry.observe(Observed::Connections, move || wide(connections.open()));
        self.observe_lists();
        let log = audit();
        telemetry.observe(Observed::AuditWaiting, move || log.waiting());
        let log = audit();
        telemetry.observe(Observed::AuditWriteErrors, move || log.write_errors());
        let log = audit();
        telemetry.observe(Observed::AuditUnrecorded, move || log.unrecorded());
        let (log, writer) = (audit(), audit());
        telemetry.observe(Observed::AuditDroppedSlots, move || log.dropped_slots());
        telemetry.observe(Observed::AuditHealthy, move || u64::from(writer.healthy()));
    }

    /// The operators' and the probes' listeners, on threads of their own.
    async fn open_aside(
        &self,
        (loaded, loading, doorways): (&Loaded, &Loading, Vec<Doorway>),
        serving: Arc<AtomicBool>,
        aside: &Runtime,
        ended: &watch::Receiver<bool>,
    ) -> Result<(), String> {
        let told = Arc::clone(&serving);
        let watched = Watched {
            serving,
            rules: Arc::clone(&self.rules),
            directory: self.directory.clone(),
            key_sets: Arc::clone(&self.key_sets),
            audit: Arc::clone(&self.audit),
            switchboard: Arc::clone(&self.switchboard),
            revocations: Arc::clone(&self.fleet.revocations),
            drop_ins: Arc::clone(&self.fleet.drop_ins),
            telemetry: Arc::clone(&self.telemetry),
        };
        if let Some(settings) = &loaded.config.ops {
            let address = settings.address;
            let bound = aside.spawn(async move { ops::bind(address).await });
            let (listener, address) = bound.await.map_err(|error| error.to_string())??;
            data(&format!("listening ops http://{address}"));
            aside.spawn(ops::serve(listener, watched, until(ended.clone())));
        }
        let operated = self.operated(&loaded.config, (doorways, told), loading);
        operators::open(&loaded.config.admin, operated, aside, ended).await
    }
}
