//! Was exactly this decided before?
//!
//! An answer of Cedar is a pure function of the policies and of every fact that goes in: no clock is
//! among them. So it may be kept under a keyed hash of all of those facts, and of nothing less. The
//! memory belongs to one loaded policy set and goes with it. Errors are never kept.

use std::sync::Arc;

use quick_cache::sync::Cache;
use ring::hmac;
use ring::rand::SystemRandom;

use crate::config::file::PrincipalKind;
use crate::denial::AccessFlaw;
use crate::digest;
use crate::pipeline::identity::sign_in::Authentication;
use crate::pipeline::ownership::{Relation, SubjectFacts, VehicleFacts};
use crate::pipeline::policy::{Circumstances, Question, Resource};

/// Answers kept: about 20 MB at 300 bytes each.
const ANSWERS: usize = 65_536;

/// HMAC-SHA-256 over a question's facts: who asks can't make two questions meet.
pub(super) type Key = [u8; 32];

/// What Cedar said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Allow, or why not.
    pub outcome: Result<(), AccessFlaw>,
    /// `@id`s of the deciding policies, sorted.
    pub policies: Vec<Arc<str>>,
    /// Whether one of them forbids it for the sign-in alone.
    pub step_up: bool,
}

/// Kept answers of one policy set.
pub(super) struct Memo {
    key: hmac::Key,
    answers: Cache<Key, Arc<Verdict>>,
}

impl Memo {
    /// Empty, under a new random key.
    pub(super) fn new() -> Result<Self, String> {
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new())
            .map_err(|_| "no random key could be made".to_owned())?;
        Ok(Self {
            key,
            answers: Cache::new(ANSWERS),
        })
    }

    /// The key of a question.
    pub(super) fn key(&self, question: Question<'_>) -> Key {
        let mut facts = Facts(Vec::with_capacity(512));
        facts.question(question);
        digest::whole(hmac::sign(&self.key, &facts.0).as_ref())
    }

    /// The answer to a question, if it was asked before.
    pub(super) fn find(&self, key: &Key) -> Option<Arc<Verdict>> {
        self.answers.get(key)
    }

    /// Keeps an answer, and gives it back.
    pub(super) fn keep(&self, key: Key, verdict: Verdict) -> Arc<Verdict> {
        let verdict = Arc::new(verdict);
        self.answers.insert(key, Arc::clone(&verdict));
        verdict
    }
}

/// Facts one after the other, each with its length before it, so that no two lists of facts have
/// the same bytes.
struct Facts(Vec<u8>);

impl Facts {
    fn question(&mut self, question: Question<'_>) {
        // Taken apart without `..`: a fact that is added later can't be forgotten here.
        let Question {
            principal,
            action,
            resource,
            context:
                Circumstances {
                    surface,
                    network,
                    authentication:
                        Authentication {
                            strength,
                            freshness,
                            bound,
                        },
                    subject: SubjectFacts { suspended },
                },
        } = question;
        let crate::pipeline::Principal {
            kind,
            issuer,
            subject,
            client,
            scopes,
            fleet,
            tenant,
            roles,
            sign_in: _,    // with its time; what it is worth now stands in the context
            credential: _, // names one token, and no policy gets to see it
            pseudonym: _,
        } = principal;
        self.0.push(kind_byte(*kind));
        self.text(issuer);
        self.text(subject);
        self.maybe(client.as_deref());
        self.maybe(fleet.as_deref());
        self.maybe(tenant.as_deref());
        self.texts(roles);
        self.texts(scopes);
        self.text(action);
        self.text(surface);
        self.text(network);
        self.text(strength.word());
        self.text(freshness.word());
        self.0.push(u8::from(bound));
        self.0.push(u8::from(suspended));
        match resource {
            Resource::Surface => self.0.push(0),
            Resource::Vehicle(vin, facts, relation) => {
                self.0.push(1);
                self.text(vin.as_str());
                self.relation(relation);
                self.vehicle(facts);
            }
        }
    }

    fn relation(&mut self, relation: &Relation) {
        let Relation {
            known,
            word,
            entitlements,
            scopes,
            dealerships,
            agreements,
            in_case,
        } = relation;
        self.0.push(u8::from(*known));
        self.text(word);
        self.texts(entitlements);
        self.texts(scopes);
        self.texts(dealerships);
        self.count(agreements.len());
        for (dealership, action) in agreements {
            self.text(dealership);
            self.text(action);
        }
        self.0.push(u8::from(*in_case));
    }

    fn vehicle(&mut self, facts: Option<&VehicleFacts>) {
        let Some(facts) = facts else {
            self.0.push(0);
            return;
        };
        let VehicleFacts {
            owner,
            drivers: _, // with their times; what is active of them stands in the relation
            fleet,
            region,
            trim,
            capabilities,
            telematics,
            consents: _, // these three have times too
            work_orders: _,
            cases: _,
            suspended,
        } = facts;
        self.0.push(1);
        self.maybe(owner.as_deref());
        self.maybe(fleet.as_deref());
        self.text(region);
        self.text(trim);
        self.texts(capabilities);
        self.0.push(u8::from(*telematics));
        self.0.push(u8::from(*suspended));
    }

    fn count(&mut self, count: usize) {
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        self.0.extend_from_slice(&count.to_le_bytes());
    }

    fn text(&mut self, text: &str) {
        self.count(text.len());
        self.0.extend_from_slice(text.as_bytes());
    }

    fn maybe(&mut self, text: Option<&str>) {
        self.0.push(u8::from(text.is_some()));
        self.text(text.unwrap_or_default());
    }

    fn texts(&mut self, all: &[String]) {
        self.count(all.len());
        for one in all {
            self.text(one);
        }
    }
}

fn kind_byte(kind: PrincipalKind) -> u8 {
    match kind {
        PrincipalKind::User => 0,
        PrincipalKind::Client => 1,
        PrincipalKind::Vehicle => 2,
        PrincipalKind::Technician => 3,
        PrincipalKind::Agent => 4,
    }
}
