//! How do revocations lie in Redis, and how is read what came since?

use super::calls::{Calls, script};
use crate::switchboard::fleet::{Carried, FleetError, RevokedSince};

/// Largest text of one that is read: what gateways write is shorter. A larger one comes back empty, so with
/// no right seal.
const MOST_BYTES: u32 = 65_536;

/// Fields with their texts, fields in their order, and the newest place in it.
type Keys = [String; 3];

fn call(text: &str, keys: &Keys) -> redis::Cmd {
    let [texts, order, newest] = keys;
    script(text, &[texts, order, newest])
}

pub(super) async fn since(
    calls: &Calls,
    keys: &Keys,
    after: u64,
    most: usize,
) -> Result<RevokedSince, FleetError> {
    let mut ask = call(include_str!("revoked.lua"), keys);
    ask.arg(after).arg(most).arg(MOST_BYTES);
    let flat: Vec<Vec<u8>> = calls.ask(calls.bulk(), &ask).await?;
    let mut texts = flat
        .iter()
        .map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    let newest = number(texts.next())?;
    let count = number(texts.next())?;
    let mut entries = Vec::new();
    while let Some(at) = texts.next() {
        let field = texts.next().ok_or(FleetError::Malformed)?;
        let text = texts.next().ok_or(FleetError::Malformed)?;
        let (revision, sealed) = text.split_once(' ').unwrap_or_default();
        let carried = Carried {
            field,
            revision: revision.parse().unwrap_or_default(), // the sealed one counts
            sealed: sealed.to_owned(),
        };
        entries.push((number(Some(at))?, carried));
    }
    Ok(RevokedSince {
        newest,
        count,
        entries,
    })
}

pub(super) async fn put(calls: &Calls, keys: &Keys, entries: &[Carried]) -> Result<(), FleetError> {
    if entries.is_empty() {
        return Ok(());
    }
    let mut ask = call(include_str!("revoke.lua"), keys);
    for entry in entries {
        ask.arg(&entry.field).arg(entry.revision).arg(&entry.sealed);
    }
    calls.ask(calls.bulk(), &ask).await
}

pub(super) async fn remove(
    calls: &Calls,
    keys: &Keys,
    fields: &[String],
) -> Result<(), FleetError> {
    if fields.is_empty() {
        return Ok(());
    }
    let mut ask = call(
        "redis.call('HDEL', KEYS[1], unpack(ARGV))\nredis.call('ZREM', KEYS[2], unpack(ARGV))",
        keys,
    );
    ask.arg(fields);
    calls.ask(calls.bulk(), &ask).await
}

fn number(text: Option<String>) -> Result<u64, FleetError> {
    let text = text.ok_or(FleetError::Malformed)?;
    text.parse().map_err(|_| FleetError::Malformed)
}
