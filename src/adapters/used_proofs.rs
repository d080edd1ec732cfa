//! Which proofs of possession were used, as far as this process was told?
//!
//! What is kept is a keyed hash of each, until the proof ends by itself: nothing of it can be read back.

use std::collections::{HashSet, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use ring::hmac;
use ring::rand::SystemRandom;

use crate::adapters::redis::RedisUsedProofs;
use crate::digest;
use crate::pipeline::identity::dpop::Proof;
use crate::pipeline::ports::{LookupError, Use, UsedProofs};

/// Proofs at a time, about 50 MB: 8,000 a second for a minute and a bit.
const PROOFS: usize = 500_000;

/// Used proofs in this process, bounded: while it is full no further proof is taken, for one that was
/// forgotten could be used again.
pub struct LocalUsedProofs {
    key: hmac::Key,
    places: usize,
    used: Mutex<Used>,
}

#[derive(Default)]
struct Used {
    hashes: HashSet<[u8; 32]>,
    /// In the order in which they came, which is nearly that in which they end.
    ends: VecDeque<(Duration, [u8; 32])>,
}

impl fmt::Debug for LocalUsedProofs {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("LocalUsedProofs")
    }
}

impl LocalUsedProofs {
    /// Empty.
    ///
    /// # Errors
    /// The system gives no random numbers.
    pub fn new() -> Result<Self, String> {
        Self::with_places(PROOFS)
    }

    fn with_places(places: usize) -> Result<Self, String> {
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new());
        Ok(Self {
            key: key.map_err(|_| "the system gives no random numbers")?,
            places,
            used: Mutex::default(),
        })
    }

    /// How many are remembered.
    pub fn count(&self) -> usize {
        let used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.hashes.len()
    }

    fn use_up_here(&self, proof: &Proof, now: Duration) -> Result<Use, LookupError> {
        let hash = digest::whole(hmac::sign(&self.key, &proof.bytes()).as_ref());
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.forget(now);
        if used.hashes.contains(&hash) {
            return Ok(Use::Again);
        }
        if used.hashes.len() >= self.places {
            return Err(LookupError::Unreachable);
        }
        used.hashes.insert(hash);
        used.ends.push_back((proof.until, hash));
        Ok(Use::First)
    }
}

impl Used {
    /// Forgets what ended; what came after one that hasn't ended yet waits for it.
    fn forget(&mut self, now: Duration) {
        while let Some((until, hash)) = self.ends.front()
            && *until <= now
        {
            self.hashes.remove(hash);
            self.ends.pop_front();
        }
    }
}

#[async_trait]
impl UsedProofs for LocalUsedProofs {
    async fn use_up(&self, proof: &Proof, now: Duration) -> Result<Use, LookupError> {
        self.use_up_here(proof, now)
    }
}

/// Used proofs of a fleet. What this replica used it knows by itself, whatever somebody takes away from
/// Redis.
#[derive(Debug)]
pub struct SharedUsedProofs {
    here: Arc<LocalUsedProofs>,
    everywhere: Arc<RedisUsedProofs>,
}

impl SharedUsedProofs {
    /// Of this replica and of all.
    pub fn new(here: Arc<LocalUsedProofs>, everywhere: Arc<RedisUsedProofs>) -> Self {
        Self { here, everywhere }
    }
}

#[async_trait]
impl UsedProofs for SharedUsedProofs {
    async fn use_up(&self, proof: &Proof, now: Duration) -> Result<Use, LookupError> {
        match self.here.use_up_here(proof, now)? {
            Use::Again => Ok(Use::Again),
            Use::First => self.everywhere.use_up(proof, now).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters::used_proofs_contract::{hold, proof};

    #[tokio::test]
    async fn the_contract_holds_in_this_process() {
        let proofs = LocalUsedProofs::new().unwrap();
        hold(&proofs, &proofs).await;
    }

    #[tokio::test]
    async fn what_ended_is_forgotten_and_no_place_is_a_failure() {
        let proofs = LocalUsedProofs::with_places(2).unwrap();
        let at = Duration::from_secs;
        let use_up = async |id, until, now| proofs.use_up(&proof(id, until), at(now)).await;
        assert_eq!(use_up("a", at(60), 0).await, Ok(Use::First));
        assert_eq!(use_up("b", at(60), 0).await, Ok(Use::First));
        assert_eq!(use_up("c", at(60), 0).await, Err(LookupError::Unreachable));
        assert_eq!(use_up("a", at(60), 59).await, Ok(Use::Again), "though full");
        assert_eq!(use_up("c", at(90), 60).await, Ok(Use::First));
        assert_eq!(proofs.count(), 1);
        assert_eq!(use_up("c", at(90), 89).await, Ok(Use::Again));
    }

    #[tokio::test]
    async fn many_at_once_use_one_proof_once() {
        let proofs = Arc::new(LocalUsedProofs::new().unwrap());
        let uses = (0..32).map(|_| {
            let proofs = Arc::clone(&proofs);
            let one = proof("a", Duration::MAX);
            tokio::spawn(async move { proofs.use_up(&one, Duration::ZERO).await })
        });
        let uses = futures_util::future::join_all(uses).await;
        let first = uses.iter().filter(|one| matches!(one, Ok(Ok(Use::First))));
        assert_eq!(first.count(), 1);
    }
}
