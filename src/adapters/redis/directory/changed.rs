//! Who hears what changed in a directory of Redis, and what if a word of it is lost?

use std::time::{Duration, Instant};

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use tokio::time::sleep;

use super::RedisDirectory;
use crate::adapters::contact::Contact;
use crate::adapters::kept::Changes;
use crate::adapters::redis::calls::script;
use crate::clock;
use crate::pipeline::ownership::SubjectKey;
use crate::pipeline::vehicle::Vin;
use crate::switchboard::fleet::FleetError;

/// Between two looks for changes.
const POLL: Duration = Duration::from_millis(200);

/// How long after a look answers are kept. A change that came just after it is seen by the next one,
/// or nothing is kept any more: within a second either way.
const LEASE: Duration = Duration::from_millis(800);

/// What was heard so far.
#[derive(Default)]
pub(in crate::adapters::redis) struct Follower {
    pub(in crate::adapters::redis) last: Option<String>,
    /// When the last look began that nothing interrupted since.
    looked_at: Option<Instant>,
}

impl Follower {
    /// Looks once. After a look that failed, or too long after the last one, anything may have changed
    /// and its word been lost with the rest: a store that came back empty knows no word at all.
    pub(in crate::adapters::redis) async fn look(
        &mut self,
        directory: &RedisDirectory,
        changes: &Changes,
    ) -> Result<(), FleetError> {
        let begun = clock::monotonic();
        let in_touch = self.looked_at.take();
        directory.news(&mut self.last, changes).await?;
        if in_touch.is_none_or(|at| at.elapsed() >= LEASE) {
            changes.everything();
        }
        changes.heard(LEASE.saturating_sub(begun.elapsed()));
        self.looked_at = Some(begun);
        Ok(())
    }
}

impl RedisDirectory {
    /// Tells every gateway what changed.
    pub(super) async fn tell(&self, what: &str) -> Result<(), FleetError> {
        let [log, last] = &self.changed;
        let mut ask = script(include_str!("../changed.lua"), &[log, last]);
        ask.arg(what);
        self.calls.ask(self.calls.timeout, &ask).await
    }

    /// Says to `changes` what changes, for as long as it is polled.
    pub async fn follow(&self, changes: &Changes, contact: &Contact) {
        let mut follower = Follower::default();
        let mut was_heard = true;
        loop {
            let heard = follower.look(self, changes).await;
            if let Err(error) = &heard
                && was_heard
            {
                tracing::warn!(%error, "changes of ownership aren't heard: no answer is kept");
            }
            was_heard = heard.is_ok();
            if was_heard {
                contact.heard();
            } else {
                contact.failed();
            }
            sleep(POLL).await;
        }
    }

    /// The id of the newest entry; then id, id before and what changed of each since `last`.
    pub(super) async fn entries_since(
        &self,
        last: &str,
    ) -> Result<(String, Vec<String>), FleetError> {
        let [log, newest] = &self.changed;
        let mut ask = script(include_str!("../news.lua"), &[log, newest]);
        ask.arg(last);
        let mut flat: Vec<String> = self.calls.ask(self.calls.bulk(), &ask).await?;
        if flat.is_empty() {
            return Err(FleetError::Malformed);
        }
        let entries = flat.split_off(1);
        Ok((flat.pop().unwrap_or_default(), entries))
    }

    /// What changed since `last`.
    async fn news(&self, last: &mut Option<String>, changes: &Changes) -> Result<(), FleetError> {
        loop {
            let before = last.clone();
            let since = before.as_deref().unwrap_or("0");
            let (newest, entries) = &self.entries_since(since).await?;
            match apply(entries, before.as_deref(), changes) {
                Some(read) if entries.is_empty() || read == *newest => {
                    *last = Some(newest.clone());
                    // without an entry, and yet another one is the newest: some are gone
                    if entries.is_empty() && before.as_ref() != Some(newest) {
                        changes.everything();
                    }
                    return Ok(());
                }
                Some(read) => *last = Some(read), // there are more
                None => {
                    changes.everything();
                    *last = Some(newest.clone());
                    return Ok(());
                }
            }
        }
    }
}

/// Says to `changes` what an entry names.
fn say(changes: &Changes, about: &str) {
    let read = |name: &str| {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(name).ok()?;
        String::from_utf8(bytes).ok()
    };
    let subject = |names: &str| {
        let (issuer, subject) = names.split_once(':')?;
        Some(SubjectKey {
            issuer: read(issuer)?,
            subject: read(subject)?,
        })
    };
    match about.split_once(':') {
        Some(("v", vin)) if let Ok(vin) = Vin::read(vin) => changes.vehicle(&vin),
        Some(("s", names)) if let Some(key) = subject(names) => changes.subject(&key),
        Some(_) | None => changes.everything(),
    }
}

/// Says what entries name; the id of the last one, or `None` where one is missing before them.
fn apply(entries: &[String], last: Option<&str>, changes: &Changes) -> Option<String> {
    let mut at = last.unwrap_or("0").to_owned();
    for entry in entries.chunks_exact(3) {
        let [id, before, what] = entry else {
            return None;
        };
        if *before != at {
            return None;
        }
        say(changes, what);
        at.clone_from(id);
    }
    Some(at)
}
