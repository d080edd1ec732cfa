//! Which result keys were given out, as far as this process was told?
//!
//! What is kept is a keyed hash of what was given out to whom, and until when it counts: nothing of it
//! can be read back.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use quick_cache::sync::Cache;
use ring::hmac;
use ring::rand::SystemRandom;

use crate::adapters::redis::RedisResultKeys;
use crate::digest;
use crate::pipeline::ports::{LookupError, ResultKeys};
use crate::pipeline::result_key::GivenOut;

/// Keys at a time, about 25 MB: 220 commands a second for a quarter of an hour.
const KEYS: usize = 200_000;

/// Result keys in this process, bounded: beyond its bound the eldest and least asked for are forgotten,
/// and their polls refused.
pub struct LocalResultKeys {
    key: hmac::Key,
    until: Cache<[u8; 32], Duration>,
}

impl fmt::Debug for LocalResultKeys {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("LocalResultKeys")
    }
}

impl LocalResultKeys {
    /// Empty.
    ///
    /// # Errors
    /// The system gives no random numbers.
    pub fn new() -> Result<Self, String> {
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new());
        Ok(Self {
            key: key.map_err(|_| "the system gives no random numbers")?,
            until: Cache::new(KEYS),
        })
    }

    fn hash(&self, given: GivenOut<'_>) -> [u8; 32] {
        digest::whole(hmac::sign(&self.key, &given.bytes()).as_ref())
    }
}

#[async_trait]
impl ResultKeys for LocalResultKeys {
    async fn keep(&self, given: GivenOut<'_>, until: Duration) -> Result<(), LookupError> {
        self.until.insert(self.hash(given), until);
        Ok(())
    }

    async fn knows(&self, given: GivenOut<'_>, now: Duration) -> Result<bool, LookupError> {
        let until = self.until.get(&self.hash(given));
        Ok(until.is_some_and(|until| now < until))
    }
}

/// Result keys of a fleet: those of this replica are known to it whatever becomes of Redis.
#[derive(Debug)]
pub struct SharedResultKeys {
    here: LocalResultKeys,
    everywhere: RedisResultKeys,
}

impl SharedResultKeys {
    /// Of this replica and of all.
    pub fn new(here: LocalResultKeys, everywhere: RedisResultKeys) -> Self {
        Self { here, everywhere }
    }
}

#[async_trait]
impl ResultKeys for SharedResultKeys {
    async fn keep(&self, given: GivenOut<'_>, until: Duration) -> Result<(), LookupError> {
        self.here.keep(given, until).await?;
        self.everywhere.keep(given, until).await
    }

    async fn knows(&self, given: GivenOut<'_>, now: Duration) -> Result<bool, LookupError> {
        if self.here.knows(given, now).await? {
            return Ok(true);
        }
        self.everywhere.knows(given, now).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters::result_keys_contract::{hold, person, vin};

    #[tokio::test]
    async fn the_contract_holds_in_this_process() {
        let keys = LocalResultKeys::new().unwrap();
        hold(&keys, &keys).await;
    }

    #[tokio::test]
    async fn another_process_knows_nothing_of_it_and_memory_is_bounded() {
        let (one, other) = (
            LocalResultKeys::new().unwrap(),
            LocalResultKeys::new().unwrap(),
        );
        let (owner, vin) = (person("owners", "owner"), vin(1));
        let keys: Vec<String> = (0..KEYS + 1_000).map(|key| key.to_string()).collect();
        let given = |key| GivenOut {
            upstream: "telematics",
            principal: &owner,
            vin: &vin,
            key,
        };
        for key in &keys {
            one.keep(given(key), Duration::MAX).await.unwrap();
        }
        assert!(one.until.len() <= KEYS);
        let newest = given(keys.last().unwrap());
        assert_eq!(one.knows(newest, Duration::ZERO).await, Ok(true));
        assert_eq!(other.knows(newest, Duration::ZERO).await, Ok(false));
    }
}
