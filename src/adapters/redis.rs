//! How does a fleet share its board through Redis? The one home of redis.
//!
//! All keys carry one hash tag, so that in a cluster they lie together and a script may change them
//! together: `{vingate:NAME}:board` is a hash of sealed entries, `:version` a number, `:replicas` a
//! hash of who is alive, `:questions` and `:answers` of what they want to know of each other; `:hint`
//! is a channel. `:revoked` is a hash of sealed revocations, `:revoked-order` a sorted set of the same
//! fields in the order in which they came, `:revoked-newest` the last place in it. What is changed is
//! changed by one script, so a reader sees all of it or none.
//!
//! The server must not evict keys (`maxmemory-policy noeviction`, its default): an evicted board
//! would look like an empty one.

mod calls;
mod directory;
mod flaw;
mod target;
mod link;
mod hints;
mod result_keys;
mod revoked;
mod shards;
mod used_proofs;

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use redis::cmd;

use crate::config::file::Redis;
use crate::pipeline::ports::LookupError;
use crate::switchboard::fleet::{Carried, FleetError, FleetStore, RevokedSince, Topic};
use calls::{Calls, script};
pub use directory::{RedisDirectory, RedisSnapshot};
use hints::Hints;
pub use result_keys::RedisResultKeys;
pub use used_proofs::RedisUsedProofs;

/// Most entries that are read: ten times a very bad day.
const MOST_FIELDS: u32 = 200_000;

/// Largest text that is read.
const MOST_BYTES: u32 = 16 << 20;

/// Most bytes that are read in one answer: 60,000 closures with all they can say.
const MOST_BYTES_IN_ALL: u32 = 64 << 20;

/// One replica's handle of the store.
pub struct RedisFleet {
    keys: Keys,
    calls: Calls,
    hints: Hints,
}

/// The names of one fleet's keys.
struct Keys {
    board: String,
    version: String,
    replicas: String,
    questions: String,
    answers: String,
    channel: String,
    revoked: [String; 3],
}

impl Keys {
    fn new(name: &str) -> Self {
        let key = |what: &str| format!("{{vingate:{name}}}:{what}");
        Self {
            board: key("board"),
            version: key("version"),
            replicas: key("replicas"),
            questions: key("questions"),
            answers: key("answers"),
            channel: key("hint"),
            revoked: ["revoked", "revoked-order", "revoked-newest"].map(key),
        }
    }

    fn words(&self, topic: Topic) -> &str {
        match topic {
            Topic::Replicas => &self.replicas,
            Topic::Questions => &self.questions,
            Topic::Answers => &self.answers,
        }
    }
}

impl RedisFleet {
    /// A handle for these settings, which starts to connect and doesn't wait for it: a gateway
    /// starts without Redis. Called inside a tokio runtime that lives as long as the handle.
    ///
    /// # Errors
    /// A file can't be read, or a setting can't be used.
    pub fn open(settings: &Redis) -> Result<Self, String> {
        let keys = Keys::new(&settings.name);
        let calls = Calls::open(settings)?;
        let hints = Hints::new(calls.watch(), keys.channel.clone());
        Ok(Self { keys, calls, hints })
    }
}

impl fmt::Debug for RedisFleet {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        // where it is and with which password: not here
        out.debug_struct("RedisFleet").finish_non_exhaustive()
    }
}

#[async_trait]
impl FleetStore for RedisFleet {
    async fn version(&self) -> Result<u64, FleetError> {
        // no more than a number has: the key could hold half a gigabyte
        let mut ask = cmd("GETRANGE");
        ask.arg(&self.keys.version).arg(0).arg(20);
        let version: String = self.calls.ask(self.calls.timeout, &ask).await?;
        if version.is_empty() {
            return Ok(0); // never written
        }
        version.parse().map_err(|_| FleetError::Malformed)
    }

    async fn entries(&self) -> Result<Vec<(String, String)>, FleetError> {
        let mut ask = script(include_str!("redis/entries.lua"), &[&self.keys.board]);
        ask.arg(MOST_FIELDS).arg(MOST_BYTES).arg(MOST_BYTES_IN_ALL);
        pairs(&self.calls.ask::<Vec<_>>(self.calls.bulk(), &ask).await?)
    }

