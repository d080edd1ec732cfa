//! Ports that do what a test says.

#![expect(
    clippy::unwrap_used,
    reason = "a helper that fails is a test that fails"
)]

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use vingate::pipeline::audit::{Intent, Record};
use vingate::pipeline::identity::dpop::Proof;
use vingate::pipeline::identity::introspected::Source;
use vingate::pipeline::ownership::{Alias, Hints, IndexKey, SubjectFacts, VehicleFacts};
use vingate::pipeline::ports::{
    AuditSink, AuditSlot, Door, Exhausted, Introspection, LookupError, OwnershipDirectory,
    QuotaLedger, ResultKeys, Use, UsedProofs,
};
use vingate::pipeline::quota::{Charge, QuotaStanding};
use vingate::pipeline::result_key::GivenOut;
use vingate::pipeline::vehicle::Vin;

/// Ports that do what a test says.
#[derive(Debug, Default)]
pub(crate) struct Fakes {
    pub(crate) vehicles: HashMap<String, Arc<VehicleFacts>>,
    pub(crate) failure: Mutex<Option<LookupError>>,
    pub(crate) subject_failure: Mutex<Option<LookupError>>,
    pub(crate) hang_directory: AtomicBool,
    pub(crate) looked_up: AtomicUsize,
    pub(crate) asked_about: AtomicUsize,
    /// How often an index or an alias was asked for.
    pub(crate) led: AtomicUsize,
    /// What it leads to, whatever the records say; by the records, without.
    pub(crate) hints: Mutex<Option<Hints>>,
    /// Client and alias of each, and the VIN.
    pub(crate) aliases: HashMap<(String, String), String>,
    pub(crate) lead_failure: Mutex<Option<LookupError>>,
    /// Of both, those that were to be asked now.
    pub(crate) asked_fresh: AtomicUsize,
    /// Issuer and subject of each.
    pub(crate) suspended: HashSet<(String, String)>,
    pub(crate) flooded: AtomicBool,
    pub(crate) charged: AtomicUsize,
    /// What was given out, as it is hashed.
    pub(crate) given_out: Mutex<HashSet<Vec<u8>>>,
    pub(crate) asked_for_key: AtomicUsize,
    pub(crate) key_failure: Mutex<Option<LookupError>>,
    pub(crate) hang_keys: AtomicBool,
    pub(crate) used_proofs: Mutex<HashSet<Vec<u8>>>,
    pub(crate) asked_for_proof: AtomicUsize,
    pub(crate) proof_failure: Mutex<Option<LookupError>>,
    pub(crate) hang_proofs: AtomicBool,
    /// What the issuer that is asked says, by token.
    pub(crate) introspected: Mutex<HashMap<String, String>>,
    pub(crate) introspection_failure: Mutex<Option<LookupError>>,
    pub(crate) hang_introspection: AtomicBool,
    pub(crate) asked_issuer: AtomicUsize,
    pub(crate) exhausted: AtomicBool,
    pub(crate) fail_ledger: AtomicBool,
    pub(crate) fail_audit: AtomicBool,
}

impl Fakes {
    pub(crate) fn fail_directory(&self, failure: Option<LookupError>) {
        *self.failure.lock().unwrap() = failure;
    }
}

#[async_trait]
impl Introspection for Fakes {
    async fn ask(&self, _: &Source, token: &str) -> Result<Bytes, LookupError> {
        self.asked_issuer.fetch_add(1, Ordering::Relaxed);
        if self.hang_introspection.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
        if let Some(failure) = *self.introspection_failure.lock().unwrap() {
            return Err(failure);
        }
        let said = self.introspected.lock().unwrap().get(token).cloned();
        Ok(Bytes::from(
            said.unwrap_or(r#"{"active":false}"#.to_owned()),
        ))
    }
}

#[async_trait]
impl OwnershipDirectory for Fakes {
    async fn find(&self, vin: &Vin) -> Result<Option<Arc<VehicleFacts>>, LookupError> {
        self.looked_up.fetch_add(1, Ordering::Relaxed);
        if self.hang_directory.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
        match *self.failure.lock().unwrap() {
            Some(failure) => Err(failure),
            None => Ok(self.vehicles.get(vin.as_str()).cloned()),
        }
    }

    async fn find_fresh(&self, vin: &Vin) -> Result<Option<Arc<VehicleFacts>>, LookupError> {
        self.asked_fresh.fetch_add(1, Ordering::Relaxed);
        self.find(vin).await
    }

