//! Are the keys of issuers known, and are they the newest?
//!
//! One task for each issuer whose keys are fetched: it asks ahead of the end of what it was told,
//! sooner when a token may be signed by a key that isn't known, and never twice at a time. What it hears is put
//! where verifications find it. When the issuer can't be asked, what was good last counts for as long as
//! its settings say, over a restart too.

mod disk;
mod fetch;
mod keeper;
mod pace;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ring::hmac::{self, HMAC_SHA256};
use tokio::runtime::Handle;
use tokio::sync::{Notify, oneshot};
use tokio::task::AbortHandle;

use crate::adapters::http::access::{Access, AccessFiles};
use crate::clock;
use crate::config::file::{self, KeyFetch, KeySource};
use crate::pipeline::identity::published::Published;
use keeper::{Keeper, News};

/// Names the key under which sets are kept on disk.
pub const SEAL: &str = "fetched key sets";

/// Called when a key that counted is gone.
type Withdrew = Arc<dyn Fn() + Send + Sync>;

/// Whether the files by which an issuer's server is believed can be used; asks nobody.
///
/// # Errors
/// The one that can't.
pub fn check(name: &str, settings: &file::Issuer) -> Result<(), String> {
    match settings.key_source() {
        Some(KeySource::Url(_, fetch) | KeySource::Discovery(fetch)) => {
            Access::read(&files(name, fetch)).map(drop)
        }
        Some(KeySource::File(_)) | None => Ok(()),
    }
}

fn files(name: &str, fetch: &KeyFetch) -> AccessFiles {
    AccessFiles {
        table: format!("issuers.{name}.fetch"),
        ca_file: fetch.ca_file.clone(),
        client_certificate_file: None,
        client_key_file: None,
        authorization: None,
    }
}

/// How an issuer's keys are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The issuer's name in the configuration.
    pub issuer: Arc<str>,
    /// Whether its tokens count.
    pub is_usable: bool,
    /// Whether it answered when it was asked last.
    pub is_answering: bool,
    /// Since it said which keys it has; `None` if it never did.
    pub age: Option<Duration>,
    /// How often it was asked in vain.
    pub failures: u64,
    /// All that, and why, in words.
    pub says: String,
}

/// The keys of all issuers whose are fetched.
pub struct KeySets {
    seal: hmac::Key,
    runtime: Handle,
    withdrew: Withdrew,
    tended: Mutex<Vec<Tended>>,
}

/// An issuer and its task, which ends with this.
struct Tended {
    published: Arc<Published>,
    news: Arc<Mutex<News>>,
    task: AbortHandle,
}

impl Drop for Tended {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl fmt::Debug for KeySets {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("KeySets")
    }
}

impl KeySets {
    /// None yet. They will be fetched on this runtime and kept under this key; `withdrew` is called
    /// whenever a key that counted is gone.
    pub fn new(
        seal: &[u8; 32],
        runtime: Handle,
        withdrew: impl Fn() + Send + Sync + 'static,
    ) -> Self {
        Self {
            seal: hmac::Key::new(HMAC_SHA256, seal),
            runtime,
            withdrew: Arc::new(withdrew),
            tended: Mutex::default(),
        }
    }

    /// From now on keeps these up, and no others. Returns once each new one was asked for, with or
    /// without an answer: that takes as long as its time-out at most.
    pub async fn follow(&self, issuers: Vec<Arc<Published>>) {
        let begun: Vec<oneshot::Receiver<()>> = {
            let mut tended = lock(&self.tended);
            tended.retain(|old| issuers.iter().any(|one| Arc::ptr_eq(one, &old.published)));
            let new: Vec<_> = issuers
                .into_iter()
                .filter(|one| !tended.iter().any(|old| Arc::ptr_eq(one, &old.published)))
                .collect();
            let begin = |published| {
                let (begun, asked) = self.tend(published);
                tended.push(begun);
                asked
            };
            new.into_iter().map(begin).collect()
        };
        for asked in begun {
            if asked.await.is_err() {
                tracing::debug!("the runtime of the key sets is ending");
            }
        }
    }

    fn tend(&self, published: Arc<Published>) -> (Tended, oneshot::Receiver<()>) {
        let wanted = Arc::new(Notify::new());
        let wants = Arc::clone(&wanted);
        published.when_wanted(move || wants.notify_one());
        let news = Arc::default();
        let keeper = Keeper::new(
            Arc::clone(&published),
            self.seal.clone(),
            Arc::clone(&news),
            Arc::clone(&self.withdrew),
        );
        let (tell, asked) = oneshot::channel();
        let task = self.runtime.spawn(keeper.run(wanted, tell)).abort_handle();
        let tended = Tended {
            published,
            news,
            task,
        };
        (tended, asked)
    }

    /// How the keys of each are now, by the issuers' names.
    pub fn told(&self) -> Vec<Told> {
        let now = clock::unix_time();
        let mut told: Vec<Told> = lock(&self.tended)
            .iter()
            .map(|one| lock(&one.news).told(&one.published, now))
            .collect();
        told.sort_by(|one, other| one.issuer.cmp(&other.issuer));
        told
    }
}

/// Nothing in it can be half done.
fn lock<T>(kept: &Mutex<T>) -> MutexGuard<'_, T> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
