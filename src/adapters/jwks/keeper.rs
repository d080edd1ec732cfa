//! What is known of one issuer's keys, and what comes of asking?

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use ring::hmac;
use tokio::sync::{Notify, oneshot};
use tokio::task::spawn_blocking;
use tokio::time::sleep_until;

use super::disk::Disk;
use super::fetch::{Fetched, Fetcher};
use super::pace::Pace;
use super::{Told, Withdrew, lock};
use crate::adapters::http::breaker::chance;
use crate::clock;
use crate::digest;
use crate::pipeline::identity::keys::KeySet;
use crate::pipeline::identity::published::{Known, Published};

/// Longest reason that is told: an issuer's own words may stand in it.
const REASON: usize = 300;

/// In so many parts of the longest age the moment on disk moves: the set there is believed for that much
/// less.
const STEPS: u32 = 20;

/// One moment, by both clocks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    pub(super) at: Instant,
    /// Since the Unix epoch.
    pub(super) date: Duration,
}

impl Moment {
    fn now() -> Self {
        Self {
            at: clock::monotonic(),
            date: clock::unix_time(),
        }
    }
}

/// What is told of an issuer's keys.
#[derive(Debug, Default)]
pub(super) struct News {
    keys: usize,
    /// When the issuer said so, since the Unix epoch.
    confirmed: Option<Duration>,
    failures: u64,
    /// Why it could not be asked last.
    flaw: Option<String>,
}

impl News {
    /// At `now`, since the Unix epoch.
    pub(super) fn told(&self, published: &Published, now: Duration) -> Told {
        let source = published.source();
        let is_usable = published.keys(now).is_ok();
        let age = self.confirmed.map(|at| now.saturating_sub(at));
        let mut says = match (self.confirmed, age) {
            (Some(at), Some(age)) => {
                let (keys, age) = (self.keys, age.as_secs());
                let until = clock::rfc3339(at.saturating_add(source.fetch.max_age.get()));
                let counts = if is_usable { "count" } else { "counted" };
                format!("{keys} keys, confirmed {age} s ago, {counts} until {until} unless again")
            }
            _ => "no keys: its tokens are refused".to_owned(),
        };
        if let Some(flaw) = &self.flaw {
            says.push_str("; can't be asked: ");
            says.push_str(flaw);
        }
        Told {
            issuer: Arc::clone(&source.name),
            is_usable,
            is_answering: self.flaw.is_none(),
            age,
            failures: self.failures,
            says,
        }
    }
}

/// Keeps one issuer's keys up.
pub(super) struct Keeper {
    published: Arc<Published>,
    /// Made when it is asked first, and after its keys were forgotten.
    fetcher: Option<Fetcher>,
    disk: Disk,
    /// What the disk holds: digest, and when it was confirmed.
    written: Option<([u8; 32], Duration)>,
    pace: Pace,
    /// When what is known is too old; `None` while nothing is.
    lapses: Option<Instant>,
    news: Arc<Mutex<News>>,
    withdrew: Withdrew,
}

impl Keeper {
    pub(super) fn new(
        published: Arc<Published>,
        seal: hmac::Key,
        news: Arc<Mutex<News>>,
        withdrew: Withdrew,
    ) -> Self {
        let cooldown = published.source().fetch.cooldown.get();
        Self {
            fetcher: None,
            disk: Disk::new(published.source(), seal),
            written: None,
            pace: Pace::new(clock::monotonic(), cooldown),
            lapses: None,
            published,
            news,
            withdrew,
        }
    }

    /// Goes on for ever; says when it asked for the first time.
    pub(super) async fn run(mut self, wanted: Arc<Notify>, first: oneshot::Sender<()>) {
        self.restore(Moment::now()).await;
        self.ask(Moment::now()).await;
        if first.send(()).is_err() {
            tracing::debug!(issuer = self.name(), "nobody waited for the first answer");
        }
        loop {
            tokio::select! {
                () = sleep_until(self.next().into()) => self.look(Moment::now()).await,
                // one wish is as good as many
                () = wanted.notified(), if !self.pace.is_wanted() => self.pace.wanted(),
            }
        }
    }

    /// When something is to be done, if nothing happens before.
    pub(super) fn next(&self) -> Instant {
        let due = self.pace.due();
        self.lapses.map_or(due, |lapses| lapses.min(due))
    }

    /// Does what is to be done.
    pub(super) async fn look(&mut self, now: Moment) {
        self.lapse(now);
        if self.pace.due() <= now.at {
            self.ask(now).await;
        }
    }

    /// Takes up what was known before the start, if it is young enough.
    pub(super) async fn restore(&mut self, now: Moment) {
        let disk = self.disk.clone();
        let read = spawn_blocking(move || disk.read()).await;
        let read = read.unwrap_or_else(|error| Err(error.to_string()));
        match read.and_then(|kept| kept.map(|kept| self.believe(kept, now)).transpose()) {
            Ok(Some(())) => {
                tracing::info!(issuer = self.name(), "the last good key set was read");
            }
            Ok(None) => {}
            Err(flaw) => tracing::error!(
                target: "vingate::alarm",
                issuer = self.name(),
                flaw = reason(&flaw),
                "the last good key set is not believed"
            ),
        }
    }

