//! Which proofs of possession were used, at any replica of a fleet?
//!
//! `{vingate:NAME:p:HASH}` stands while a proof could be used again. Its name, a hash under the fleet key,
//! can be made by the fleet alone: who writes to Redis can have no proof refused that they don't see being
//! used. They can take names away, and so have a proof that they copied taken once more by each replica
//! that hasn't seen it yet.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use redis::cmd;

use super::calls::Calls;
use super::lookup;
use crate::adapters::contact::Contact;
use crate::config::file::Redis;
use crate::digest;
use crate::pipeline::identity::dpop::Proof;
use crate::pipeline::ports::{LookupError, Use, UsedProofs};
use crate::switchboard::seal::FleetKey;

/// A proof is remembered for so much longer than its end by this replica's clock: another's may be
/// behind, and it would be taken there.
const CLOCKS_OFF: Duration = Duration::from_secs(60);

/// Used proofs in Redis.
pub struct RedisUsedProofs {
    calls: Calls,
    name: String,
    key: FleetKey,
    contact: Contact,
}

impl fmt::Debug for RedisUsedProofs {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("RedisUsedProofs").finish_non_exhaustive()
    }
}

impl RedisUsedProofs {
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
            contact: Contact::default(),
        })
    }

    /// When it was heard.
    pub fn contact(&self) -> &Contact {
        &self.contact
    }

    fn key_of(&self, proof: &Proof) -> String {
        let about = digest::hex(&self.key.stand_in(&proof.bytes()));
        format!("{{vingate:{}:p:{about}}}", self.name)
    }
}

#[async_trait]
impl UsedProofs for RedisUsedProofs {
    async fn use_up(&self, proof: &Proof, now: Duration) -> Result<Use, LookupError> {
        // for how long, and not until when: Redis has a clock of its own
        let rest = proof.until.saturating_sub(now).saturating_add(CLOCKS_OFF);
        let rest = u64::try_from(rest.as_millis()).unwrap_or(u64::MAX);
        let mut ask = cmd("SET");
        ask.arg(self.key_of(proof))
            .arg("")
            .arg("NX")
            .arg("PX")
            .arg(rest);
        let set: Result<Option<String>, _> = self.calls.ask(self.calls.timeout, &ask).await;
        match set {
            Ok(answer) => {
                self.contact.heard();
                Ok(answer.map_or(Use::Again, |_| Use::First))
            }
            Err(error) => {
                self.contact.failed();
                Err(lookup(error))
            }
        }
    }
}
