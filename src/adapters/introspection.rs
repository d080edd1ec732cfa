//! What does an issuer say about a token?
//!
//! One question a token at a time, over connections that are kept, and none while the issuer is left
//! alone. What comes back isn't judged here, and nothing is remembered: who asks does both.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use http::StatusCode;
use tokio::runtime::Handle;

use crate::adapters::flights::Flights;
use crate::adapters::http::access::{Access, AccessFiles, Authorization};
use crate::adapters::http::answer::Answer;
use crate::adapters::http::link::{Ask, Link};
use crate::adapters::http::service::{Service, Terms};
use crate::config::file;
use crate::config::template::{Template, encode};
use crate::digest;
use crate::pipeline::identity::introspected::Source;
use crate::pipeline::ports::{Introspection, LookupError};

/// Largest body of an answer: claims of one token, a hundred roles among them.
const ANSWER_BYTES: usize = 64 * 1024;

/// Tokens of one issuer that are asked about or wait for it: some seconds of what a busy issuer answers.
/// Beyond, nobody would still be waiting.
const WAITING: usize = 1_024;

/// Whether the files by which an issuer and the gateway believe each other can be used; asks nobody.
///
/// # Errors
/// The one that can't.
pub fn check(name: &str, settings: &file::Issuer) -> Result<(), String> {
    match &settings.introspection {
        Some(asked) => Access::read(&files(name, asked)).map(drop),
        None => Ok(()),
    }
}

fn files(name: &str, asked: &file::Introspection) -> AccessFiles {
    AccessFiles {
        table: format!("issuers.{name}.introspection"),
        ca_file: asked.ca_file.clone(),
        client_certificate_file: None,
        client_key_file: None,
        authorization: Some(Authorization::Basic {
            client_id: asked.client_id.clone(),
            secret_file: asked.client_secret_file.clone(),
        }),
    }
}

/// How it is with an issuer that is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The issuer's name in the configuration.
    pub issuer: Arc<str>,
    /// Whether it gives answers, as far as it was asked.
    pub is_answering: bool,
    /// How often it was asked in vain.
    pub failures: u64,
    /// All that, and why, in words.
    pub says: String,
}

/// All issuers that are asked.
pub struct Introspections {
    runtime: Handle,
    clients: Mutex<Clients>,
}

/// Those of the rules in force, and of the rules before: requests under way still go by these.
#[derive(Default)]
struct Clients {
    now: Vec<Arc<Client>>,
    before: Vec<Arc<Client>>,
}

/// One issuer.
struct Client {
    source: Source,
    path: String,
    service: Service,
    flights: Flights<[u8; 32], Bytes>,
    /// Why nothing was heard when it was asked last.
    wrong: Mutex<Option<String>>,
}

impl fmt::Debug for Introspections {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Introspections")
    }
}

impl Introspections {
    /// These, asked on this runtime.
    pub fn new<'a>(runtime: Handle, sources: impl Iterator<Item = &'a Source>) -> Self {
        let all = Self {
            runtime,
            clients: Mutex::default(),
        };
        all.follow(sources);
        all
    }

    /// From now on asks these. What is the same goes on as it is; of what was asked before, requests
    /// under way still hear. Reads files, so it blocks.
    pub fn follow<'a>(&self, sources: impl Iterator<Item = &'a Source>) {
        let mut clients = lock(&self.clients);
        let same = |source: &Source| {
            clients
                .now
                .iter()
                .find(|one| one.source == *source)
                .cloned()
        };
        let now = sources
            .filter_map(|source| same(source).or_else(|| Client::new(source)))
            .collect();
        clients.before = std::mem::replace(&mut clients.now, now);
    }

    /// How it is with each, by the issuers' names.
    pub fn told(&self) -> Vec<Told> {
        lock(&self.clients)
            .now
            .iter()
            .map(|one| one.told())
            .collect()
    }

    fn client(&self, source: &Source) -> Option<Arc<Client>> {
        let clients = lock(&self.clients);
        let mut all = clients.now.iter().chain(&clients.before);
        all.find(|one| one.source == *source).cloned()
    }
}

