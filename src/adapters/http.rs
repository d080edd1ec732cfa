//! Whose car is it, by an ownership service that is there already?
//!
//! One question a look-up, over connections that are kept. 200 is an answer where it can be understood
//! whole, is about what was asked for, and would be taken as a line of an import; 404 is absence. All
//! else is unknown, which is never absent.
//!
//! A question goes on when nobody waits for it any more: people who hang up say nothing about the
//! service, so they do not count for its breaker.

pub(in crate::adapters) mod access;
pub(in crate::adapters) mod answer;
pub(in crate::adapters) mod breaker;
pub(in crate::adapters) mod link;
mod lookups;
mod map;
pub(in crate::adapters) mod service;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value;
use tokio::runtime::Handle;

use crate::adapters::contact::Contact;
use crate::config::file::{Absent, OwnershipHttp, SubjectLookup, Subjects, VehicleMap};
use crate::config::template::Template;
use crate::pipeline::ownership::{Alias, Hints, IndexKey, SubjectFacts, VehicleFacts};
use crate::pipeline::ports::{LookupError, OwnershipDirectory};
use crate::pipeline::vehicle::Vin;
use access::{Access, AccessFiles};
use answer::Said;
use link::{Ask, Link};
use lookups::Lookups;
use map::Flaw;
use service::{Service, Terms};

/// What changing this store comes to.
pub const NOT_OURS: &str = "ownership facts are kept by the ownership service \
                            (`ownership.http`), which is only asked here: change or read them there";

/// Whether its files can be used; asks nobody.
///
/// # Errors
/// The first that can't.
pub fn check(settings: &OwnershipHttp) -> Result<(), String> {
    Access::read(&AccessFiles::of(settings)).map(drop)
}

/// Largest body of an answer: as long as a line of an import.
const ANSWER_BYTES: usize = 64 * 1024;

/// A directory behind HTTP.
pub struct HttpDirectory {
    service: Arc<Service>,
    vehicle: Template,
    map: VehicleMap,
    absent: Option<Absent>,
    /// `None`: it isn't asked about subjects.
    subjects: Option<(Template, SubjectLookup)>,
    lookups: Lookups,
    runtime: Handle,
}

impl fmt::Debug for HttpDirectory {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("HttpDirectory").finish_non_exhaustive()
    }
}

impl HttpDirectory {
    /// For these settings, asking on this runtime; nothing is asked yet.
    ///
    /// # Errors
    /// A file can't be read, or a setting can't be used.
    pub fn open(settings: &OwnershipHttp, runtime: Handle) -> Result<Self, String> {
        let wrong = |key: &str| format!("`ownership.http.{key}` is no such URL");
        let vehicle = Template::read(&settings.vehicle_url, &["vin"]);
        let vehicle = vehicle.ok_or_else(|| wrong("vehicle_url"))?;
        let subjects = match &settings.subjects {
            Subjects::Not(_) => None,
            Subjects::Asked(asked) => {
                let url = Template::read(&asked.url, &["issuer", "subject"]);
                let url = url.ok_or_else(|| wrong("subjects.url"))?;
                Some((url, asked.clone()))
            }
        };
        let link = Link::new(&vehicle, AccessFiles::of(settings), ANSWER_BYTES)?;
        let terms = Terms {
            name: "the ownership service".to_owned(),
            connections: settings.connections,
            timeout: settings.timeout.get(),
            breaker: settings.breaker.clone(),
        };
        let service = Service::new(link, terms);
        Ok(Self {
            service: Arc::new(service),
            vehicle,
            map: settings.map.clone(),
            absent: settings.absent.clone(),
            subjects,
            lookups: Lookups::new(&settings.lookups).map_err(wrong)?,
            runtime,
        })
    }

    /// What `read` makes of an answer; `None` where there is no such thing.
    async fn ask_for<T>(
        &self,
        path: Option<String>,
        read: impl Fn(&Value) -> Result<T, Flaw>,
    ) -> Result<Option<T>, LookupError> {
        match self.ask(path, self.absent.as_ref()).await? {
            Said::Absent => Ok(None),
            Said::This(body) => read(&body).map(Some).map_err(|flaw| refused(&flaw)),
        }
    }

