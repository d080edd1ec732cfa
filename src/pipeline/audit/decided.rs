//! Which facts of a decision does its record hold?
//!
//! Those that the policies got to know, where it was refused for them, and where a command was allowed: so
//! that it can be explained later, and put to other policies. No VIN and no subject: their pseudonyms.

use std::borrow::Cow;

use crate::config::file::PrincipalKind;
use crate::denial::Denial;
use crate::pipeline::audit::{Pseudonyms, named_client};
use crate::pipeline::ownership::{Relation, VehicleFacts};
use crate::pipeline::policy::recorded::{Caller, Context, Judged, Recorded, Vehicle};
use crate::pipeline::vehicle::Vin;
use crate::pipeline::{Findings, Principal};

/// Bytes of a subject that is looked for inside of longer words; a shorter one stands in many by chance.
const TELLING: usize = 8;

/// The facts, where the record holds them.
pub(super) fn facts<'a>(
    findings: &'a Findings,
    denial: Option<&Denial>,
    pseudonyms: &Pseudonyms,
) -> Option<Recorded<'a>> {
    let judged = findings.judged.as_ref()?;
    let situation = &findings.situation;
    let refused = matches!(
        denial,
        Some(Denial::AccessDenied(_) | Denial::StepUpRequired(_))
    );
    let command = situation.action.as_ref().is_none_or(|class| class.command);
    if !refused && !command {
        return None;
    }
    let principal = situation.principal.as_deref()?;
    let words = Words {
        principal,
        pseudonyms,
    };
    let vin = situation.vin.as_ref();
    // Without a VIN too: a name that leads to no vehicle is judged as a vehicle all the same.
    let relation = findings.relation.as_ref();
    let vehicle = relation.map(|relation| words.vehicle(judged.vehicle.as_deref(), relation));
    Some(Recorded {
        policies: Cow::Borrowed(&judged.revision),
        principal: words.caller(vin),
        context: context(judged),
        vehicle,
    })
}

fn context(judged: &Judged) -> Context {
    Context {
        strength: judged.authentication.strength,
        freshness: judged.authentication.freshness,
        bound: judged.authentication.bound,
        suspended: judged.subject.suspended,
    }
}

/// Writes the words of one principal's decision.
struct Words<'a, 'b> {
    principal: &'a Principal,
    pseudonyms: &'b Pseudonyms,
}

impl<'a> Words<'a, '_> {
    /// A word of a token or of the directory, or its pseudonym where it names a car or who asks.
    fn word(&self, word: &'a str) -> Cow<'a, str> {
        let subject = &*self.principal.subject;
        let names = word == subject || (subject.len() >= TELLING && word.contains(subject));
        if names || Vin::stands_in(word) {
            Cow::Owned(self.pseudonyms.word(word))
        } else {
            Cow::Borrowed(word)
        }
    }

    fn words(&self, all: &'a [String]) -> Vec<Cow<'a, str>> {
        all.iter().map(|word| self.word(word)).collect()
    }

    fn caller(&self, vin: Option<&Vin>) -> Caller<'a> {
        let who = self.principal;
        let by_vehicle = who.kind == PrincipalKind::Vehicle;
        Caller {
            is_vehicle: by_vehicle && vin.is_some_and(|vin| vin.as_str() == who.subject),
            // where the record doesn't name it
            client: match named_client(who) {
                Some(_) => None,
                None => who.client.as_deref().map(|client| self.word(client)),
            },
            scopes: self.words(&who.scopes),
            fleet: who.fleet.as_deref().map(|fleet| self.word(fleet)),
            tenant: who.tenant.as_deref().map(|tenant| self.word(tenant)),
            roles: self.words(&who.roles),
        }
    }

    fn vehicle(&self, facts: Option<&'a VehicleFacts>, relation: &'a Relation) -> Vehicle<'a> {
        let of_caller = Vehicle {
            known: relation.known,
            entitlements: self.words(&relation.entitlements),
            consents: self.words(&relation.scopes),
            work_orders: self.words(&relation.dealerships),
            agreements: relation
                .agreements
                .iter()
                .map(|(at, action)| (self.word(at), self.word(action)))
                .collect(),
            in_case: relation.in_case,
            ..Vehicle::default()
        };
        let Some(facts) = facts else {
            return of_caller;
        };
        Vehicle {
            owner: facts.owner.as_deref().map(|owner| self.owner(owner)),
            fleet: facts.fleet.as_deref().map(|fleet| self.word(fleet)),
            region: self.word(&facts.region),
            trim: self.word(&facts.trim),
            capabilities: self.words(&facts.capabilities),
            telematics: facts.telematics,
            suspended: facts.suspended,
            ..of_caller
        }
    }

    /// Facts name subjects without their issuer: the owner is compared with who asks.
    fn owner(&self, owner: &str) -> Cow<'a, str> {
        let who = self.principal;
        if owner == who.subject {
            Cow::Borrowed(&who.pseudonym)
        } else {
            Cow::Owned(self.pseudonyms.subject(&who.issuer, owner))
        }
    }
}
