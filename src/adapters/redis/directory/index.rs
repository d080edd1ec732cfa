//! Which vehicles does a person or a case lead to, by a directory in Redis?
//!
//! `{vingate:NAME:i:KIND:WHO}` is a sorted set of VINs, by the revision of the record that named whom.
//! It has no seal and needs none: each VIN is a hint, and the vehicle's sealed record has to say the
//! same. Who can write here can make somebody's car be missed, and make nobody see another one.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use futures_util::future::try_join_all;

use super::RedisDirectory;
use super::generation::Generation;
use crate::adapters::facts::record;
use crate::adapters::redis::calls::script;
use crate::pipeline::ownership::{Hints, IndexKey, VehicleFacts};
use crate::pipeline::vehicle::Vin;
use crate::switchboard::fleet::FleetError;

/// Most vehicles that are read of one index, whoever asks for more.
const MOST: usize = 100_000;

/// What a change of a vehicle's record comes to in the index.
#[derive(Debug, Clone, Default)]
pub(super) struct Reindexed {
    vin: Option<Vin>,
    gone: Vec<String>,
    named: Vec<String>,
}

impl Reindexed {
    /// Of a record that said `before` and says `after`. What it says is put down again even where it
    /// said so before: an index that lost something has it back.
    pub(super) fn new(
        vin: Vin,
        before: Option<&VehicleFacts>,
        after: Option<&VehicleFacts>,
    ) -> Self {
        let keys =
            |facts: Option<&VehicleFacts>| facts.map(VehicleFacts::index_keys).unwrap_or_default();
        let (before, after) = (keys(before), keys(after));
        Self {
            vin: Some(vin),
            gone: before.difference(&after).map(of_key).collect(),
            named: after.iter().map(of_key).collect(),
        }
    }

    /// In the index of this generation.
    pub(super) fn within(mut self, generation: &Generation) -> Self {
        for key in self.gone.iter_mut().chain(&mut self.named) {
            *key = generation.about(key);
        }
        self
    }

    /// The same by the records as they are written; without a VIN it is no vehicle's.
    pub(super) fn of_records(
        vin: Option<Vin>,
        before: Option<&[u8]>,
        after: Option<&[u8]>,
    ) -> Self {
        let facts = |record: Option<&[u8]>| record.and_then(record::decode);
        vin.map_or_else(Self::default, |vin| {
            Self::new(vin, facts(before).as_ref(), facts(after).as_ref())
        })
    }
}

fn of_key(key: &IndexKey) -> String {
    let (kind, name) = record::index_key(key);
    of_name(kind, name)
}

pub(super) fn of_name(kind: u8, name: &str) -> String {
    let (kind, name) = (char::from(kind), BASE64_URL_SAFE_NO_PAD.encode(name));
    format!("i:{kind}:{name}")
}

impl RedisDirectory {
    /// Before the record is written: no record stands that its index doesn't lead to.
    pub(super) async fn name(&self, what: &Reindexed, revision: u64) -> Result<(), FleetError> {
        self.hint("name", &what.named, (what, revision)).await
    }

    /// Once it is written and told. What stays by a failure leads to a record that doesn't confirm it.
    pub(super) async fn forget(&self, what: &Reindexed, revision: u64) {
        let forgotten = self.hint("forget", &what.gone, (what, revision)).await;
        if let Err(error) = forgotten {
            tracing::debug!(%error, "an index in redis says more than the records");
        }
    }

    async fn hint(
        &self,
        verb: &str,
        keys: &[String],
        (what, revision): (&Reindexed, u64),
    ) -> Result<(), FleetError> {
        let Some(vin) = &what.vin else {
            return Ok(()); // no vehicle's record
        };
        let hints = keys.iter().map(|key| async move {
            let key = self.key_of(key);
            let mut ask = script(include_str!("../hint.lua"), &[&key]);
            ask.arg(verb).arg(revision).arg(vin.as_str());
            self.calls.ask::<()>(self.calls.timeout, &ask).await
        });
        try_join_all(hints).await.map(drop)
    }

    /// The vehicles whose records named this one last, `most` of them at most.
    pub(super) async fn hinted(&self, key: &IndexKey, most: usize) -> Result<Hints, FleetError> {
        let (key, most) = (&of_key(key), most.min(MOST));
        let found = self.in_force(|generation| async move {
            let key = self.key_of(&generation.about(key));
            let mut ask = script(include_str!("../hinted.lua"), &[&key]);
            ask.arg(most.saturating_add(1));
            let found: Vec<Vec<u8>> = self.calls.ask(self.calls.timeout, &ask).await?;
            Ok(found)
        });
        let found = found.await?;
        let vin = |bytes: &Vec<u8>| Vin::read(std::str::from_utf8(bytes).ok()?).ok();
        Ok(Hints {
            vins: found.iter().take(most).filter_map(vin).collect(),
            more: found.len() > most,
        })
    }
}