    fn believe(&mut self, (json, confirmed): (Bytes, Duration), now: Moment) -> Result<(), String> {
        let source = self.published.source();
        let age = now.date.checked_sub(confirmed);
        let age = age.ok_or("it is from the future, or this clock is wrong")?;
        let left = source.fetch.max_age.get().checked_sub(age);
        let left = left.filter(|left| !left.is_zero());
        let left = left.ok_or("it is older than `max_age`")?;
        let keys = KeySet::read(&json, &source.algorithms)?;
        self.written = Some((digest::sha256(&json), confirmed));
        self.know(Arc::new(keys), confirmed, now.at.checked_add(left));
        Ok(())
    }

    /// Asks the issuer, and takes up what it says.
    pub(super) async fn ask(&mut self, now: Moment) {
        let begun = clock::monotonic();
        self.pace.begun(now.at);
        match self.fetch().await {
            Ok(fetched) => {
                self.pace.answered(fetched.fresh, chance());
                self.confirmed(fetched, now).await;
            }
            Err(flaw) => {
                let ended = now.at.checked_add(begun.elapsed()).unwrap_or(now.at);
                self.pace.failed(ended, chance());
                self.failed(reason(&flaw));
            }
        }
    }

    async fn fetch(&mut self) -> Result<Fetched, String> {
        let fetcher = match self.fetcher.take() {
            Some(fetcher) => fetcher,
            None => Fetcher::new(self.published.source())?,
        };
        self.fetcher.insert(fetcher).fetch().await
    }

    /// Counted from when it was asked: it may have changed its mind since.
    async fn confirmed(&mut self, fetched: Fetched, now: Moment) {
        let max_age = self.published.source().fetch.max_age.get();
        self.know(fetched.keys, now.date, now.at.checked_add(max_age));
        if lock(&self.news).flaw.take().is_some() {
            tracing::info!(issuer = self.name(), "its keys can be fetched again");
        }
        let digest = digest::sha256(&fetched.json);
        let step = max_age.checked_div(STEPS).unwrap_or_default();
        let is_written = self.written.is_some_and(|(known, at)| {
            known == digest && (at..at.saturating_add(step)).contains(&now.date)
        });
        if is_written {
            return;
        }
        let disk = self.disk.clone();
        let write = move || disk.write(&fetched.json, now.date);
        let written = spawn_blocking(write).await;
        match written.unwrap_or_else(|error| Err(std::io::Error::other(error))) {
            Ok(()) => self.written = Some((digest, now.date)),
            Err(error) => tracing::error!(
                target: "vingate::alarm",
                issuer = self.name(),
                %error,
                "its key set can't be kept: a restart without the issuer would have none"
            ),
        }
    }

    fn know(&mut self, keys: Arc<KeySet>, confirmed: Duration, lapses: Option<Instant>) {
        let max_age = self.published.source().fetch.max_age.get();
        {
            let mut news = lock(&self.news);
            news.keys = keys.iter().count();
            news.confirmed = Some(confirmed);
        }
        self.lapses = lapses;
        self.put(Known::Keys(keys, confirmed.saturating_add(max_age)));
    }

    fn put(&self, known: Known) {
        if self.published.put(known) {
            // INVARIANT: read after it was put, so that whatever began later found the new ones
            self.published.withdrew(clock::monotonic());
            tracing::info!(issuer = self.name(), "a key is gone");
            (self.withdrew)();
        }
    }

    fn failed(&self, flaw: String) {
        let mut news = lock(&self.news);
        news.failures = news.failures.saturating_add(1);
        if news.flaw.is_some() {
            tracing::debug!(
                issuer = self.name(),
                flaw,
                "its keys can't be fetched still"
            );
        } else if self.lapses.is_some() {
            let message = "its keys can't be fetched: the last good set counts for now";
            tracing::warn!(issuer = self.name(), flaw, "{message}");
        } else {
            let message = "its keys can't be fetched, and there are none: its tokens are refused";
            tracing::error!(target: "vingate::alarm", issuer = self.name(), flaw, "{message}");
        }
        news.flaw = Some(flaw);
    }

    /// Forgets what nobody confirmed for too long.
    fn lapse(&mut self, now: Moment) {
        if self.lapses.is_none_or(|lapses| now.at < lapses) {
            return;
        }
        self.lapses = None;
        self.fetcher = None; // what is the same as before would be the same as nothing
        self.put(Known::TooOld);
        tracing::error!(
            target: "vingate::alarm",
            issuer = self.name(),
            "its keys were not confirmed for `max_age`: its tokens are refused"
        );
    }

    fn name(&self) -> &str {
        &self.published.source().name
    }
}

/// On one line, and not too long.
fn reason(flaw: &str) -> String {
    let plain = |letter: char| if letter.is_control() { ' ' } else { letter };
    flaw.chars().map(plain).take(REASON).collect()
}

#[cfg(test)]
mod tests;
