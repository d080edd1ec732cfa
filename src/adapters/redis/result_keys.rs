//! Which result keys were given out, by any replica of a fleet?
//!
//! `{vingate:NAME:k:HASH}` stands while a key counts. Both its name, a hash under the fleet key of what
//! was given out to whom, and its sealed text, which says until when, can be made by the fleet alone: who
//! writes to Redis can make polls be refused, and none be let through.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use redis::cmd;
use serde::{Deserialize, Serialize};

use super::calls::Calls;
use super::lookup;
use crate::config::file::Redis;
use crate::digest;
use crate::pipeline::ports::{LookupError, ResultKeys};
use crate::pipeline::result_key::GivenOut;
use crate::switchboard::fleet::FleetError;
use crate::switchboard::seal::{FleetKey, Kind};

/// Most bytes that are read: a seal, a hash and a number have 180.
const MOST_BYTES: u32 = 512;

/// Result keys in Redis.
pub struct RedisResultKeys {
    calls: Calls,
    name: String,
    key: FleetKey,
}

/// What stands in Redis, sealed.
#[derive(Serialize, Deserialize)]
struct Sealed {
    about: String,
    /// Milliseconds since the Unix epoch.
    until: u64,
}

impl fmt::Debug for RedisResultKeys {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("RedisResultKeys").finish_non_exhaustive()
    }
}

impl RedisResultKeys {
    /// For these settings; starts to connect and doesn't wait for it. Called inside a tokio runtime
    /// that lives as long as this.
    ///
    /// # Errors
    /// A file can't be read, or a setting can't be used.
    pub fn open(settings: &Redis, key: FleetKey) -> Result<Self, String> {
        Ok(Self {
            calls: Calls::open(settings)?,
            name: settings.name.clone(),
            key,
        })
    }

    fn about(&self, given: GivenOut<'_>) -> String {
        digest::hex(&self.key.stand_in(&given.bytes()))
    }

    fn key_of(&self, about: &str) -> String {
        format!("{{vingate:{}:k:{about}}}", self.name)
    }
}

#[async_trait]
impl ResultKeys for RedisResultKeys {
    async fn keep(&self, given: GivenOut<'_>, until: Duration) -> Result<(), LookupError> {
        let about = self.about(given);
        let key = self.key_of(&about);
        let until = milliseconds(until);
        let text = self.key.seal(Kind::ResultKey, &Sealed { about, until });
        let text = text.map_err(|_| LookupError::Malformed)?;
        let mut ask = cmd("SET");
        ask.arg(key).arg(text).arg("PXAT").arg(until);
        self.calls
            .ask::<()>(self.calls.timeout, &ask)
            .await
            .map_err(lookup)
    }

    async fn knows(&self, given: GivenOut<'_>, now: Duration) -> Result<bool, LookupError> {
        let about = self.about(given);
        let mut ask = cmd("GETRANGE");
        ask.arg(self.key_of(&about)).arg(0).arg(MOST_BYTES);
        let text: Vec<u8> = self
            .calls
            .ask(self.calls.timeout, &ask)
            .await
            .map_err(lookup)?;
        if text.is_empty() {
            return Ok(false);
        }
        let text = String::from_utf8(text).ok();
        let sealed = text.and_then(|text| self.key.open(Kind::ResultKey, &text).ok());
        match sealed {
            Some(Sealed { about: of, until }) if of == about => Ok(milliseconds(now) < until),
            Some(_) | None => {
                tracing::error!(target: "vingate::alarm", "a result key in redis is refused");
                Err(lookup(FleetError::Malformed))
            }
        }
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
