//! What is asked outside, and what of the answers counts?
//!
//! The look-ups that [`decide`](super::decide) awaits, each bounded in time: unknown is not absent. An
//! index, an alias and a case only lead to a vehicle; what its own record says of the principal counts.
//! A poll's key leads nowhere: it has to be one that was given out to who polls, for that vehicle. And a
//! proof has to be one that was not used before.

use std::collections::BTreeSet;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt, stream};

use crate::config::file::{Limits, PrincipalKind};
use crate::denial::{AccessFlaw, Denial, Dependency, TokenFlaw};
use crate::pipeline::guard::Sight;
use crate::pipeline::identity::{self, Identified};
use crate::pipeline::ownership::{self, Alias, IndexKey, SubjectFacts, VehicleFacts};
use crate::pipeline::policy::ActionClass;
use crate::pipeline::ports::{LookupError, OwnershipDirectory, Ports, Use};
use crate::pipeline::result_key::GivenOut;
use crate::pipeline::route::Route;
use crate::pipeline::switch::Situation;
use crate::pipeline::vehicle::{Reference, Vin};
use crate::pipeline::{Principal, RequestHead, introspection};
use crate::rules::Rules;

/// Vehicles that one case name leads to and that are asked for: names of two providers may meet.
const MOST_OF_A_CASE: usize = 4;

/// Vehicles that are asked for at once.
const AT_ONCE: usize = 32;

/// Whom to ask, for whom, and at which moment what has an end counts.
#[derive(Clone, Copy)]
#[expect(missing_debug_implementations, reason = "a trait object")]
pub struct Lookup<'a> {
    /// The directory.
    pub directory: &'a dyn OwnershipDirectory,
    /// How long and how much.
    pub limits: &'a Limits,
    /// Who asks.
    pub principal: &'a Principal,
    /// Since the Unix epoch.
    pub now: Duration,
}

/// What a reference came to. What can't be resolved is judged like a foreign vehicle.
pub(super) struct Referred {
    /// The vehicle, or what stands for none.
    pub(super) vin: Vin,
    /// Whether it is the vehicle that was meant.
    pub(super) is_resolved: bool,
    /// Its facts, as far as there are any.
    pub(super) facts: Option<Arc<VehicleFacts>>,
}

/// Whether a kept answer won't do: for what opens doors, and for what changes whose car it is.
fn asks_fresh(action: &ActionClass) -> bool {
    let is_grave = |group: &Arc<str>| matches!(&**group, "Security" | "Ownership");
    action.groups.iter().any(is_grave)
}

/// Who asks. A proof that held is used up by it, and not before: what proves nothing costs no store.
/// Tells whether they are to be given another nonce.
pub(super) async fn who_asks(
    (ports, rules): (&Ports, &Rules),
    route: &Route,
    head: &RequestHead,
    nonce_due: &mut bool,
) -> Result<Arc<Principal>, Denial> {
    let by = (&rules.issuers, rules.dpop.as_ref());
    let asked = introspection::ask((ports, rules), &route.surface, head).await?;
    let found = identity::identify_as(by, &route.surface, head, asked)?;
    let Identified { principal, proof } = found;
    let Some(proof) = proof else {
        return Ok(principal);
    };
    *nonce_due = proof.renew_nonce;
    let limit = rules.limits.lookup_timeout.get();
    let used = ports.used_proofs.use_up(&proof, head.received_at);
    match tokio::time::timeout(limit, used).await {
        Ok(Ok(Use::First)) => Ok(principal),
        Ok(Ok(Use::Again)) => Err(Denial::TokenInvalid(TokenFlaw::ProofReplayed)),
        Ok(Err(_)) | Err(_) => Err(Denial::DependencyUnavailable(Dependency::UsedProofs)),
    }
}

/// Whether a poll, which may be asked by who asks, asks about what they started.
pub(super) async fn started(
    (ports, rules): (&Ports, &Rules),
    (route, key): (&Route, &str),
    situation: &Situation,
    now: Duration,
) -> Result<(), Denial> {
    let unknown = || Denial::AccessDenied(AccessFlaw::ResultKeyUnknown);
    let given = GivenOut {
        upstream: &route.upstream,
        principal: situation.principal.as_deref().ok_or_else(unknown)?,
        vin: situation.vin.as_ref().ok_or_else(unknown)?,
        key,
    };
    let limit = rules.limits.lookup_timeout.get();
    match tokio::time::timeout(limit, ports.result_keys.knows(given, now)).await {
        Ok(Ok(true)) => Ok(()),
        Ok(Ok(false)) => Err(unknown()),
        Ok(Err(_)) | Err(_) => Err(Denial::DependencyUnavailable(Dependency::ResultKeys)),
    }
}