    async fn find_subject_fresh(
        &self,
        issuer: &str,
        subject: &str,
    ) -> Result<SubjectFacts, LookupError> {
        self.asked_fresh.fetch_add(1, Ordering::Relaxed);
        self.find_subject(issuer, subject).await
    }

    async fn find_subject(&self, issuer: &str, subject: &str) -> Result<SubjectFacts, LookupError> {
        self.asked_about.fetch_add(1, Ordering::Relaxed);
        match *self.subject_failure.lock().unwrap() {
            Some(failure) => Err(failure),
            None => Ok(SubjectFacts {
                suspended: self
                    .suspended
                    .contains(&(issuer.to_owned(), subject.to_owned())),
            }),
        }
    }

    async fn find_by(&self, key: &IndexKey, most: usize) -> Result<Hints, LookupError> {
        self.led.fetch_add(1, Ordering::Relaxed);
        if let Some(failure) = *self.lead_failure.lock().unwrap() {
            return Err(failure);
        }
        if let Some(hints) = self.hints.lock().unwrap().clone() {
            return Ok(Hints::first(most, hints.vins));
        }
        let named = self
            .vehicles
            .iter()
            .filter(|(_, facts)| facts.index_keys().contains(key));
        let mut vins: Vec<Vin> = named.map(|(vin, _)| Vin::read(vin).unwrap()).collect();
        vins.sort_unstable();
        Ok(Hints::first(most, vins))
    }

    async fn find_alias(&self, alias: &Alias) -> Result<Option<Vin>, LookupError> {
        self.led.fetch_add(1, Ordering::Relaxed);
        if let Some(failure) = *self.lead_failure.lock().unwrap() {
            return Err(failure);
        }
        let whose = (alias.client.clone(), alias.alias.clone());
        Ok(self.aliases.get(&whose).map(|vin| Vin::read(vin).unwrap()))
    }
}

#[async_trait]
impl UsedProofs for Fakes {
    async fn use_up(&self, proof: &Proof, _: Duration) -> Result<Use, LookupError> {
        self.asked_for_proof.fetch_add(1, Ordering::Relaxed);
        if self.hang_proofs.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
        if let Some(failure) = *self.proof_failure.lock().unwrap() {
            return Err(failure);
        }
        let is_new = self.used_proofs.lock().unwrap().insert(proof.bytes());
        Ok(if is_new { Use::First } else { Use::Again })
    }
}

#[async_trait]
impl ResultKeys for Fakes {
    async fn keep(&self, given: GivenOut<'_>, _: Duration) -> Result<(), LookupError> {
        self.given_out.lock().unwrap().insert(given.bytes());
        Ok(())
    }

    async fn knows(&self, given: GivenOut<'_>, _: Duration) -> Result<bool, LookupError> {
        self.asked_for_key.fetch_add(1, Ordering::Relaxed);
        if self.hang_keys.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
        match *self.key_failure.lock().unwrap() {
            Some(failure) => Err(failure),
            None => Ok(self.given_out.lock().unwrap().contains(&given.bytes())),
        }
    }
}

impl Door for Fakes {
    fn admit(&self, _: IpAddr) -> Result<(), Duration> {
        if self.flooded.load(Ordering::Relaxed) {
            Err(Duration::from_secs(1))
        } else {
            Ok(())
        }
    }
}

#[async_trait]
impl QuotaLedger for Fakes {
    async fn charge(
        &self,
        charges: &[Charge],
        _: Duration,
    ) -> Result<Result<Option<QuotaStanding>, Exhausted>, LookupError> {
        self.charged.fetch_add(charges.len(), Ordering::Relaxed);
        if self.fail_ledger.load(Ordering::Relaxed) {
            return Err(LookupError::Unreachable);
        }
        if self.exhausted.load(Ordering::Relaxed) {
            return Ok(Err(Exhausted {
                index: 0,
                retry_after: Duration::from_secs(9),
            }));
        }
        Ok(Ok(None))
    }
}

#[async_trait]
impl AuditSink for Fakes {
    fn reserve(&self) -> Result<Box<dyn AuditSlot>, LookupError> {
        Ok(Box::new(Slot))
    }

    fn count_unrecorded(&self) {}

    async fn intend(&self, _: Intent) -> Result<(), LookupError> {
        if self.fail_audit.load(Ordering::Relaxed) {
            return Err(LookupError::Unreachable);
        }
        Ok(())
    }
}

/// Where a record is forgotten.
pub(crate) struct Slot;

impl AuditSlot for Slot {
    fn write(self: Box<Self>, _: Record) {}
}
