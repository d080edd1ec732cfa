//! Which keys does an issuer publish, as far as was heard?
//!
//! They are put in while requests are served. A verification reads what is known as one value, and
//! by a time that is given: keys that nobody confirmed for too long are none.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;

use crate::config::file::{self, Algorithm, KeyFetch, KeySource};
use crate::denial::TokenFlaw;
use crate::pipeline::identity::keys::{Key, KeySet};

/// Where an issuer's keys come from, and which of them serve. Equal ones have equal keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The issuer's name in the configuration.
    pub name: Arc<str>,
    /// The exact `iss`.
    pub issuer: String,
    /// URL of the JWK set; `None` where the issuer's metadata says it.
    pub url: Option<String>,
    /// The algorithms that keys have to serve.
    pub algorithms: BTreeSet<Algorithm>,
    /// How they are fetched.
    pub fetch: KeyFetch,
}

impl Source {
    /// Of these settings; `None` where keys are read from a file.
    pub fn of(name: &str, settings: &file::Issuer) -> Option<Self> {
        let (url, fetch) = match settings.key_source()? {
            KeySource::File(_) => return None,
            KeySource::Url(url, fetch) => (Some(url.to_owned()), fetch),
            KeySource::Discovery(fetch) => (None, fetch),
        };
        Some(Self {
            name: Arc::from(name),
            issuer: settings.issuer.clone(),
            url,
            algorithms: settings.algorithms.clone(),
            fetch: fetch.clone(),
        })
    }
}

/// What is known of an issuer's keys.
#[derive(Debug, Clone)]
pub enum Known {
    /// Nothing was ever heard.
    Nothing,
    /// These count until then, since the Unix epoch.
    Keys(Arc<KeySet>, Duration),
    /// What was heard last is too old.
    TooOld,
}

/// Called when a token may be signed by a key that isn't known.
type Wanted = Box<dyn Fn() + Send + Sync>;

/// The keys of one issuer that are fetched.
pub struct Published {
    source: Source,
    known: ArcSwap<Known>,
    wanted: OnceLock<Wanted>,
    withdrawn_at: Mutex<Option<Instant>>,
}

impl fmt::Debug for Published {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_tuple("Published")
            .field(&self.source.name)
            .finish()
    }
}

impl Published {
    /// Of a source that wasn't heard yet.
    pub fn new(source: Source) -> Self {
        Self {
            source,
            known: ArcSwap::from_pointee(Known::Nothing),
            wanted: OnceLock::new(),
            withdrawn_at: Mutex::default(),
        }
    }

    /// Where they come from.
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// The keys that count at `now`, since the Unix epoch.
    pub fn keys(&self, now: Duration) -> Result<Arc<KeySet>, TokenFlaw> {
        match &**self.known.load() {
            Known::Nothing => Err(TokenFlaw::KeysMissing),
            Known::Keys(keys, until) if now < *until => Ok(Arc::clone(keys)),
            Known::Keys(..) | Known::TooOld => Err(TokenFlaw::KeysTooOld),
        }
    }

    /// Whether a key that verified before counts at `now`.
    pub fn holds(&self, key: &Arc<Key>, now: Duration) -> bool {
        match &**self.known.load() {
            Known::Keys(keys, until) => now < *until && keys.holds(key),
            Known::Nothing | Known::TooOld => false,
        }
    }

    /// Takes up what is known now; whether a key that counted is gone or another one.
    #[must_use = "what was judged by it is to be judged anew"]
    pub fn put(&self, known: Known) -> bool {
        let before = self.known.load_full();
        let known = match (&*before, known) {
            // the same value, so that what was verified by it is found at once
            (Known::Keys(old, _), Known::Keys(new, until)) if **old == *new => {
                Known::Keys(Arc::clone(old), until)
            }
            (_, known) => known,
        };
        let withdrawn = match (&*before, &known) {
            (Known::Keys(old, _), Known::Keys(new, _)) => old.iter().any(|key| !new.holds(key)),
            (Known::Keys(..), Known::Nothing | Known::TooOld) => true,
            (Known::Nothing | Known::TooOld, _) => false,
        };
        self.known.store(Arc::new(known));
        withdrawn
    }

    /// A key was gone before `at`.
    pub fn withdrew(&self, at: Instant) {
        *lock(&self.withdrawn_at) = Some(at);
    }

    /// Whether a key may be gone that counted at `then` or later.
    pub fn withdrew_since(&self, then: Instant) -> bool {
        lock(&self.withdrawn_at).is_some_and(|at| at >= then)
    }

    /// Has `wanted` called whenever a token may be signed by a key that isn't known. That may come with
    /// every request, so it must cost nothing. Only the first counts.
    pub fn when_wanted(&self, wanted: impl Fn() + Send + Sync + 'static) {
        self.wanted.get_or_init(|| Box::new(wanted));
    }

    /// A token may be signed by a key that isn't known.
    pub(crate) fn want(&self) {
        if let Some(wanted) = self.wanted.get() {
            wanted();
        }
    }
}

/// Nothing in it can be half done.
fn lock(at: &Mutex<Option<Instant>>) -> MutexGuard<'_, Option<Instant>> {
    at.lock().unwrap_or_else(PoisonError::into_inner)
}
