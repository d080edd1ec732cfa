//! Does every replica know it, and what does it answer now?
//!
//! A replica counts once it has this version in force and a synthetic request through its own data path
//! was answered as the state asks for. Where no request can be made up, having it in force has to do.

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use crate::admin::facts::Replicas;
use crate::cli::switch::Gateway;
use crate::cli::{End, Failure, data, talk};
use crate::clock;
use crate::switchboard::Closure;
use crate::switchboard::spread::Replica;

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(50);
/// How long a replica that has it in force may take for its synthetic request.
const PROBE: Duration = Duration::from_secs(4);

/// Whether to wait for the fleet, and for how long.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct WaitArgs {
    /// Wait until every replica has it in force, and say what each answers; exit 6 names the others.
    #[arg(long)]
    wait: bool,
    /// How long at most.
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration, default_value = "10s")]
    wait_for: Duration,
    /// Another replica, by its socket or `https` address, to be told directly. Repeatable.
    #[arg(
        long,
        value_name = "REPLICA",
        env = "VINGATE_ALSO",
        value_delimiter = ','
    )]
    also: Vec<String>,
}

/// How far one replica is.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Far {
    /// In force, and answered as it should be.
    Confirmed(String),
    /// In force; nothing could be asked for.
    InForce,
    /// Why not yet.
    Missing(String),
}

impl WaitArgs {
    /// The other replicas that are named.
    pub(super) fn also(&self) -> &[String] {
        &self.also
    }

    /// Waits for this version of a closure, where that is asked for.
    ///
    /// # Errors
    /// Somebody is missing when the time is over, or can't be told.
    pub(super) fn confirm(&self, gateways: &[&Gateway], closure: &Closure) -> Result<(), Failure> {
        if !self.wait {
            return Ok(());
        }
        let begun = clock::monotonic();
        let mut observed = BTreeMap::new();
        loop {
            let seen = look(gateways)?;
            let far = judge(&seen, closure, &mut observed);
            let missing = far.values().any(|(_, far)| matches!(far, Far::Missing(_)));
            let others = seen.iter().find_map(|replicas| replicas.unknown.clone());
            let over = begun.elapsed() >= self.wait_for;
            if (!missing && others.is_none()) || over {
                return report(&far, closure, begun, others);
            }
            thread::sleep(PAUSE);
        }
    }
}

fn look(gateways: &[&Gateway]) -> Result<Vec<Replicas>, Failure> {
    let mut seen = Vec::new();
    for gateway in gateways {
        seen.push(gateway.get("/v1/replicas")?.1);
    }
    Ok(seen)
}

/// How far each replica is; of what several say of one the newest counts.
fn judge(
    seen: &[Replicas],
    closure: &Closure,
    observed: &mut BTreeMap<String, Instant>,
) -> BTreeMap<String, (String, Far)> {
    let mut newest: BTreeMap<&str, &Replica> = BTreeMap::new();
    for replica in seen.iter().flat_map(|seen| &seen.replicas) {
        let known = newest.get(replica.id.as_str());
        if known.is_none_or(|known| known.at < replica.at) {
            newest.insert(&replica.id, replica);
        }
    }
    let judged = newest.into_values().map(|replica| {
        let far = far(replica, closure, observed);
        (replica.id.clone(), (replica.name.clone(), far))
    });
    judged.collect()
}

fn far(replica: &Replica, closure: &Closure, observed: &mut BTreeMap<String, Instant>) -> Far {
    let missing = |why: &str| Far::Missing(why.to_owned());
    let Some(seen) = replica.closures.get(&closure.id) else {
        let refused = replica.refused.clone();
        return Far::Missing(refused.unwrap_or_else(|| "not heard of it".to_owned()));
    };
    if seen.revision < closure.revision {
        let refused = replica.refused.clone();
        let known = || format!("still at revision {}", seen.revision);
        return Far::Missing(refused.unwrap_or_else(known));
    }
    let since = *observed
        .entry(replica.id.clone())
        .or_insert_with(clock::monotonic);
    match &seen.probe {
        Some(probe) if probe.as_expected => {
            let other = probe.other.as_ref();
            let other = other.map_or_else(String::new, |id| format!(", and by {id} alone"));
            Far::Confirmed(format!("{} {}{other}", probe.status, probe.code))
        }
        Some(probe) => Far::Missing(format!(
            "in force, but answers {} {}",
            probe.status, probe.code
        )),
        None if since.elapsed() < PROBE => missing("in force, not asked yet"),
        None => Far::InForce,
    }
}

fn report(
    far: &BTreeMap<String, (String, Far)>,
    closure: &Closure,
    begun: Instant,
    others: Option<String>,
) -> Result<(), Failure> {
    let width = far
        .values()
        .map(|(name, _)| name.chars().count())
        .max()
        .unwrap_or(0);
    let mut missing = Vec::new();
    for (name, far) in far.values() {
        let told = match far {
            Far::Confirmed(answer) => format!("answers {answer}"),
            Far::InForce => "in force (no synthetic request fits)".to_owned(),
            Far::Missing(why) => {
                missing.push(format!("{name}: {why}"));
                why.clone()
            }
        };
        talk(&format!("{name:width$}  {told}"));
    }
    let (all, done) = (far.len(), far.len().saturating_sub(missing.len()));
    let seconds = begun.elapsed().as_secs_f64();
    data(&format!(
        "{done}/{all} {} in {seconds:.2} s",
        closure.state.word()
    ));
    if far.is_empty() {
        missing.push("no replica is known".to_owned());
    }
    if let Some(why) = others {
        missing.push(format!(
            "replicas that are not named: the fleet's store doesn't tell all ({why})"
        ));
    }
    if missing.is_empty() {
        return Ok(());
    }
    let message = format!("not confirmed: {}", missing.join("; "));
    Err(Failure::new(End::NotConfirmed, message))
}
