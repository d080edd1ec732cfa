//! What does a replica do to be in step with its fleet?

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::clock;
use crate::switchboard::fleet::FleetError;
use crate::switchboard::seal::Kind;
use crate::switchboard::spread::pull::{Flaw, Read};
use crate::switchboard::spread::replica::digest;
use crate::switchboard::spread::{PAUSE, Spread, jittered};
use crate::switchboard::store::{Switchboard, Taken, forgotten_since};
use crate::switchboard::timekeeping::Witness;
use crate::switchboard::{Board, Closure};

/// How often the store is asked though nobody hinted: hints can get lost.
const POLL: Duration = Duration::from_secs(2);

/// After so many polls all is read, whatever the version says: it is only a number in the store.
const READ_ALL: u32 = 15;

/// How long a start waits for the fleet before the cold-start states are all there is.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long the disk is waited for before the next look at the store.
const DISK: Duration = Duration::from_secs(2);

/// How old another replica's word may be to count, in milliseconds. Clocks that are further apart
/// leave the cold-start states to an operator.
pub(super) const FRESH: u64 = 60_000;

/// Entries that are put back at a time.
const BATCH: usize = 1_000;

/// Refused entries that are named one by one.
const NAMED: usize = 10;

/// What is known of the store.
#[derive(Default)]
struct Step {
    /// The version that was read; `None`: all is to be read again.
    version: Option<u64>,
    polls: u32,
    read: Read,
    /// Whether it is settled if the cold-start states hold.
    settled: bool,
    /// Whether other replicas knew another board than was read.
    doubted: bool,
    /// Takings that wait for the disk.
    waiting: JoinSet<Taken>,
}

impl Spread {
    /// Steps for ever.
    pub(super) async fn keep_in_step(&self) {
        let mut changes = self.board.changes();
        let mut step = Step::default();
        loop {
            self.asked.notify_one();
            let tried = self.step(&mut step).await;
            if tried.is_err() {
                step.version = None; // what was done of it isn't known
            }
            self.contact.note(tried);
            if !self.board.is_known() && self.contact.since_start() >= PATIENCE {
                tracing::warn!("no board from the fleet: the cold-start states hold");
                self.board.settle_for_cold_start();
            }
            sleep(PAUSE).await;
            tokio::select! {
                () = sleep(jittered(POLL)) => {}
                () = self.store.hinted() => {}
                told = changes.changed() => if told.is_err() { return },
            }
        }
    }

    async fn step(&self, step: &mut Step) -> Result<(), FleetError> {
        let version = self.store.version().await?;
        step.polls = step.polls.saturating_add(1);
        if step.version != Some(version) || step.polls >= READ_ALL {
            let taken = self.read(step).await?;
            step.version = taken.then_some(version); // what was not taken is tried again
            step.polls = 0;
        }
        if !step.settled {
            step.settled = self.settle(step).await;
        }
        self.put_back(&mut step.read).await
    }

    /// Reads all entries and takes what is newer. Answers whether that could be taken.
    async fn read(&self, step: &mut Step) -> Result<bool, FleetError> {
        let entries = self.store.entries().await?;
        let key = self.key.clone();
        let before = std::mem::take(&mut step.read);
        // a large board is opened beside everything else
        let judged = tokio::task::spawn_blocking(move || Read::judge(before, entries, &key));
        let (read, refused) = judged.await.map_err(|_| FleetError::Malformed)?;
        step.read = read;
        self.refuse(&refused);
        let refused = step.read.refused();
        let flaw = refused.map(|(count, flaw)| format!("{count} entries of the store: {flaw}"));
        let shared = self.board.shared();
        let since = forgotten_since();
        let news = step.read.board.beyond(&shared);
        let is_over = |closure: &Closure| closure.ended_before(since);
        let news = news.filter(|closure| !is_over(closure) || shared.get(&closure.id).is_some());
        let news: Vec<Arc<Closure>> = news.cloned().collect();
        self.forget(&step.read, since).await?;
        let not_taken = take(&self.board, news, &mut step.waiting).await;
        let taken = not_taken.is_none();
        self.say_refused(not_taken.or(flaw));
        Ok(taken)
    }

    /// Removes what ended long ago. By a clock that is right: another one could forget what isn't over.
    async fn forget(&self, read: &Read, since: u64) -> Result<(), FleetError> {
        let ended = read.ended_before(since);
        if ended.is_empty() || !self.time.is_right() {
            return Ok(());
        }
        self.store.remove(&ended).await
    }

