//! How does an import get into a directory of Redis?
//!
//! Record by record, each replaced by itself, many on their way at once over one connection. Whoever may
//! import says what is true, so what can't be believed is replaced.

use futures_util::{TryStreamExt, stream};
use redis::cmd;
use tokio::runtime::Handle;

use super::index::Reindexed;
use super::{RedisDirectory, TRIES, of_alias, of_subject, of_vehicle};
use crate::adapters::facts::import::{self, ImportError, ImportReport};
use crate::adapters::facts::intake::{Intake, Others, Resume};
use crate::adapters::facts::progress::{Progress, Told, tell};
use crate::adapters::facts::{Fact, record};
use crate::pipeline::ownership::SubjectFacts;
use crate::pipeline::vehicle::Vin;
use crate::switchboard::fleet::FleetError;

/// Says that anything may have changed.
const EVERYTHING: &str = "*";

/// Records that are on their way at once.
const AT_ONCE: usize = 256;

/// Records for which the time is asked once.
const BATCH: usize = 4_096;

impl RedisDirectory {
    /// Imports lines as the embedded store does, but for this: each record is replaced by itself.
    /// Lines that are refused are refused before anything is written. Blocks: not for a thread of the
    /// runtime.
    ///
    /// # Errors
    /// As there.
    pub fn import(
        &self,
        intake: &mut Intake<'_>,
        runtime: &Handle,
    ) -> Result<ImportReport, ImportError> {
        let cannot = |why: &str| Err(ImportError::Refused(why.to_owned()));
        if intake.others == Others::Go {
            return cannot(
                "an ownership directory in Redis can't be replaced at one moment: import instead",
            );
        }
        if intake.resume == Resume::Now {
            return cannot(
                "an import into Redis is not gone on with: import again without `--resume`; what is \
                 there already is written once more, which is harmless",
            );
        }
        let mut records = Vec::new();
        let terms = intake.terms;
        let report = import::read(&mut *intake.lines, terms, &mut intake.told, &mut |fact| {
            records.push(written(fact).map_err(|error| ImportError::Store(error.to_string()))?);
            Ok(())
        })?;
        let stored = runtime.block_on(self.write_all(&records, &mut intake.told));
        stored.map_err(|error| ImportError::Store(format!("the ownership directory: {error}")))?;
        Ok(report)
    }

    async fn write_all(&self, records: &[Written], told: &mut Told<'_>) -> Result<(), FleetError> {
        let of = u64::try_from(records.len()).unwrap_or(u64::MAX);
        let mut count = 0_u64;
        for batch in records.chunks(BATCH) {
            let now = self.time().await?;
            let each = stream::iter(batch.iter().map(Ok));
            let each = each.try_for_each_concurrent(AT_ONCE, |one| self.write(one, now));
            each.await?;
            count = count.saturating_add(u64::try_from(batch.len()).unwrap_or(u64::MAX));
            tell(told, count, Progress::Written { records: count, of });
        }
        self.tell(EVERYTHING).await
    }

    async fn write(&self, written: &Written, now: u64) -> Result<(), FleetError> {
        let Written { about, record, vin } = written;
        for _ in 0..TRIES {
            let text = self.text(about).await?;
            let seen = self.seen.get(&self.seen_as(about)).unwrap_or(0);
            let found = self.open_sealed(about, text.clone()).ok();
            // above what stands there too: it may be younger than the batch
            let known = found.as_ref().map_or(0, |found| found.revision);
            let known = known.max(seen).max(now);
            let before = found.and_then(|found| found.record);
            let index = Reindexed::of_records(*vin, before.as_deref(), record.as_deref());
            let put = (record.clone(), &index);
            if let Some(revision) = self.put(about, (&text, known), put).await? {
                self.forget(&index, revision).await;
                return Ok(());
            }
        }
        Err(FleetError::TimedOut)
    }

    async fn text(&self, about: &str) -> Result<String, FleetError> {
        let mut ask = cmd("GET");
        ask.arg(self.key_of(about));
        let text: Option<Vec<u8>> = self.calls.ask(self.calls.timeout, &ask).await?;
        String::from_utf8(text.unwrap_or_default()).map_err(|_| FleetError::Malformed)
    }
}

/// What is written by an import.
struct Written {
    about: String,
    /// `None` removes it.
    record: Option<Vec<u8>>,
    /// The vehicle, if it is the record of one.
    vin: Option<Vin>,
}

fn written(fact: &Fact) -> Result<Written, serde_json::Error> {
    let (about, record, vin) = match fact {
        Fact::Vehicle(vin, facts) => {
            let record = record::encode(facts)?;
            (of_vehicle(vin), Some(record), Some(*vin))
        }
        Fact::Subject(key, facts) => {
            let is_plain = *facts == SubjectFacts::default();
            let record = (!is_plain).then(|| record::encode_subject(*facts).to_vec());
            (of_subject(key), record, None)
        }
        Fact::Alias(alias, vin) => {
            let record = vin.map(|vin| vin.as_str().as_bytes().to_vec());
            (of_alias(alias), record, None)
        }
    };
    Ok(Written { about, record, vin })
}