impl Lookup<'_> {
    async fn bounded<T>(
        self,
        asked: impl Future<Output = Result<T, LookupError>>,
    ) -> Result<T, Denial> {
        match tokio::time::timeout(self.limits.lookup_timeout.get(), asked).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(_)) | Err(_) => Err(Denial::DependencyUnavailable(Dependency::Directory)),
        }
    }

    /// What the directory knows of who asks; as fresh as of the vehicle.
    pub(super) async fn subject(self, action: &ActionClass) -> Result<SubjectFacts, Denial> {
        let Principal {
            issuer, subject, ..
        } = self.principal;
        if asks_fresh(action) {
            let asked = self.directory.find_subject_fresh(issuer, subject);
            return self.bounded(asked).await;
        }
        self.bounded(self.directory.find_subject(issuer, subject))
            .await
    }

    /// What it knows of a vehicle.
    async fn vehicle(
        self,
        vin: &Vin,
        action: &ActionClass,
    ) -> Result<Option<Arc<VehicleFacts>>, Denial> {
        if asks_fresh(action) {
            self.bounded(self.directory.find_fresh(vin)).await
        } else {
            self.bounded(self.directory.find(vin)).await
        }
    }

    /// The vehicle that a request refers to. An alias or a case that leads nowhere, or that is somebody
    /// else's, takes the look-ups of one that leads to a foreign vehicle.
    pub(super) async fn referred(
        self,
        reference: &Reference,
        action: &ActionClass,
    ) -> Result<Referred, Denial> {
        match reference {
            Reference::Vin(vin) => Ok(Referred {
                vin: *vin,
                is_resolved: true,
                facts: self.vehicle(vin, action).await?,
            }),
            Reference::Alias(alias) => {
                let alias = Alias {
                    client: self.principal.subject.clone(),
                    alias: alias.clone(),
                };
                let found = self.bounded(self.directory.find_alias(&alias)).await?;
                // a person whose name is a partner's is not that partner
                let found = found.filter(|_| self.principal.kind == PrincipalKind::Client);
                let vin = found.unwrap_or_else(|| reference.stand_in());
                let facts = self.vehicle(&vin, action).await?;
                Ok(Referred {
                    vin,
                    is_resolved: found.is_some(),
                    facts: facts.filter(|_| found.is_some()),
                })
            }
            Reference::Case(case) => self.of_case(case, reference.stand_in(), action).await,
        }
    }

    /// The one vehicle whose own record has this case open for who asks.
    async fn of_case(
        self,
        case: &str,
        stand_in: Vin,
        action: &ActionClass,
    ) -> Result<Referred, Denial> {
        let key = IndexKey::Case(case.to_owned());
        let hints = self.directory.find_by(&key, MOST_OF_A_CASE);
        let mut vins = self.bounded(hints).await?.vins;
        if vins.is_empty() {
            vins.push(stand_in);
        }
        let mut found = Vec::new();
        for vin in vins {
            let facts = self.vehicle(&vin, action).await?;
            let is_it =
                |facts: &VehicleFacts| ownership::has_case(self.principal, facts, case, self.now);
            if facts.as_deref().is_some_and(is_it) {
                found.push((vin, facts));
            }
        }
        let one = found.pop().filter(|_| found.is_empty()); // two are none: which is meant?
        let is_resolved = one.is_some();
        let (vin, facts) = one.unwrap_or((stand_in, None));
        Ok(Referred {
            vin,
            is_resolved,
            facts,
        })
    }

    /// Whose VINs the answer of a route without a vehicle may carry: those of vehicles to which the
    /// principal is something by name. Where it is something by membership, in a fleet or at a
    /// dealership, any vehicle that the answer names may be it, and is asked about when it is met.
    pub(super) async fn sight(self) -> Result<Sight, Denial> {
        let most = usize::try_from(self.limits.vehicles_of_subject).unwrap_or(usize::MAX);
        let Principal { kind, subject, .. } = self.principal;
        let key = IndexKey::Subject(*kind, subject.clone());
        let hints = self.bounded(self.directory.find_by(&key, most)).await?;
        let vins = self.visible(hints.vins).await?;
        let by_membership = ownership::is_member(self.principal);
        Ok(Sight::of_person(vins, hints.more, by_membership))
    }

    /// Those of the vehicles to which the principal is something, by their own records.
    ///
    /// # Errors
    /// `DependencyUnavailable` if not all could be asked about in the time of one look-up.
    pub async fn visible(self, vins: Vec<Vin>) -> Result<BTreeSet<Vin>, Denial> {
        let judged = stream::iter(vins).map(|vin| async move {
            let facts = self.directory.find(&vin).await?;
            let relation = ownership::relate(self.principal, facts.as_deref(), self.now);
            Ok(relation.is_any().then_some(vin))
        });
        let seen = judged.buffer_unordered(AT_ONCE);
        let seen = seen.try_filter_map(|seen| async move { Ok(seen) });
        self.bounded(seen.try_collect()).await
    }
}
