//! A store that fails on demand.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;

use crate::adapters::local_fleet::LocalFleet;
use crate::switchboard::fleet::{Carried, FleetError, FleetStore, RevokedSince, Topic};

/// What it answers instead.
#[derive(Default)]
struct Faults {
    all: Option<FleetError>,
    writes: Option<FleetError>,
    /// How far its clock is ahead.
    ahead: Duration,
}

/// One replica's way to a store.
pub(super) struct Faulty {
    store: LocalFleet,
    faults: Mutex<Faults>,
}

impl Faulty {
    pub(super) fn over(store: &LocalFleet) -> Arc<Self> {
        Arc::new(Self {
            store: store.clone(),
            faults: Mutex::default(),
        })
    }

    /// Nothing passes any more.
    pub(super) fn fail(&self, error: Option<FleetError>) {
        self.faults.lock().unwrap().all = error;
    }

    /// Nothing is written any more.
    pub(super) fn refuse_writes(&self, error: Option<FleetError>) {
        self.faults.lock().unwrap().writes = error;
    }

    /// Its clock is ahead.
    pub(super) fn set_clock(&self, ahead: Duration) {
        self.faults.lock().unwrap().ahead = ahead;
    }

    fn read(&self) -> Result<(), FleetError> {
        self.faults.lock().unwrap().all.map_or(Ok(()), Err)
    }

    fn write(&self) -> Result<(), FleetError> {
        self.read()?;
        self.faults.lock().unwrap().writes.map_or(Ok(()), Err)
    }
}

#[async_trait]
impl FleetStore for Faulty {
    async fn version(&self) -> Result<u64, FleetError> {
        self.read()?;
        self.store.version().await
    }

    async fn entries(&self) -> Result<Vec<(String, String)>, FleetError> {
        self.read()?;
        self.store.entries().await
    }

    async fn put(&self, entries: &[(String, String)]) -> Result<(), FleetError> {
        self.write()?;
        self.store.put(entries).await
    }

    async fn remove(&self, fields: &[String]) -> Result<(), FleetError> {
        self.write()?;
        self.store.remove(fields).await
    }

    async fn say(
        &self,
        topic: Topic,
        name: &str,
        sealed: &str,
        expiry: Duration,
    ) -> Result<(), FleetError> {
        self.write()?;
        self.store.say(topic, name, sealed, expiry).await
    }

    async fn said(&self, topic: Topic) -> Result<Vec<(String, String)>, FleetError> {
        self.read()?;
        self.store.said(topic).await
    }

    async fn revoked_since(&self, after: u64, most: usize) -> Result<RevokedSince, FleetError> {
        self.read()?;
        self.store.revoked_since(after, most).await
    }

    async fn put_revoked(&self, entries: &[Carried]) -> Result<(), FleetError> {
        self.write()?;
        self.store.put_revoked(entries).await
    }

    async fn drop_revoked(&self, fields: &[String]) -> Result<(), FleetError> {
        self.write()?;
        self.store.drop_revoked(fields).await
    }

    async fn time(&self) -> Result<Duration, FleetError> {
        self.read()?;
        let ahead = self.faults.lock().unwrap().ahead;
        Ok(self.store.time().await?.saturating_add(ahead))
    }

    async fn hinted(&self) {
        self.store.hinted().await;
    }
}