#[async_trait]
impl Introspection for Introspections {
    async fn ask(&self, issuer: &Source, token: &str) -> Result<Bytes, LookupError> {
        let client = self.client(issuer).ok_or(LookupError::Unreachable)?;
        let key = digest::sha256(token.as_bytes());
        let form = format!(
            "token={}&token_type_hint=access_token",
            encode(token.as_bytes())
        );
        let asking = Arc::clone(&client);
        let ask = || async move { asking.ask(&Bytes::from(form)).await };
        let flight = client.flights.join(key, (&self.runtime, WAITING), ask);
        flight.ok_or(LookupError::Unreachable)?.await
    }
}

impl Client {
    fn new(source: &Source) -> Option<Arc<Self>> {
        let opened = Self::open(source);
        let told = |flaw: &String| tracing::error!(issuer = %source.name, flaw, "can't be asked");
        opened.inspect_err(told).ok().map(Arc::new)
    }

    fn open(source: &Source) -> Result<Self, String> {
        let Source { name, asked, .. } = source;
        let server = Template::plain(&asked.url).ok_or("its URL is none")?;
        let terms = Terms {
            name: format!("the introspection of issuer `{name}`"),
            connections: asked.connections,
            timeout: asked.timeout.get(),
            breaker: asked.breaker.clone(),
        };
        let link = Link::new(&server, files(name, asked), ANSWER_BYTES)?;
        Ok(Self {
            source: source.clone(),
            path: server.target(),
            service: Service::new(link, terms),
            flights: Flights::default(),
            wrong: Mutex::default(),
        })
    }

    async fn ask(&self, form: &Bytes) -> Result<Bytes, LookupError> {
        let said = match self.service.ask(Ask::Form(&self.path, form)).await {
            Err(error) => Err((error, error.to_string())),
            Ok(answer) if answer.is_failure() => {
                let flaw = format!("its status is {}", answer.status.as_u16());
                Err((LookupError::Unreachable, flaw))
            }
            Ok(answer) => body(answer).map_err(|flaw| {
                self.service.contact().failed();
                (LookupError::Malformed, flaw)
            }),
        };
        let mut wrong = lock(&self.wrong);
        let (error, flaw) = match said {
            Ok(body) => {
                *wrong = None;
                return Ok(body);
            }
            Err(failed) => failed,
        };
        if wrong.as_ref() != Some(&flaw) {
            let issuer = &self.source.name;
            tracing::warn!(%issuer, flaw, "nothing is heard about a token");
            *wrong = Some(flaw);
        }
        Err(error)
    }

    fn told(&self) -> Told {
        let contact = self.service.contact();
        let failures = contact.failures();
        let wrong = lock(&self.wrong).clone();
        let is_left_alone = self.service.is_left_alone();
        let is_answering = !is_left_alone && wrong.is_none();
        let says = match wrong {
            _ if is_left_alone => "fails, and is left alone for now".to_owned(),
            Some(flaw) => flaw,
            None if contact.was_heard() => format!("heard {} s ago", contact.age_seconds()),
            None => "not asked yet".to_owned(),
        };
        Told {
            issuer: Arc::clone(&self.source.name),
            is_answering,
            failures,
            says: format!("{says}, {failures} failures"),
        }
    }
}

/// What it says, if it is an answer at all.
fn body(answer: Answer) -> Result<Bytes, String> {
    let status = answer.status;
    match status {
        StatusCode::OK => {}
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            let status = status.as_u16();
            let why = "it doesn't believe `client_id` and `client_secret_file`";
            return Err(format!("its status is {status}: {why}"));
        }
        _ if status.is_redirection() => {
            let why = "it redirects, which is not followed: write the URL that it leads to";
            return Err(why.to_owned());
        }
        _ => return Err(format!("its status is {}", status.as_u16())),
    }
    if !answer.is_json() {
        return Err("its content type is not JSON, or it is compressed".to_owned());
    }
    let body = answer.body;
    body.ok_or_else(|| format!("is larger than {ANSWER_BYTES} bytes"))
}

/// Nothing in it can be half done.
fn lock<T>(kept: &Mutex<T>) -> MutexGuard<'_, T> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