    /// How the service was heard so far.
    pub fn contact(&self) -> Arc<Contact> {
        self.service.contact()
    }

    /// Whether the service is left alone for now.
    pub fn is_left_alone(&self) -> bool {
        self.service.is_left_alone()
    }

    async fn ask(
        &self,
        path: Option<String>,
        absent: Option<&Absent>,
    ) -> Result<Said, LookupError> {
        let path =
            path.ok_or_else(|| refused(&Flaw::wrong("what is asked has no place in a URL")))?;
        let service = Arc::clone(&self.service);
        let asked = async move { service.ask(Ask::Get(&path)).await };
        let asked = self.runtime.spawn(asked);
        let answer = asked.await.unwrap_or(Err(LookupError::Unreachable))?;
        if answer.is_failure() {
            return Err(LookupError::Unreachable);
        }
        answer.read(absent).map_err(|flaw| refused(&flaw))
    }
}

/// Says what is wrong with an answer, never whose it is: that is personal data.
fn refused(flaw: &Flaw) -> LookupError {
    match flaw {
        Flaw::OfAnother => tracing::error!(
            target: "vingate::alarm",
            "the ownership service, or something before it, mixes answers up"
        ),
        Flaw::Wrong(flaw) => {
            tracing::warn!(flaw, "an answer of the ownership service is refused");
        }
    }
    LookupError::Malformed
}

#[async_trait]
impl OwnershipDirectory for HttpDirectory {
    async fn find(&self, vin: &Vin) -> Result<Option<Arc<VehicleFacts>>, LookupError> {
        let path = self.vehicle.fill(&[("vin", vin.as_str())]);
        let facts = |body: &Value| map::vehicle(&self.map, body, vin).map(Arc::new);
        self.ask_for(path, facts).await
    }

    async fn find_subject(&self, issuer: &str, subject: &str) -> Result<SubjectFacts, LookupError> {
        let Some((url, lookup)) = &self.subjects else {
            return Ok(SubjectFacts::default()); // as the configuration says in so many words
        };
        let path = url.fill(&[("issuer", issuer), ("subject", subject)]);
        match self.ask(path, lookup.absent.as_ref()).await? {
            Said::Absent if lookup.absent.is_some() => Ok(SubjectFacts::default()),
            // anybody's 404 would suspend nobody
            Said::Absent => Err(refused(&Flaw::wrong("a 404 about a subject says nothing"))),
            Said::This(body) => {
                let facts = map::subject(lookup, &body, (issuer, subject));
                facts.map_err(|flaw| refused(&flaw))
            }
        }
    }

    async fn find_by(&self, key: &IndexKey, most: usize) -> Result<Hints, LookupError> {
        let found = match key {
            IndexKey::Subject(_, subject) => {
                let (url, lookup) = self.lookups.subject.as_ref().ok_or_else(not_offered)?;
                self.ask_for(url.fill(&[("subject", subject)]), |body| {
                    lookups::of_subject(lookup, body, subject)
                })
                .await?
            }
            IndexKey::Case(case) => {
                let (url, lookup) = self.lookups.case.as_ref().ok_or_else(not_offered)?;
                self.ask_for(url.fill(&[("case", case)]), |body| {
                    lookups::of_case(lookup, body, case).map(|vin| vec![vin])
                })
                .await?
            }
        };
        Ok(Hints::first(most, found.unwrap_or_default()))
    }

    async fn find_alias(&self, alias: &Alias) -> Result<Option<Vin>, LookupError> {
        let (url, lookup) = self.lookups.alias.as_ref().ok_or_else(not_offered)?;
        let path = url.fill(&[("client", &alias.client), ("alias", &alias.alias)]);
        self.ask_for(path, |body| lookups::of_alias(lookup, body, alias))
            .await
    }
}

/// What needs a look-up that isn't configured is a mistake of the configuration, told when it is read.
fn not_offered() -> LookupError {
    LookupError::Unreachable
}

/// Where a pointer leads; what isn't there is told by the name of the key.
fn at<'a>(body: &'a Value, name: &str, pointer: &str) -> Result<&'a Value, Flaw> {
    let found = body.pointer(pointer);
    found.ok_or_else(|| Flaw::Wrong(format!("it has no `{name}`")))
}

#[cfg(test)]
pub(in crate::adapters) mod tests;