    fn refuse(&self, refused: &[(String, Flaw)]) {
        let count = u64::try_from(refused.len()).unwrap_or(u64::MAX);
        self.refused.fetch_add(count, Ordering::Relaxed);
        for (field, flaw) in refused.iter().take(NAMED) {
            tracing::error!(target: "vingate::alarm", %field, %flaw, "an entry of the fleet's store is refused");
        }
        if refused.len() > NAMED {
            tracing::error!(target: "vingate::alarm", count, "entries of the fleet's store are refused");
        }
    }

    /// Gives up the cold-start states if the fleet has a board; where it has none they stay, whatever
    /// this replica puts there itself. Answers whether that is settled.
    async fn settle(&self, step: &mut Step) -> bool {
        let read = &step.read;
        if read.is_empty() || self.me.fleet == Witness::Itself {
            self.board.settle_for_cold_start(); // nobody else can be asked
            return true;
        }
        let refused = read.refused().is_some();
        if refused || !self.is_vouched_for(step).await {
            return false;
        }
        self.board.defer_to_fleet();
        true
    }

    /// A store that lies by leaving something out must not open anything. Of the other replicas one
    /// has to know this very board and nothing better; where there are none, it is believed by who
    /// knows nothing itself.
    async fn is_vouched_for(&self, step: &mut Step) -> bool {
        let Ok(replicas) = self.replicas().await else {
            return false;
        };
        let now = u64::try_from(clock::unix_time().as_millis()).unwrap_or(u64::MAX);
        let mut others = replicas
            .iter()
            .filter(|replica| replica.known && replica.id != self.id)
            .peekable();
        if others.peek().is_none() {
            return !self.knew_at_start && !step.doubted;
        }
        let digest = digest(&step.read.board);
        // an old word may be given again by who writes to the store: it says nothing of today's board
        let vouched = others.any(|replica| {
            let fresh = now.abs_diff(replica.at) <= FRESH;
            fresh && replica.digest == digest && !replica.cold_start
        });
        step.doubted = step.doubted || !vouched;
        vouched
    }

    /// Puts into the store what this replica knows better.
    async fn put_back(&self, read: &mut Read) -> Result<(), FleetError> {
        let shared = self.board.shared();
        let since = forgotten_since();
        let mut better = read.behind(&shared);
        let holds = |closure: &Closure| read.board.get(&closure.id).is_some();
        better.retain(|closure| !closure.ended_before(since) || holds(closure));
        for batch in better.chunks(BATCH) {
            let seal = |closure: &Arc<Closure>| {
                let sealed = self.key.seal(Kind::Closure, &**closure).ok()?;
                Some((closure.id.clone(), sealed))
            };
            let entries: Vec<_> = batch.iter().filter_map(seal).collect();
            self.store.put(&entries).await?;
            read.board = read.board.merge(&Board::new(0, batch.iter().cloned()));
        }
        Ok(())
    }
}

/// Takes versions of the fleet's, without waiting for a disk that hangs. Answers what was not taken,
/// and why.
async fn take(
    board: &Arc<Switchboard>,
    mut closures: Vec<Arc<Closure>>,
    waiting: &mut JoinSet<Taken>,
) -> Option<String> {
    if !waiting.is_empty() {
        // Those that open wait for the disk already; those that close don't wait.
        let known = board.board();
        closures.retain(|closure| {
            let known = known.get(&closure.id);
            known.is_none_or(|known| closure.state.severity() >= known.state.severity())
        });
    }
    if !closures.is_empty() {
        let board = Arc::clone(board);
        waiting.spawn_blocking(move || board.take(closures));
    }
    let mut flaw = None;
    while !waiting.is_empty() {
        match timeout(DISK, waiting.join_next()).await {
            Ok(Some(Ok(taken))) => flaw = taken.refused.or(taken.not_durable).or(flaw),
            Ok(Some(Err(_))) => flaw = Some("a change broke off".to_owned()),
            Ok(None) => break,
            Err(_) => return Some("the disk of the switch board does not answer".to_owned()),
        }
    }
    if let Some(flaw) = &flaw {
        tracing::error!(%flaw, "what the fleet changed is not on this replica's disk");
    }
    flaw
}
