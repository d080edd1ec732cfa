//! Where does this gateway remember which proofs of possession were used?

use std::sync::Arc;

use tokio::runtime::Runtime;

use crate::adapters::redis::RedisUsedProofs;
use crate::adapters::used_proofs::{LocalUsedProofs, SharedUsedProofs};
use crate::cli::run::fleet::fleet_key;
use crate::config::ConfigFile;
use crate::config::file::ProofStore;
use crate::pipeline::ports::UsedProofs;
use crate::telemetry::{Observed, Telemetry};

/// As this configuration says; the gauges read what lives there.
pub(super) fn open(
    config: &ConfigFile,
    aside: &Runtime,
    telemetry: &Telemetry,
) -> Result<Arc<dyn UsedProofs>, String> {
    let here = Arc::new(LocalUsedProofs::new()?);
    let counted = Arc::clone(&here);
    telemetry.observe(Observed::ProofsRemembered, move || {
        u64::try_from(counted.count()).unwrap_or(u64::MAX)
    });
    let store = config.dpop.as_ref().map(|settings| settings.store);
    match (store, &config.redis, fleet_key(&config.switches)?) {
        (Some(ProofStore::Local) | None, _, _) => Ok(here),
        (Some(ProofStore::Redis), Some(redis), Some(key)) => {
            let _entered = aside.enter(); // what it keeps running lives there
            let everywhere = Arc::new(RedisUsedProofs::open(redis, key)?);
            let asked = Arc::clone(&everywhere);
            telemetry.observe(Observed::ProofsFailures, move || asked.contact().failures());
            Ok(Arc::new(SharedUsedProofs::new(here, everywhere)))
        }
        (Some(ProofStore::Redis), _, _) => {
            Err("dpop.store `redis` needs `redis` and a fleet key".to_owned())
        }
    }
}
