//! Which vehicles does a person or a case lead to, in the file?
//!
//! One row a vehicle and whom its record names, changed in the transaction that changes the record.
//! Rows are hints, so a vehicle's record alone says what is true.

use redb::{ReadableTable, StorageError, Table, TableDefinition};

use super::Key;
use crate::adapters::facts::record;
use crate::pipeline::ownership::{Hints, IndexKey, VehicleFacts};
use crate::pipeline::ports::LookupError;
use crate::pipeline::vehicle::Vin;

/// What kind of name, the name, a vehicle; the row itself says it all.
pub(super) type Row<'a> = (u8, &'a str, &'a Key);

pub(super) const INDEX: TableDefinition<'static, Row<'static>, ()> = TableDefinition::new("index");

/// The index while it is written.
pub(super) type Rows<'a> = Table<'a, Row<'static>, ()>;

/// Moves a vehicle's rows from what its record said, as its bytes, to what it says now.
pub(super) fn update(
    rows: &mut Rows<'_>,
    vin: &Key,
    before: Option<&[u8]>,
    after: Option<&VehicleFacts>,
) -> Result<(), StorageError> {
    // of a record that can't be read rows may stay: they lead to what doesn't confirm them
    let before = before.and_then(record::decode);
    let keys =
        |facts: Option<&VehicleFacts>| facts.map(VehicleFacts::index_keys).unwrap_or_default();
    let (before, after) = (keys(before.as_ref()), keys(after));
    for gone in before.difference(&after) {
        let (kind, name) = record::index_key(gone);
        rows.remove((kind, name, vin))?;
    }
    for new in after.difference(&before) {
        let (kind, name) = record::index_key(new);
        rows.insert((kind, name, vin), ())?;
    }
    Ok(())
}

/// Removes a vehicle's rows that its record, as its bytes, made before and doesn't make after.
pub(super) fn remove(
    rows: &mut Rows<'_>,
    vin: &Key,
    before: &[u8],
    after: &[u8],
) -> Result<(), StorageError> {
    let keys = |bytes| record::decode(bytes).as_ref().map(VehicleFacts::index_keys);
    let (before, after) = (
        keys(before).unwrap_or_default(),
        keys(after).unwrap_or_default(),
    );
    for gone in before.difference(&after) {
        let (kind, name) = record::index_key(gone);
        rows.remove((kind, name, vin))?;
    }
    Ok(())
}

/// Makes the rows of every vehicle, for a file of a version that had no index.
pub(super) fn build(
    rows: &mut Rows<'_>,
    vehicles: &impl ReadableTable<&'static Key, &'static [u8]>,
) -> Result<(), StorageError> {
    for entry in vehicles.iter()? {
        let (vin, bytes) = entry?;
        let facts = record::decode(bytes.value());
        update(rows, vin.value(), None, facts.as_ref())?;
    }
    Ok(())
}

/// The first `most` vehicles of a key, in the order of their VINs.
pub(super) fn find(
    rows: &impl ReadableTable<Row<'static>, ()>,
    key: &IndexKey,
    most: usize,
) -> Result<Hints, LookupError> {
    const FIRST: Key = [0; 17];
    const LAST: Key = [0xff; 17];
    let (kind, name) = record::index_key(key);
    let found = rows.range((kind, name, &FIRST)..=(kind, name, &LAST));
    let found = found.map_err(|_| LookupError::Unreachable)?;
    let mut vins = Vec::new();
    for entry in found.take(most.saturating_add(1)) {
        let (row, _) = entry.map_err(|_| LookupError::Unreachable)?;
        let (_, _, vin) = row.value();
        let vin = std::str::from_utf8(vin).ok();
        let vin = vin.and_then(|vin| Vin::read(vin).ok());
        vins.push(vin.ok_or(LookupError::Malformed)?);
    }
    Ok(Hints::first(most, vins))
}