    async fn put(&self, entries: &[(String, String)]) -> Result<(), FleetError> {
        if entries.is_empty() {
            return Ok(());
        }
        let keys = [self.keys.board.as_str(), &self.keys.version];
        let mut ask = script(include_str!("redis/put.lua"), &keys);
        ask.arg(&self.keys.channel);
        for (field, text) in entries {
            ask.arg(field).arg(text);
        }
        self.calls.ask(self.calls.bulk(), &ask).await
    }

    async fn remove(&self, fields: &[String]) -> Result<(), FleetError> {
        let keys = [self.keys.board.as_str(), &self.keys.version];
        let mut ask = script(include_str!("redis/remove.lua"), &keys);
        ask.arg(&self.keys.channel).arg(fields);
        self.calls.ask(self.calls.bulk(), &ask).await
    }

    async fn say(
        &self,
        topic: Topic,
        name: &str,
        sealed: &str,
        expiry: Duration,
    ) -> Result<(), FleetError> {
        let milliseconds = u64::try_from(expiry.as_millis()).unwrap_or(u64::MAX);
        let mut ask = script(include_str!("redis/say.lua"), &[self.keys.words(topic)]);
        ask.arg(name)
            .arg(sealed)
            .arg(milliseconds.clamp(1, LONGEST_EXPIRY));
        if topic == Topic::Questions {
            ask.arg(&self.keys.channel);
        }
        self.calls.ask(self.calls.timeout, &ask).await
    }

    async fn said(&self, topic: Topic) -> Result<Vec<(String, String)>, FleetError> {
        let mut ask = script(include_str!("redis/said.lua"), &[self.keys.words(topic)]);
        ask.arg(MOST_FIELDS).arg(MOST_BYTES);
        let time = match topic {
            Topic::Replicas | Topic::Questions => self.calls.timeout,
            Topic::Answers => self.calls.bulk(),
        };
        pairs(&self.calls.ask::<Vec<_>>(time, &ask).await?)
    }

    async fn revoked_since(&self, after: u64, most: usize) -> Result<RevokedSince, FleetError> {
        revoked::since(&self.calls, &self.keys.revoked, after, most).await
    }

    async fn put_revoked(&self, entries: &[Carried]) -> Result<(), FleetError> {
        revoked::put(&self.calls, &self.keys.revoked, entries).await
    }

    async fn drop_revoked(&self, fields: &[String]) -> Result<(), FleetError> {
        revoked::remove(&self.calls, &self.keys.revoked, fields).await
    }

    async fn time(&self) -> Result<Duration, FleetError> {
        // by a script with a key: in a cluster it is the clock of the node that has the keys
        let ask = script("return redis.call('TIME')", &[&self.keys.replicas]);
        let (seconds, microseconds): (u64, u64) = self.calls.ask(self.calls.timeout, &ask).await?;
        let part = Duration::from_micros(microseconds);
        Ok(Duration::from_secs(seconds).saturating_add(part))
    }

    async fn hinted(&self) {
        self.hints.heard().await;
    }
}

/// A failure, as a decision sees it.
fn lookup(error: FleetError) -> LookupError {
    match error {
        FleetError::TimedOut => LookupError::TimedOut,
        FleetError::Malformed => LookupError::Malformed,
        FleetError::Unreachable | FleetError::Refused | FleetError::ReadOnly | FleetError::Full => {
            LookupError::Unreachable
        }
    }
}

/// Milliseconds: a century is for ever, and the server can still add it to its time.
const LONGEST_EXPIRY: u64 = 100 * 365 * 86_400_000;

/// A flat list of names and texts. What is no UTF-8 was written by no gateway: its seal won't fit,
/// and it takes nothing else with it.
fn pairs(flat: &[Vec<u8>]) -> Result<Vec<(String, String)>, FleetError> {
    let mut texts = flat
        .iter()
        .map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    let mut found = Vec::with_capacity(texts.len() / 2);
    while let Some(name) = texts.next() {
        found.push((name, texts.next().ok_or(FleetError::Malformed)?));
    }
    Ok(found)
}

#[cfg(test)]
mod tests;
