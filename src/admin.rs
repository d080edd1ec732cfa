//! What can an operator ask of a running gateway?
//!
//! An HTTP API on a Unix socket and, where configured, on a TLS address that takes client certificates;
//! the command line is a client of it. Nothing of it is on a data listener, and none of it needs the
//! gateway's own data path.

pub mod access;
pub(crate) mod accounts;
pub mod api;
pub mod authority;
pub mod client;
pub mod asked;
mod changing;
mod closing;
mod conditions;
mod events;
mod exporting;
pub mod facts;
pub mod granting;
mod gravity;
mod names;
mod openapi;
pub(crate) mod ownership;
pub mod person;
mod places;
pub mod policies;
mod problem;
pub mod revoking;
mod serving;
pub mod status;
mod socket;
mod switches;
pub mod tls;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use serde_json::{Map, Value};
use tokio::sync::mpsc;

use crate::adapters::directory::Directory;
use crate::adapters::history::History;
use crate::admin::access::Access;
use crate::admin::authority::{Act, Circumstances, NotAllowed};
use crate::admin::person::Person;
use crate::admin::policies::{PoliciesForm, Wish};
use crate::admin::problem::Problem;
use crate::admin::status::Running;
use crate::chain::ChainKey;
use crate::clock;
use crate::drill::Drill;
use crate::pipeline::audit::Pseudonyms;
use crate::revocations::Revocations;
use crate::switchboard::Scope;
use crate::switchboard::seal::FleetKey;
use crate::switchboard::spread::Spread;
use crate::switchboard::store::Switchboard;
use crate::traffic::Traffic;

pub use names::{Belongs, Names};
pub(crate) use ownership::IMPORT_BYTES;

/// What the API works on.
#[derive(Clone)]
pub struct Operated {
    /// Switches.
    pub switchboard: Arc<Switchboard>,
    /// Tokens that were taken back.
    pub revocations: Arc<Revocations>,
    /// Ownership facts.
    pub directory: Directory,
    /// Who may come in, and what they may do.
    pub access: Arc<ArcSwap<Access>>,
    /// The names that the rules in force know, asked anew for every call.
    pub names: Arc<dyn Fn() -> Names + Send + Sync>,
    /// What stands for vehicles and subjects in records, by the rules in force.
    pub pseudonyms: Arc<dyn Fn() -> Pseudonyms + Send + Sync>,
    /// Seals what other replicas are given directly.
    pub fleet_key: Option<FleetKey>,
    /// This replica among the others.
    pub spread: Arc<Spread>,
    /// The last minutes of requests.
    pub traffic: Arc<Traffic>,
    /// Closures for a stand-in.
    pub drill: Arc<Drill>,
    /// The switch log.
    pub history: Arc<History>,
    /// The chained logs.
    pub logs: Arc<Logs>,
    /// Which policies are in force.
    pub policies: Arc<ArcSwap<PoliciesForm>>,
    /// Whoever loads policies.
    pub wishes: mpsc::Sender<Wish>,
    /// What the gateway says of itself.
    pub running: Arc<dyn Fn() -> Running + Send + Sync>,
}

/// The switch log's line of who was refused what.
fn refusal(who: &str, act: &str, why: &str) -> Map<String, Value> {
    let time = clock::rfc3339(clock::unix_time());
    let members = [
        ("time", &*time),
        ("what", "refused"),
        ("by", who),
        ("act", act),
        ("why", why),
    ];
    let members = members.map(|(name, value)| (name.to_owned(), Value::from(value)));
    members.into_iter().collect()
}

/// Name, file and key of each chained log.
#[expect(missing_debug_implementations, reason = "holds keys")]
pub struct Logs(pub [(&'static str, PathBuf, ChainKey); 2]);

impl Operated {
    /// Seconds since anything was heard of the fleet's store; `None` where this gateway is the fleet.
    fn fleet_age(&self) -> Option<u64> {
        self.spread.age().map(|age| age.as_secs())
    }

    /// Which share of the fleet's live traffic a closure would hit, 0 to 1, where that counts.
    async fn share(&self, scope: &Scope) -> f64 {
        if gravity::depends_on_traffic(scope) {
            self.spread.survey(scope).await.share()
        } else {
            0.0
        }
    }

    /// Whether this person may do this, as the policies in force say. A no is recorded.
    fn permit(&self, person: &Person, act: Act, at: Circumstances) -> Result<(), Problem> {
        let decided = self.access.load().authority.decide(person, act, at);
        match decided {
            Ok(policies) => {
                let (who, act) = (&person.name, act.name());
                tracing::debug!(target: "vingate::admin", who, act, ?policies, "permitted");
                Ok(())
            }
            Err(why) => {
                self.note_refusal(person, act, &why);
                Err(Problem::not_allowed(person, act, &why))
            }
        }
    }

    /// Who tried what without the right to it is on record.
    fn note_refusal(&self, person: &Person, act: Act, why: &NotAllowed) {
        let line = refusal(&person.name, act.name(), &format!("{why:?}"));
        self.history.append(line);
        let (who, act) = (&person.name, act.name());
        tracing::warn!(target: "vingate::admin", who, act, ?why, "refused");
    }
}

impl fmt::Debug for Operated {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Operated")
            .field("switchboard", &self.switchboard)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
pub(crate) mod tests;
