//! How does a test fill a directory in Redis?

use std::collections::BTreeSet;

use super::*;
use crate::adapters::facts::import::{BadLines, ImportError, ImportReport, Terms};
use crate::adapters::facts::intake::{Intake, Others};
use crate::pipeline::ownership::VehicleFacts;
use crate::pipeline::ports::{LookupError, OwnershipDirectory};
use crate::pipeline::vehicle::Vin;
use crate::switchboard::seal::FleetKey;

pub(super) const VIN: &str = "SJNFAAZE0U6012345";

pub(super) fn vin(vin: &str) -> Vin {
    Vin::read(vin).unwrap()
}

pub(super) fn key() -> FleetKey {
    FleetKey::new(&[7; 32]).unwrap()
}

pub(super) fn directory(settings: &Redis) -> Arc<RedisDirectory> {
    Arc::new(opened(settings))
}

/// One that sorts on disk what is more than a few lines.
pub(super) fn opened(settings: &Redis) -> RedisDirectory {
    let spool = std::env::temp_dir().join(format!("vingate-spool-{}", uuid::Uuid::new_v4()));
    let mut directory = RedisDirectory::open(settings, key(), spool).unwrap();
    directory.spool.memory = 100_000;
    directory
}

pub(super) fn cluster(nodes: &[Server]) -> Redis {
    let urls: Vec<_> = nodes.iter().map(Server::url).collect();
    settings(&format!("cluster = {urls:?}"))
}

/// Any names, and no bad line.
pub(super) fn terms() -> Terms {
    Terms {
        bad: BadLines::Refuse,
        regions: BTreeSet::new(),
        issuers: BTreeSet::new(),
    }
}

pub(super) fn take(
    directory: &Arc<RedisDirectory>,
    lines: &str,
    others: Others,
) -> Result<ImportReport, ImportError> {
    let (terms, lines) = (terms(), &mut lines.as_bytes());
    let runtime = tokio::runtime::Handle::current();
    let mut intake = Intake::whole(lines, &terms, others);
    tokio::task::block_in_place(|| directory.import(&mut intake, &runtime))
}

pub(super) fn fill(directory: &Arc<RedisDirectory>, lines: &str) {
    take(directory, lines, Others::Stay).unwrap();
}

pub(super) async fn sell(directory: &RedisDirectory, car: &str, owner: &str) {
    let sold = directory.change(vin(car), |_| {
        Ok::<_, String>(Some(VehicleFacts {
            owner: Some(owner.to_owned()),
            ..VehicleFacts::default()
        }))
    });
    sold.await.unwrap();
}

pub(super) async fn owner(
    directory: &dyn OwnershipDirectory,
    car: &str,
) -> Result<Option<String>, LookupError> {
    let found = directory.find(&vin(car)).await?;
    Ok(found.and_then(|facts| facts.owner.clone()))
}
