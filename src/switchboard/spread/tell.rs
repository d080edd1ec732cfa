//! What does the fleet hear of this replica, and when?

use std::collections::HashMap;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use crate::clock;
use crate::switchboard::fleet::{FleetError, Topic};
use crate::switchboard::probe::Prober;
use crate::switchboard::seal::Kind;
use crate::switchboard::spread::replica::{self, Probes, Replica};
use crate::switchboard::spread::{PAUSE, Spread};
use crate::switchboard::store::Swap;
use crate::switchboard::timekeeping::Verdict;
use crate::switchboard::{Board, Closure};

/// How often a replica says that it is alive.
const BEAT: Duration = Duration::from_secs(5);

/// The same while what is in force is not on disk yet: that is about to change.
const SOON: Duration = Duration::from_millis(250);

/// After so long without a word it is forgotten: three words were lost.
const EXPIRY: Duration = Duration::from_secs(15);

/// How often the clocks are compared.
const COMPARE: Duration = Duration::from_secs(60);

/// How often the replicas are counted.
const COUNT: Duration = Duration::from_secs(15);

/// Longest wait for the answer to a probe.
const PROBE: Duration = Duration::from_secs(2);

/// What goes into the next word.
pub(super) struct Told {
    refused: Option<String>,
    probes: Probes,
    /// The board that was digested last, and its digest.
    digest: Option<(Arc<Board>, String)>,
    /// Until the probing takes it.
    swaps: Option<UnboundedReceiver<Swap>>,
}

impl Told {
    pub(super) fn new(swaps: UnboundedReceiver<Swap>) -> Self {
        Self {
            refused: None,
            probes: HashMap::new(),
            digest: None,
            swaps: Some(swaps),
        }
    }
}

impl Spread {
    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What this replica doesn't take, until it does.
    pub(super) fn say_refused(&self, flaw: Option<String>) {
        let mut told = self.told();
        if told.refused != flaw {
            told.refused = flaw;
            self.wake.notify_one();
        }
    }

    /// What this replica says of itself now.
    pub fn replica(&self) -> Replica {
        let durable = self.board.is_durable();
        let (in_force, shared) = (self.board.board(), self.board.shared());
        let mut told = self.told();
        let known = told
            .digest
            .take()
            .filter(|(of, _)| Arc::ptr_eq(of, &shared));
        let (of, digest) = known.unwrap_or_else(|| {
            let digest = replica::digest(&shared);
            (Arc::clone(&shared), digest)
        });
        told.digest = Some((of, digest.clone()));
        Replica {
            id: self.id.clone(),
            name: self.me.name.clone(),
            url: self.me.url.clone(),
            revision: shared.revision(),
            digest,
            at: milliseconds(clock::unix_time()),
            durable,
            known: self.board.is_known(),
            cold_start: replica::is_cold(&in_force),
            refused: told.refused.clone(),
            clock_off: self.time.off(),
            revoked: self
                .revoked
                .get()
                .map(|newest| newest())
                .unwrap_or_default(),
            closures: replica::seen(&in_force, &told.probes),
        }
    }

    /// There is something new to say of this replica.
    pub fn say_again(&self) {
        self.wake.notify_one();
    }

    /// Says it at each swap, after each probe, and every 5 s; compares the clocks, and counts.
    pub(super) async fn keep_told(&self) {
        let mut changes = self.board.changes();
        let (mut compared, mut counted): (Option<Instant>, Option<Instant>) = (None, None);
        loop {
            if is_due(compared, COMPARE) && self.compare().await.is_ok() {
                compared = Some(Instant::now());
            }
            let said = self.beat().await;
            if is_due(counted, COUNT) && said.is_ok() && self.replicas().await.is_ok() {
                counted = Some(Instant::now());
            }
            sleep(PAUSE).await;
            self.until_news(&mut changes).await;
        }
    }

    /// Until there is something to say.
    async fn until_news(&self, changes: &mut watch::Receiver<u64>) {
        let next = if self.board.is_durable() { BEAT } else { SOON };
        tokio::select! {
            () = sleep(next) => {}
            () = self.wake.notified() => {}
            Ok(()) = changes.changed() => {}
        }
    }

    async fn beat(&self) -> Result<(), FleetError> {
        let Ok(sealed) = self.key.seal(Kind::Replica, &self.replica()) else {
            return Err(FleetError::Malformed);
        };
        self.store
            .say(Topic::Replicas, &self.id, &sealed, EXPIRY)
            .await
    }

    async fn compare(&self) -> Result<(), FleetError> {
        let before = self.time.off();
        let verdict = self.time.compare(self.store.time().await?, self.me.fleet);
        match verdict {
            Verdict::WasWrong => tracing::warn!("the clock was wrong at start and was set since"),
            Verdict::Off(seconds) if before.is_none() => {
                tracing::warn!(
                    seconds,
                    "this host's clock is off: nothing opens by time alone"
                );
            }
            Verdict::Right | Verdict::Off(_) => {}
        }
        Ok(())
    }

    /// Asks this replica's own data path after each change.
    pub(super) async fn keep_probed(&self) {
        let Some(mut swaps) = self.told().swaps.take() else {
            return;
        };
        while let Some(swap) = swaps.recv().await {
            let mut changed = swap.changed;
            while let Ok(more) = swaps.try_recv() {
                changed.extend(more.changed);
            }
            let Some(prober) = self.prober.get() else {
                continue;
            };
            let board = self.board.board();
            changed.retain(|closure| board.get(&closure.id) == Some(closure));
            let answers = ask(&**prober, replica::newest(changed)).await;
            {
                let mut told = self.told();
                told.probes
                    .retain(|id, (version, _)| board.get(id) == Some(version));
                told.probes.extend(answers);
            }
            self.wake.notify_one();
        }
    }
}

fn is_due(last: Option<Instant>, every: Duration) -> bool {
    last.is_none_or(|last| last.elapsed() >= every)
}

async fn ask(prober: &dyn Prober, closures: Vec<Arc<Closure>>) -> Probes {
    let asked = closures.into_iter().map(|closure| async move {
        match timeout(PROBE, prober.probe(&closure)).await {
            Ok(Ok(answer)) => Some((closure.id.clone(), (closure, answer))),
            Ok(Err(why)) => {
                tracing::warn!(id = closure.id, %why, "no probe could be sent");
                None
            }
            Err(_) => {
                tracing::warn!(id = closure.id, "a probe was not answered");
                None
            }
        }
    });
    join_all(asked).await.into_iter().flatten().collect()
}

/// A time in milliseconds.
pub(super) fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
