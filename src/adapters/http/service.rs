//! Is a service asked, and does it answer in time?
//!
//! So many questions at once, each for so long, and none while it is left alone.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::HeaderMap;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::answer::Answer;
use super::breaker::{self, Breaker, Change, Ticket};
use super::link::{Ask, Failed, Link};
use crate::adapters::contact::Contact;
use crate::clock;
use crate::config::file::ServiceBreaker;
use crate::pipeline::ports::LookupError;

/// How it is asked.
pub(in crate::adapters) struct Terms {
    /// What a log calls it.
    pub(in crate::adapters) name: String,
    /// Questions at once.
    pub(in crate::adapters) connections: u32,
    /// Time for an answer.
    pub(in crate::adapters) timeout: Duration,
    /// When it is left alone.
    pub(in crate::adapters) breaker: ServiceBreaker,
}

/// A service as a thing that may fail.
pub(in crate::adapters) struct Service {
    name: String,
    link: Link,
    /// One a connection.
    places: Semaphore,
    breaker: Mutex<Breaker>,
    timeout: Duration,
    contact: Arc<Contact>,
}

impl Service {
    /// At the end of this link; nothing is asked yet.
    pub(in crate::adapters) fn new(link: Link, terms: Terms) -> Self {
        let places = usize::try_from(terms.connections).unwrap_or(1);
        Self {
            name: terms.name,
            link,
            places: Semaphore::new(places),
            breaker: Mutex::new(Breaker::new(&terms.breaker)),
            timeout: terms.timeout,
            contact: Arc::default(),
        }
    }

    /// How it was heard so far.
    pub(in crate::adapters) fn contact(&self) -> Arc<Contact> {
        Arc::clone(&self.contact)
    }

    /// Whether it is left alone for now.
    pub(in crate::adapters) fn is_left_alone(&self) -> bool {
        !lock(&self.breaker).is_closed()
    }

    /// One question: a place, then the time of an answer, however long the place took.
    pub(in crate::adapters) async fn ask(&self, ask: Ask<'_>) -> Result<Answer, LookupError> {
        let place = timeout(self.timeout, self.places.acquire()).await;
        let place = place.map_err(|_| LookupError::TimedOut)?;
        let _place = place.map_err(|_| LookupError::Unreachable)?;
        let attempt = Attempt::begin(self)?;
        let asked = timeout(self.timeout, self.link.ask(ask, &HeaderMap::new())).await;
        let answer = match asked {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(Failed { error, why })) => {
                tracing::debug!(service = self.name, why, "no answer");
                Err(error)
            }
            Err(_) => Err(LookupError::TimedOut),
        };
        let is_answered = answer.as_ref().is_ok_and(|answer| !answer.is_failure());
        attempt.end(is_answered);
        if is_answered {
            self.contact.heard();
        } else {
            self.contact.failed();
        }
        answer
    }
}

/// A question that is under way. One that never ends, as by a panic, has failed.
struct Attempt<'a> {
    service: &'a Service,
    ticket: Option<Ticket>,
}

impl<'a> Attempt<'a> {
    fn begin(service: &'a Service) -> Result<Self, LookupError> {
        let ticket = lock(&service.breaker).admit(clock::monotonic());
        let ticket = Some(ticket.ok_or(LookupError::Unreachable)?);
        Ok(Self { service, ticket })
    }

    fn end(mut self, is_answered: bool) {
        self.tell(is_answered);
    }

    fn tell(&mut self, is_answered: bool) {
        let Some(ticket) = self.ticket.take() else {
            return;
        };
        let mut breaker = lock(&self.service.breaker);
        let change = if is_answered {
            breaker.answered(&ticket)
        } else {
            breaker.failed(&ticket, clock::monotonic(), breaker::chance())
        };
        drop(breaker);
        let name = self.service.name.as_str();
        match change {
            Some(Change::Opened(pause)) => {
                let milliseconds = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
                tracing::warn!(milliseconds, "{name} fails and is left alone");
            }
            Some(Change::Closed) => tracing::info!("{name} answers again"),
            None => {}
        }
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        self.tell(false);
    }
}

/// Nothing in it can be half done.
fn lock(breaker: &Mutex<Breaker>) -> MutexGuard<'_, Breaker> {
    breaker.lock().unwrap_or_else(PoisonError::into_inner)
}
