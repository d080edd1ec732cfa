//! Who imports now, of all gateways, and what if they stop?
//!
//! `{vingate:NAME}:importing` is the name of who does, for as long as it is renewed: an import whose
//! process died holds nobody up for longer than [`KEPT`]. Another one waits that long. It has no seal:
//! who can write to Redis can keep others from importing, and gains nothing by it.
//!
//! Who lost it may still think that they hold it. So it is asked for with each batch of records, and
//! by the swap at the moment of the swap.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use super::RedisDirectory;
use super::importing::failed;
use crate::adapters::facts::import::ImportError;
use crate::adapters::facts::intake::Others;
use crate::adapters::redis::calls::script;
use crate::switchboard::fleet::FleetError;

/// How long after a word of it an import counts as being under way.
const KEPT: Duration = Duration::from_secs(20);

/// Between two words of it; a few may be lost.
const SAID: Duration = Duration::from_secs(4);

/// Between two looks of one who waits.
const ASKED_AGAIN: Duration = Duration::from_millis(200);

/// How the name of who replaces the whole begins.
const REPLACES: &str = "replace:";

/// Whether vehicles may not be changed while this one imports: their change would be lost.
pub(super) fn replaces(holder: &str) -> bool {
    holder.starts_with(REPLACES)
}

/// An import that is under way. Dropped without being released, it counts for [`KEPT`] more.
pub(super) struct Hold {
    directory: Arc<RedisDirectory>,
    pub(super) name: String,
    renewing: JoinHandle<()>,
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.renewing.abort();
    }
}

impl Hold {
    /// Waits for another import a while.
    pub(super) async fn take(
        directory: &Arc<RedisDirectory>,
        others: Others,
    ) -> Result<Self, ImportError> {
        let begin = match others {
            Others::Stay => "add:",
            Others::Go => REPLACES,
        };
        let name = format!("{begin}{}", Uuid::new_v4().simple());
        let taking = async {
            while directory.held(&name, "take").await? == 0 {
                sleep(ASKED_AGAIN).await;
            }
            Ok::<_, FleetError>(())
        };
        let wait = KEPT.saturating_add(SAID);
        let Ok(taken) = timeout(wait, taking).await else {
            let why = "another import is under way: try again when it has ended";
            return Err(ImportError::Refused(why.to_owned()));
        };
        taken.map_err(failed)?;
        let (kept, word) = (Arc::clone(directory), name.clone());
        let renewing = tokio::spawn(async move {
            loop {
                sleep(SAID).await;
                // one that fails is told by who asks for the time
                kept.held(&word, "keep").await.ok();
            }
        });
        Ok(Self {
            directory: Arc::clone(directory),
            name,
            renewing,
        })
    }

    /// Microseconds by Redis's clock, if it is still held.
    pub(super) async fn time(&self) -> Result<u64, ImportError> {
        let held = self.directory.held(&self.name, "keep").await;
        match held.map_err(failed)? {
            0 => Err(lost()),
            now => Ok(now),
        }
    }

    /// It is over, if Redis can be told.
    pub(super) async fn release(self) -> bool {
        let mut ask = script(include_str!("../release.lua"), &[&self.directory.holder]);
        ask.arg(&self.name);
        let calls = &self.directory.calls;
        let released = calls.ask::<()>(calls.timeout, &ask).await;
        released.is_ok()
    }
}

impl RedisDirectory {
    async fn held(&self, name: &str, verb: &str) -> Result<u64, FleetError> {
        let mut ask = script(include_str!("../hold.lua"), &[&self.holder]);
        let kept = u64::try_from(KEPT.as_millis()).unwrap_or(u64::MAX);
        ask.arg(name).arg(kept).arg(verb);
        self.calls.ask(self.calls.timeout, &ask).await
    }
}

pub(super) fn lost() -> ImportError {
    let why = "Redis was out of reach for too long and another import may have begun: import again";
    ImportError::Store(why.to_owned())
}
