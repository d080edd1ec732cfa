//! Where do operators come in, and what do they find there?

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::runtime::Runtime;
use tokio::sync::watch;

use crate::adapters::history;
use crate::admin::status::{Audit, Running};
use crate::admin::{self, Logs, Names, Operated};
use crate::chain::{self, ChainKey};
use crate::cli::data;
use crate::cli::run::House;
use crate::cli::run::loading::Loading;
use crate::clock;
use crate::config::ConfigFile;
use crate::config::file::Admin;
use crate::drill::Drill;
use crate::edge::Doorway;
use crate::prober::LoopbackProber;
use crate::switchboard::Scope;
use crate::traffic::LiveCensus;

impl House {
    /// What the operators' API works on; from here on the fleet hears what probes are answered.
    pub(super) fn operated(
        &self,
        config: &ConfigFile,
        (doorways, serving): (Vec<Doorway>, Arc<AtomicBool>),
        loading: &Loading,
    ) -> Operated {
        let rules = Arc::clone(&self.rules);
        let prober = Arc::new(LoopbackProber::new(
            doorways,
            Arc::clone(&rules),
            Arc::clone(&self.switchboard),
            Arc::clone(&self.shared.rehearsals),
        ));
        self.fleet
            .spread
            .set_prober(Arc::<LoopbackProber>::clone(&prober));
        let traffic = Arc::clone(&self.shared.traffic);
        let census = LiveCensus::new(traffic, Arc::clone(&self.switchboard));
        self.fleet.spread.set_census(Arc::new(census));
        let known = Arc::clone(&rules);
        let meant = move |scope: &Scope| Names::of(&known.load()).check(scope);
        self.fleet.drop_ins.hold_against(Box::new(meant));
        let directory = &config.switches.directory;
        let drill = Drill::open(directory, prober, Arc::clone(&self.switchboard));
        let pseudonyms = rules.load().pseudonyms.clone();
        let key = |label| ChainKey::new(&pseudonyms.derive(label));
        let in_force = Arc::clone(&rules);
        let logs = [
            ("audit", config.audit.file.clone(), key(chain::REQUEST_LOG)),
            (
                "switches",
                directory.join(history::FILE),
                key(chain::SWITCH_LOG),
            ),
        ];
        Operated {
            switchboard: Arc::clone(&self.switchboard),
            revocations: Arc::clone(&self.fleet.revocations),
            directory: self.directory.clone(),
            access: Arc::clone(&self.access),
            names: Arc::new(move || Names::of(&in_force.load())),
            pseudonyms: Arc::new(move || rules.load().pseudonyms.clone()),
            fleet_key: self.fleet.key.clone(),
            spread: Arc::clone(&self.fleet.spread),
            traffic: Arc::clone(&self.shared.traffic),
            drill: Arc::new(drill),
            history: Arc::clone(&self.fleet.history),
            logs: Arc::new(Logs(logs)),
            policies: Arc::clone(&loading.told),
            wishes: loading.wish.clone(),
            running: self.running(serving),
        }
    }

    /// Has the gauges read how it is with issuers.
    pub(super) fn observe_issuers(&self) {
        let key_sets = Arc::clone(&self.key_sets);
        self.telemetry.observe_keys(move || key_sets.told());
        let asked = Arc::clone(&self.introspections);
        self.telemetry.observe_introspections(move || asked.told());
    }

    /// What the gateway says of itself.
    fn running(&self, serving: Arc<AtomicBool>) -> Arc<dyn Fn() -> Running + Send + Sync> {
        let since = clock::unix_time().as_secs();
        let (rules, audit) = (Arc::clone(&self.rules), Arc::clone(&self.audit));
        let drop_ins = Arc::clone(&self.fleet.drop_ins);
        let telemetry = Arc::clone(&self.telemetry);
        let key_sets = Arc::clone(&self.key_sets);
        let introspections = Arc::clone(&self.introspections);
        Arc::new(move || {
            let rules = rules.load();
            Running {
                since,
                serving: serving.load(Ordering::Acquire),
                rules: rules.revision.to_string(),
                policies: rules.policies.revision().to_string(),
                audit: Audit {
                    healthy: audit.healthy(),
                    waiting: audit.waiting(),
                    write_errors: audit.write_errors(),
                    unrecorded: audit.unrecorded(),
                },
                file_flaws: drop_ins.flaws(),
                troubles: telemetry.troubles(),
                keys: key_sets.told(),
                introspections: introspections.told(),
            }
        })
    }
}

/// Opens the operators' entrances.
pub(super) async fn open(
    settings: &Admin,
    operated: Operated,
    aside: &Runtime,
    ended: &watch::Receiver<bool>,
) -> Result<(), String> {
    if let Some(settings) = &settings.tls {
        let address = settings.address;
        let bound = aside.spawn(async move { admin::tls::bind(address).await });
        let (listener, address) = bound.await.map_err(|error| error.to_string())??;
        data(&format!("listening admin https://{address}"));
        let operated = operated.clone();
        let until = until(ended.clone());
        aside.spawn(admin::api::serve_tls(listener, operated, until));
    }
    let (socket, group) = (settings.socket.clone(), settings.group.clone());
    let bound = aside.spawn(async move { admin::api::bind(&socket, group.as_deref()) });
    let bound = bound.await.map_err(|error| error.to_string())??;
    data(&format!("listening admin {}", settings.socket.display()));
    aside.spawn(admin::api::serve_on(bound, operated, until(ended.clone())));
    Ok(())
}

/// Returns when it is to end.
pub(super) async fn until(mut ended: watch::Receiver<bool>) {
    if ended.wait_for(|ended| *ended).await.is_err() {
        tracing::debug!("the process is ending");
    }
}
